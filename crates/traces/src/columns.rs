//! The columns of a table that names them in its first line, and whole numbers with a stated range.
//!
//! Columns are found by name and not by place, since exports reorder them; a name that is not known is refused, because a
//! mistyped column that is skipped would read as "nothing asked".

use crate::ReadError;
use crate::csv::{Row, Rows};
use plimsoll_config::nearest;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Where the known columns of a table stand.
#[derive(Debug)]
pub(crate) struct Columns {
    /// For each known column, in the order of the format, its place in a row.
    places: Vec<Option<usize>>,
    width: usize,
}

impl Columns {
    /// Reads the header: `required` columns, then `optional` ones, which [`Columns::fields`] gives in this order.
    ///
    /// # Errors
    /// [`ReadError::UnknownColumn`], [`ReadError::MissingColumn`], [`ReadError::Duplicate`]; [`ReadError::Empty`].
    pub(crate) fn read(
        file: &str,
        rows: &mut Rows<'_>,
        required: &[&'static str],
        optional: &[&'static str],
    ) -> Result<Self, ReadError> {
        match rows.next_row()? {
            Some(row) => Self::of(&row, required, optional),
            None => Err(ReadError::Empty { file: file.to_owned() }),
        }
    }

    fn of(header: &Row<'_>, required: &[&'static str], optional: &[&'static str]) -> Result<Self, ReadError> {
        let known = || required.iter().chain(optional).copied();
        let names = header.fields()?;
        let mut places = vec![None; required.len() + optional.len()];
        for (place, name) in names.iter().enumerate() {
            let Some(column) = known().position(|known| known == name) else {
                return Err(ReadError::UnknownColumn {
                    file: header.file.to_owned(),
                    line: header.number,
                    column: name.chars().take(80).collect(),
                    nearest: nearest(name, known()).map(str::to_owned),
                    known: known().collect::<Vec<_>>().join(", "),
                });
            };
            if places[column].replace(place).is_some() {
                return Err(header.refuse("(header)", name, "a column that stands once"));
            }
        }
        if let Some(missing) = (0..required.len()).find(|column| places[*column].is_none()) {
            return Err(ReadError::MissingColumn {
                file: header.file.to_owned(),
                line: header.number,
                column: required[missing],
                found: header.text.chars().take(200).collect(),
            });
        }
        Ok(Self { places, width: names.len() })
    }

    /// The fields of a row in the order of the known columns; a column that the table does not have is empty.
    ///
    /// # Errors
    /// [`ReadError::Value`] when the row has more or fewer fields than the header.
    pub(crate) fn fields<'r>(&self, row: &Row<'r>) -> Result<Vec<Cow<'r, str>>, ReadError> {
        let fields = row.fields()?;
        if fields.len() != self.width {
            return Err(row.refuse("(whole line)", row.text, "a row with as many fields as the header"));
        }
        let field = |place: &Option<usize>| place.map_or(Cow::Borrowed(""), |place| fields[place].clone());
        Ok(self.places.iter().map(field).collect())
    }
}

/// A range of whole numbers from zero, with the words that an error uses.
pub(crate) struct Whole {
    /// The largest.
    pub(crate) max: u64,
    /// What is expected, unit and range.
    pub(crate) expected: &'static str,
}

/// CPU: four million cores, more than any node or job has.
pub(crate) const CPU_MILLI: Whole =
    Whole { max: 4_000_000_000, expected: "a whole number of millicores from 0 to 4000000000" };
/// Memory: four pebibytes.
pub(crate) const MEMORY_MIB: Whole =
    Whole { max: 4_294_967_296, expected: "a whole number of MiB from 0 to 4294967296" };
/// GPUs of one node or task.
pub(crate) const GPUS: Whole = Whole { max: 1_024, expected: "a whole number of GPUs from 0 to 1024" };
/// Seconds: three thousand years, so that milliseconds fit.
pub(crate) const SECONDS: Whole =
    Whole { max: 100_000_000_000, expected: "a whole number of seconds from 0 to 100000000000" };

impl Whole {
    /// # Errors
    /// [`ReadError::Value`] for anything but a whole number in the range.
    pub(crate) fn parse(&self, row: &Row<'_>, text: &str, column: &'static str) -> Result<u64, ReadError> {
        match text.parse::<u64>() {
            Ok(number) if number <= self.max => Ok(number),
            _ => Err(row.refuse(column, text, self.expected)),
        }
    }

    /// None where the field is empty.
    ///
    /// # Errors
    /// [`ReadError::Value`] for anything but a whole number in the range, or nothing.
    pub(crate) fn parse_known(
        &self,
        row: &Row<'_>,
        text: &str,
        column: &'static str,
    ) -> Result<Option<u64>, ReadError> {
        if text.is_empty() { Ok(None) } else { self.parse(row, text, column).map(Some) }
    }
}

/// Names that must be unique within a file, each with its line.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<String, u64>);

impl Seen {
    /// Whether the name was added.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// # Errors
    /// [`ReadError::Duplicate`] with the line where it stood first; [`ReadError::Value`] when it is empty.
    pub(crate) fn add(&mut self, row: &Row<'_>, name: &str, column: &'static str) -> Result<(), ReadError> {
        if name.is_empty() {
            return Err(row.refuse(column, name, "a name"));
        }
        match self.0.get(name) {
            Some(first) => Err(ReadError::Duplicate {
                file: row.file.to_owned(),
                line: row.number,
                column: column.into(),
                value: name.chars().take(80).collect(),
                first: *first,
            }),
            None => {
                self.0.insert(name.to_owned(), row.number);
                Ok(())
            }
        }
    }
}
