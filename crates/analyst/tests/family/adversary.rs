//! A search that plays against the gate: it wants the largest saving that it can claim and is told, number by number, what
//! the gate still objects to. What it asked and what is plainly bad are the adversaries.

use crate::family::{Family, Incumbent, broken, claimed, court, is_bad, proposal};
use plimsoll_analyst::Proposal;
use plimsoll_analyst::gate::Court;
use plimsoll_analyst::proposal::Change;
use plimsoll_search::goal::{Figures, Hold, Objective, Over};
use plimsoll_search::hunt::{Answer, hunt};
use plimsoll_search::space::{Parameter, parameter};
use serde::{Deserialize, Serialize};

/// One that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Against which history of the first family.
    pub seed: u64,
    /// What it claims to pay, as a share of the incumbent's bill.
    pub claimed: f64,
    /// The proposal.
    pub proposal: Proposal,
}

/// What a search against one court found.
pub struct Campaign {
    /// Proposals that the gate was asked about.
    pub asked: usize,
    /// Accepted ones.
    pub accepted: usize,
    /// Of those, plainly bad on the second family.
    pub escaped: Vec<Found>,
    /// Refused ones that are plainly bad on the second family, the largest claim first.
    pub bad: Vec<Found>,
}

/// Numbers that the adversary moves, from the plain incumbent's.
fn parameters() -> Vec<Parameter> {
    let ranges = [
        ("scaling.cpu", 600, "50%", "99%"),
        ("scaling.tolerance", 100, "0.1%", "60%"),
        ("scaling.stabilization.up", 1, "1ms", "20m"),
        ("scaling.stabilization.down", 300_000, "1s", "30m"),
        ("scaling.step.up", 100, "1", "100"),
        ("scaling.reserve", 0, "0", "3"),
    ];
    let one = |(path, start, low, high): (&str, i64, &str, &str)| {
        let mut found = parameter(path, start).unwrap();
        found.range(low, high).unwrap();
        found
    };
    ranges.map(one).into_iter().collect()
}

fn of(point: &[i64]) -> Proposal {
    let value = |index: usize| point[index].unsigned_abs();
    let small = |index: usize| u32::try_from(value(index)).unwrap_or(u32::MAX);
    proposal(vec![
        Change::ScaleOnCpu { from: Some(600), to: value(0) },
        Change::Tolerance { from: None, to: value(1).max(1) },
        Change::StabilizationUp { from: None, to: value(2) },
        Change::StabilizationDown { from: None, to: value(3).max(1) },
        Change::StepUp { from: None, to: small(4).max(1) },
        Change::Reserve { from: None, to: small(5) },
    ])
}

/// Plays `evaluations` rounds against the court of `seed`. `truths` are courts of the second family.
pub fn play(seed: u64, evaluations: usize, truths: &[Court]) -> Campaign {
    let gate = court(Incumbent::Plain, Family::First, seed);
    let mut asked: Vec<(Proposal, f64, bool)> = Vec::new();
    let mut ask = |point: &[i64]| {
        let proposal = of(point);
        let verdict = gate.prove(&proposal);
        let Some(claimed) = claimed(&verdict) else { return Answer::Refused };
        asked.push((proposal, claimed, verdict.accepted));
        let figures = Figures { price: claimed, under_time: 100.0 * broken(&verdict), ..Figures::default() };
        Answer::Measured(vec![vec![figures]])
    };
    let objective = Objective::try_new("price", Over::Mean, 1).unwrap();
    let holds = [Hold::read("under_time <= 0.01%").unwrap()];
    hunt(&parameters(), &objective, &holds, evaluations, seed, &mut ask).unwrap();
    let mut campaign = Campaign { asked: asked.len(), accepted: 0, escaped: Vec::new(), bad: Vec::new() };
    for (proposal, claimed, is_accepted) in asked {
        campaign.accepted += usize::from(is_accepted);
        // Dearer ones tempt nobody.
        if claimed < 1.0 && truths.iter().any(|truth| is_bad(truth, &proposal)) {
            let found = Found { seed, claimed: (claimed * 1e6).round() / 1e6, proposal };
            if is_accepted { campaign.escaped.push(found) } else { campaign.bad.push(found) }
        }
    }
    campaign.bad.sort_by(|a, b| a.claimed.total_cmp(&b.claimed));
    campaign
}

/// Courts of the second family that say what is plainly bad.
pub fn truths(count: u64) -> Vec<Court> {
    (0..count).map(|number| court(Incumbent::Plain, Family::Second, 7_000 + number)).collect()
}
