//! What holds a decision back whatever the policies say: a pause, a budget of changes, a budget of changes of direction;
//! and what is declared for figures that stay away.
//!
//! A budget that is used up stops removing and never stops adding: a replica too many costs a little money for a while,
//! one too few costs requests. A pause holds the direction it names. Bounds of the spec come after all of this.

use crate::inputs::Inputs;
use plimsoll_model::Term;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::{Basis, Bound};
use plimsoll_model::scaling::{Fallback, FlapBudget, GuardSpec};
use serde::{Deserialize, Serialize};

/// One hour.
const HOUR: Millis = Millis(3_600_000);
/// Most changes remembered; a budget beyond it is no budget.
const CHANGES_MAX: usize = 4_096;

/// What the guards remember.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuardState {
    /// When the target changed within the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Timestamp>,
    /// When it changed its direction within the period of the budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    turns: Vec<Timestamp>,
    /// The last change added.
    #[serde(default)]
    added: Option<bool>,
    /// When each policy last had its figure, where somebody declared what happens without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fed: Vec<Timestamp>,
}

impl GuardState {
    /// What a policy without its figure votes for: the present number at first, then what was declared.
    pub(crate) fn stand_in(&self, index: usize, term: Term, inputs: &Inputs<'_>) -> Term {
        let (Some(fallback), Basis::NoData { metric, .. }) = (inputs.scaling.guard.fallback, &term.basis) else {
            return term;
        };
        let missing = self.fed.get(index).map_or(Millis(0), |fed| inputs.at.since(*fed));
        if missing < fallback.after || self.fed.len() <= index {
            return term;
        }
        let replicas = match fallback.behaviour {
            Fallback::Hold => return term,
            Fallback::Replicas { replicas } => replicas,
            Fallback::CurrentIfHigher { replicas } => replicas.max(inputs.base()),
            Fallback::CurrentIfLower { replicas } => replicas.min(inputs.base()),
        };
        let metric = metric.clone();
        Term { replicas, basis: Basis::Fallback { metric, missing, behaviour: fallback.behaviour } }
    }

    /// What the guards leave of a target. Rises with it.
    pub(crate) fn hold(&self, inputs: &Inputs<'_>, wanted: u32, mut tell: impl FnMut(Bound)) -> u32 {
        let (guard, current) = (&inputs.scaling.guard, inputs.current);
        let both = guard.pause_in && guard.pause_out;
        if (wanted < current && guard.pause_in) || (wanted > current && guard.pause_out) {
            tell(Bound::Paused { wanted, both });
            return current;
        }
        if wanted >= current {
            return wanted;
        }
        if let Some(FlapBudget { changes_max, period }) = guard.flaps {
            let turns = within(&self.turns, inputs.at, period);
            let turn = u32::from(self.added == Some(true));
            if turn > 0 && turns + turn > changes_max {
                tell(Bound::FlapBudget { changes: turns, changes_max, period, wanted });
                return current;
            }
        }
        if let Some(changes_max) = guard.changes_per_hour
            && within(&self.changes, inputs.at, HOUR) >= changes_max
        {
            tell(Bound::ChangeBudget { changes_max, wanted });
            return current;
        }
        wanted
    }

    /// Remembers what became of it, as far as some guard of the spec looks at it.
    pub(crate) fn record(&mut self, inputs: &Inputs<'_>, terms: &[Term], target: u32) {
        let GuardSpec { flaps, changes_per_hour, fallback, .. } = &inputs.scaling.guard;
        let at = inputs.at;
        if fallback.is_some() {
            let policies = inputs.scaling.policies.len();
            self.fed.resize(policies, at);
            for (fed, term) in self.fed.iter_mut().zip(terms) {
                if !matches!(term.basis, Basis::NoData { .. } | Basis::Fallback { .. }) {
                    *fed = at;
                }
            }
        } else {
            self.fed.clear();
        }
        self.changes.retain(|then| at.since(*then) < HOUR);
        let period = flaps.map_or(Millis(0), |flaps| flaps.period);
        self.turns.retain(|then| at.since(*then) < period);
        if target == inputs.current || (flaps.is_none() && changes_per_hour.is_none()) {
            return;
        }
        let added = target > inputs.current;
        if changes_per_hour.is_some() && self.changes.len() < CHANGES_MAX {
            self.changes.push(at);
        }
        if flaps.is_some() && self.added.is_some_and(|before| before != added) && self.turns.len() < CHANGES_MAX {
            self.turns.push(at);
        }
        self.added = Some(added);
    }
}

fn within(moments: &[Timestamp], at: Timestamp, span: Millis) -> u32 {
    let recent = moments.iter().filter(|then| at.since(**then) < span);
    u32::try_from(recent.count()).unwrap_or(u32::MAX)
}
