//! Which of the best is proposed, if any: what passes the gate's own judge on the part of the seen history that nobody searched on.

use super::search::{Finalist, Found};
use super::{Outcome, Searched, Task};
use crate::diagnosis::Cause;
use crate::evidence::{DataClass, Pack, PackOptions, rounded};
use crate::gate::Verdict;
use crate::proposal::{Change, Claim, Proposal, Rollback};
use plimsoll_expr::Expr;
use plimsoll_model::scaling::{FormulaSpec, HeadroomSpec};
use plimsoll_model::spec::ScalingPolicy;

/// What reasons call it.
const NAME: &str = "evolved";
/// What its claim is about.
const PRICE: &str = "price core_hours";
/// Facts that it rests on, where they are known.
const FACTS: [&str; 6] = ["L1", "L2", "S1", "S2", "C1", "P3"];
/// A proposal is void after so many windows like the one it was made from, as those of the rules are.
const WINDOWS: f64 = 2.0;

/// Holds each against the judge, and proposes the cheapest that passes.
pub(super) fn choose(task: &Task<'_>, found: Found) -> (Searched, Option<Proposal>) {
    let Found { court, finalists, episodes, candidates } = found;
    let judged = finalists.into_iter().map(|finalist| {
        let proposal = draft(task, &finalist);
        let verdict = court.prove(&proposal);
        (finalist, proposal, verdict)
    });
    let mut tried: Vec<(Finalist, Proposal, Verdict)> = judged.collect();
    let price = |verdict: &Verdict| verdict.proof.as_ref().map(|proof| proof.price_of_incumbent.value);
    tried.sort_by(|(.., a), (.., b)| {
        let cheaper = || price(a).map_or(f64::INFINITY, coarse).total_cmp(&price(b).map_or(f64::INFINITY, coarse));
        b.accepted.cmp(&a.accepted).then_with(cheaper).then_with(|| stressed(a).total_cmp(&stressed(b)))
    });
    let mut formulas: Vec<String> = Vec::new();
    for (Finalist { expr, .. }, ..) in &tried {
        let text = expr.to_string();
        if !formulas.contains(&text) {
            formulas.push(text);
        }
    }
    let searched = |outcome| Searched { outcome, episodes, candidates, formulas };
    let Some((Finalist { expr, prices, .. }, proposal, verdict)) = tried.into_iter().next() else {
        return (searched(Outcome::NoTime), None);
    };
    let formula = expr.to_string();
    let measured = price(&verdict);
    match (verdict.accepted, measured, &verdict.proof) {
        (true, Some(price), Some(proof)) => {
            let [now, then] = [&proof.figures.incumbent, &proof.figures.proposal];
            let proposal = Proposal {
                cause: if then.paid < now.paid { Cause::OverProvisioned } else { Cause::Bursty },
                claim: Some(claim(now.price, then.price)),
                advice: format!(
                    "Found by a search of {episodes} episodes and {candidates} formulas on {} samples. Where it was chosen it costs \
                     {price:.3} of the policy in force.",
                    task.seen.samples.len()
                ),
                ..proposal
            };
            (searched(Outcome::Proposed { formula, prices: [prices.price, prices.price_keep], price }), Some(proposal))
        }
        _ => {
            let why = verdict.refusals.first().map_or_else(String::new, |reason| reason.words.clone());
            (searched(Outcome::NotBetter { formula, price: measured, why }), None)
        }
    }
}

/// A price to a hundredth: what lies closer together is as good on so short a load, and then the stresses tell.
fn coarse(price: f64) -> f64 {
    libm::round(price * 100.0)
}

/// What it comes to in all the stresses together.
fn stressed(verdict: &Verdict) -> f64 {
    let stresses = verdict.proof.iter().flat_map(|proof| &proof.stress);
    stresses.map(|stressed| stressed.figures.proposal.price).sum()
}

fn formula(expr: &Expr, prices: &HeadroomSpec) -> FormulaSpec {
    let HeadroomSpec { price, price_keep } = *prices;
    FormulaSpec { name: NAME.to_owned(), text: expr.to_string(), price, price_keep }
}

fn claim(now: f64, then: f64) -> Claim {
    let risk = "A formula fits the load that it was found on; another load may suit another one.".to_owned();
    Claim { figure: PRICE.to_owned(), now: rounded(now), then: rounded(then), risk }
}

fn draft(task: &Task<'_>, Finalist { expr, prices, is_free }: &Finalist) -> Proposal {
    let to = formula(expr, prices);
    let present = task.spec.services.get(task.service);
    let window = present.map_or(0, |present| present.scaling.stabilization_down.0);
    let step = task.seen.step_ms.max(1);
    let freed = (*is_free && window > step).then_some(Change::StabilizationDown { from: Some(window), to: step });
    let is_its = |policy: &&ScalingPolicy| matches!(policy, ScalingPolicy::Headroom(_) | ScalingPolicy::Formula(_));
    let from = present.and_then(|present| present.scaling.policies.iter().find(is_its).cloned());
    let options = PackOptions { tokens_max: u32::MAX, class: DataClass::Names, ..PackOptions::local() };
    let pack = Pack::new(task.seen, task.features, task.diagnosis, &options);
    let slow = task.features.latency.and_then(|latency| latency.worst_p99_ms);
    let span_ms = task.seen.span_s() * (1.0 + WINDOWS) * 1_000.0;
    Proposal {
        service: task.service.to_string(),
        cause: Cause::OverProvisioned,
        changes: std::iter::once(Change::Formula { from, to }).chain(freed).collect(),
        claim: Some(claim(1.0, 1.0)),
        evidence: FACTS.into_iter().filter(|id| pack.fact(id).is_some()).map(str::to_owned).collect(),
        // As sure as the judge of the choice was asked to be.
        confidence: 0.5,
        expires_ms: task.seen.start_ms.saturating_add(span_ms as i64),
        rollback: slow.map(|worst| Rollback {
            figure: "T1 p99 ms".to_owned(),
            above: rounded(worst * 1.1),
            for_s: 10.0 * task.features.step_s,
        }),
        advice: String::new(),
    }
}
