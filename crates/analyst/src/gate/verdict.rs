//! What the gate says of a proposal, with every figure that it rests on. Run again on the same proposal, history, spec and
//! terms by the same code, it is the same to the last byte.

use super::figures::Figures;
use super::refusal::Refusal;
use super::terms::Terms;
use serde::Serialize;

/// The verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Version of this form.
    pub version: u32,
    /// Whether it may be put in force.
    pub accepted: bool,
    /// For which service.
    pub service: String,
    /// Why not; empty where it is accepted.
    pub refusals: Vec<Reason>,
    /// Fingerprints of what went in.
    pub hashes: Hashes,
    /// The terms.
    pub terms: Terms,
    /// What the twin found; none where it was not asked.
    pub proof: Option<Proof>,
}

/// A reason with its stage and in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// Which stage refused.
    pub stage: &'static str,
    /// In words.
    pub words: String,
    /// With its numbers.
    #[serde(flatten)]
    pub refusal: Refusal,
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Self { stage: refusal.stage(), words: refusal.to_string(), refusal }
    }
}

/// Fingerprints, 32 hexadecimal digits each ([`super::hash`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hashes {
    /// The proposal.
    pub proposal: String,
    /// The history.
    pub history: String,
    /// The spec as it was.
    pub spec: String,
    /// The code that judged.
    pub code: String,
    /// Its release.
    pub release: &'static str,
}

/// A figure of the three.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Three<T> {
    /// With the proposal.
    pub proposal: T,
    /// As it is.
    pub incumbent: T,
    /// The standard policy, tuned on what the proposer saw.
    pub standard: T,
}

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The measured value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A part of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its first moment, ms since the epoch.
    pub from_ms: i64,
    /// Samples.
    pub samples: usize,
}

/// A figure against another policy's, window by window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Which figure.
    pub figure: &'static str,
    /// Than what.
    pub than: String,
    /// Mean difference, above 0 is worse.
    pub difference: Interval,
    /// What the upper end may be.
    pub margin: f64,
}

/// One stress.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stressed {
    /// Which.
    pub stress: String,
    /// Whether it was withstood.
    pub passed: bool,
    /// Figures over all of it.
    pub figures: Three<Figures>,
}

/// Replicas over the history that was held out, for a plot.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plot {
    /// Time of the first point, ms since the epoch.
    pub from_ms: i64,
    /// Time between two points, ms.
    pub step_ms: u64,
    /// Most that were needed.
    pub need: Vec<u32>,
    /// Fewest that were ready.
    pub ready: Three<Vec<u32>>,
}

/// What the twin found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// The seed of all draws, hexadecimal.
    pub seed: String,
    /// What the proposer may have seen.
    pub seen: Part,
    /// What it has not.
    pub held_out: Part,
    /// Windows that are compared in pairs.
    pub windows: usize,
    /// What one replica carries at 100 %, thousandths of a request per second.
    pub capacity_milli_rps: u64,
    /// What a start takes, trace time.
    pub startup_ms: u64,
    /// Time between two decisions.
    pub tick_ms: u64,
    /// Which standard policy was best on what the proposer saw.
    pub standard: String,
    /// Figures over all that was held out.
    pub figures: Three<Figures>,
    /// Price over the incumbent's.
    pub price_of_incumbent: Interval,
    /// Price over the standard's.
    pub price_of_standard: Interval,
    /// The other figures, window by window.
    pub compared: Vec<Compared>,
    /// Stresses.
    pub stress: Vec<Stressed>,
    /// Steps of the controller that the proof took.
    pub steps: u64,
    /// For a plot.
    pub plot: Plot,
}
