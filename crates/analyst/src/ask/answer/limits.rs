//! What limits a service, and what would be better: the diagnosis and its proposals as sentences.

use super::super::prose::Draft;
use super::{Ground, Told, quotable};
use crate::diagnosis::{Cause, Hypothesis, Verdict};
use crate::evidence::{Fact, Figure};
use crate::proposal::{Change, propose};

/// Facts that say how a service is where nothing is wrong.
const USUAL: [&str; 5] = ["L1", "S1", "C1", "T1", "E1"];

pub fn sentences(ground: &Ground<'_>) -> Told {
    let mut told = opening(ground);
    for (place, hypothesis) in ground.diagnosis.hypotheses.iter().enumerate() {
        told.push(named(ground, place, hypothesis));
        for fact in hypothesis.evidence.iter().filter_map(|id| ground.pack.fact(id)) {
            told.push((Draft::default().words(&sentence_case(fact.name)).words(": ").all(fact), Vec::new()));
        }
    }
    if ground.diagnosis.hypotheses.is_empty() {
        for fact in USUAL.iter().filter_map(|id| ground.pack.fact(id)) {
            told.push((Draft::default().words(&sentence_case(fact.name)).words(": ").all(fact), Vec::new()));
        }
    }
    told.extend(unknown(ground));
    told
}

pub fn better(ground: &Ground<'_>) -> Told {
    let mut told = opening(ground);
    let proposals = propose(ground.history, &ground.features, &ground.diagnosis);
    let mut number = 0_u32;
    for (place, (hypothesis, proposal)) in ground.diagnosis.hypotheses.iter().zip(&proposals).enumerate() {
        told.push(named(ground, place, hypothesis));
        if !proposal.advice.is_empty() {
            number += 1;
            told.push(said(ground, number, "advice", "Advice: ", &proposal.advice));
        }
        for change in &proposal.changes {
            number += 1;
            told.push(changed(ground, number, change));
        }
        if let Some(claim) = &proposal.claim {
            number += 1;
            let figure = |name, value| Figure { name, value, unit: "" };
            let figures = vec![figure("now", claim.now), figure("then", claim.then)];
            let mut fact = ground.fact(format!("R{number}"), "claim", figures, ground.history.start_ms);
            fact.words = quotable(&format!("{}: {}", claim.figure, claim.risk));
            let line = Draft::default().words("Expected of ").quote(&fact).words(": from ").figure(&fact, "now");
            let line = line.and_then(|line| line.words(" to ").figure(&fact, "then"));
            told.extend(line.map(|line| (line.words(" at most, which the twin has still to prove"), vec![fact])));
        }
    }
    told.extend(unknown(ground));
    told
}

fn opening(ground: &Ground<'_>) -> Told {
    let words = match ground.diagnosis.verdict {
        Verdict::Causes => return Vec::new(),
        Verdict::NoFault => ": no fault that a rule knows",
        Verdict::Abstained => ": too little was measured to say anything",
    };
    vec![(Draft::default().name(&ground.service).words(words), Vec::new())]
}

/// `web is cpu-bound (confidence 0.93 of 1)`.
fn named(ground: &Ground<'_>, place: usize, hypothesis: &Hypothesis) -> (Draft, Vec<Fact>) {
    let confidence = Figure { name: "confidence", value: crate::evidence::rounded(hypothesis.confidence), unit: "" };
    let fact = ground.fact(format!("X{}", place + 1), "confidence", vec![confidence], ground.history.start_ms);
    let draft =
        Draft::default().name(&ground.service).words(": ").words(meaning(hypothesis.cause)).words(", confidence ");
    let draft = draft.figure(&fact, "confidence").unwrap_or_default();
    (draft, vec![fact])
}

/// A cause in words.
const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Seasonal => "the load repeats after a period (seasonal)",
        Cause::Bursty => "short bursts come again and again (bursty)",
        Cause::Trend => "the load grows or shrinks steadily (trend)",
        Cause::Step => "the load is at another level from some moment on (step)",
        Cause::FlashCrowd => "once, far more came than ever else (flash-crowd)",
        Cause::Leak => "memory grows with age and is not given back (leak)",
        Cause::CpuBound => "all replicas that may run use up their CPU (cpu-bound)",
        Cause::MemoryBound => "memory reaches its limit while CPU is left (memory-bound)",
        Cause::IoBound => "it waits for a disk while CPU is left (io-bound)",
        Cause::DependencyBound => "it waits for something it calls (dependency-bound)",
        Cause::NoisyNeighbour => "others on the host take CPU that it needs (noisy-neighbour)",
        Cause::OverProvisioned => "far more is reserved than used (over-provisioned)",
        Cause::FlappingPolicy => "the policy changes the number back and forth (flapping-policy)",
        Cause::BadLimits => "a limit is below what a replica needs (bad-limits)",
    }
}

fn said(ground: &Ground<'_>, number: u32, name: &'static str, before: &str, words: &str) -> (Draft, Vec<Fact>) {
    let mut fact = ground.fact(format!("R{number}"), name, Vec::new(), ground.history.start_ms);
    fact.words = quotable(words);
    (Draft::default().words(before).quote(&fact), vec![fact])
}

/// One change of a policy.
fn changed(ground: &Ground<'_>, number: u32, change: &Change) -> (Draft, Vec<Fact>) {
    let told = change.told();
    let figure = |name, value: u64| Figure { name, value: value as f64, unit: told.unit };
    let from = told.from.map(|from| figure("from", from));
    let figures = from.into_iter().chain(told.to.iter().map(|(name, value)| figure(name, *value)));
    let fact = ground.fact(format!("R{number}"), "change", figures.collect(), ground.history.start_ms);
    let line = Draft::default().words("Proposed: ").words(change.field());
    let line = if fact.figures.is_empty() { line.words(" to be set otherwise") } else { line.words(": ").all(&fact) };
    (line, vec![fact])
}

/// What was not looked at.
fn unknown(ground: &Ground<'_>) -> Told {
    if ground.diagnosis.missing.is_empty() {
        return Vec::new();
    }
    let missing = ground.diagnosis.missing.join(", ");
    vec![(Draft::default().words("Not measured, so not looked at: ").words(&missing), Vec::new())]
}

fn sentence_case(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
