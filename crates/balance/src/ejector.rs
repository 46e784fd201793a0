//! Outlier ejection: takes an endpoint out for a while when it does much worse than its pool.
//!
//! Three rules: failures in a row, success rate against the others' mean, latency against the pool's median. The first
//! ejection lasts `duration`, each repetition twice as long up to `duration_max`; an endpoint that stayed in for
//! `duration_max` starts anew. Never more than `share_max` of the pool is out, the worst first; what that cap holds back
//! is reported too. An endpoint that comes back has a clean record and starts slowly.
//!
//! One owner calls [`Ejector::evaluate`] every 100 ms or so; it may allocate, as no request waits for it. Must not be
//! called on the pick path.
//!
//! # Source
//! The rules follow Envoy's outlier detection; the latency rule is what its users have asked for since 2016.

use crate::endpoint::{Endpoint, Totals};
use plimsoll_model::quantity::{Micros, Millis, Permille};
use plimsoll_model::spec::EjectionSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Requests before a success rate or a mean latency is judged: at 20, one failure is 5 %.
const REQUESTS_MIN: u64 = 20;

/// A judgement waits at least this long, so that it covers more than one burst. µs.
const WINDOW_US: u64 = 2_000_000;

/// A window without [`REQUESTS_MIN`] requests starts anew after this: older requests say little. µs.
const WINDOW_MAX_US: u64 = 60_000_000;

/// The others' mean success rate must be above the minimum by this much, or the whole pool is bad.
const MEAN_MARGIN: u64 = 100;

/// Which rule an endpoint broke, with the numbers compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "rule")]
pub enum Rule {
    /// Too many failures in a row.
    ConsecutiveErrors {
        /// Failures in a row.
        failures: u32,
        /// As many eject.
        limit: u32,
    },
    /// Too few successes while the others do well.
    SuccessRate {
        /// Its success rate over the window.
        measured: Permille,
        /// The least allowed.
        minimum: Permille,
        /// Mean success rate of the others.
        others_mean: Permille,
        /// Requests in the window.
        requests: u64,
    },
    /// Too slow against the pool.
    Latency {
        /// Its mean latency over the window.
        measured: Micros,
        /// Median of the pool's mean latencies.
        pool_median: Micros,
        /// Measured / median.
        ratio: Permille,
        /// The most allowed.
        ratio_max: Permille,
        /// Successful requests in the window.
        requests: u64,
    },
}

/// An endpoint was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ejection {
    /// Its id.
    pub endpoint: u64,
    /// Why.
    #[serde(flatten)]
    pub rule: Rule,
    /// For how long.
    pub duration: Millis,
    /// 1 for the first ejection in a row.
    pub repetition: u32,
    /// When it comes back, µs on the caller's clock.
    pub until_us: u64,
}

/// An endpoint broke a rule and stays in, because the share of ejected endpoints is at its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EjectionWithheld {
    /// Its id.
    pub endpoint: u64,
    /// The rule it broke.
    #[serde(flatten)]
    pub rule: Rule,
    /// Endpoints out now.
    pub ejected: usize,
    /// Most that may be.
    pub ejected_max: usize,
}

/// What one evaluation changed, and what it would have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[must_use]
pub struct Verdicts {
    /// Taken out now, worst first.
    pub ejected: Vec<Ejection>,
    /// Kept in by the cap, worst first.
    pub withheld: Vec<EjectionWithheld>,
    /// Ids of endpoints that came back.
    pub returned: Vec<u64>,
}

/// What is remembered of one endpoint.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    repetitions: u32,
    is_out: bool,
    back_since: u64,
    window_start: u64,
    at_start: Totals,
    judged: Option<Judged>,
}

/// Figures of one endpoint's last full window.
#[derive(Debug, Clone, Copy)]
struct Judged {
    success_rate: u64,
    requests: u64,
    latency: Option<u64>,
    successes: u64,
}

/// Judges the endpoints of one pool.
#[derive(Debug)]
pub struct Ejector {
    spec: EjectionSpec,
    records: BTreeMap<u64, Record>,
}

