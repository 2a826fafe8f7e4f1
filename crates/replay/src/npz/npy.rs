//! The head of an array in numpy's `.npy` format, which a `.npz` file is an archive of.
//!
//! ```text
//! \x93NUMPY, version (2 bytes), length of the text (2 bytes, from version 2 on 4), the text:
//! {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 4), }
//! ```
//!
//! `numpy/lib/format.py` of numpy describes it (NEP 1).

use std::io::{self, Read};

use crate::DType;
use crate::cells::Endian;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// No array that a column can hold has a longer text; numpy itself reads no more than 10,000 bytes
/// without being told to.
const LONGEST_TEXT: usize = 1 << 16;

/// Type and shape of an array.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) dtype: DType,
    pub(crate) endian: Endian,
    /// Whether the first index varies fastest, not the last.
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
    /// The bytes that the header itself takes.
    pub(crate) len: u64,
}

/// Why a header cannot be used.
#[derive(Debug)]
pub(crate) enum Problem {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Header {
    /// Reads a header, and no further.
    pub(crate) fn read(source: &mut impl Read) -> Result<Self, Problem> {
        let mut start = [0; 8];
        source.read_exact(&mut start)?;
        if &start[..6] != MAGIC {
            return Err(Problem::Format("it does not start as a .npy array does".to_owned()));
        }
        let (text_len, len_bytes) = match start[6] {
            1 => {
                let mut len = [0; 2];
                source.read_exact(&mut len)?;
                (usize::from(u16::from_le_bytes(len)), 2)
            }
            2 | 3 => {
                let mut len = [0; 4];
                source.read_exact(&mut len)?;
                (u32::from_le_bytes(len) as usize, 4)
            }
            version => {
                let problem = format!("version {version} of .npy is unknown; 1 to 3 are known");
                return Err(Problem::Format(problem));
            }
        };
        if text_len > LONGEST_TEXT {
            let problem =
                format!("its header has {text_len} bytes, at most {LONGEST_TEXT} are read");
            return Err(Problem::Format(problem));
        }
        let mut text = vec![0; text_len];
        source.read_exact(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let len = (start.len() + len_bytes + text_len) as u64;
        parse(&text, len).map_err(Problem::Format)
    }

    /// A header as numpy writes it, padded to a multiple of 64 bytes.
    pub(crate) fn write(dtype: DType, shape: &[usize]) -> Vec<u8> {
        let mut dimensions = String::new();
        for n in shape {
            dimensions += &format!("{n}, ");
        }
        // The tuple of one number keeps its comma, longer ones do not.
        let dimensions = match shape {
            [_] => dimensions.trim_end(),
            _ => dimensions.trim_end_matches(", "),
        };
        let descr = descr(dtype);
        let text =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dimensions}), }}");

        let short = MAGIC.len() + 2 + 2 + text.len() + 1;
        let (version, len_bytes) =
            if short.next_multiple_of(64) - 10 <= usize::from(u16::MAX) { (1, 2) } else { (2, 4) };
        let before_text = MAGIC.len() + 2 + len_bytes;
        let total = (before_text + text.len() + 1).next_multiple_of(64);
        let text_len = (total - before_text) as u32;

        let mut header = Vec::with_capacity(total);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&[version, 0]);
        header.extend_from_slice(&text_len.to_le_bytes()[..len_bytes]);
        header.extend_from_slice(text.as_bytes());
        header.resize(total - 1, b' ');
        header.push(b'\n');
        header
    }

    /// The bytes of the elements, or `None` where they cannot be counted.
    pub(crate) fn data_len(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(self.dtype.bytes() as u64, |bytes, &n| bytes.checked_mul(n as u64))
    }
}

/// The types that a column can hold, by numpy's name without the byte order.
const TYPES: [(&str, DType); 6] = [
    ("f4", DType::F32),
    ("f8", DType::F64),
    ("u1", DType::U8),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("b1", DType::Bool),
];

fn descr(dtype: DType) -> String {
    let order = if dtype.bytes() == 1 { '|' } else { '<' };
    let name = TYPES.iter().find(|(_, known)| *known == dtype).map_or("", |(name, _)| name);
    format!("{order}{name}")
}

