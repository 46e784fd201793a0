//! Journal → the state as it was: newest snapshot, then every input after it through the same controller.

use crate::record::{Applied, StepInputs};
use plimsoll_controller::{Input, State, step};
use plimsoll_journal::{Kind, Recovery};
use plimsoll_model::{Decision, Observation, Timestamp};

/// What a journal led to.
#[derive(Debug)]
pub struct Recovered {
    /// The controller's state after the last recorded step.
    pub state: State,
    /// Steps recorded.
    pub steps: u64,
    /// Trace time of the last record.
    pub last_at: Option<Timestamp>,
    /// Decisions that were recorded and not noted as handed over, oldest first.
    pub unapplied: Vec<Decision>,
    /// The last decision, when its inputs were recorded and it was not.
    pub unrecorded: Option<Decision>,
    /// What is worth telling, one line each.
    pub notes: Vec<String>,
    /// What was measured since the snapshot and decided on it, oldest first.
    pub observed: Vec<(Observation, Decision)>,
}

/// Replays `recovery`.
///
/// A record that cannot be read ends the replay there with a note: what comes after it cannot be trusted to follow from it.
#[must_use]
pub fn recover(recovery: &Recovery) -> Recovered {
    let mut notes = Vec::new();
    if let Some(cut) = &recovery.truncated {
        notes.push(format!(
            "journal: {} bytes of an unfinished commit were cut off {} at {} ({})",
            cut.bytes,
            cut.segment.display(),
            cut.offset,
            cut.reason
        ));
    }
    let mut state = State::new();
    let mut last_at = None;
    if let Some(snapshot) = &recovery.snapshot {
        match serde_json::from_slice(&snapshot.payload) {
            Ok(read) => state = read,
            Err(error) => {
                notes.push(format!("journal: snapshot {} cannot be read ({error}); starting anew", snapshot.seq))
            }
        }
        last_at = Some(snapshot.at);
    }
    let mut applied = 0;
    let mut recorded = 0;
    let mut observed = Vec::new();
    let mut decisions: Vec<Decision> = Vec::new();
    for record in &recovery.records {
        last_at = Some(record.at);
        match record.kind {
            Kind::INPUT => match serde_json::from_slice::<StepInputs>(&record.payload) {
                Ok(inputs) => {
                    let decision = step(&mut state, inputs.at, &inputs.inputs);
                    let seen = inputs.inputs.into_iter().find_map(|input| match input {
                        Input::Observed(seen) => Some(*seen),
                        _ => None,
                    });
                    observed.extend(seen.map(|seen| (seen, decision.clone())));
                    decisions.push(decision);
                }
                Err(error) => {
                    notes.push(format!(
                        "journal: record {} cannot be read ({error}); later records are left alone",
                        record.seq
                    ));
                    break;
                }
            },
            Kind::OUTCOME => {
                if let Ok(note) = serde_json::from_slice::<Applied>(&record.payload) {
                    applied = applied.max(note.step);
                }
            }
            Kind::DECISION => recorded += 1,
            _ => {}
        }
    }
    let steps = decisions.last().map_or_else(|| state.step, |decision| decision.step);
    // Only decisions with actions are noted, so everything up to the last note was handed over.
    let unrecorded = decisions.last().filter(|_| decisions.len() > recorded).cloned();
    let unapplied =
        decisions.into_iter().filter(|decision| decision.step > applied && !decision.actions.is_empty()).collect();
    Recovered { state, steps, last_at, unapplied, unrecorded, notes, observed }
}
