//! Rows of a comma-separated table, one line at a time.
//!
//! None of the load traces quotes a field, so this reads the plain form (fields between commas, one row per line,
//! `\n` or `\r\n`, a byte-order mark allowed) and refuses a quote where it expects a number. A line has a limit, so that
//! a binary file handed in by mistake is refused and not swallowed.

use crate::ReadError;
use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};

/// Longest line accepted, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1_024;
/// Most characters of a refused value that an error repeats.
const VALUE_CHARS_MAX: usize = 80;

/// A stream of lines that knows where it is.
pub struct Rows<'a> {
    file: &'a str,
    reader: BufReader<&'a mut dyn Read>,
    line: Vec<u8>,
    number: u64,
}

/// One line: its number and its fields.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The file, as errors name it.
    pub file: &'a str,
    /// The line, from 1.
    pub number: u64,
    /// The line without its ending.
    pub text: &'a str,
}

impl<'a> Rows<'a> {
    /// Rows of `reader`; `file` is what errors call it.
    pub fn new(file: &'a str, reader: &'a mut dyn Read) -> Self {
        Self { file, reader: BufReader::with_capacity(1 << 16, reader), line: Vec::with_capacity(128), number: 0 }
    }

    /// The next line that is not empty, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Io`] when the stream breaks, [`ReadError::LineTooLong`] past [`LINE_BYTES_MAX`], and
    /// [`ReadError::Value`] when the bytes are not UTF-8.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        loop {
            self.line.clear();
            self.number += 1;
            let limit = LINE_BYTES_MAX as u64 + 1;
            let count = (&mut self.reader)
                .take(limit)
                .read_until(b'\n', &mut self.line)
                .map_err(|source| ReadError::Io { file: self.file.to_owned(), line: self.number, source })?;
            if count == 0 {
                return Ok(None);
            }
            if count > LINE_BYTES_MAX {
                return Err(ReadError::LineTooLong { file: self.file.to_owned(), line: self.number });
            }
            if self.number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            while self.line.last().is_some_and(u8::is_ascii_whitespace) {
                self.line.pop();
            }
            if !self.line.is_empty() {
                break;
            }
        }
        let text = std::str::from_utf8(&self.line).map_err(|_| ReadError::Value {
            file: self.file.to_owned(),
            line: self.number,
            column: "(whole line)".into(),
            value: String::from_utf8_lossy(&self.line).chars().take(VALUE_CHARS_MAX).collect(),
            expected: "text in UTF-8",
        })?;
        Ok(Some(Row { file: self.file, number: self.number, text }))
    }
}

impl<'a> Row<'a> {
    /// The field at `index` without spaces around it; empty when the row is too short.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a str {
        self.text.split(',').nth(index).unwrap_or("").trim()
    }

    /// A rate or count: a finite number that is not negative, or `None` where the field is empty (not recorded).
    ///
    /// # Errors
    /// [`ReadError::Value`] for anything else.
    pub fn amount(&self, index: usize, column: &'static str) -> Result<Option<f64>, ReadError> {
        let text = self.field(index);
        if text.is_empty() && self.text.split(',').nth(index).is_some() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(Some(amount)),
            _ => Err(self.refuse(column, text, "a number that is finite and not negative")),
        }
    }

    /// The fields without spaces or quotes around them; a quoted field may hold commas, and `""` in it stands for one
    /// quote (RFC 4180, but a field ends with its line).
    ///
    /// # Errors
    /// [`ReadError::Value`] for a quote that is not closed.
    pub fn fields(&self) -> Result<Vec<Cow<'a, str>>, ReadError> {
        if !self.text.contains('"') {
            return Ok(self.text.split(',').map(|field| Cow::Borrowed(field.trim())).collect());
        }
        let mut fields = Vec::new();
        let mut rest = self.text;
        loop {
            let (field, after) =
                quoted(rest).ok_or_else(|| self.refuse("(quoted)", rest, "a field whose quote ends"))?;
            fields.push(field);
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
        }
    }

    /// A measured number: finite and of any sign, or NaN where nothing was measured (an empty field, `NaN`, `NA`, `null`).
    ///
    /// # Errors
    /// [`ReadError::Value`] for anything else.
    pub fn measured(&self, text: &str, column: impl Into<Cow<'static, str>>) -> Result<f64, ReadError> {
        if ["", "NaN", "nan", "NA", "null"].contains(&text) {
            return Ok(f64::NAN);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.refuse(column, text, "a finite number, or empty where nothing was measured")),
        }
    }

    /// The error that names this row's `column` and `value`.
    #[must_use]
    pub fn refuse(&self, column: impl Into<Cow<'static, str>>, value: &str, expected: &'static str) -> ReadError {
        let value = value.chars().take(VALUE_CHARS_MAX).collect();
        ReadError::Value { file: self.file.to_owned(), line: self.number, column: column.into(), value, expected }
    }
}

