//! The committed classifier: it is read, it is small, it knows what it was taught, and words do not reach it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::ladder::Outcome;
use plimsoll_analyst::retrieval::{self, Incident, Index, Memory};
use plimsoll_analyst::{Cause, Features, Ladder, Rung, classifier, diagnose, scenario};

#[test]
fn the_committed_trees_are_small_and_name_what_they_were_taught_with_facts_that_there_are() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/weights/classifier.bin")).unwrap();
    assert!(bytes.len() < 300_000, "{}", bytes.len());
    let trees = classifier::Trees::read(&bytes).unwrap();
    assert_eq!(trees.write(), bytes);
    let mut right = 0;
    for (place, cause) in Cause::ALL.into_iter().enumerate() {
        // With a seed that no round of the training had.
        let (label, history) = scenario::draw(62 + 12 * place as u32, 1_000).unwrap();
        let features = Features::of(&history);
        let opinion = classifier::opinion(&features);
        assert_eq!((opinion.rung, opinion.clone()), (Rung::Classifier, classifier::opinion(&features)));
        right += u32::from(opinion.hypotheses.iter().map(|one| one.cause).eq(label.causes));
        let mut ladder = Ladder::new(&diagnose(&features), Vec::new());
        let ids: Vec<&str> = plimsoll_analyst::evidence::Code::ALL
            .iter()
            .filter(|code| code.is_there(&features))
            .map(|code| code.id())
            .collect();
        ladder.climb(opinion, |id| ids.contains(&id));
        assert!(ladder.opinions[1].refused.is_empty(), "{cause}: {:?}", ladder.opinions[1].refused);
    }
    assert!(right >= 11, "{right} of 14");
}

#[test]
fn a_service_of_which_little_is_known_is_not_judged() {
    assert_eq!(classifier::opinion(&Features::default()).outcome, Outcome::Abstained);
    let (_, mut history) = scenario::run(0).unwrap();
    history.samples.iter_mut().for_each(|sample| {
        *sample = plimsoll_analyst::history::Sample { rate_per_s: sample.rate_per_s, ..Default::default() }
    });
    assert_eq!(classifier::opinion(&Features::of(&history)).outcome, Outcome::Abstained);
}

#[test]
fn past_incidents_of_the_twin_are_found_again() {
    let run = |place: u32, round: u32| scenario::draw(place, round).unwrap();
    let mut memory = Memory::default();
    // Two of each cause, and some without a fault.
    for place in (62..230).step_by(6).chain(0..6) {
        let (label, history) = run(place, 500);
        let outcome = retrieval::Outcome::Helped;
        memory.incidents.push(Incident::new(&place.to_string(), &label.causes, outcome, &Features::of(&history)));
    }
    let index = Index::new(&memory);
    let again = index.nearest(&classifier::Row::of(&Features::of(&run(122, 500).1)), 1, None);
    assert_eq!((again[0].incident.id.as_str(), again[0].distance), ("122", 0.0));
    assert!(again[0].words().contains("leak, what was done helped"), "{}", again[0].words());
}
