//! Retention at run time, kind by kind: what each may keep is the spec's, who drops it is its owner, and here it is noted in the
//! journal, with the bound that took it.

use super::Engine;
use crate::clock::wall_ms;
use crate::record::{Dropped, Note};
use plimsoll_collect::history::Retired;
use plimsoll_journal::Kind;
use std::time::{Duration, Instant, SystemTime};

/// What goes all the time is noted together so often.
const NOTED_EVERY: Duration = Duration::from_secs(3_600);

/// What was noted already.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    samples: Retired,
    at: Option<Instant>,
}

impl Engine {
    /// After each full step. Writes nothing while the journal cannot be written.
    pub(super) fn keep(&mut self) {
        if self.recorder.fault().is_some() {
            return;
        }
        let retention = self.spec.operations.retention.clone();
        let audit = retention.audit.map(|age| Duration::from_millis(age.get()));
        let mut dropped = self.recorder.retain(SystemTime::now(), &self.spec.history, audit);
        let now = self.clock.now();
        let proposals = self.desk.drop_older(now, retention.proposals);
        if proposals > 0 {
            dropped.push(Dropped::Proposals { proposals, age_max_ms: retention.proposals.get() });
            self.show_proposals();
        }
        let workloads = self.shared.ended_logs.take();
        if workloads > 0 {
            dropped.push(Dropped::EndedLogs { workloads, age_max_ms: retention.ended_logs.get() });
        }
        dropped.extend(self.samples());
        for what in dropped {
            let note = Note::Dropped { wall_ms: wall_ms(), what };
            self.recorder.note(Kind::NOTE, now, &serde_json::to_value(note).unwrap_or_default());
        }
    }

    /// What the history dropped since it was last noted.
    fn samples(&mut self) -> Option<Dropped> {
        let retired = self.shared.history.as_ref()?.retired();
        let before = self.noted.samples;
        let is_due = self.noted.at.is_none_or(|at| at.elapsed() >= NOTED_EVERY);
        if retired == before || !is_due {
            return None;
        }
        (self.noted.samples, self.noted.at) = (retired, Some(Instant::now()));
        let history = &self.spec.history;
        Some(Dropped::Samples {
            too_old_bytes: retired.too_old.saturating_sub(before.too_old),
            too_much_bytes: retired.too_much.saturating_sub(before.too_much),
            raw_max_ms: history.raw.get(),
            summary_max_ms: history.summary.get(),
            size_max_bytes: history.size_max.get(),
        })
    }
}
