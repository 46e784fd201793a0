//! The ladder: what the rules say, and what each rung above them says as well, none of which can take a finding away.
//!
//! Rules, a classifier taught by the twin, past incidents that were alike, a language model: in this order. A rung's answer is an
//! [`Opinion`]; [`Ladder::climb`] puts it on top. A finding, once there, stays, with its confidence and at least its evidence:
//! that is a property test. A rung that answered and did not name a finding is listed against it, so that disagreement is
//! shown. A rung may abstain, and one that fails says why; neither counts against anything.
//!
//! What a higher rung alone says is marked as such, because the rules' score is what is known ([`crate::evaluation`]), and a
//! hypothesis that cites no fact there is never gets in.

mod opinion;

pub use opinion::{Opinion, Outcome, Refused, Rung};

use crate::diagnosis::{Cause, Diagnosis, Hypothesis};
use crate::proposal::Proposal;
use serde::Serialize;

/// A rung that names a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voice {
    /// Which.
    pub rung: Rung,
    /// Whose answer, as in [`Opinion::by`].
    pub by: String,
    /// How sure it is, in its own terms, 0 to 1. Terms of different rungs cannot be compared.
    pub confidence: f64,
}

/// A cause that some rung names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub cause: Cause,
    /// How sure the lowest rung is that names it.
    pub confidence: f64,
    /// Ids of the facts that anybody who names it cites; the lowest rung's first.
    pub evidence: Vec<String>,
    /// Who names it, the lowest first; never empty.
    pub named_by: Vec<Voice>,
    /// Rungs that answered and did not name it.
    pub not_named_by: Vec<Rung>,
}

impl Finding {
    /// The lowest rung that names it.
    #[must_use]
    pub fn rung(&self) -> Rung {
        self.named_by.first().map_or(Rung::Rules, |voice| voice.rung)
    }

    /// Some rung answered and did not name it.
    #[must_use]
    pub const fn is_disputed(&self) -> bool {
        !self.not_named_by.is_empty()
    }
}

/// What all rungs said, and what it comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ladder {
    /// The rules' findings in their order, then what the next rung alone names, and so on.
    pub findings: Vec<Finding>,
    /// What each rung said, the lowest first. The first is the rules'.
    pub opinions: Vec<Opinion>,
}

impl Ladder {
    /// With the rules' answer, which is always there.
    #[must_use]
    pub fn new(diagnosis: &Diagnosis, proposals: Vec<Proposal>) -> Self {
        let mut ladder = Self { findings: Vec::new(), opinions: vec![Opinion::of_rules(diagnosis, proposals)] };
        ladder.findings = findings(&ladder.opinions);
        ladder
    }

    /// Adds what a rung above the rules says; `is_fact` knows the ids of facts. An opinion of the rules' rung is not taken:
    /// there is one, and it was made from the numbers.
    pub fn climb(&mut self, opinion: Opinion, is_fact: impl Fn(&str) -> bool) {
        if opinion.rung == Rung::Rules {
            return;
        }
        let place = self.opinions.partition_point(|known| known.rung <= opinion.rung);
        self.opinions.insert(place, opinion.checked(is_fact));
        self.findings = findings(&self.opinions);
    }

    /// The causes that are found, in order.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        self.findings.iter().map(|finding| finding.cause).collect()
    }

    /// The causes that the rungs up to this one find.
    pub fn causes_up_to(&self, rung: Rung) -> impl Iterator<Item = Cause> + '_ {
        self.findings.iter().filter(move |finding| finding.rung() <= rung).map(|finding| finding.cause)
    }

    /// Some rung answered otherwise than another.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.findings.iter().any(Finding::is_disputed)
    }
}