fn parse(text: &str, len: u64) -> Result<Header, String> {
    let mut literal = Literal { text, rest: text };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    literal.expect('{')?;
    while !literal.accept('}') {
        let key = literal.string()?;
        literal.expect(':')?;
        match key {
            "descr" => descr = Some(literal.string()?),
            "fortran_order" => fortran = Some(literal.boolean()?),
            "shape" => shape = Some(literal.tuple()?),
            _ => return Err(literal.unexpected()),
        }
        if !literal.accept(',') {
            literal.expect('}')?;
            break;
        }
    }
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
        return Err(literal.unexpected());
    };
    let (order, name) = descr.split_at_checked(1).unwrap_or_default();
    let dtype = TYPES.iter().find(|(known, _)| *known == name).map(|&(_, dtype)| dtype);
    let endian = match order {
        "<" | "|" => Some(Endian::Little),
        ">" => Some(Endian::Big),
        _ => None,
    };
    let (Some(dtype), Some(endian)) = (dtype, endian) else {
        return Err(format!(
            "its elements are {descr:?}; a column holds float32, float64, uint8, int32, int64 or \
             bool: convert it with numpy's astype"
        ));
    };
    Ok(Header { dtype, endian, fortran, shape, len })
}

/// What is left of a Python literal.
struct Literal<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn accept(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(symbol);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Without escapes: none of the names has any.
    fn string(&mut self) -> Result<&'a str, String> {
        for quote in ['\'', '"'] {
            if self.accept(quote) {
                let (string, rest) =
                    self.rest.split_once(quote).ok_or_else(|| self.unexpected())?;
                self.rest = rest;
                return Ok(string);
            }
        }
        Err(self.unexpected())
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.unexpected())
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.rest = self.rest.trim_start();
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = self.rest.split_at(digits);
            numbers.push(number.parse().map_err(|_| self.unexpected())?);
            self.rest = rest;
            self.accept('L'); // Python 2 wrote long numbers so.
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }

    fn unexpected(&self) -> String {
        let shown: String = self.text.trim_end().chars().take(100).collect();
        format!("its header is not one of .npy with a plain element type: {shown:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Header, String> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        Header::read(&mut &bytes[..]).map_err(|problem| match problem {
            Problem::Io(error) => error.to_string(),
            Problem::Format(problem) => problem,
        })
    }

    #[test]
    fn what_is_written_is_what_numpy_writes() {
        let header = Header::write(DType::F32, &[3, 4]);
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend_from_slice(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        assert_eq!(header, expected);
        assert!(String::from_utf8_lossy(&Header::write(DType::Bool, &[7])).contains("'|b1'"));
        assert!(String::from_utf8_lossy(&Header::write(DType::Bool, &[7])).contains("(7,)"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let many = vec![1; 30_000];
        for (_, dtype) in TYPES {
            for shape in [&[][..], &[0], &[5], &[2, 3, 4], &many] {
                let bytes = Header::write(dtype, shape);
                assert_eq!(bytes.len() % 64, 0);
                let result = Header::read(&mut &bytes[..]);
                if shape.len() == many.len() {
                    assert!(
                        matches!(result, Err(Problem::Format(problem)) if problem.contains("at most"))
                    );
                    continue;
                }
                let header = result.unwrap();
                let len = bytes.len() as u64;
                let (endian, shape) = (Endian::Little, shape.to_vec());
                assert_eq!(header, Header { dtype, endian, fortran: false, shape, len });
            }
        }
    }

    #[test]
    fn other_forms_of_the_same_are_read() {
        let header = read("{\"shape\":(2L,3L),'fortran_order' : True,'descr':'>i8'}\n").unwrap();
        assert_eq!((header.dtype, header.endian), (DType::I64, Endian::Big));
        assert_eq!((header.fortran, header.shape), (true, vec![2, 3]));
    }

    #[test]
    fn everything_else_is_refused() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
        assert!(read(good).is_ok());
        for (from, to) in [
            ("'<f4'", "[('x', '<f4')]"),
            ("'<f4'", "''"),
            ("'<f4'", "'µ'"),
            ("(3, 4)", "(3, -4)"),
            ("(3, 4)", "(3 4)"),
            ("(3, 4)", "(99999999999999999999,)"),
            ("(3, 4)", "(,)"),
            ("False", "0"),
            ("'shape': (3, 4), ", ""),
            ("'shape'", "'Shape'"),
            (", }", ""),
            ("{", ""),
        ] {
            let text = good.replace(from, to);
            assert!(read(&text).is_err(), "{text}");
        }
        let error = read(&good.replace("<f4", "<f2")).unwrap_err();
        assert!(error.starts_with("its elements are \"<f2\"; a column holds float32"), "{error}");
    }
}
