//! Events as TensorBoard reads them.
//!
//! ```text
//! record: length (8 bytes), its masked CRC-32C, data, its masked CRC-32C      (TFRecord)
//! data:   Event { wall_time = 1, step = 2, file_version = 3,
//!                 summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }   (protocol buffers)
//! ```
//!
//! The formats are documented with TensorFlow: `tf_record.md`, `event.proto`, `summary.proto`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Event, EventSink, Result};

/// A folder with an event file, to be shown by `tensorboard --logdir FOLDER`.
///
/// A number is called `episode/total_reward`, say. A run that goes on writes one more file; TensorBoard
/// joins them.
#[derive(Debug)]
pub struct TensorBoard {
    to: String,
    file: BufWriter<File>,
    data: Vec<u8>,
    value: Vec<u8>,
}

impl TensorBoard {
    /// A new event file in this folder, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Sink`] where it cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let to = folder.display().to_string();
        let refused = |source| Error::Sink { to: to.clone(), source };
        std::fs::create_dir_all(folder).map_err(refused)?;
        let (seconds, process) = (now() as u64, std::process::id());
        // One that is there already is another run's of the same second.
        for number in 0.. {
            let name = format!("events.out.tfevents.{seconds:010}.reflux.{process}.{number}");
            match File::create_new(folder.join(name)) {
                Ok(file) => {
                    let file = BufWriter::new(file);
                    let mut new = Self { to, file, data: Vec::new(), value: Vec::new() };
                    new.start(0);
                    field(&mut new.data, 3, b"brain.Event:2");
                    new.write()?;
                    return Ok(new);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(refused(std::io::ErrorKind::AlreadyExists.into()))
    }

    /// Begins an event of this step.
    fn start(&mut self, step: u64) {
        self.data.clear();
        self.data.push(1 << 3 | 1); // 64 bits
        self.data.extend(now().to_le_bytes());
        self.data.push(2 << 3); // a varint
        varint(&mut self.data, step);
    }

    fn write(&mut self) -> Result<()> {
        let length = (self.data.len() as u64).to_le_bytes();
        let mut write = || {
            self.file.write_all(&length)?;
            self.file.write_all(&masked(&length).to_le_bytes())?;
            self.file.write_all(&self.data)?;
            self.file.write_all(&masked(&self.data).to_le_bytes())
        };
        write().map_err(|source| Error::Sink { to: self.to.clone(), source })
    }
}

impl EventSink for TensorBoard {
    fn record(&mut self, step: u64, event: &Event) -> Result<()> {
        self.start(step);
        let mut summary = Vec::new();
        for (name, value) in event.numbers() {
            self.value.clear();
            field(&mut self.value, 1, format!("{}/{name}", event.name()).as_bytes());
            self.value.push(2 << 3 | 5); // 32 bits
            self.value.extend((value as f32).to_le_bytes());
            field(&mut summary, 1, &self.value);
        }
        field(&mut self.data, 5, &summary);
        self.write()
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|source| Error::Sink { to: self.to.clone(), source })
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Bytes with their length.
fn field(to: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    to.push(number << 3 | 2);
    varint(to, bytes.len() as u64);
    to.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_record_are_those_of_the_formats() {
        // CRC-32C of 32 zeros is 0x8a9136aa (RFC 3720, B.4); rotated by 15 bits and shifted as TFRecord
        // says, computed apart.
        assert_eq!(masked(&[0; 32]), 0x0fd7_fffa);
        let mut bytes = Vec::new();
        varint(&mut bytes, 300);
        field(&mut bytes, 5, b"ab");
        assert_eq!(bytes, [0xac, 0x02, 0x2a, 0x02, b'a', b'b']);
    }

    #[test]
    fn records_can_be_walked_through_and_name_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut sink = TensorBoard::create(folder.path()).unwrap();
            let event = Event::Episode { actor: 0, total_reward: 23.0, length: 23 };
            sink.record(1_000, &event).unwrap();
            sink.flush().unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(files.len(), 2);
        let bytes = std::fs::read(files[0].as_ref().unwrap().path()).unwrap();
        let (mut rest, mut records) = (&bytes[..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let data = &after[4..][..u64::from_le_bytes(*length) as usize];
            assert_eq!(after[..4], masked(length).to_le_bytes());
            assert_eq!(after[4 + data.len()..][..4], masked(data).to_le_bytes());
            records.push(data);
            rest = &after[8 + data.len()..];
        }
        assert_eq!(records.len(), 2);
        let holds =
            |data: &[u8], part: &[u8]| data.windows(part.len()).any(|window| window == part);
        assert!(holds(records[0], b"brain.Event:2"));
        let mut tagged = b"episode/total_reward\x15".to_vec();
        tagged.extend(23.0_f32.to_le_bytes());
        assert!(holds(records[1], &tagged));
    }
}