impl Ejector {
    /// An ejector with nothing on record.
    #[must_use]
    pub const fn new(spec: EjectionSpec) -> Self {
        Self { spec, records: BTreeMap::new() }
    }

    /// Uses another spec from now on; records stay.
    pub fn set_spec(&mut self, spec: EjectionSpec) {
        self.spec = spec;
    }

    /// Lets back who has served its time, judges the others at `now` (µs) and takes out who broke a rule.
    pub fn evaluate(&mut self, now: u64, endpoints: &[Arc<Endpoint>]) -> Verdicts {
        self.records.retain(|id, _| endpoints.iter().any(|endpoint| endpoint.id() == *id));
        let mut verdicts = Verdicts::default();
        for endpoint in endpoints {
            let fresh = Record { window_start: now, at_start: endpoint.totals(), ..Record::default() };
            let record = self.records.entry(endpoint.id()).or_insert(fresh);
            record.advance(now, endpoint, &self.spec, &mut verdicts.returned);
        }
        let mut broken = self.broken(endpoints);
        broken.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.severity()));
        let ejected_max = (endpoints.len() as u64).saturating_mul(self.spec.share_max.0.min(1_000)) as usize / 1_000;
        let mut ejected = self.records.values().filter(|record| record.is_out).count();
        for (endpoint, rule) in broken {
            if ejected >= ejected_max {
                verdicts.withheld.push(EjectionWithheld { endpoint: endpoint.id(), rule, ejected, ejected_max });
                continue;
            }
            ejected += 1;
            verdicts.ejected.push(self.eject(now, endpoint, rule));
        }
        verdicts
    }

    fn broken<'a>(&self, endpoints: &'a [Arc<Endpoint>]) -> Vec<(&'a Endpoint, Rule)> {
        let inside: Vec<(&Endpoint, Option<Judged>)> = endpoints
            .iter()
            .filter_map(|endpoint| Some((endpoint.as_ref(), self.records.get(&endpoint.id())?)))
            .filter(|(_, record)| !record.is_out)
            .map(|(endpoint, record)| (endpoint, record.judged))
            .collect();
        let rates: Vec<u64> = inside.iter().filter_map(|(_, judged)| Some((*judged)?.success_rate)).collect();
        let mut latencies: Vec<u64> = inside.iter().filter_map(|(_, judged)| (*judged)?.latency).collect();
        latencies.sort_unstable();
        inside
            .iter()
            .filter_map(|(endpoint, judged)| {
                let rule = self
                    .consecutive(endpoint.consecutive_failures())
                    .or_else(|| self.success_rate((*judged)?, &rates))
                    .or_else(|| self.latency((*judged)?, &latencies))?;
                Some((*endpoint, rule))
            })
            .collect()
    }

    fn consecutive(&self, failures: u32) -> Option<Rule> {
        let limit = self.spec.consecutive_errors;
        (limit > 0 && failures >= limit).then_some(Rule::ConsecutiveErrors { failures, limit })
    }

    fn success_rate(&self, judged: Judged, rates: &[u64]) -> Option<Rule> {
        let minimum = self.spec.success_rate_min;
        // The others' mean, not everyone's: in a pool of three a dead endpoint alone would pull the mean to two thirds.
        let others = rates.len().checked_sub(1).filter(|others| *others > 0)? as u64;
        let others_mean = (rates.iter().sum::<u64>() - judged.success_rate) / others;
        let is_low = minimum.0 > 0 && judged.success_rate < minimum.0;
        (is_low && others_mean >= minimum.0.saturating_add(MEAN_MARGIN).min(1_000)).then_some(Rule::SuccessRate {
            measured: Permille(judged.success_rate),
            minimum,
            others_mean: Permille(others_mean),
            requests: judged.requests,
        })
    }

    fn latency(&self, judged: Judged, sorted: &[u64]) -> Option<Rule> {
        let ratio_max = self.spec.latency_ratio_max;
        let measured = judged.latency?;
        if ratio_max.0 == 0 || sorted.len() < 2 {
            return None;
        }
        // The lower median, so that of two endpoints the slow one is compared with the fast one.
        let median = sorted[(sorted.len() - 1) / 2].max(1);
        let ratio = (u128::from(measured) * 1_000 / u128::from(median)).min(u128::from(u64::MAX)) as u64;
        (ratio > ratio_max.0).then_some(Rule::Latency {
            measured: Micros(measured),
            pool_median: Micros(median),
            ratio: Permille(ratio),
            ratio_max,
            requests: judged.successes,
        })
    }

    fn eject(&mut self, now: u64, endpoint: &Endpoint, rule: Rule) -> Ejection {
        let record = self.records.entry(endpoint.id()).or_default();
        let factor = 1_u64.checked_shl(record.repetitions).unwrap_or(u64::MAX);
        let duration = self.spec.duration.saturating_mul(factor).min(self.spec.duration_max);
        let until_us = now.saturating_add(duration.0.saturating_mul(1_000));
        record.repetitions = record.repetitions.saturating_add(1);
        record.is_out = true;
        record.judged = None;
        let repetition = record.repetitions;
        endpoint.eject(until_us);
        Ejection { endpoint: endpoint.id(), rule, duration, repetition, until_us }
    }
}