/// Findings of opinions in the order of their rungs.
fn findings(opinions: &[Opinion]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for opinion in opinions {
        for Hypothesis { cause, confidence, evidence } in &opinion.hypotheses {
            let voice = Voice { rung: opinion.rung, by: opinion.by.clone(), confidence: *confidence };
            match found.iter_mut().find(|finding| finding.cause == *cause) {
                Some(finding) => {
                    finding.named_by.push(voice);
                    let more = evidence.iter().filter(|id| !finding.evidence.contains(id));
                    let more: Vec<String> = more.cloned().collect();
                    finding.evidence.extend(more);
                }
                None => found.push(Finding {
                    cause: *cause,
                    confidence: *confidence,
                    evidence: evidence.clone(),
                    named_by: vec![voice],
                    not_named_by: Vec::new(),
                }),
            }
        }
    }
    for finding in &mut found {
        let silent = opinions.iter().filter(|opinion| opinion.outcome.is_answer() && !opinion.names(finding.cause));
        finding.not_named_by = silent.map(|opinion| opinion.rung).collect();
        finding.not_named_by.dedup();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Verdict;
    use proptest::prelude::*;

    fn hypothesis(cause: Cause, confidence: f64, evidence: &[&str]) -> Hypothesis {
        Hypothesis { cause, confidence, evidence: evidence.iter().map(|id| (*id).to_owned()).collect() }
    }

    fn rules(hypotheses: Vec<Hypothesis>) -> Ladder {
        let verdict = if hypotheses.is_empty() { Verdict::NoFault } else { Verdict::Causes };
        Ladder::new(&Diagnosis { verdict, hypotheses, missing: Vec::new() }, Vec::new())
    }

    fn is_fact(id: &str) -> bool {
        matches!(id, "M5" | "L1" | "C1")
    }

    #[test]
    fn a_rung_adds_and_agrees_and_cannot_take_away() {
        let mut ladder = rules(vec![hypothesis(Cause::Leak, 0.8, &["M5"])]);
        ladder.climb(Opinion::of(Rung::Model, "m", vec![hypothesis(Cause::Step, 0.9, &["L1"])]), is_fact);
        ladder.climb(Opinion::of(Rung::Classifier, "c", vec![hypothesis(Cause::Leak, 0.6, &["C1"])]), is_fact);
        assert_eq!(ladder.causes(), [Cause::Leak, Cause::Step]);
        let leak = &ladder.findings[0];
        assert_eq!((leak.rung(), leak.confidence, leak.named_by.len()), (Rung::Rules, 0.8, 2));
        assert_eq!(
            (leak.evidence.clone(), leak.not_named_by.clone()),
            (vec!["M5".into(), "C1".into()], vec![Rung::Model])
        );
        let step = &ladder.findings[1];
        assert_eq!((step.rung(), step.not_named_by.clone()), (Rung::Model, vec![Rung::Rules, Rung::Classifier]));
        assert!(ladder.is_disputed());
        assert_eq!(ladder.causes_up_to(Rung::Retrieval).collect::<Vec<_>>(), [Cause::Leak]);
    }

    #[test]
    fn who_abstains_or_fails_disputes_nothing_and_who_finds_no_fault_disputes_all() {
        let mut ladder = rules(vec![hypothesis(Cause::Leak, 0.8, &["M5"])]);
        ladder.climb(Opinion::abstained(Rung::Retrieval, "r", "nothing alike"), is_fact);
        ladder.climb(Opinion::failed(Rung::Model, "m", "no answer"), is_fact);
        assert!(!ladder.is_disputed());
        ladder.climb(Opinion::of(Rung::Classifier, "c", Vec::new()), is_fact);
        assert_eq!(ladder.findings[0].not_named_by, [Rung::Classifier]);
        assert_eq!(ladder.opinions.iter().map(|opinion| opinion.rung).collect::<Vec<_>>(), Rung::ALL);
    }

    #[test]
    fn what_cites_nothing_that_is_known_is_refused_and_the_rules_are_not_replaced() {
        let mut ladder = rules(Vec::new());
        let made_up = vec![hypothesis(Cause::Step, 0.9, &["Z9"]), hypothesis(Cause::Trend, 0.9, &["Z9", "L1"])];
        ladder.climb(Opinion::of(Rung::Model, "m", made_up), is_fact);
        assert_eq!(ladder.causes(), [Cause::Trend]);
        assert_eq!(ladder.findings[0].evidence, ["L1"]);
        assert_eq!(ladder.opinions[1].refused[0].cause, Cause::Step);
        let before = ladder.clone();
        ladder.climb(Opinion::of(Rung::Rules, "x", vec![hypothesis(Cause::Leak, 1.0, &["M5"])]), is_fact);
        assert_eq!(ladder, before);
    }

    fn any_hypotheses() -> impl Strategy<Value = Vec<Hypothesis>> {
        let ids = prop::collection::vec(prop::sample::select(vec!["M5", "L1", "C1", "Z9", ""]), 0..4);
        let one = (0..Cause::ALL.len(), -1.0..2.0_f64, ids);
        prop::collection::vec(one.prop_map(|(at, sure, ids)| hypothesis(Cause::ALL[at], sure, &ids)), 0..6)
    }

    proptest! {
        #[test]
        fn no_climb_removes_or_weakens_a_finding_of_a_rung_below(
            first in any_hypotheses(), climbs in prop::collection::vec((0_usize..4, any_hypotheses()), 0..6)
        ) {
            let mut ladder = rules(first);
            for (rung, hypotheses) in climbs {
                let (before, rung) = (ladder.clone(), Rung::ALL[rung]);
                ladder.climb(Opinion::of(rung, "x", hypotheses), is_fact);
                prop_assert_eq!(&before.opinions[0], &ladder.opinions[0]);
                for finding in before.findings.iter().filter(|finding| finding.rung() <= rung) {
                    let now = ladder.findings.iter().find(|now| now.cause == finding.cause);
                    let now = now.ok_or_else(|| TestCaseError::fail("a finding is gone"))?;
                    prop_assert_eq!(now.confidence.to_bits(), finding.confidence.to_bits());
                    prop_assert!(finding.evidence.iter().all(|id| now.evidence.contains(id)));
                }
                for finding in ladder.findings.iter().filter(|finding| finding.rung() > Rung::Rules) {
                    prop_assert!((0.0..=1.0).contains(&finding.confidence) && !finding.evidence.is_empty());
                }
            }
        }
    }
}
