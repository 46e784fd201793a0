//! Metering: what services, jobs and users requested, used and left idle, counted from the journal.
//!
//! The journal and not the history store, because it says of every replica what it was given and what it used, and keeps it
//! as evidence. What it no longer holds cannot be counted: `[history] journal` bounds how far back a bill can go.

mod bill;
mod meter;
mod shown;
mod sums;

pub use bill::{Bill, Cost, Grouping, Row};
pub use meter::{Meter, Metered, Owner};
pub use sums::{Held, Sums};

use crate::past::{PastError, content, records};
use crate::record::StepInputs;
use plimsoll_controller::State;
use plimsoll_journal::{Kind, Start};
use plimsoll_model::Timestamp;
use std::path::Path;

/// Counts the samples of a journal from `from` on and before `to`, trace time.
///
/// # Errors
/// [`PastError`].
pub fn read(journal: &Path, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Metered, PastError> {
    let mut meter = Meter::new(from, to);
    let mut known = false;
    records(journal, Start::Oldest, |record| {
        match record.kind {
            // Where retention removed the beginning, the oldest snapshot says whose things are whose.
            Kind::SNAPSHOT if !known => {
                known = true;
                if let Some(spec) = content::<State>(record)?.spec.as_deref() {
                    meter.adopt(spec);
                }
            }
            Kind::INPUT => {
                known = true;
                meter.take(&content::<StepInputs>(record)?);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(meter.finish())
}

#[cfg(test)]
mod tests;
