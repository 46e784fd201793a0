//! What a journal tells afterwards: the decision in force at a moment, and whether its inputs still lead to its decisions.
//!
//! Works on the files alone, so it answers for a daemon that runs, that has ended, and that crashed.

use crate::record::StepInputs;
use plimsoll_analyst::history::{self, Configured, History};
use plimsoll_controller::{Input, State, step};
use plimsoll_journal::{Kind, ReadError, Reader, Record, Start};
use plimsoll_model::{Decision, ServiceName, Timestamp};
use std::path::Path;
use std::time::Instant;

/// Most differences that are kept with their texts; all are counted.
const DIFFERENCES_MAX: usize = 5;

/// Why the past cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The journal cannot be read.
    #[error("the journal in {path} cannot be read")]
    Read {
        /// Its directory.
        path: String,
        /// What is wrong.
        #[source]
        source: ReadError,
    },
    /// A record is whole, and its content is not understood.
    #[error("record {seq} of the journal is not understood")]
    Content {
        /// Its number.
        seq: u64,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

pub(crate) fn records(
    journal: &Path,
    start: Start,
    mut visit: impl FnMut(&Record) -> Result<(), PastError>,
) -> Result<(), PastError> {
    let read = |source| PastError::Read { path: journal.display().to_string(), source };
    let mut reader = Reader::open(journal, start).map_err(read)?;
    while let Some(record) = reader.read().map_err(read)? {
        visit(&record)?;
    }
    Ok(())
}

pub(crate) fn content<'a, T: serde::Deserialize<'a>>(record: &'a Record) -> Result<T, PastError> {
    serde_json::from_slice(&record.payload).map_err(|source| PastError::Content { seq: record.seq.0, source })
}

/// Every decision that `wanted` accepts, oldest first.
///
/// # Errors
/// [`PastError`].
pub fn decisions(journal: &Path, mut wanted: impl FnMut(&Decision) -> bool) -> Result<Vec<Decision>, PastError> {
    let mut found = Vec::new();
    records(journal, Start::Oldest, |record| {
        if record.kind == Kind::DECISION {
            let decision: Decision = content(record)?;
            if wanted(&decision) {
                found.push(decision);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The last decision at or before `at` (the last of all if none) that `about` accepts.
///
/// # Errors
/// [`PastError`].
pub fn decision_at(
    journal: &Path,
    at: Option<Timestamp>,
    mut about: impl FnMut(&Decision) -> bool,
) -> Result<Option<Decision>, PastError> {
    let mut last = None;
    records(journal, Start::Oldest, |record| {
        if record.kind == Kind::DECISION && at.is_none_or(|at| record.at <= at) {
            let decision: Decision = content(record)?;
            if about(&decision) {
                last = Some(decision);
            }
        }
        Ok(())
    })?;
    Ok(last)
}

/// The history of a service, by what was measured and decided: the newest `samples`, and no more than can be read until `until`
/// (then what was read of it). `service`, the trace time between two samples in ms, and what is configured are as of now.
///
/// # Errors
/// [`PastError`].
pub fn history(
    journal: &Path,
    (service, step_ms, configured): (&ServiceName, u64, Configured),
    (samples, until): (usize, Instant),
) -> Result<History, PastError> {
    let mut recorder = history::Recorder::new(service, step_ms, configured);
    let mut seen = None;
    let mut is_over = false;
    records(journal, Start::Oldest, |record| {
        is_over = is_over || Instant::now() >= until;
        match record.kind {
            _ if is_over => {}
            Kind::INPUT => {
                let inputs: StepInputs = content(record)?;
                seen = inputs.inputs.into_iter().find_map(|input| match input {
                    Input::Observed(observation) => Some(observation),
                    _ => None,
                });
            }
            // Each decision stands behind its inputs.
            Kind::DECISION => {
                if let Some(observation) = seen.take() {
                    recorder.add(&observation, &content::<Decision>(record)?);
                    // Not at each sample: it moves what is left.
                    if recorder.history().samples.len() > samples.saturating_mul(2) {
                        recorder.keep(samples);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    recorder.keep(samples);
    Ok(recorder.finish())
}

/// The controller as it was after the last step at or before a moment.
///
/// A decision names a service only when something about it changed; the state keeps the complete reasons of every step, so
/// this runs the recorded inputs up to the moment and hands the state out.
///
/// # Errors
/// [`PastError`].
pub fn state_at(journal: &Path, at: Option<Timestamp>) -> Result<State, PastError> {
    let start = if at.is_some() { Start::Oldest } else { Start::NewestSnapshot };
    let mut state = State::new();
    let mut known = false;
    records(journal, start, |record| {
        match record.kind {
            Kind::SNAPSHOT if !known => {
                state = content(record)?;
                known = true;
            }
            Kind::INPUT if at.is_none_or(|at| record.at <= at) => {
                let inputs: StepInputs = content(record)?;
                known = true;
                let _ = step(&mut state, inputs.at, &inputs.inputs);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(state)
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Replayed {
    /// Steps taken again.
    pub steps: u64,
    /// Decisions compared.
    pub compared: u64,
    /// Of those, different from the record.
    pub different: u64,
    /// Records read, each with its checksum and number.
    pub records: u64,
    /// Of those, records of which something was forgotten (`plimsoll forget`, `[retention]`): their SHA-256 of before is kept.
    pub forgotten: u64,
    /// Decisions that nothing can be said about: they differ, and something that led to them was forgotten. Not among `different`.
    pub unprovable: u64,
    /// The first differences: step, and both texts from where they part.
    pub differences: Vec<Difference>,
    /// Trace time of the first and the last step.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Bytes of decisions compared.
    pub bytes: u64,
}

/// A decision that came out differently.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The step.
    pub step: u64,
    /// The record, from a little before the first differing byte.
    pub recorded: String,
    /// What came out now, likewise.
    pub replayed: String,
}

/// Runs every recorded input through the controller of this build and compares each decision with the record, byte for byte.
/// Begins at the oldest snapshot where retention has removed the beginning.
///
/// Where something was forgotten, what is left of the inputs may lead elsewhere: decisions that differ from there on prove
/// nothing, until the next snapshot, which is taken over, says how things really were.
///
/// # Errors
/// [`PastError`].
pub fn replay(journal: &Path, mut progress: impl FnMut(u64)) -> Result<Replayed, PastError> {
    let mut replay = Replay::default();
    records(journal, Start::Oldest, |record| {
        replay.take(record)?;
        progress(replay.result.steps);
        Ok(())
    })?;
    Ok(replay.result)
}

/// A replay under way.
#[derive(Default)]
struct Replay {
    state: State,
    known: bool,
    /// Something that led to the present state was forgotten.
    tainted: bool,
    pending: Option<(u64, Vec<u8>)>,
    result: Replayed,
}

impl Replay {
    fn take(&mut self, record: &Record) -> Result<(), PastError> {
        self.result.records += 1;
        self.result.forgotten += u64::from(record.forgotten.is_some());
        match record.kind {
            // A state is only taken where the steps before it are gone: otherwise the replay has made it itself.
            Kind::SNAPSHOT if !self.known || self.tainted => {
                self.state = content(record)?;
                (self.known, self.tainted) = (true, false);
            }
            Kind::INPUT => {
                let inputs: StepInputs = content(record)?;
                self.known = true;
                self.tainted |= record.forgotten.is_some();
                let decision = step(&mut self.state, inputs.at, &inputs.inputs);
                let result = &mut self.result;
                result.steps += 1;
                result.span = Some((result.span.map_or(inputs.at, |span| span.0), inputs.at));
                self.pending = Some((decision.step, serde_json::to_vec(&decision).unwrap_or_default()));
            }
            Kind::DECISION => {
                if let Some((step, bytes)) = self.pending.take() {
                    self.compare(step, &bytes, record);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn compare(&mut self, step: u64, bytes: &[u8], record: &Record) {
        let result = &mut self.result;
        if bytes != record.payload && (self.tainted || record.forgotten.is_some()) {
            result.unprovable += 1;
            return;
        }
        result.compared += 1;
        result.bytes += bytes.len() as u64;
        if bytes != record.payload {
            result.different += 1;
            if result.differences.len() < DIFFERENCES_MAX {
                result.differences.push(difference(step, &record.payload, bytes));
            }
        }
    }
}

fn difference(step: u64, recorded: &[u8], replayed: &[u8]) -> Difference {
    let part = recorded.iter().zip(replayed).position(|(a, b)| a != b).unwrap_or(recorded.len().min(replayed.len()));
    let excerpt = |bytes: &[u8]| {
        let from = part.saturating_sub(40).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..(part + 80).min(bytes.len())]).into_owned()
    };
    Difference { step, recorded: excerpt(recorded), replayed: excerpt(replayed) }
}
