//! Rows that cannot be believed, each with its reason.

use super::Sample;
use std::collections::BTreeMap;

/// Share of failed requests above which latencies are those of the survivors.
const FAILED_MAX: f64 = 0.01;

/// A row that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clipped {
    /// Its number in the recording.
    pub row: usize,
    /// Why.
    pub reason: Reason,
}

/// Why a row was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A figure is missing, not a number, or below zero.
    Missing,
    /// Nobody came, or nobody was there to serve.
    Idle,
    /// More than 1 % failed: the load that was served is less than what was asked for.
    Failing,
    /// The number of replicas changed in or right before it.
    Changing,
    /// The model says that the replicas are overloaded: latency there is what patience makes it.
    Overloaded,
}

impl Reason {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Missing => "a figure is missing or not a number",
            Self::Idle => "no load or no replicas",
            Self::Failing => "more than 1 % failed",
            Self::Changing => "replicas changed",
            Self::Overloaded => "overloaded",
        }
    }
}

/// Believable rows, and the others.
pub(super) fn clip(samples: &[Sample]) -> (Vec<Sample>, Vec<Clipped>) {
    let (mut usable, mut clipped) = (Vec::with_capacity(samples.len()), Vec::new());
    let mut before: Option<u32> = None;
    for sample in samples {
        let changed = before.is_some_and(|replicas| replicas != sample.replicas);
        before = Some(sample.replicas);
        match reason(sample, changed) {
            Some(reason) => clipped.push(Clipped { row: sample.row, reason }),
            None => usable.push(*sample),
        }
    }
    (usable, clipped)
}

fn reason(sample: &Sample, changed: bool) -> Option<Reason> {
    let figures = [sample.cpu_millicores, sample.p50_s, sample.p95_s, sample.p99_s, sample.failed];
    let wrong = |value: f64| !(value >= 0.0 && value.is_finite());
    if wrong(sample.rate) || figures.into_iter().flatten().any(wrong) || figures.iter().all(Option::is_none) {
        return Some(Reason::Missing);
    }
    if sample.rate == 0.0 || sample.replicas == 0 {
        return Some(Reason::Idle);
    }
    if sample.failed.is_some_and(|share| share > FAILED_MAX) {
        return Some(Reason::Failing);
    }
    changed.then_some(Reason::Changing)
}

/// How many rows for each reason, in words.
#[must_use]
pub(super) fn summary(clipped: &[Clipped]) -> String {
    let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
    clipped.iter().for_each(|row| *counts.entry(row.reason).or_default() += 1);
    let words = |(reason, count): (&Reason, &usize)| format!("{count} because {}", reason.words());
    if counts.is_empty() { "none".to_owned() } else { counts.iter().map(words).collect::<Vec<_>>().join(", ") }
}
