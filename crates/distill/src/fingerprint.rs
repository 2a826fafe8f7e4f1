//! What tells teachers, and data sets, apart.

use ndarray::ArrayRef2;
use reflux_nn::{Mlp, Real};

/// A hash (BLAKE3) of everything that a teacher's answers depend on, or of a data set.
///
/// # Example
///
/// ```
/// use ndarray::array;
/// use reflux_distill::Fingerprint;
///
/// let inputs = array![[0.0_f32, 1.0], [2.0, 3.0]];
/// assert_eq!(Fingerprint::of_data(&inputs), Fingerprint::of_data(&inputs.clone()));
/// assert_ne!(Fingerprint::of_data(&inputs), Fingerprint::of_data(&inputs.t()));
/// // A teacher behind a socket may use its name and version.
/// assert_eq!(Fingerprint::of_bytes("service", b"v3").to_string().len(), 64);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of bytes; `kind` says what they are, so that equal bytes of different things differ.
    pub fn of_bytes(kind: &str, bytes: &[u8]) -> Self {
        let mut hasher = hasher(kind);
        hasher.update(bytes);
        Self(*hasher.finalize().as_bytes())
    }

    /// Of a data set's inputs `[rows, features]`: their shape, type and values, in their order.
    pub fn of_data<F: Real>(inputs: &ArrayRef2<F>) -> Self {
        let (rows, features) = inputs.dim();
        let mut hasher = hasher("data");
        hasher.update(format!("{rows}x{features} of {} bytes", size_of::<F>()).as_bytes());
        for row in inputs.rows() {
            update_values(&mut hasher, row.iter());
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// Of a thing made of several others, in their order.
    pub fn of_parts(kind: &str, parts: &[Self]) -> Self {
        let mut hasher = hasher(kind);
        parts.iter().for_each(|part| {
            hasher.update(&part.0);
        });
        Self(*hasher.finalize().as_bytes())
    }

    /// Of a network: its settings and every parameter.
    pub(crate) fn of_mlp<F: Real>(mlp: &Mlp<F>) -> Self {
        let mut hasher = hasher("mlp");
        hasher.update(format!("{:?} of {} bytes", mlp.config(), size_of::<F>()).as_bytes());
        update_values(&mut hasher, mlp.parameters().iter());
        Self(*hasher.finalize().as_bytes())
    }
}

fn hasher(kind: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_derive_key("reflux-distill 2026 fingerprint");
    hasher.update(&(kind.len() as u64).to_le_bytes()).update(kind.as_bytes());
    hasher
}

/// A few kilobytes at a time: BLAKE3 is slow on single numbers.
fn update_values<'a, F: Real>(hasher: &mut blake3::Hasher, values: impl Iterator<Item = &'a F>) {
    let mut bytes = Vec::with_capacity(1 << 14);
    for value in values {
        push_bytes(*value, &mut bytes);
        if bytes.len() + 8 > bytes.capacity() {
            hasher.update(&bytes);
            bytes.clear();
        }
    }
    hasher.update(&bytes);
}

/// The value's own bytes, lowest first.
pub(crate) fn push_bytes<F: Real>(value: F, bytes: &mut Vec<u8>) {
    let wide = value.as_f64();
    if size_of::<F>() == 4 {
        bytes.extend((wide as f32).to_le_bytes());
    } else {
        bytes.extend(wide.to_le_bytes());
    }
}

impl std::fmt::Display for Fingerprint {
    /// 64 hexadecimal digits, or as many of them as the precision says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.write_str(&digits[..f.precision().unwrap_or(64).min(64)])
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fingerprint({self:.16})")
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use reflux_nn::MlpConfig;

    use super::*;

    #[test]
    fn every_value_counts_and_so_do_shape_and_type() {
        let data = Array2::from_shape_fn((3, 5000), |(i, j)| (i * 5000 + j) as f32);
        let mut seen = vec![Fingerprint::of_data(&data)];
        for at in [(0, 0), (1, 4096), (2, 4999)] {
            let mut other = data.clone();
            other[at] += 1.0;
            seen.push(Fingerprint::of_data(&other));
        }
        seen.push(Fingerprint::of_data(&data.mapv(f64::from)));
        seen.push(Fingerprint::of_data(&data.to_shape((5000, 3)).unwrap()));
        for (index, fingerprint) in seen.iter().enumerate() {
            assert!(!seen[..index].contains(fingerprint), "{index}");
        }
    }

    #[test]
    fn a_network_is_its_settings_and_its_parameters() {
        let mlp = |hidden: &[usize], bias: f64| {
            let config = MlpConfig::new(1, hidden, 1).unwrap();
            let parameters = vec![bias; config.parameters()];
            Fingerprint::of_mlp(&Mlp::from_parameters(config, parameters).unwrap())
        };
        assert_eq!(mlp(&[], 1.0), mlp(&[], 1.0));
        assert_ne!(mlp(&[], 1.0), mlp(&[], 1.5));
        assert_ne!(mlp(&[2], 1.0), mlp(&[3], 1.0));
    }

    #[test]
    fn the_order_of_memory_does_not_matter() {
        let data = array![[1.0_f32, 2.0], [3.0, 4.0]];
        let turned = array![[1.0_f32, 3.0], [2.0, 4.0]];
        assert_eq!(Fingerprint::of_data(&data), Fingerprint::of_data(&turned.t()));
    }
}
