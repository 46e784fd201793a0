//! After a step: what receivers of webhooks have to be told.

use super::Engine;
use crate::notify::Facts;
use plimsoll_model::{ExitCause, Withheld};

impl Engine {
    /// Looks at the facts; nothing is waited for.
    pub(super) fn notify(&mut self) {
        self.notifier.adopt(&self.spec.operations.webhooks);
        if self.notifier.is_empty() {
            return;
        }
        let services = self.recorder.state().services.iter();
        let crash_loops = services.filter_map(|(name, service)| {
            let restart = &self.spec.services.get(name)?.restart;
            // By the exits in a row: what is withheld comes and goes with each restart that is tried.
            if service.exits < restart.crash_loop_after.max(2) {
                return None;
            }
            let withheld = service.rationale.iter().flat_map(|rationale| &rationale.withheld);
            let mut cause = withheld.filter_map(|withheld| match withheld {
                Withheld::CrashLoop { cause, .. } => Some(word(cause)),
                _ => None,
            });
            Some((
                name.clone(),
                (service.exits, cause.next_back().unwrap_or_else(|| "see plimsoll explain".to_owned())),
            ))
        });
        let facts = Facts {
            totals: Some(self.traffic.totals()),
            crash_loops: crash_loops.collect(),
            frozen: self.recorder.fault().map(|fault| format!("since {}: {}", fault.since, fault.why)),
        };
        self.notifier.look(&self.spec.name, self.clock.now(), &facts);
        *self.shared.hooks.borrow_mut() = self.notifier.figures();
    }
}

/// A cause as the journal names it.
fn word(cause: &ExitCause) -> String {
    let told = serde_json::to_value(cause).unwrap_or_default();
    let cause = told["cause"].as_str().unwrap_or("unknown").replace('_', " ");
    let number = told["code"].as_i64().or(told["signal"].as_i64()).map(|number| format!(" {number}"));
    cause + &number.unwrap_or_default()
}