impl Record {
    /// Brings the record up to now: back from an ejection, a repetition forgotten, a window closed.
    fn advance(&mut self, now: u64, endpoint: &Endpoint, spec: &EjectionSpec, returned: &mut Vec<u64>) {
        if self.is_out {
            if endpoint.is_ejected(now) {
                return;
            }
            self.is_out = false;
            self.back_since = now;
            endpoint.forget();
            returned.push(endpoint.id());
            self.start_window(now, endpoint.totals());
        }
        if now.saturating_sub(self.back_since) >= spec.duration_max.0.saturating_mul(1_000) {
            self.repetitions = 0;
        }
        let totals = endpoint.totals();
        let successes = totals.successes.saturating_sub(self.at_start.successes);
        let requests = successes.saturating_add(totals.failures.saturating_sub(self.at_start.failures));
        let age = now.saturating_sub(self.window_start);
        if requests >= REQUESTS_MIN && age >= WINDOW_US {
            let latency_sum = totals.latency_sum.saturating_sub(self.at_start.latency_sum);
            self.judged = Some(Judged {
                success_rate: successes.saturating_mul(1_000) / requests,
                requests,
                latency: (successes >= REQUESTS_MIN).then(|| latency_sum / successes),
                successes,
            });
            self.start_window(now, totals);
        } else if age >= WINDOW_MAX_US {
            self.judged = None;
            self.start_window(now, totals);
        }
    }

    fn start_window(&mut self, now: u64, totals: Totals) {
        self.window_start = now;
        self.at_start = totals;
    }
}

impl Rule {
    /// Order of ejection when not all may go: refused or failing before slow, then by how far beyond the bound.
    const fn severity(&self) -> (u8, u64) {
        match self {
            Self::ConsecutiveErrors { failures, .. } => (2, *failures as u64),
            Self::SuccessRate { measured, .. } => (1, 1_000_u64.saturating_sub(measured.0)),
            Self::Latency { ratio, .. } => (0, ratio.0),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveErrors { failures, limit } => write!(f, "{failures} failures in a row (limit {limit})"),
            Self::SuccessRate { measured, minimum, others_mean, requests } => write!(
                f,
                "success rate {measured} of {requests} requests under {minimum}, the others' mean is {others_mean}"
            ),
            Self::Latency { measured, pool_median, ratio, ratio_max, requests } => write!(
                f,
                "mean latency {measured} of {requests} requests is {ratio} of the pool's median {pool_median} (limit {ratio_max})"
            ),
        }
    }
}

impl fmt::Display for Ejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {} out for {}: {}", self.endpoint, self.duration, self.rule)
    }
}