/// The first field of `text`, and what follows its comma. None when a quote is not closed or text follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let Some(inside) = text.trim_start().strip_prefix('"') else {
        let (field, after) = text.split_once(',').map_or((text, None), |(field, after)| (field, Some(after)));
        return Some((Cow::Borrowed(field.trim()), after));
    };
    let mut field = String::new();
    let mut rest = inside;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            field.push('"');
            rest = more;
            continue;
        }
        let after = after.trim_start();
        return match after.strip_prefix(',') {
            None if !after.is_empty() => None,
            following => Some((Cow::Owned(field), following)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<(u64, String)>, ReadError> {
        let mut reader: &[u8] = text;
        let mut rows = Rows::new("x.csv", &mut reader);
        let mut found = Vec::new();
        while let Some(row) = rows.next_row()? {
            found.push((row.number, row.text.to_owned()));
        }
        Ok(found)
    }

    #[test]
    fn endings_marks_and_empty_lines_do_not_move_the_line_numbers() {
        let found = rows(b"\xef\xbb\xbfa,b\r\n\n1,2\n\r\n3,4").unwrap();
        assert_eq!(found, [(1, "a,b".into()), (3, "1,2".into()), (5, "3,4".into())]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let error = rows(&vec![b'7'; LINE_BYTES_MAX + 5]).unwrap_err().to_string();
        assert!(error.starts_with("x.csv, line 1: longer than 65536 bytes"), "{error}");
    }

    #[test]
    fn a_quoted_field_may_hold_commas_and_quotes_and_must_end() {
        let row = Row { file: "x.csv", number: 2, text: r#""H1", "a,""b""",3, "" ,"# };
        assert_eq!(row.fields().unwrap(), ["H1", "a,\"b\"", "3", "", ""]);
        for text in [r#""open,1"#, r#""a"b,1"#] {
            let error = Row { text, ..row }.fields().unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains("a field whose quote ends"), "{error}");
        }
        assert!(row.measured("NaN", "v").unwrap().is_nan() && row.measured("-1e3", "v").unwrap() == -1_000.0);
        assert!(row.measured("inf", "v").is_err() && row.measured("one", "v").is_err());
    }

    #[test]
    fn an_amount_is_a_number_or_a_gap_and_nothing_else() {
        let row = Row { file: "x.csv", number: 7, text: "12.5,,-1,nan,\"3\"" };
        assert_eq!(row.amount(0, "rps").unwrap(), Some(12.5));
        assert_eq!(row.amount(1, "rps").unwrap(), None);
        for (index, value) in [(2, "-1"), (3, "nan"), (4, "\\\"3\\\""), (5, "")] {
            let error = row.amount(index, "rps").unwrap_err().to_string();
            let wanted = format!("x.csv, line 7, column rps: \"{value}\" is not a number that is finite");
            assert!(error.starts_with(&wanted), "{error}");
        }
    }
}
