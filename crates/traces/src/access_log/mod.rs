//! Requests counted from an access log: common and combined format, or a JSON object per line; plain or compressed.
//!
//! Only the time of each line is looked at. Memory holds a count per slot and never the log. Lines need not be in order: a
//! server writes a line when a request ends. A line without a time that can be read is counted and the first one named, and
//! a file of which more than half the lines are such is refused, because then it is another kind of file.
//!
//! A slot without a line had no request: between the first line and the last, nothing is a gap.
//!
//! # Source
//! Apache HTTP Server, "Log Files" (Common Log Format); nginx, `ngx_http_log_module`.

mod line;

pub use line::{LogFormat, time_of};

use crate::Recorded;
use crate::source::open;
use plimsoll_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

/// Longest line that is looked at, bytes; what is longer is counted as unreadable.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Most slots from the first line to the last: five years of 15 s.
const SLOTS_MAX: i64 = 10_000_000;

/// What a log gave.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Requests per second by slot, named after the file.
    pub rate: Recorded,
    /// Lines that were counted.
    pub lines: u64,
    /// Lines without a time that can be read, and the number of the first of them, from 1.
    pub unread: Option<(u64, u64)>,
}

/// Why a log gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file.
    #[error("{file}: {source}")]
    Io {
        /// Which.
        file: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Too few lines with a time.
    #[error("{file}: {unread} of {lines} lines have no time in {expected}, the first is line {first}: {text:?}")]
    Unreadable {
        /// The file.
        file: String,
        /// Lines without a time.
        unread: u64,
        /// All lines.
        lines: u64,
        /// The first of them.
        first: u64,
        /// How it begins.
        text: String,
        /// What was looked for.
        expected: &'static str,
    },
    /// A span that is no log's.
    #[error("{file}: from {from} to {to} are more than {SLOTS_MAX} slots of {step}")]
    Long {
        /// The file.
        file: String,
        /// First line.
        from: Timestamp,
        /// Last line.
        to: Timestamp,
        /// Slot.
        step: Millis,
    },
    /// No line at all.
    #[error("{file} has no lines")]
    Empty {
        /// The file.
        file: String,
    },
}

/// Counts the requests of a log by slots of `step`.
///
/// # Errors
/// [`LogError`].
pub fn count(path: &Path, format: LogFormat, step: Millis) -> Result<Counted, LogError> {
    let file = path.display().to_string();
    let stream = open(path).map_err(|source| LogError::Io { file: file.clone(), source })?;
    count_from(&file, stream, format, step)
}

/// As [`count`], of an open stream; `file` is what errors call it.
///
/// # Errors
/// [`LogError`].
pub fn count_from(file: &str, stream: impl Read, format: LogFormat, step: Millis) -> Result<Counted, LogError> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut slots: BTreeMap<i64, u64> = BTreeMap::new();
    let mut line = Vec::new();
    let (mut lines, mut counted) = (0_u64, 0_u64);
    let mut first: Option<(u64, String)> = None;
    let step_ms = i64::try_from(step.0.max(1)).unwrap_or(i64::MAX);
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|source| LogError::Io { file: file.to_owned(), source })?;
        if read == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        lines += 1;
        match time_of(text, format) {
            Some(at) => {
                counted += 1;
                *slots.entry(at.0.div_euclid(step_ms)).or_default() += 1;
            }
            None => {
                first.get_or_insert_with(|| (lines, text.chars().take(80).collect()));
            }
        }
    }
    let unread = lines - counted;
    if let Some((number, text)) = &first
        && unread * 2 > lines
    {
        let (first, text, expected) = (*number, text.clone(), format.expected());
        return Err(LogError::Unreadable { file: file.to_owned(), unread, lines, first, text, expected });
    }
    let rate = rates(file, &slots, step)?;
    Ok(Counted { rate, lines: counted, unread: first.map(|(number, _)| (unread, number)) })
}

/// Requests per second of every slot from the first to the last.
fn rates(file: &str, slots: &BTreeMap<i64, u64>, step: Millis) -> Result<Recorded, LogError> {
    let (Some((first, _)), Some((last, _))) = (slots.first_key_value(), slots.last_key_value()) else {
        return Err(LogError::Empty { file: file.to_owned() });
    };
    let at = |slot: i64| Timestamp(slot.saturating_mul(i64::try_from(step.0).unwrap_or(i64::MAX)));
    if last - first >= SLOTS_MAX {
        return Err(LogError::Long { file: file.to_owned(), from: at(*first), to: at(*last), step });
    }
    let seconds = step.0 as f64 / 1_000.0;
    let rate = |slot| slots.get(&slot).copied().unwrap_or(0) as f64 / seconds;
    let name = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy()).into_owned();
    Ok(Recorded { name, start: at(*first), step, values: (*first..=*last).map(rate).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(text: &str) -> Result<Counted, LogError> {
        count_from("access.log", text.as_bytes(), LogFormat::Auto, Millis(10_000))
    }

    fn line(second: u32) -> String {
        format!("127.0.0.1 - - [10/Oct/2000:13:55:{second:02} +0000] \"GET / HTTP/1.1\" 200 2326 \"-\" \"curl\"\n")
    }

    #[test]
    fn requests_are_counted_by_slot_in_any_order_and_a_slot_without_a_line_has_none() {
        let text = [41, 30, 31, 59].map(line).concat();
        let found = counted(&text).unwrap();
        assert_eq!(found.rate.values, [0.2, 0.1, 0.1]);
        assert_eq!((found.rate.start, found.lines, found.unread), (Timestamp(971_186_130_000), 4, None));
        let gap = counted(&[0, 40].map(line).concat()).unwrap();
        assert_eq!(gap.rate.values, [0.1, 0.0, 0.0, 0.0, 0.1]);
    }

    #[test]
    fn a_few_bad_lines_are_told_and_a_file_of_them_is_refused() {
        let found = counted(&[line(1), "garbage\n".to_owned(), line(2)].concat()).unwrap();
        assert_eq!((found.lines, found.unread), (2, Some((1, 2))));
        let error = counted("one\ntwo\n").unwrap_err().to_string();
        assert!(error.contains("2 of 2 lines have no time") && error.contains("line 1: \"one\""), "{error}");
        assert!(matches!(counted("\n\n"), Err(LogError::Empty { .. })));
    }

    #[test]
    fn a_span_that_is_no_logs_is_refused() {
        let text = "{\"time\":1}\n{\"time\":\"2026-01-01T00:00:00Z\"}\n";
        assert!(matches!(counted(text), Err(LogError::Long { .. })));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}", near in "[\\[\\]{}\":/ 0-9A-Zt+\n-]{0,120}") {
            let _ = (counted(&text), counted(&near));
        }
    }
}
