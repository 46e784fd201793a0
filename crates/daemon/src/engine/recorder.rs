//! The controller behind its journal: what it decides is on disk before anybody sees it.

use crate::audit::{Entry, digest};
use crate::record::{Applied, Dropped, StepInputs};
use plimsoll_controller::{Input, State, step};
use plimsoll_journal::{Change, Journal, Kind, Record, Removed, Seq};
use plimsoll_model::spec::HistorySpec;
use plimsoll_model::{Decision, Timestamp};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::time::{Duration, SystemTime};

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
    /// Retention is to be looked at: after a start and after a snapshot.
    is_retention_due: bool,
    /// Where the next segment to forget old audit records in begins.
    audit_from: Seq,
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
        Self {
            state,
            journal,
            steps,
            since_snapshot: 0,
            pending: None,
            fault: None,
            is_retention_due: true,
            audit_from: Seq::FIRST,
            kept: Vec::new(),
        }
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
            self.is_retention_due = true;
        }
    }

    /// Drops what the journal is no longer to hold, once after a start and after each snapshot: whole segments by the bounds that
    /// it was opened with, and what records of the audit hold that are older than `audit`. One segment is rewritten at a call,
    /// so that a step waits no longer than for that; the next call goes on. What fails is tried again after the next snapshot;
    /// until then more is kept than was asked for.
    pub fn retain(&mut self, now: SystemTime, bounds: &HistorySpec, audit: Option<Duration>) -> Vec<Dropped> {
        if !self.is_retention_due || self.pending.is_some() {
            return Vec::new();
        }
        self.is_retention_due = false;
        let mut dropped = Vec::new();
        if let Ok(Removed { segments, bytes, too_old }) = self.journal.retain(now)
            && segments > 0
        {
            let (age_max_ms, size_max_bytes) = (bounds.journal.get(), bounds.journal_size_max.get());
            dropped.push(Dropped::Journal { segments, bytes, too_old, age_max_ms, size_max_bytes });
        }
        let Some(age) = audit else { return dropped };
        let forget = |record: &Record| -> Result<Change, Infallible> {
            Ok(match record.kind == Kind::AUDIT && record.forgotten.is_none() {
                true => Change::Forget { left: b"null".to_vec(), was: digest(&record.payload) },
                false => Change::Keep,
            })
        };
        if let Ok(Some((done, next))) = self.journal.forget_in_old(self.audit_from, now, age, forget) {
            (self.audit_from, self.is_retention_due) = (next, true);
            if done.changed > 0 {
                let age_max_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                dropped.push(Dropped::Audit { records: done.changed, age_max_ms });
            }
        }
        dropped
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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_journal::{Options, Reader, Start};
    use plimsoll_model::{Bytes, Millis};

    #[test]
    fn old_audit_records_lose_their_content_and_old_segments_go_each_by_its_own_bound() {
        let temp = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(86_400);
        let options = Options { segment_bytes: 600, retention_age: 30 * day, ..Options::default() };
        let (journal, _) = Journal::open(temp.path(), options).unwrap();
        let mut recorder = Recorder::new(State::new(), journal, 0, None);
        for number in 0..20 {
            let at = Timestamp(number * 1_000);
            assert!(recorder.audit(at, &Entry::answered(7, 200, "alice was here"), true));
            assert!(recorder.step(at, Vec::new()).is_some());
        }
        recorder.snapshot(Timestamp(20_000));
        recorder.audit(Timestamp(21_000), &Entry::answered(8, 200, "alice is here"), true);
        let bounds = HistorySpec {
            raw: Millis(1),
            summary: Millis(1),
            size_max: Bytes(1),
            journal: Millis(30 * 86_400_000),
            journal_size_max: Bytes(1 << 30),
        };
        let records = || Reader::open(temp.path(), Start::Oldest).unwrap().map(Result::unwrap).collect::<Vec<_>>();
        let before = records();
        let mut all = |now: SystemTime, audit| {
            let mut dropped = Vec::new();
            while recorder.is_retention_due {
                dropped.extend(recorder.retain(now, &bounds, audit));
            }
            recorder.is_retention_due = true;
            dropped
        };
        let now = SystemTime::now();
        assert_eq!(all(now, Some(day)), [], "nothing is a day old");
        assert_eq!(all(now + 2 * day, None), [], "the audit has no bound of its own");
        let dropped = all(now + 2 * day, Some(day));
        let gone: u64 =
            dropped.iter().map(|it| if let Dropped::Audit { records, .. } = it { *records } else { 0 }).sum();
        assert!(dropped.len() > 1 && gone == 20, "{dropped:?}");
        let after = records();
        assert_eq!(after.len(), before.len());
        for (old, new) in before.iter().zip(&after) {
            if new.forgotten.is_some() {
                assert_eq!((new.kind, new.payload.as_slice()), (Kind::AUDIT, b"null".as_slice()));
                assert_eq!(new.forgotten, Some(digest(&old.payload)));
            } else {
                assert_eq!(old, new);
            }
        }
        assert!(after.last().unwrap().forgotten.is_none(), "what is in use stays");
        assert_eq!(all(now + 2 * day, Some(day)), [], "each once");
        let dropped = all(now + 60 * day, Some(day));
        let [Dropped::Journal { segments, too_old, .. }] = dropped.as_slice() else { panic!("{dropped:?}") };
        assert!(*segments > 3 && segments == too_old);
        assert!(dropped[0].to_string().contains("older than 30d"), "{}", dropped[0]);
    }
}
