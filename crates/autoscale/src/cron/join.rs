//! A cron window among the other policies.

use super::{CronState, propose};
use crate::inputs::Inputs;
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::CronSpec;
use plimsoll_model::{Term, Withheld};

impl CronState {
    /// Its vote from what it remembers; changes nothing. A window that cannot be read (no checked spec has one) holds the
    /// present number.
    pub(crate) fn vote(&self, spec: &CronSpec, inputs: &Inputs<'_>, _withheld: &mut Vec<Withheld>) -> Term {
        match propose(self, spec, inputs.at) {
            Ok(vote) => Term { replicas: vote.replicas, basis: Basis::Cron(Box::new(vote.basis)) },
            Err(_) => {
                let metric = "cron".to_owned();
                Term { replicas: inputs.base(), basis: Basis::NoData { metric, age_ms: None } }
            }
        }
    }

    /// Remembers its own vote.
    pub(crate) fn note(&mut self, spec: &CronSpec, inputs: &Inputs<'_>, vote: &Term) {
        if let Basis::Cron(reason) = &vote.basis {
            self.remember(spec, inputs.at, reason);
        }
    }
}
