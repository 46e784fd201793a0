//! The weight of an endpoint by the load that it reports itself.
//!
//! weight = qps / (utilization + eps / qps × penalty): requests that it could do at full use, less for those that fail.
//! A weight counts once reports have come for the blackout period, and no longer than the expiry after the last one.
//!
//! Shared by all workers as atomics: of two reports at the same moment either may be the last.
//!
//! # Source
//! gRFC A58, "weighted_round_robin LB policy", section "Subchannel Weights"; the application's utilization before the CPU's as
//! in the xDS policy `client_side_weighted_round_robin`.

use plimsoll_model::load::LoadSpec;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// No report yet.
const NEVER: u64 = u64::MAX;

/// What an endpoint says of itself; fractions of its capacity and rates per second, none of them negative.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LoadReport {
    /// What the application says that it uses, may be above 1; zero where it says nothing.
    pub application_utilization: f64,
    /// CPU that it uses, may be above 1.
    pub cpu_utilization: f64,
    /// Requests per second, all clients together.
    pub rps: f64,
    /// Errors per second, all clients together.
    pub eps: f64,
}

impl LoadReport {
    /// The weight it stands for; zero when it says too little.
    #[must_use]
    pub fn weight(&self, error_penalty: f64) -> f32 {
        let used = if self.application_utilization > 0.0 { self.application_utilization } else { self.cpu_utilization };
        if !(used > 0.0 && self.rps > 0.0) {
            return 0.0;
        }
        let weight = (self.rps / (used + self.eps / self.rps * error_penalty)) as f32;
        if weight.is_finite() { weight } else { 0.0 }
    }
}

/// An endpoint's weight by its reports.
#[derive(Debug)]
pub(crate) struct LoadWeight {
    weight: AtomicU32,
    non_empty_since: AtomicU64,
    last_updated: AtomicU64,
}

impl LoadWeight {
    pub(crate) const fn new() -> Self {
        Self { weight: AtomicU32::new(0), non_empty_since: AtomicU64::new(NEVER), last_updated: AtomicU64::new(0) }
    }

    pub(crate) fn report(&self, now: u64, weight: f32) {
        if weight <= 0.0 {
            return;
        }
        let _ = self.non_empty_since.compare_exchange(NEVER, now, Ordering::Relaxed, Ordering::Relaxed);
        self.last_updated.store(now, Ordering::Relaxed);
        self.weight.store(weight.to_bits(), Ordering::Relaxed);
    }

    /// The next report begins the blackout period anew.
    pub(crate) fn forget(&self) {
        self.non_empty_since.store(NEVER, Ordering::Relaxed);
    }

    /// The weight that counts at `now`; zero when none does.
    pub(crate) fn at(&self, now: u64, spec: &LoadSpec) -> f32 {
        let since = self.non_empty_since.load(Ordering::Relaxed);
        if since == NEVER {
            return 0.0;
        }
        let age = now.saturating_sub(self.last_updated.load(Ordering::Relaxed));
        if age >= spec.expiry.get().saturating_mul(1_000) {
            self.forget();
            return 0.0;
        }
        if now.saturating_sub(since) < spec.blackout.get().saturating_mul(1_000) {
            return 0.0;
        }
        f32::from_bits(self.weight.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn report(rps: f64, cpu_utilization: f64, eps: f64) -> LoadReport {
        LoadReport { rps, cpu_utilization, eps, ..LoadReport::default() }
    }

    #[test]
    fn the_weight_is_the_formula_of_the_grfc() {
        for (load, penalty, weight) in [
            (report(100.0, 0.5, 0.0), 1.0, 200.0),
            (report(100.0, 0.5, 50.0), 1.0, 100.0),
            (report(100.0, 0.5, 50.0), 0.0, 200.0),
            (report(100.0, 0.5, 50.0), 3.0, 50.0),
            (report(100.0, 2.0, 0.0), 1.0, 50.0),
            (report(0.0, 0.5, 5.0), 1.0, 0.0),
            (report(100.0, 0.0, 50.0), 1.0, 0.0),
            (LoadReport { application_utilization: 0.25, ..report(100.0, 0.5, 0.0) }, 1.0, 400.0),
        ] {
            assert!((load.weight(penalty) - weight).abs() < 1e-3, "{load:?} at {penalty}: {}", load.weight(penalty));
        }
    }

    #[test]
    fn a_weight_counts_after_the_blackout_and_until_it_expires_and_then_anew() {
        let (load, spec) = (LoadWeight::new(), LoadSpec::default());
        assert_eq!(load.at(0, &spec), 0.0, "no report yet");
        load.report(SECOND, 200.0);
        assert_eq!(load.at(11 * SECOND - 1, &spec), 0.0, "ten seconds of blackout");
        assert_eq!(load.at(11 * SECOND, &spec), 200.0);
        load.report(60 * SECOND, 0.0);
        assert_eq!(load.at(100 * SECOND, &spec), 200.0, "an empty report changes nothing");
        assert_eq!(load.at(181 * SECOND - 1, &spec), 200.0);
        assert_eq!(load.at(181 * SECOND, &spec), 0.0, "three minutes after the last report that was not empty");
        load.report(182 * SECOND, 300.0);
        assert_eq!(load.at(183 * SECOND, &spec), 0.0, "the blackout applies again");
        assert_eq!(load.at(192 * SECOND, &spec), 300.0);
        let none = LoadSpec { blackout: plimsoll_model::Millis(0), ..spec };
        load.forget();
        load.report(200 * SECOND, 7.0);
        assert_eq!(load.at(200 * SECOND, &none), 7.0, "no blackout");
    }

    proptest! {
        #[test]
        fn a_weight_is_finite_and_falls_with_use_and_errors(
            rps in 0.0_f64..1e12, used in 0.0_f64..1e6, eps in 0.0_f64..1e12, more in 0.0_f64..10.0, penalty in 0.0_f64..100.0,
        ) {
            let weight = report(rps, used, eps).weight(penalty);
            prop_assert!(weight.is_finite() && weight >= 0.0);
            if used > 0.0 {
                prop_assert!(report(rps, used + more, eps).weight(penalty) <= weight);
                prop_assert!(report(rps, used, eps + more).weight(penalty) <= weight);
            }
        }
    }
}
