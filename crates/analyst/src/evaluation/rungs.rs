//! How often each rung of the ladder is right, alone and with those below it.
//!
//! All rungs are asked about the same scenarios. The memory that retrieval asks is the seen half's scenarios with their true
//! causes; a scenario does not vote on itself. The classifier was taught on others of the seen half's kinds. So the unseen half
//! is unseen by all of them.

use super::{Answer, Score, Share, score};
use crate::diagnosis::Diagnosis;
use crate::features::Features;
use crate::ladder::{Ladder, Opinion, Outcome, Rung};
use crate::retrieval::{self, Incident, Index, Memory};
use crate::scenario::{Half, Label};
use crate::{Cause, classifier};
use serde::Serialize;

/// A scenario as the rungs see it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is true.
    pub label: Label,
    /// Its features.
    pub features: Features,
    /// What the rules say.
    pub diagnosis: Diagnosis,
    /// What a model says, where it was asked.
    pub model: Option<Opinion>,
}

/// Which rungs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One rung alone.
    Alone(Rung),
    /// It and all below: what the ladder finds.
    UpTo(Rung),
    /// Whatever two or more of the first three rungs name.
    TwoAgree,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Which rungs.
    pub way: Way,
    /// Their score.
    pub score: Score,
    /// Scenarios of which they say nothing: abstained, or no answer that holds.
    pub silent: Share,
}

/// What retrieval remembers: the seen half, with its true causes.
#[must_use]
pub fn memory(cases: &[Case]) -> Memory {
    let seen = cases.iter().filter(|case| case.label.half == Half::Seen);
    let remembered = seen.map(|case| {
        let outcome = retrieval::Outcome::Unknown;
        Incident::new(&name(&case.label), &case.label.causes, outcome, &case.features)
    });
    Memory { incidents: remembered.collect() }
}

/// The ladder of each case, in order.
#[must_use]
pub fn ladders(cases: &[Case]) -> Vec<Ladder> {
    let memory = memory(cases);
    let index = Index::new(&memory);
    cases.iter().map(|case| ladder(case, &index)).collect()
}

fn name(label: &Label) -> String {
    format!("scenario-{}", label.number)
}

fn ladder(case: &Case, index: &Index<'_>) -> Ladder {
    let mut ladder = Ladder::new(&case.diagnosis, Vec::new());
    let known = |_: &str| true;
    ladder.climb(classifier::opinion(&case.features), known);
    ladder.climb(retrieval::opinion(index, &case.features, Some(&name(&case.label))), known);
    if let Some(opinion) = &case.model {
        ladder.climb(opinion.clone(), known);
    }
    ladder
}

/// What these rungs name, the surest first as the ladder has it, and whether they are silent.
#[must_use]
pub fn named(ladder: &Ladder, way: Way) -> (Vec<Cause>, bool) {
    let of = |rung: Rung| ladder.opinions.iter().filter(move |opinion| opinion.rung == rung);
    let is_silent = |rung: Rung| of(rung).all(|opinion| !matches!(opinion.outcome, Outcome::Causes | Outcome::NoFault));
    match way {
        Way::Alone(rung) => {
            let named = of(rung).flat_map(|opinion| &opinion.hypotheses).map(|hypothesis| hypothesis.cause);
            (named.collect(), is_silent(rung))
        }
        Way::UpTo(rung) => {
            let below = Rung::ALL.into_iter().filter(|below| *below <= rung);
            (ladder.causes_up_to(rung).collect(), below.into_iter().all(is_silent))
        }
        Way::TwoAgree => {
            let voices =
                |cause: Cause| ladder.opinions.iter().filter(|one| one.rung < Rung::Model && one.names(cause)).count();
            (ladder.causes().into_iter().filter(|cause| voices(*cause) >= 2).collect(), false)
        }
    }
}

/// Scores these rungs on the cases that `part` takes.
#[must_use]
pub fn row(cases: &[Case], ladders: &[Ladder], way: Way, part: impl Fn(&Label) -> bool) -> Row {
    let mine = cases.iter().zip(ladders).filter(|(case, _)| part(&case.label));
    let said: Vec<(Answer, bool)> = mine
        .map(|(case, ladder)| {
            let (named, is_silent) = named(ladder, way);
            (Answer { label: case.label.clone(), named }, is_silent)
        })
        .collect();
    let silent = said.iter().filter(|(_, is_silent)| *is_silent).count() as u32;
    let score = score(said.iter().map(|(answer, _)| answer));
    Row { way, score, silent: Share::new(silent, said.len() as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose;
    use crate::scenario;

    #[test]
    fn each_way_counts_the_rungs_that_it_says_and_a_scenario_does_not_vote_on_itself() {
        let case = |number| {
            let (label, history) = scenario::run(number).unwrap();
            let features = Features::of(&history);
            let diagnosis = diagnose(&features);
            Case { label, features, diagnosis, model: None }
        };
        let cases: Vec<Case> = [0, 1, 122, 123].map(case).into();
        let ladders = ladders(&cases);
        assert_eq!(ladders[2].opinions.len(), 3);
        // Four incidents are too few to remember by.
        assert!(named(&ladders[2], Way::Alone(Rung::Retrieval)).1);
        assert_eq!(named(&ladders[2], Way::Alone(Rung::Rules)), (vec![Cause::Leak], false));
        let rules = row(&cases, &ladders, Way::Alone(Rung::Rules), |_| true);
        assert_eq!((rules.score.right.hits, rules.score.right.of, rules.silent.hits), (4, 4, 0));
        let all = row(&cases, &ladders, Way::UpTo(Rung::Retrieval), |label| label.causes.is_empty());
        assert_eq!(all.score.right.of, 2);
        let mut ladder = ladders[2].clone();
        let names = |rung| Opinion::of(rung, "x", ladders[2].opinions[0].hypotheses.clone());
        ladder.climb(names(Rung::Model), |_| true);
        assert!(ladder.findings[0].named_by.iter().any(|voice| voice.rung == Rung::Model));
    }
}
