//! The history store: every sample for a while, summaries of one minute and one hour for longer, in one file.
//!
//! Values are integers in the unit that the series' name ends with. A sample is found again by series and trace time,
//! and another of the same series and time replaces it, so a replay over the same trace time writes the same history
//! again instead of doubling it. Summaries are kept up to date with every write: a minute's is the summary of its
//! samples, an hour's that of its minutes. Once the samples of an hour are retired its summaries stay as they are,
//! until trace time returns there and the first new sample of a minute starts that minute over.
//!
//! The store is a [redb] file: copy-on-write B-trees, so a crash at any moment leaves the last durable state
//! whole. Writing waits for the disk only once in [`FLUSH_EVERY`] batches; a crash loses the batches since, never the
//! order or the sums. The journal, not this, is the record that decisions rest on.
//!
//! Nothing is filled in: a minute without a sample has no point.

mod chunk;
mod forget;
mod query;
mod retire;
mod series;
mod store;
mod summary;
mod without;
mod write;

pub use series::{SERIES_BYTES_MAX, SeriesId, SeriesIdError};
pub use store::{AppendError, History, OpenError, QueryError, Retention, Retired};
pub use summary::{Point, Summary};
pub use without::{CopiedWithout, CopyError};

/// Batches between two that wait for the disk.
pub const FLUSH_EVERY: u32 = 10;

/// Most points that a query gives, whatever it asks for.
pub const POINTS_MAX: usize = 10_000;

/// Most series at once; one that retention has emptied no longer counts.
pub const SERIES_MAX: usize = 100_000;
