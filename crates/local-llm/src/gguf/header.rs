//! The header: fields by name, tensors by name.

use super::tensor::{Kind, Tensor};
use super::{Source, wrong};
use crate::LocalError;
use std::collections::BTreeMap;

/// The first four bytes.
const MAGIC: &[u8; 4] = b"GGUF";
/// Most fields, and most tensors.
const COUNT_MAX: u64 = 10_000;
/// Longest name of a field or tensor, bytes.
const NAME_MAX: u64 = 256;
/// Longest text, bytes.
const TEXT_MAX: u64 = 1 << 20;
/// Most entries of a list.
const LIST_MAX: u64 = 1 << 20;
/// Longest header, bytes. A vocabulary of 262,144 with its merges takes about 14 MB.
const HEADER_MAX: u64 = 64 << 20;
/// Most dimensions of a tensor, and the longest one.
const DIMENSIONS_MAX: u64 = 4;
const LENGTH_MAX: u64 = 1 << 31;
/// Alignments that a file may ask for.
const ALIGNMENT_MAX: i128 = 4_096;
/// Bytes that are read at once.
const CHUNK: u64 = 64 * 1_024;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number of any width.
    Whole(i128),
    /// A real number.
    Real(f64),
    /// Yes or no.
    Flag(bool),
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers, or yes and no as 1 and 0.
    Wholes(Vec<i64>),
    /// Real numbers.
    Reals(Vec<f64>),
}

impl Value {
    /// What it is, for errors.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Whole(_) => "a whole number",
            Self::Real(_) => "a real number",
            Self::Flag(_) => "yes or no",
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list of texts",
            Self::Wholes(_) => "a list of whole numbers",
            Self::Reals(_) => "a list of real numbers",
        }
    }
}

/// Fields and tensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Header {
    /// By name.
    pub fields: BTreeMap<String, Value>,
    /// By name.
    pub tensors: BTreeMap<String, Tensor>,
}

pub(super) fn read<S: Source>(source: &S, file: &str) -> Result<Header, LocalError> {
    let mut reader = Reader { source, file, at: 0, chunk: Vec::new(), chunk_at: 0 };
    let magic: [u8; 4] = reader.take("magic")?;
    if magic != *MAGIC {
        return Err(wrong(file, "magic", format!("{:?}", String::from_utf8_lossy(&magic)), "\"GGUF\""));
    }
    let version = u32::from_le_bytes(reader.take("version")?);
    if !(2..=3).contains(&version) {
        return Err(wrong(file, "version", version, "2 or 3"));
    }
    let tensors = reader.count("number of tensors", COUNT_MAX)?;
    let fields = reader.count("number of fields", COUNT_MAX)?;
    let mut header = Header::default();
    for index in 0..fields {
        let name = reader.text(&format!("name of field {index}"), NAME_MAX)?;
        let value = reader.value(&name)?;
        header.fields.insert(name, value);
    }
    let mut placed = Vec::new();
    for index in 0..tensors {
        let name = reader.text(&format!("name of tensor {index}"), NAME_MAX)?;
        placed.push(reader.tensor(name)?);
    }
    let base = reader.at.next_multiple_of(alignment(&header, file)?);
    for (name, mut tensor) in placed {
        let end = base.checked_add(tensor.at).and_then(|at| at.checked_add(tensor.size));
        if end.is_none_or(|end| end > source.size()) {
            let allowed = format!("within the file, which has {} bytes", source.size());
            return Err(wrong(
                file,
                &format!("end of tensor {name}"),
                format!("byte {:?}", end.unwrap_or(u64::MAX)),
                allowed,
            ));
        }
        tensor.at += base;
        header.tensors.insert(name, tensor);
    }
    Ok(header)
}

fn alignment(header: &Header, file: &str) -> Result<u64, LocalError> {
    match header.fields.get("general.alignment") {
        None => Ok(32),
        Some(Value::Whole(bytes)) if (8..=ALIGNMENT_MAX).contains(bytes) && bytes % 8 == 0 => Ok(*bytes as u64),
        Some(Value::Whole(bytes)) => {
            Err(wrong(file, "general.alignment", bytes, format!("8 to {ALIGNMENT_MAX}, a multiple of 8")))
        }
        Some(other) => Err(wrong(file, "general.alignment", other.kind(), "a whole number")),
    }
}

