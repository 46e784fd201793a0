//! Two hundred hostile strings in every field that holds words, with secrets planted in them: an endpoint that writes down every
//! byte sees none of the secrets, and neither the rules' findings nor their proposals change.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod fake;

use fake::hostile::{leaked, strings};
use fake::{Fake, says};
use plimsoll_analyst::evidence::DataClass;
use plimsoll_analyst::history::{Decided, Happening, History, Kind, Target};
use plimsoll_analyst::ladder::Ladder;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Features, Pack, diagnose, propose, scenario};
use plimsoll_llm::{Model, Settings};
use serde_json::json;

/// The leak of scenario 123 with these words wherever words can be.
fn with_words(plain: &History, words: &str) -> History {
    let mut history = plain.clone();
    words.clone_into(&mut history.service);
    let at_ms = history.start_ms;
    for kind in [Kind::Release, Kind::Change, Kind::Announced, Kind::Replica, Kind::Other] {
        history.events.push(Happening { at_ms, kind, text: words.to_owned() });
    }
    history.events.iter_mut().for_each(|event| event.text = words.to_owned());
    history.decisions.push(Decided { at_ms, from: 1, to: 2, reason: words.to_owned() });
    history.decisions.iter_mut().for_each(|decided| decided.reason = words.to_owned());
    history.configured.targets.push(Target { metric: words.to_owned(), value: Some(1.0) });
    history
}

#[test]
fn no_planted_secret_reaches_an_endpoint_and_no_words_change_a_finding_or_a_proposal() {
    let (_, plain) = scenario::run(123).unwrap();
    let features = Features::of(&plain);
    let diagnosis = diagnose(&features);
    let proposals = propose(&plain, &features, &diagnosis);
    let answer = json!({ "abstain": false, "rationale": "", "hypotheses": [
        { "cause": "leak", "confidence": "sure", "evidence": ["M5"], "proposal": null }] });
    let fake = Fake::script(vec![(200, "", says(&answer.to_string()))]);
    let budget = plimsoll_llm::budget::Budget { tokens_max: u64::MAX, requests_max: 10_000, ..Default::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for words in strings() {
        let history = with_words(&plain, &words);
        assert_eq!(diagnose(&Features::of(&history)), diagnosis, "{words}");
        let theirs = propose(&history, &features, &diagnosis);
        assert!(theirs.iter().zip(&proposals).all(|(a, b)| a.changes == b.changes && a.claim == b.claim), "{words}");
        for class in [DataClass::Words, DataClass::Names, DataClass::Figures] {
            let settings = Settings { show: Some(class), budget, ..Settings::new(fake.url().parse().unwrap(), "m") };
            let pack = Pack::new(&history, &features, &diagnosis, &settings.pack_options());
            let prompt = Prompt::new(&pack).unwrap();
            assert_eq!(prompt.user.matches("facts>").count(), 2, "{}", prompt.user);
            let mut model = Model::new(settings).unwrap();
            let opinion = runtime.block_on(model.opinion(Some(&prompt), &history));
            let below = Ladder::new(&diagnosis, theirs.clone());
            let mut ladder = below.clone();
            ladder.climb(opinion, |id| pack.fact(id).is_some());
            assert_eq!((ladder.causes(), &ladder.opinions[0]), (below.causes(), &below.opinions[0]));
        }
    }
    let seen = fake.seen();
    assert_eq!(seen.len(), 600);
    for request in seen {
        let sent = format!("{}\n{}", request.head, request.body);
        assert_eq!(leaked(&sent), None, "{sent}");
    }
}
