//! Services whose policy could be better, their histories, and proposals of which it is known what they are worth.
//!
//! Two families of loads that have nothing in common but their size: the gate judges on the first; whether what it let pass
//! is any good is asked on the second.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by tests and an example; what cannot be set up fails")]

use plimsoll_analyst::gate::{Court, Refusal, Terms, Verdict};
use plimsoll_analyst::history::{History, Sample};
use plimsoll_analyst::proposal::{Change, Claim, Rollback};
use plimsoll_analyst::{Cause, Proposal};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use plimsoll_stats::Random;
use std::path::Path;

/// Trace time between two samples.
pub const STEP_MS: u64 = 60_000;
/// Samples of a history: the proposer sees the first 60 %.
pub const SAMPLES: usize = 240;
/// Requests per second that a replica carries.
pub const CAPACITY: f64 = 100.0;

/// An incumbent with what is wrong about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incumbent {
    /// Nothing much: 60 % of CPU.
    Plain,
    /// Far too many at least.
    MinTooHigh,
    /// Far too few at most.
    MaxTooLow,
    /// A target of a quarter.
    Timid,
}

impl Incumbent {
    /// Its spec.
    pub fn spec(self) -> Spec {
        let (min, max, cpu) = match self {
            Self::Plain => (2, 60, 60),
            Self::MinTooHigh => (24, 60, 60),
            Self::MaxTooLow => (2, 7, 60),
            Self::Timid => (2, 90, 25),
        };
        let text = format!(
            "name = \"s\"\n[services.web]\ncommand = [\"true\"]\nrequests = {{ cpu = \"1\", memory = \"256MiB\" }}\n\
             replicas = {{ min = {min}, max = {max} }}\nstartup = \"2m\"\nhealth = {{ startup_max = \"5m\" }}\n[services.web.scaling]\ncpu = \"{cpu}%\"\n\
             step = {{ up = 100, down = 100 }}\n"
        );
        plimsoll_config::parse(&text, Path::new("family.toml")).unwrap().spec
    }
}

/// The one service.
pub fn web() -> ServiceName {
    "web".parse().unwrap()
}

/// Which family of loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Waves of an hour with some noise.
    First,
    /// A level that moves in steps and decays, with crowds: no wave, more noise.
    Second,
}

/// A history of a family. What is in it that a rule would look at is not the point; the load is.
pub fn history(family: Family, seed: u64) -> History {
    let mut random = Random::new(seed ^ 0x6761_7465);
    let rates = match family {
        Family::First => waves(&mut random),
        Family::Second => steps(&mut random),
    };
    let sample = |rate: f64| Sample {
        rate_per_s: Some(rate),
        cpu_cores: Some(rate / CAPACITY),
        ready: Some(1.0),
        measured: Some(1.0),
        ..Sample::default()
    };
    History {
        service: "web".to_owned(),
        start_ms: 1_700_000_000_000,
        step_ms: STEP_MS,
        configured: plimsoll_analyst::history::Configured::default(),
        samples: rates.into_iter().map(sample).collect(),
        events: Vec::new(),
        decisions: Vec::new(),
        forecasts: Vec::new(),
    }
}

fn waves(random: &mut Random) -> Vec<f64> {
    let (phase, depth) = (random.unit() * 60.0, 0.3 + 0.2 * random.unit());
    let mut drift = 0.0;
    let wave = |step: usize| libm::sin((step as f64 + phase) / 60.0 * std::f64::consts::TAU);
    (0..SAMPLES)
        .map(|step| {
            drift = 0.9 * drift + 0.02 * random.normal();
            (1_000.0 * (1.0 + depth * wave(step) + drift)).max(10.0)
        })
        .collect()
}

fn steps(random: &mut Random) -> Vec<f64> {
    let (mut level, mut crowd) = (900.0, 0.0);
    (0..SAMPLES)
        .map(|_| {
            if random.below(25) == 0 {
                level = 500.0 + 900.0 * random.unit();
            }
            if random.below(40) == 0 {
                crowd = 400.0 + 900.0 * random.unit();
            }
            crowd *= 0.82;
            ((level + crowd) * random.log_normal(1.0, 0.06)).max(10.0)
        })
        .collect()
}

/// A court over a family.
pub fn court(incumbent: Incumbent, family: Family, seed: u64) -> Court {
    let terms = Terms { salt: seed, ..Terms::default() };
    Court::try_new(&incumbent.spec(), &web(), &history(family, seed), &terms).unwrap()
}

/// A proposal of these changes, with all that a proposal must have.
pub fn proposal(changes: Vec<Change>) -> Proposal {
    Proposal {
        service: "web".to_owned(),
        cause: Cause::OverProvisioned,
        changes,
        claim: Some(Claim { figure: "C1 median".into(), now: 0.4, then: 0.8, risk: "less room".into() }),
        evidence: vec!["C1".to_owned()],
        confidence: 0.9,
        expires_ms: i64::MAX,
        rollback: Some(Rollback { figure: "T1 p99 ms".into(), above: 500.0, for_s: 60.0 }),
        advice: String::new(),
    }
}

/// The share of the incumbent's bill that a proposal says it pays on the held-out history, whatever else it does.
pub fn claimed(verdict: &Verdict) -> Option<f64> {
    let figures = &verdict.proof.as_ref()?.figures;
    Some(figures.proposal.paid / figures.incumbent.paid.max(1e-9))
}

/// By how much what the gate holds is broken, as a sum of shares; what a search is told.
pub fn broken(verdict: &Verdict) -> f64 {
    let by = |refusal: &Refusal| match refusal {
        Refusal::NotCheaper { high, .. } => (high - 1.0).max(0.0) + 0.01,
        Refusal::Worse { high, margin, .. } => (high - margin) / (margin + 1.0),
        Refusal::Stress { proposal, allowed, .. } => (proposal - allowed) / (allowed + 1.0),
        Refusal::Runaway { proposal, allowed, .. } => proposal / allowed.max(1e-9) - 1.0,
        _ => 10.0,
    };
    verdict.refusals.iter().map(|reason| by(&reason.refusal)).sum()
}

/// Whether a proposal is plainly bad there: some figure is worse by more than twice what the gate allows.
pub fn is_bad(court: &Court, proposal: &Proposal) -> bool {
    let verdict = court.prove(proposal);
    let plainly = |refusal: &Refusal| match refusal {
        Refusal::Worse { proposal, reference, margin, .. } => proposal - reference > 2.0 * margin,
        Refusal::Stress { proposal, incumbent, standard, allowed, .. } => {
            let margin = allowed - incumbent.max(*standard);
            proposal - incumbent.max(*standard) > 2.0 * margin
        }
        Refusal::Runaway { .. } => true,
        _ => false,
    };
    verdict.refusals.iter().any(|reason| plainly(&reason.refusal))
}
