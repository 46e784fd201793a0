//! The controller behind its journal: what it decides is on disk before anybody sees it.

use crate::audit::Entry;
use crate::record::{Applied, StepInputs};
use plimsoll_controller::{Input, State, step};
use plimsoll_journal::{Journal, Kind};
use plimsoll_model::{Decision, Timestamp};
use std::collections::VecDeque;
use std::error::Error;

/// Steps between two snapshots of the controller's state: bounds the time that a recovery needs.
const SNAPSHOT_EVERY: u64 = 500;

/// Why nothing is decided at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalFault {
    /// What the journal said.
    pub why: String,
    /// Trace time since when.
    pub since: Timestamp,
}

/// A step that was taken and is not on disk yet.
#[derive(Debug)]
struct Pending {
    /// Records that the journal has not taken into its buffer yet, in order.
    records: VecDeque<(Kind, Vec<u8>)>,
    decision: Decision,
}

/// The controller's state and its journal.
#[derive(Debug)]
pub struct Recorder {
    state: State,
    journal: Journal,
    steps: u64,
    since_snapshot: u64,
    pending: Option<Pending>,
    fault: Option<JournalFault>,
    /// Inputs that came while frozen and must not be lost (policy, jobs, shutdown); observations are superseded.
    kept: Vec<Input>,
}

impl Recorder {
    /// Goes on from a recovered state after `steps` steps; `unrecorded` is the decision that a crash kept from the journal.
    #[must_use]
    pub fn new(state: State, mut journal: Journal, steps: u64, unrecorded: Option<Decision>) -> Self {
        if let Some(decision) = unrecorded {
            let bytes = serde_json::to_vec(&decision).unwrap_or_default();
            // Written with the next commit; if that fails, the step waits with it.
            let _ = journal.append(Kind::DECISION, decision.at, &bytes);
        }
        Self { state, journal, steps, since_snapshot: 0, pending: None, fault: None, kept: Vec::new() }
    }

    /// Steps decided so far.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Why nothing is decided at present, if so.
    #[must_use]
    pub const fn fault(&self) -> Option<&JournalFault> {
        self.fault.as_ref()
    }

    /// What the controller remembers.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Takes a step and records it. None while the journal cannot be written; then the inputs that carry an order are kept
    /// for the next try, and the decision that waits is returned by the call that manages to record it.
    pub fn step(&mut self, at: Timestamp, inputs: Vec<Input>) -> Option<Decision> {
        if let Some(pending) = self.pending.take() {
            self.kept.extend(inputs.into_iter().filter(|input| !matches!(input, Input::Observed(_))));
            return self.commit(at, pending);
        }
        let mut all = std::mem::take(&mut self.kept);
        all.extend(inputs);
        let decision = step(&mut self.state, at, &all);
        self.steps += 1;
        let record = StepInputs { step: decision.step, at, inputs: all };
        // Encoding plain data to memory cannot fail; if it ever did, an empty record would be seen by the replay.
        let inputs = serde_json::to_vec(&record).unwrap_or_default();
        let outcome = serde_json::to_vec(&decision).unwrap_or_default();
        let records = [(Kind::INPUT, inputs), (Kind::DECISION, outcome)].into();
        self.commit(at, Pending { records, decision })
    }

    fn commit(&mut self, at: Timestamp, mut pending: Pending) -> Option<Decision> {
        match self.write(&mut pending) {
            Ok(()) => {
                self.fault = None;
                self.since_snapshot += 1;
                if self.since_snapshot >= SNAPSHOT_EVERY {
                    self.snapshot(at);
                }
                Some(pending.decision)
            }
            Err(why) => {
                let since = self.fault.as_ref().map_or(at, |fault| fault.since);
                self.fault = Some(JournalFault { why, since });
                self.pending = Some(pending);
                None
            }
        }
    }

    /// Buffers what is not buffered yet and waits for the disk. After an error the same call goes on where it stopped.
    fn write(&mut self, pending: &mut Pending) -> Result<(), String> {
        while let Some((kind, payload)) = pending.records.front() {
            self.journal.append(*kind, pending.decision.at, payload).map_err(|error| chain(&error))?;
            pending.records.pop_front();
        }
        self.journal.commit().map(drop).map_err(|error| chain(&error))
    }

    /// Notes that the actions of `decision` were handed to the driver. Written with the next step's commit: a crash before
    /// that hands them over once more, which the driver takes as done.
    pub fn applied(&mut self, decision: &Decision) {
        let note = serde_json::to_vec(&Applied { step: decision.step }).unwrap_or_default();
        let _ = self.journal.append(Kind::OUTCOME, decision.at, &note);
    }

    /// Writes a record that the controller does not need, for whoever reads the journal. Where that fails now, it is written
    /// with the next step's commit.
    pub fn note(&mut self, kind: Kind, at: Timestamp, value: &serde_json::Value) {
        if self.journal.append(kind, at, value.to_string().as_bytes()).is_ok() {
            let _ = self.journal.commit();
        }
    }

    /// Puts a record into the audit, buffered with what the next step writes; with `now` it is on disk when this returns,
    /// unless the disk does not take it. False when there is no room for it.
    pub fn audit(&mut self, at: Timestamp, entry: &Entry, now: bool) -> bool {
        let payload = serde_json::to_vec(entry).unwrap_or_default();
        let is_taken = self.journal.append(Kind::AUDIT, at, &payload).is_ok();
        if now && self.pending.is_none() {
            // What the disk does not take stays in the buffer, and the next step, which needs it too, finds the fault.
            let _ = self.journal.commit();
        }
        is_taken
    }

    fn snapshot(&mut self, at: Timestamp) {
        let Ok(state) = serde_json::to_vec(&self.state) else { return };
        // A snapshot that fails costs only time at the next recovery; the records before it are still there.
        if self.journal.append(Kind::SNAPSHOT, at, &state).is_ok() && self.journal.commit().is_ok() {
            self.since_snapshot = 0;
            // Retention that fails is tried again after the next snapshot; until then more is kept than was asked for.
            let _ = self.journal.retain(std::time::SystemTime::now());
        }
    }

    /// Records what is still in memory.
    pub fn close(&mut self) {
        let _ = self.journal.commit();
    }
}

/// An error with its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
