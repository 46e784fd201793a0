//! Reads a GGUF file: its fields, and where its tensors lie. The tensors themselves are read piece by piece later.
//!
//! Whatever the bytes are, the result is a header or an error that names the field: counts, lengths and the header as a whole
//! are bounded before anything is allocated, and every tensor is checked to lie inside the file. The file is read and not
//! mapped: one that somebody cuts while it is in use gives an error, not a signal.
//!
//! # Source
//! ggml, docs/gguf.md, versions 2 and 3, little-endian.

mod header;
mod source;
mod tensor;

pub use header::{Header, Value};
pub use source::Source;
pub use tensor::{Kind, Tensor};

use crate::LocalError;

/// A model file: bytes with a name for errors, and what its header says.
#[derive(Debug)]
pub struct Gguf<S> {
    /// Its bytes.
    pub source: S,
    /// Its name in errors.
    pub file: String,
    /// Its fields and tensors.
    pub header: Header,
}

impl<S: Source> Gguf<S> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`LocalError::Read`] and [`LocalError::Field`].
    pub fn open(source: S, file: &str) -> Result<Self, LocalError> {
        let header = header::read(&source, file)?;
        Ok(Self { source, file: file.to_owned(), header })
    }

    /// An error about a field of this file.
    #[must_use]
    pub fn wrong(&self, field: &str, found: impl ToString, allowed: impl ToString) -> LocalError {
        wrong(&self.file, field, found, allowed)
    }

    /// A text.
    ///
    /// # Errors
    /// Where it is missing or no text.
    pub fn text(&self, field: &str) -> Result<&str, LocalError> {
        match self.field(field)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(field, other.kind(), "a text")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// Where it is missing or another thing.
    pub fn texts(&self, field: &str) -> Result<&[String], LocalError> {
        match self.field(field)? {
            Value::Texts(texts) => Ok(texts),
            other => Err(self.wrong(field, other.kind(), "a list of texts")),
        }
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// Where it is missing, another thing, or out of bounds.
    pub fn whole(&self, field: &str, least: u64, most: u64) -> Result<u64, LocalError> {
        match self.field(field)? {
            Value::Whole(number) if (i128::from(least)..=i128::from(most)).contains(number) => Ok(*number as u64),
            Value::Whole(number) => Err(self.wrong(field, number, format!("{least} to {most}"))),
            other => Err(self.wrong(field, other.kind(), "a whole number")),
        }
    }

    /// A real number within bounds.
    ///
    /// # Errors
    /// As for [`Self::whole`].
    pub fn real(&self, field: &str, least: f64, most: f64) -> Result<f64, LocalError> {
        match self.field(field)? {
            Value::Real(number) if (least..=most).contains(number) => Ok(*number),
            Value::Real(number) => Err(self.wrong(field, number, format!("{least} to {most}"))),
            other => Err(self.wrong(field, other.kind(), "a real number")),
        }
    }

    /// A field that need not be there.
    #[must_use]
    pub fn optional(&self, field: &str) -> Option<&Value> {
        self.header.fields.get(field)
    }

    fn field(&self, field: &str) -> Result<&Value, LocalError> {
        self.optional(field).ok_or_else(|| self.wrong(field, "missing", "there"))
    }

    /// A tensor of this shape, columns first as GGUF writes it.
    ///
    /// # Errors
    /// Where it is missing or has another shape.
    pub fn tensor(&self, name: &str, shape: &[u64]) -> Result<&Tensor, LocalError> {
        let tensor = self.header.tensors.get(name).ok_or_else(|| self.wrong(name, "missing", "there"))?;
        if tensor.shape != shape {
            return Err(self.wrong(&format!("shape of {name}"), format!("{:?}", tensor.shape), format!("{shape:?}")));
        }
        Ok(tensor)
    }

    /// Reads bytes of a tensor.
    ///
    /// # Errors
    /// [`LocalError::Read`].
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), LocalError> {
        self.source.read_at(at, bytes).map_err(|source| LocalError::Read { file: self.file.clone(), source })
    }
}

pub(super) fn wrong(file: &str, field: &str, found: impl ToString, allowed: impl ToString) -> LocalError {
    LocalError::Field {
        file: file.to_owned(),
        field: field.to_owned(),
        found: found.to_string(),
        allowed: allowed.to_string(),
    }
}
