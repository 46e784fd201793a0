//! The least that anybody can pay who is under need for no more than an allowed share of time, or of requests.
//!
//! The hard optimum is never under need, so a policy that is, a little, may cost less than it. Here both are held to the same
//! share. What is printed as the optimum is a lower bound on every supply with at most so much (weak duality, see
//! [`crate::optimum::soft`]); [`Soft::gap_pct`] says how far above it a supply lies that can be had.

use super::course::Course;
use crate::optimum::Bounds;
use crate::optimum::soft::{Late, LowerBound, lower_bound};
use serde::{Deserialize, Serialize};

/// Of what a share may be under need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allowed {
    /// Of the time.
    #[default]
    Time,
    /// Of the requests.
    Requests,
}

/// The optimum under a soft objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Soft {
    /// The share that may be under need, in percent.
    pub allowed_pct: f64,
    /// Replica hours: nobody pays less.
    pub replica_hours: f64,
    /// So much more, in percent, costs a supply that keeps the share: the true optimum lies between. None where no such
    /// supply was met.
    pub gap_pct: Option<f64>,
}

const HOUR_MS: f64 = 3_600_000.0;

/// Ticks in a row with the same need and the same load.
struct Stretch {
    ticks: f64,
    need: u32,
    /// In replicas at 100 %; none in a gap, where nothing counts.
    load: Option<f64>,
}

struct Stretches {
    all: Vec<Stretch>,
    usable: f64,
    of: Allowed,
}

impl Late for Stretches {
    fn slots(&self) -> usize {
        self.all.len()
    }

    fn length(&self, slot: usize) -> f64 {
        self.all[slot].ticks
    }

    #[inline]
    fn late(&self, slot: usize, replicas: u32) -> f64 {
        let Stretch { ticks, need, load } = &self.all[slot];
        match (load, self.of) {
            (None, _) => 0.0,
            (Some(_), Allowed::Time) => {
                if replicas < *need {
                    *ticks
                } else {
                    0.0
                }
            }
            (Some(load), Allowed::Requests) => ticks * (load - f64::from(replicas) * self.usable).max(0.0),
        }
    }
}

impl Course {
    /// The least that anybody can pay who is under need for at most `allowed_pct` percent.
    #[must_use]
    pub fn soft(&self, of: Allowed, allowed_pct: f64) -> Soft {
        let stretches = self.stretches(of);
        let total = |weight: fn(&Stretch, f64) -> f64| -> f64 {
            stretches.all.iter().filter_map(|it| Some(weight(it, it.load?))).sum()
        };
        let all = match of {
            Allowed::Time => total(|it, _| it.ticks),
            Allowed::Requests => total(|it, load| it.ticks * load),
        };
        let most = self.need().iter().copied().max().unwrap_or(0);
        // More than the highest need is good for nothing.
        let bounds = Bounds { replicas_max: most.max(self.bounds().replicas_min), ..self.bounds() };
        let LowerBound { cost_ms, met_ms, .. } = lower_bound(&stretches, all * allowed_pct / 100.0, &bounds);
        let gap_pct = met_ms.filter(|_| cost_ms > 0.0).map(|met| 100.0 * (met / cost_ms - 1.0).max(0.0));
        Soft { allowed_pct, replica_hours: cost_ms / HOUR_MS, gap_pct }
    }

    fn stretches(&self, of: Allowed) -> Stretches {
        let capacity = self.protocol().capacity.0.max(1) as f64;
        let mut all: Vec<Stretch> = Vec::new();
        for (need, load) in self.need().iter().zip(self.load()) {
            let load = load.map(|rate| rate.0 as f64 / capacity);
            match all.last_mut() {
                Some(last) if last.need == *need && is_same(of, last.load, load) => last.ticks += 1.0,
                _ => all.push(Stretch { ticks: 1.0, need: *need, load }),
            }
        }
        Stretches { all, usable: self.protocol().usable.0 as f64 / 1_000.0, of }
    }
}

/// Whether two loads of the same need are alike as far as lateness goes.
fn is_same(of: Allowed, one: Option<f64>, other: Option<f64>) -> bool {
    match of {
        Allowed::Time => one.is_some() == other.is_some(),
        Allowed::Requests => one == other,
    }
}
