//! A network's weights as a file: named tensors of `f32` with text beside them, in the safetensors format.
//!
//! The layout of each kind of network is in `docs/forecast-weights.md`. What a file holds is checked by whoever takes
//! tensors out of it: each by name and shape, and nothing left over. Bytes from anywhere give weights or an error and
//! never a panic; the sizes in a file are checked against its length before anything is allocated for them.
//!
//! # Source
//! The safetensors format (8 bytes of little-endian header length, a JSON header, the data) and its `safetensors`
//! package, which reads and validates here. The header is written here, because the package writes the metadata in
//! the order of a hash map, and the same weights have to give the same bytes.

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;

/// Key of the kind of network ("lstm", for example).
pub const KIND: &str = "plimsoll.kind";
/// Key of the version of the kind's layout.
pub const VERSION: &str = "plimsoll.version";

/// Why weights could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// Not a safetensors file.
    #[error("these bytes are no safetensors file: {why}")]
    Format {
        /// What the reader of the format said.
        why: String,
    },
    /// A tensor of another type.
    #[error("tensor {tensor} holds {found}; only F32 is read")]
    Type {
        /// Its name.
        tensor: String,
        /// What it holds.
        found: String,
    },
    /// A tensor that has to be there.
    #[error("tensor {tensor} is missing; its shape would be {expected:?}")]
    Missing {
        /// Its name.
        tensor: String,
        /// The shape it needs.
        expected: Vec<usize>,
    },
    /// A tensor of another shape.
    #[error("tensor {tensor} has shape {found:?}; expected {expected:?}")]
    Shape {
        /// Its name.
        tensor: String,
        /// The shape it has.
        found: Vec<usize>,
        /// The shape it needs.
        expected: Vec<usize>,
    },
    /// A value that no network can compute with.
    #[error("tensor {tensor} of shape {shape:?} is not finite at {index}")]
    NotFinite {
        /// Its name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Where, in row-major order.
        index: usize,
    },
    /// Tensors that nothing asked for, so this is not the network that it says.
    #[error("tensor {tensor} of shape {shape:?} belongs to no part of this network")]
    Unknown {
        /// The first one's name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Metadata that have to be there.
    #[error("metadata {key} is missing; it must be {allowed}")]
    NoKey {
        /// Which.
        key: String,
        /// What it may be.
        allowed: String,
    },
    /// Metadata with a value that can not be.
    #[error("metadata {key} is {value:?}; it must be {allowed}")]
    Value {
        /// Which.
        key: String,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// Named tensors and text, in order of their names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Of a kind of network, in a version of its layout; no tensors yet.
    #[must_use]
    pub fn new(kind: &str, version: u32) -> Self {
        let mut weights = Self::default();
        weights.set(KIND, kind);
        weights.set(VERSION, version);
        weights
    }

    /// Puts text under a key, in the place of what was there.
    pub fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.metadata.insert(key.to_owned(), value.to_string());
    }

    /// The text under a key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The text under a key, read as a value that `accepts`.
    ///
    /// # Errors
    /// [`WeightsError::NoKey`] and [`WeightsError::Value`]; `allowed` says in words what it may be.
    pub fn value<T: FromStr>(&self, key: &str, allowed: &str, accepts: impl Fn(&T) -> bool) -> Result<T, WeightsError> {
        let Some(text) = self.text(key) else {
            return Err(WeightsError::NoKey { key: key.to_owned(), allowed: allowed.to_owned() });
        };
        let value = text.parse().ok().filter(|value| accepts(value));
        value.ok_or_else(|| {
            let value = text.chars().take(80).collect();
            WeightsError::Value { key: key.to_owned(), value, allowed: allowed.to_owned() }
        })
    }

    /// The texts under a key, separated by commas, each read as a value; empty text is no values.
    ///
    /// # Errors
    /// As [`Weights::value`].
    pub fn list<T: FromStr>(&self, key: &str, allowed: &str) -> Result<Vec<T>, WeightsError> {
        let text: String = self.value(key, allowed, |_| true)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let values: Option<Vec<T>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        values.ok_or_else(|| {
            let value = text.chars().take(80).collect();
            WeightsError::Value { key: key.to_owned(), value, allowed: allowed.to_owned() }
        })
    }

    /// Whether these are of that kind, in that version of its layout.
    ///
    /// # Errors
    /// [`WeightsError::NoKey`] and [`WeightsError::Value`] with what they are.
    pub fn check_kind(&self, kind: &str, version: u32) -> Result<(), WeightsError> {
        self.value::<String>(KIND, kind, |found| found == kind)?;
        self.value::<u32>(VERSION, &version.to_string(), |found| *found == version)?;
        Ok(())
    }

    /// Puts a tensor under a name; `values` in row-major order.
    ///
    /// # Panics
    /// When the values are not as many as the shape says: a mistake of the caller, never of a file.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "invariant: as many values as the shape of {name}");
        self.tensors.insert(name.to_owned(), Tensor { shape: shape.to_vec(), values });
    }

    /// The shape of a tensor.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| tensor.shape.as_slice())
    }

    /// Takes a tensor of that shape out; its values are finite and in row-major order.
    ///
    /// # Errors
    /// [`WeightsError::Missing`], [`WeightsError::Shape`] and [`WeightsError::NotFinite`], each naming the tensor.
    pub fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let (tensor, expected) = (name.to_owned(), expected.to_vec());
        let Some(Tensor { shape, values }) = self.tensors.remove(name) else {
            return Err(WeightsError::Missing { tensor, expected });
        };
        if shape != expected {
            return Err(WeightsError::Shape { tensor, found: shape, expected });
        }
        // Read from elsewhere than a file (a saved state), a tensor may hold less than its shape says.
        if shape.iter().try_fold(1, |product: usize, size| product.checked_mul(*size)) != Some(values.len()) {
            return Err(WeightsError::Shape { tensor, found: vec![values.len()], expected });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(WeightsError::NotFinite { tensor, shape, index }),
            None => Ok(values),
        }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`WeightsError::Unknown`] for the first tensor that was not taken.
    pub fn finish(self) -> Result<(), WeightsError> {
        match self.tensors.into_iter().next() {
            Some((tensor, Tensor { shape, .. })) => Err(WeightsError::Unknown { tensor, shape }),
            None => Ok(()),
        }
    }

    /// The file. The same weights give the same bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut header = String::from("{\"__metadata__\":{");
        for (index, (key, value)) in self.metadata.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(header, "{comma}{}:{}", quoted(key), quoted(value));
        }
        header.push('}');
        let mut start = 0;
        for (name, Tensor { shape, values }) in &self.tensors {
            let end = start + 4 * values.len();
            let name = quoted(name);
            let _ =
                write!(header, ",{name}:{{\"dtype\":\"F32\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}");
            start = end;
        }
        header.push('}');
        // The data start at a multiple of 8 bytes, as the format asks of writers.
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend(self.tensors.values().flat_map(|tensor| &tensor.values).flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// What a file holds.
    ///
    /// # Errors
    /// [`WeightsError::Format`] for what is no such file, [`WeightsError::Type`] for tensors of another type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let format = |error: safetensors::SafeTensorError| WeightsError::Format { why: error.to_string() };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let pairs = header.metadata().iter().flatten();
        let metadata = pairs.map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(bytes).map_err(format)?.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(WeightsError::Type { tensor: name.to_owned(), found: view.dtype().to_string() });
            }
            let values = view.data().as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
            tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), values });
        }
        Ok(Self { metadata, tensors })
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> Weights {
        let mut weights = Weights::new("lstm", 1);
        weights.set("levels", "0.1,0.5");
        weights.insert("head.weight", &[2, 3], vec![1.0, -2.5, 3e-30, f32::MIN_POSITIVE, 5.0, f32::MAX]);
        weights.insert("head.bias", &[2], vec![0.0, -0.0]);
        weights
    }

    #[test]
    fn what_is_written_is_read_and_the_bytes_are_always_the_same() {
        let bytes = small().to_bytes();
        assert_eq!(bytes, small().to_bytes());
        let mut read = Weights::from_bytes(&bytes).unwrap();
        assert_eq!(read, small());
        assert_eq!(read.check_kind("lstm", 1), Ok(()));
        assert_eq!(read.list::<f64>("levels", "numbers"), Ok(vec![0.1, 0.5]));
        assert_eq!(read.take("head.bias", &[2]).unwrap().len(), 2);
        assert_eq!(read.shape("head.weight"), Some([2, 3].as_slice()));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn errors_name_the_tensor_what_it_is_and_what_it_should_be() {
        let error = |result: Result<Vec<f32>, WeightsError>| result.unwrap_err().to_string();
        assert_eq!(error(small().take("x", &[4, 5])), "tensor x is missing; its shape would be [4, 5]");
        assert_eq!(error(small().take("head.bias", &[3])), "tensor head.bias has shape [2]; expected [3]");
        let mut bad = small();
        bad.insert("head.bias", &[2], vec![0.0, f32::NAN]);
        assert_eq!(error(bad.take("head.bias", &[2])), "tensor head.bias of shape [2] is not finite at 1");
        let left = small().finish().unwrap_err().to_string();
        assert_eq!(left, "tensor head.bias of shape [2] belongs to no part of this network");
        let kind = small().check_kind("rnn", 1).unwrap_err().to_string();
        assert_eq!(kind, "metadata plimsoll.kind is \"lstm\"; it must be rnn");
        let none = Weights::default().check_kind("rnn", 1).unwrap_err().to_string();
        assert_eq!(none, "metadata plimsoll.kind is missing; it must be rnn");
        assert!(matches!(Weights::from_bytes(b"hello"), Err(WeightsError::Format { .. })));
    }

    #[test]
    fn a_tensor_of_doubles_is_refused_by_name() {
        let header = r#"{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
        let error = Weights::from_bytes(&bytes).unwrap_err().to_string();
        assert_eq!(error, "tensor w holds F64; only F32 is read");
    }

    /// Sizes that overflow, overlap, or promise more than there is.
    #[test]
    fn sizes_that_lie_are_refused() {
        let headers = [
            r#"{"w":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,8]}}"#,
            r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"v":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            r#"{"w":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,18446744073709551612]}}"#,
            r#"{"w":{"dtype":"F32","shape":[0,18446744073709551615,18446744073709551615],"data_offsets":[0,8]}}"#,
        ];
        for header in headers {
            let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
            assert!(matches!(Weights::from_bytes(&bytes), Err(WeightsError::Format { .. })), "{header}");
        }
        let endless = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert!(matches!(Weights::from_bytes(&endless), Err(WeightsError::Format { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_give_weights_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Weights::from_bytes(&bytes);
            let header_fits = [&(bytes.len() as u64).to_le_bytes()[..], &bytes].concat();
            let _ = Weights::from_bytes(&header_fits);
        }

        #[test]
        fn a_file_cut_or_changed_anywhere_never_panics(cut in 0_usize..400, at in 0_usize..400, to: u8) {
            let whole = small().to_bytes();
            prop_assert!(cut >= whole.len() || Weights::from_bytes(&whole[..cut]).is_err());
            let mut changed = whole;
            let at = at % changed.len();
            changed[at] = to;
            if let Ok(mut weights) = Weights::from_bytes(&changed) {
                let _ = weights.take("head.weight", &[2, 3]);
                let _ = weights.finish();
            }
        }

        #[test]
        fn any_names_and_text_survive(key in ".*", value in ".*", values in prop::collection::vec(-1e9_f32..1e9, 1..20)) {
            prop_assume!(key != "__metadata__");
            let mut weights = Weights::default();
            weights.set(&key, &value);
            weights.insert(&key, &[values.len()], values.clone());
            let mut read = Weights::from_bytes(&weights.to_bytes()).unwrap();
            prop_assert_eq!(read.text(&key), Some(value.as_str()));
            prop_assert_eq!(read.take(&key, &[values.len()]).unwrap(), values);
        }
    }
}
