//! Streaming readers of public load traces, and the rate series they become.
//!
//! A trace is read where it lies: plain, gzip, xz, and a member of a tar inside either, told apart by their first bytes
//! and decompressed as a stream, so that memory holds the numbers and never the file. Every error names the file, the
//! line, the column and the value, because the person who meets it has a file of a million lines before them.
//!
//! A minute that was not recorded stays a gap: nothing here invents a value. What a gap means is decided where the
//! series is used, and counted there.
//!
//! Data sets are found by name through `PLIMSOLL_DATA` (see [`dataset`]); none of them is part of this repository
//! except the small files in `data/`; [`sets`] reads each of them, [`table`] reads what anybody else has.

pub mod access_log;
pub mod azure_vm;
pub mod borg;
pub mod cluster;
pub mod cluster_file;
mod columns;
pub mod csv;
pub mod dataset;
mod date;
pub mod dlrm;
mod known_events;
pub mod load_sets;
pub mod openb;
pub mod philly;
mod recorded;
pub mod roadef;
pub mod series;
mod series_cut;
mod series_read;
pub mod sets;
mod slots;
pub mod source;
pub mod swf;
pub mod table;

pub use cluster::{
    ClusterError, ClusterSet, Fault, Lack, NeverRunnable, Place, RecordedTask, Skipped, SkippedFor, check, cluster_set,
    cluster_set_names,
};
pub use dataset::Missing;
pub use date::parse_time;
pub use known_events::{KnownEvent, read_events};
pub use recorded::Recorded;
pub use series::{Gap, RateSeries, SeriesError};
pub use series_read::Format;

use std::borrow::Cow;

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file, or a compressed stream in it, could not be read.
    #[error("{file}: cannot be read at line {line}")]
    Io {
        /// The file, with `#member` where it lies inside a tar.
        file: String,
        /// Line being read, from 1; 0 when the file could not be opened.
        line: u64,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
    /// The tar has no member of that name.
    #[error("{file}: the archive has no member {member:?}; it has {present}")]
    NoMember {
        /// The archive.
        file: String,
        /// The member asked for.
        member: String,
        /// The first members that are there.
        present: String,
    },
    /// A line is longer than any row of a trace.
    #[error("{file}, line {line}: longer than {} bytes, so this is not a table of rows", csv::LINE_BYTES_MAX)]
    LineTooLong {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
    },
    /// The first line names none of the known sets of columns.
    #[error("{file}, line 1: the columns {found:?} are none of the known formats: {known}")]
    UnknownFormat {
        /// The file.
        file: String,
        /// The first line as it stands.
        found: String,
        /// The headers that are understood.
        known: String,
    },
    /// A value is not what its column holds.
    #[error("{file}, line {line}, column {column}: {value:?} is not {expected}")]
    Value {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: Cow<'static, str>,
        /// The text that stands there; empty when the row is too short.
        value: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// There is not one line in it.
    #[error("{file}: the file is empty, and its first line has to say what it is")]
    Empty {
        /// The file.
        file: String,
    },
    /// A header names a column that this format does not have.
    #[error("{file}, line {line}: the column {column:?} is not known{}; known are {known}", did_you_mean(nearest.as_deref()))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column as it stands.
        column: String,
        /// The known column that was probably meant.
        nearest: Option<String>,
        /// Every known column.
        known: String,
    },
    /// A header lacks a column.
    #[error("{file}, line {line}: the column {column:?} is missing; the header is {found:?}")]
    MissingColumn {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column that is missing.
        column: &'static str,
        /// The header as it stands.
        found: String,
    },
    /// Something that is unique stands twice.
    #[error("{file}, line {line}, column {column}: {value:?} stands already in line {first}")]
    Duplicate {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: Cow<'static, str>,
        /// What stands twice.
        value: String,
        /// The line where it stood first.
        first: u64,
    },
    /// A field of a structured line is not what it must be.
    #[error("{file}, line {line}, field {field}: {problem}")]
    Field {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The field's path, such as `task.requests.cpu`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Times must grow from row to row by whole slots.
    #[error("{file}, line {line}, column {column}: {value:?} {problem}")]
    Order {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// The time column's name.
        column: Cow<'static, str>,
        /// The time that breaks the order.
        value: String,
        /// How it breaks it.
        problem: String,
    },
    /// The file has a header and no rows, or one row and no known slot length.
    #[error("{file}: {rows} rows of values, and a series needs at least {needed}")]
    TooShort {
        /// The file.
        file: String,
        /// Rows found.
        rows: usize,
        /// Rows that would do.
        needed: usize,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!(" (did you mean {word:?}?)")).unwrap_or_default()
}