struct Reader<'a, S> {
    source: &'a S,
    file: &'a str,
    at: u64,
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl<S: Source> Reader<'_, S> {
    fn bytes(&mut self, field: &str, out: &mut [u8]) -> Result<(), LocalError> {
        let (size, needed) = (self.source.size(), out.len() as u64);
        let end = self.at + needed;
        if end > size || end > HEADER_MAX {
            let allowed = format!("a header of at most {HEADER_MAX} bytes in a file of {size}");
            return Err(wrong(self.file, field, format!("{needed} bytes at byte {}", self.at), allowed));
        }
        let read = |source: &S, at: u64, out: &mut [u8]| {
            source.read_at(at, out).map_err(|source| LocalError::Read { file: self.file.to_owned(), source })
        };
        if needed >= CHUNK {
            read(self.source, self.at, out)?;
        } else {
            if self.at < self.chunk_at || end > self.chunk_at + self.chunk.len() as u64 {
                self.chunk.resize(CHUNK.min(size - self.at) as usize, 0);
                self.chunk_at = self.at;
                read(self.source, self.at, &mut self.chunk)?;
            }
            let from = (self.at - self.chunk_at) as usize;
            out.copy_from_slice(&self.chunk[from..from + out.len()]);
        }
        self.at = end;
        Ok(())
    }

    fn take<const N: usize>(&mut self, field: &str) -> Result<[u8; N], LocalError> {
        let mut bytes = [0; N];
        self.bytes(field, &mut bytes)?;
        Ok(bytes)
    }

    fn count(&mut self, field: &str, most: u64) -> Result<u64, LocalError> {
        let count = u64::from_le_bytes(self.take(field)?);
        if count > most {
            return Err(wrong(self.file, field, count, format!("0 to {most}")));
        }
        Ok(count)
    }

    fn text(&mut self, field: &str, most: u64) -> Result<String, LocalError> {
        let length = self.count(&format!("length of {field}"), most)?;
        // Before the allocation: a file of ten bytes must not ask for a megabyte.
        if self.at + length > self.source.size() {
            return Err(wrong(self.file, &format!("length of {field}"), length, "within the file"));
        }
        let mut bytes = vec![0; length as usize];
        self.bytes(field, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| wrong(self.file, field, "no UTF-8", "a text in UTF-8"))
    }

    fn value(&mut self, field: &str) -> Result<Value, LocalError> {
        let kind = u32::from_le_bytes(self.take(field)?);
        match kind {
            8 => Ok(Value::Text(self.text(field, TEXT_MAX)?)),
            9 => self.list(field),
            _ => self.single(field, kind),
        }
    }

    fn single(&mut self, field: &str, kind: u32) -> Result<Value, LocalError> {
        Ok(match kind {
            0 => Value::Whole(u8::from_le_bytes(self.take(field)?).into()),
            1 => Value::Whole(i8::from_le_bytes(self.take(field)?).into()),
            2 => Value::Whole(u16::from_le_bytes(self.take(field)?).into()),
            3 => Value::Whole(i16::from_le_bytes(self.take(field)?).into()),
            4 => Value::Whole(u32::from_le_bytes(self.take(field)?).into()),
            5 => Value::Whole(i32::from_le_bytes(self.take(field)?).into()),
            6 => Value::Real(f32::from_le_bytes(self.take(field)?).into()),
            7 => Value::Flag(self.take::<1>(field)? != [0]),
            10 => Value::Whole(u64::from_le_bytes(self.take(field)?).into()),
            11 => Value::Whole(i64::from_le_bytes(self.take(field)?).into()),
            12 => Value::Real(f64::from_le_bytes(self.take(field)?)),
            other => return Err(wrong(self.file, &format!("kind of {field}"), other, "0 to 12")),
        })
    }

    fn list(&mut self, field: &str) -> Result<Value, LocalError> {
        let kind = u32::from_le_bytes(self.take(field)?);
        let length = self.count(&format!("length of {field}"), LIST_MAX)?;
        if kind == 8 {
            let texts = (0..length).map(|index| self.text(&format!("{field}[{index}]"), TEXT_MAX));
            return Ok(Value::Texts(texts.collect::<Result<_, _>>()?));
        }
        let (mut wholes, mut reals) = (Vec::new(), Vec::new());
        for _ in 0..length {
            match self.single(field, kind)? {
                Value::Whole(number) => wholes.push(i64::try_from(number).unwrap_or(i64::MAX)),
                Value::Flag(flag) => wholes.push(flag.into()),
                Value::Real(number) => reals.push(number),
                _ => {}
            }
        }
        Ok(if matches!(kind, 6 | 12) { Value::Reals(reals) } else { Value::Wholes(wholes) })
    }

    /// Its place is still counted from the end of the header.
    fn tensor(&mut self, name: String) -> Result<(String, Tensor), LocalError> {
        let count = u32::from_le_bytes(self.take(&name)?);
        if !(1..=DIMENSIONS_MAX).contains(&count.into()) {
            return Err(wrong(self.file, &format!("dimensions of {name}"), count, format!("1 to {DIMENSIONS_MAX}")));
        }
        let mut shape = Vec::new();
        for _ in 0..count {
            let length = self.count(&format!("shape of {name}"), LENGTH_MAX)?;
            if length == 0 {
                return Err(wrong(self.file, &format!("shape of {name}"), 0, format!("1 to {LENGTH_MAX}")));
            }
            shape.push(length);
        }
        let number = u32::from_le_bytes(self.take(&name)?);
        let kind = Kind::of(number)
            .ok_or_else(|| wrong(self.file, &format!("kind of {name}"), number, format!("that of {}", Kind::NAMES)))?;
        let at = u64::from_le_bytes(self.take(&name)?);
        let row = usize::try_from(shape[0]).ok().and_then(|columns| kind.bytes(columns));
        let row = row.ok_or_else(|| {
            let allowed = format!("a multiple of {}", kind.block().0);
            wrong(self.file, &format!("columns of {name}"), shape[0], allowed)
        })?;
        let size = shape[1..].iter().try_fold(row as u64, |size, length| size.checked_mul(*length));
        let size =
            size.ok_or_else(|| wrong(self.file, &format!("shape of {name}"), format!("{shape:?}"), "within the file"))?;
        Ok((name, Tensor { shape, kind, at, size }))
    }
}
