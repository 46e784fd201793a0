//! The analyst's desk without a daemon: when it looks, what a model may add, what is kept, and that nothing of it waits.

use super::asker::{Asker, Asking, Unanswered};
use super::model::{self, Consultant, consult};
use super::worker::{Job, Look};
use super::*;
use plimsoll_analyst::ask::parse;
use plimsoll_analyst::ladder::Outcome;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Cause, PackOptions, scenario};
use plimsoll_llm::budget::{Budget, Spent, Tokens};
use plimsoll_llm::{Asked, ModelError, Voice, VoiceFigures};
use plimsoll_model::observation::{ServiceObservation, TrafficObservation};
use plimsoll_model::rationale::Rationale;
use plimsoll_model::{MilliRps, Millis};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::mpsc as sync;
use std::time::{Duration, Instant};

/// A model that says what it is told to.
struct Canned {
    answers: Vec<Result<String, ModelError>>,
    asked: Vec<String>,
    /// Holds each answer back until something comes.
    held: Option<sync::Receiver<()>>,
}

impl Canned {
    fn new(answers: Vec<Result<String, ModelError>>) -> Self {
        Self { answers, asked: Vec::new(), held: None }
    }
}

impl Voice for Canned {
    fn name(&self) -> String {
        "canned".to_owned()
    }

    fn pack_options(&self) -> PackOptions {
        PackOptions { tokens_max: 2_000, pseudonyms: true, ..PackOptions::local() }
    }

    fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        self.asked.push(prompt.user.clone());
        if let Some(held) = &self.held {
            let _ = held.recv();
        }
        let text = if self.answers.is_empty() { Err(ModelError::Open { wait_ms: 7 }) } else { self.answers.remove(0) }?;
        let reading = prompt.read(&text, history)?;
        let tokens = Tokens { read: 10, written: 2 };
        Ok(Asked {
            reading,
            prompt_hash: prompt.hash.clone(),
            is_cached: false,
            is_repaired: false,
            tokens,
            requests: 1,
        })
    }

    fn figures(&self) -> VoiceFigures {
        let spent = Spent { since_ms: 0, tokens: 12, requests: self.asked.len() as u64, money_micro: 0 };
        VoiceFigures { spent, window_age_ms: 60_000, budget: Budget::default(), left_alone_ms: 0 }
    }
}

/// A scenario as the daemon would hand it over.
fn job(number: u32) -> Job {
    let (_, history) = scenario::run(number).unwrap();
    let spec = plimsoll_config::parse(&scenario::spec(number).unwrap(), Path::new("s.toml")).unwrap().spec;
    let service = spec.services.keys().next().unwrap().clone();
    let occasion = Occasion::Schedule { since_ms: None, every_ms: 60_000 };
    let terms = Terms { now_ms: Some(history.start_ms), ..Terms::default() };
    Job { spec, service, occasion, history, terms, known: Vec::new(), shadows: Vec::new() }
}

/// An answer that names this cause by this fact, with this change.
fn names(cause: &str, fact: &str, change: Value) -> String {
    json!({ "abstain": false, "rationale": "so it is", "hypotheses": [
        { "cause": cause, "confidence": "sure", "evidence": [fact], "proposal": change }] })
    .to_string()
}

#[test]
fn a_model_adds_to_what_the_rules_find_and_what_it_proposes_is_proved_like_all_else() {
    let job = job(123);
    let rules = Look::by_rules(&job).ladder;
    assert!(!rules.findings.is_empty());
    let harm = json!({ "changes": [{ "field": "replicas_min", "to": 60 }, { "field": "replicas_max", "to": 60 }],
        "claim": { "figure": "L1 median", "then_percent": 10 } });
    let mut voice = Canned::new(vec![Ok(names("flash-crowd", "L1", harm))]);
    let (proved, outcome) = consult(&job, &mut voice);
    assert_eq!(outcome, "answered", "{:?}", proved.consulted);
    let ladder = &proved.look.ladder;
    for finding in &rules.findings {
        let kept = ladder.findings.iter().find(|it| it.cause == finding.cause).unwrap();
        assert_eq!(kept.confidence, finding.confidence);
        assert!(finding.evidence.iter().all(|id| kept.evidence.contains(id)));
    }
    assert!(ladder.causes().contains(&Cause::FlashCrowd));
    assert_eq!(proved.found.len(), 1);
    assert!(!proved.found[0].1.accepted, "nobody puts such a thing in force");
    let consulted = proved.consulted.unwrap();
    assert!(consulted.answer.is_some() && consulted.prompt_hash.unwrap().len() == 64);
    // It saw no more than a proposer may, and no name.
    assert!(!voice.asked[0].contains(job.service.as_str()), "{}", voice.asked[0]);
    assert!(proved.look.seen.history.samples.len() < job.history.samples.len());
}

#[test]
fn whatever_a_model_does_the_rules_stand_as_they_were() {
    let job = job(123);
    let rules = Look::by_rules(&job).ladder;
    let answers: [(Result<String, ModelError>, &str); 5] = [
        (Ok("<html>no</html>".to_owned()), "failed"),
        (Ok(names("leak", "Z9", Value::Null)), "failed"),
        (Ok(names("leak", "M5", json!({ "changes": [{ "field": "command", "to": 1 }] }))), "failed"),
        (Err(ModelError::Open { wait_ms: 7 }), "not_asked"),
        (Err(ModelError::Status { status: 500, said: String::new() }), "failed"),
    ];
    for (answer, expected) in answers {
        let (proved, outcome) = consult(&job, &mut Canned::new(vec![answer]));
        assert_eq!(outcome, expected);
        let ladder = &proved.look.ladder;
        assert_eq!(ladder.findings, rules.findings);
        assert_eq!(ladder.opinions.last().unwrap().outcome, Outcome::Failed);
        assert!(proved.found.is_empty() && proved.consulted.unwrap().error.is_some());
    }
}

#[test]
fn a_model_that_hangs_holds_nobody_up_and_what_has_no_room_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let state = StateDir::open(dir.path()).unwrap();
    let (go, held) = sync::channel();
    let voice = Canned { held: Some(held), ..Canned::new(vec![Ok(names("leak", "M5", Value::Null))]) };
    let (done, mut proved) = mpsc::channel(4);
    let consultant = Consultant::start(Box::new(voice), state.clone(), done).unwrap();
    let job = job(123);
    let since = Instant::now();
    // One under way, one waiting, and the rest left out; the thread may not have taken the first yet.
    (0..8).for_each(|_| consultant.carry_out(job.clone()));
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(consultant.figures().outcomes["skipped"] >= 6);
    go.send(()).unwrap();
    let first = proved.blocking_recv().unwrap();
    assert!(first.consulted.unwrap().answer.is_some());
    let figures = consultant.figures();
    assert_eq!((figures.outcomes["answered"], figures.voice.unwrap().spent.tokens), (1, 12));
    // What was spent is there for the next daemon, with the age of its day.
    let (spent, age) = model::spent(&state, crate::clock::wall_ms()).unwrap();
    assert!(spent.tokens == 12 && (60_000..120_000).contains(&age), "{age}");
    drop(go);
}

/// A spec whose service `web` has this mode.
pub(super) fn spec(mode: &str) -> Spec {
    let text = format!(
        "name = \"s\"\ntick = \"1s\"\nanalyst = {{ every = \"100s\" }}\n[services.web]\ncommand = [\"x\", \"{{port}}\"]\n\
         replicas = {{ min = 1, max = 9 }}\nrequests = {{ cpu = \"100m\", memory = \"16MiB\" }}\n\
         analyst = {{ mode = \"{mode}\", replicas_least = 1, replicas_most = 9 }}\n"
    );
    plimsoll_config::parse(&text, Path::new("s.toml")).unwrap().spec
}

fn web() -> ServiceName {
    ServiceName::try_new("web").unwrap()
}

pub(super) fn decision(at: i64) -> Decision {
    Decision { step: 1, at: Timestamp(at), actions: Vec::new(), rationale: Rationale::default() }
}

pub(super) fn seen(failed: u64) -> Observation {
    let traffic =
        TrafficObservation { rate: MilliRps(100_000), finished: 100, failed, ..TrafficObservation::default() };
    let service = ServiceObservation { traffic: Some(traffic), ..ServiceObservation::default() };
    Observation { speed: 1, interval: Millis(1_000), services: [(web(), service)].into(), ..Observation::default() }
}

/// A desk that took these failures down, one a second, with the moments and reasons of its looks.
fn looks(
    spec: &Spec,
    desk: &mut Desk,
    proved: &mut mpsc::Receiver<Proved>,
    failed: impl Iterator<Item = u64>,
) -> Vec<(i64, &'static str)> {
    let mut looks = Vec::new();
    for (second, failed) in failed.enumerate() {
        let at = second as i64 * 1_000;
        desk.note(spec, &seen(failed), &decision(at));
        if let Some((_, occasion)) = desk.look(spec, Timestamp(at)) {
            looks.push((at, occasion.word()));
            // Time stands still until the thread has done its work.
            assert_eq!(proved.blocking_recv().unwrap().look.occasion, occasion);
            desk.is_busy = false;
        }
    }
    looks
}

#[test]
fn a_service_is_looked_at_by_its_turn_and_when_it_burns_and_not_before_enough_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let (done, mut proved) = mpsc::channel(64);
    let spec = spec("advise");
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), Some(done));
    let found = looks(&spec, &mut desk, &mut proved, (0..300).map(|second| if second >= 150 { 20 } else { 0 }));
    assert_eq!(found[0], (89_000, "schedule"), "{found:?}");
    let burns: Vec<_> = found.iter().filter(|(_, why)| *why == "burn").collect();
    assert!(!burns.is_empty() && burns[0].0 < 189_000, "sooner than its turn: {found:?}");
    assert!(found.windows(2).all(|two| two[1].0 - two[0].0 >= 36_000), "{found:?}");
    assert_eq!(desk.figures(&spec).looks[&("web".to_owned(), "burn")], burns.len() as u64);
}

#[test]
fn where_it_is_off_or_a_proposal_stands_nothing_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (done, mut proved) = mpsc::channel(64);
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), Some(done));
    assert_eq!(looks(&spec("off"), &mut desk, &mut proved, (0..200).map(|_| 20)), []);
    assert!(desk.history(&web()).is_none());
    desk.kept.push(kept("a1", Stage::OnTrial));
    assert_eq!(looks(&spec("advise"), &mut desk, &mut proved, (0..200).map(|_| 20)), []);
}

fn kept(id: &str, state: Stage) -> Kept {
    let proposal = json!({ "service": "web", "cause": "leak", "evidence": [], "confidence": 1.0, "claim": null, "rollback": null,
        "changes": [], "expires_ms": 4_000_000_000_000_i64, "advice": "" });
    let base = plimsoll_model::proposed::PolicyPatch::of(&spec("advise").services[&web()]);
    Kept {
        id: id.to_owned(),
        service: "web".to_owned(),
        state,
        about: String::new(),
        by: "rules".to_owned(),
        occasion: None,
        made_at_ms: 0,
        proposal: serde_json::from_value(proposal).unwrap(),
        verdict: Value::Null,
        evidence: String::new(),
        verdict_hash: String::new(),
        patch: None,
        base,
        course: Vec::new(),
    }
}

#[test]
fn what_is_over_makes_room_and_what_stands_or_waits_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), None);
    desk.add(kept("standing", Stage::InForce));
    desk.add(kept("waiting", Stage::Waiting));
    (0..200).for_each(|number| desk.add(kept(&format!("r{number}"), Stage::Refused)));
    assert_eq!(desk.kept.len(), KEPT_MAX);
    assert!(desk.find("standing").is_ok() && desk.find("waiting").is_ok() && desk.find("r199").is_ok());
    assert!(desk.find("r0").unwrap_err().contains("no proposal r0"));
    // The same one again is no second one.
    desk.add(kept("waiting", Stage::Rejected));
    assert_eq!(desk.kept.iter().filter(|it| it.id == "waiting").count(), 1);
    desk.save();
    assert_eq!(Desk::open(desk.dir.clone(), None).kept.len(), KEPT_MAX);
}

#[test]
fn only_proposals_that_are_over_and_too_old_are_dropped_on_disk_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), None);
    let hour = Millis(3_600_000);
    let later = |kept: Kept| Kept { made_at_ms: 1, ..kept };
    desk.kept = vec![
        kept("old", Stage::Rejected),
        kept("older-but-stands", Stage::InForce),
        kept("older-but-may-come", Stage::Waiting),
        later(kept("an hour old to the moment", Stage::Refused)),
    ];
    assert_eq!(desk.drop_older(Timestamp(3_600_000), hour), 0, "an hour is not more than an hour");
    assert_eq!(desk.drop_older(Timestamp(3_600_001), hour), 1);
    let left: Vec<String> = Desk::open(desk.dir.clone(), None).kept.into_iter().map(|it| it.id).collect();
    assert_eq!(left, ["older-but-stands", "older-but-may-come", "an hour old to the moment"]);
}

#[test]
fn after_a_restart_the_controllers_state_says_what_stands() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), None);
    desk.kept = vec![kept("a", Stage::OnTrial), kept("b", Stage::Waiting), kept("c", Stage::OnTrial)];
    desk.reconcile(|_| Some(("c".to_owned(), true)));
    let stages: Vec<Stage> = desk.kept.iter().map(|it| it.state).collect();
    assert_eq!(stages, [Stage::Expired, Stage::Waiting, Stage::InForce]);
    assert!(desk.kept[0].course[0].contains("while no daemon ran"));
}

#[test]
fn a_model_that_cannot_be_had_is_a_fault_that_is_told_and_its_key_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (done, _proved) = mpsc::channel(4);
    let mut desk = Desk::open(StateDir::open(dir.path()).unwrap(), Some(done));
    let with = |model: &str| {
        let text = format!(
            "name = \"s\"\n[analyst.model]\n{model}\n[services.web]\ncommand = [\"x\", \"{{port}}\"]\nreplicas = 1\nrequests = {{ cpu = \"100m\", memory = \"16MiB\" }}\n"
        );
        plimsoll_config::parse(&text, &dir.path().join("s.toml")).unwrap().spec
    };
    let key = dir.path().join("key");
    std::fs::write(&key, "sk two words").unwrap();
    desk.engage(&with("endpoint = \"http://127.0.0.1:9/v1\"\nkey_file = \"key\""));
    let fault = desk.fault().unwrap().to_string();
    assert!(fault.contains("analyst.model.key_file") && !fault.contains("two words"), "{fault}");
    std::fs::write(&key, "sk-good").unwrap();
    desk.engage(&with("endpoint = \"http://127.0.0.1:9/v1\"\nkey_file = \"key\"\nname = \"small\""));
    assert!(desk.fault().is_none());
    assert_eq!(desk.figures(&with("")).model.unwrap().name, "small");
    desk.engage(&with(""));
    assert!(desk.figures(&with("")).model.is_none() && desk.fault().is_none());
    // A file stands beside the spec, whoever reads it.
    desk.engage(&with("endpoint = \"local:m.gguf\""));
    let (fault, file) = (desk.fault().unwrap().to_string(), dir.path().join("m.gguf"));
    assert!(fault.starts_with("analyst.model.endpoint") && fault.contains(file.to_str().unwrap()), "{fault}");
    let why = if cfg!(feature = "local-llm") { "cannot be read" } else { "--features local-llm" };
    assert!(fault.contains(why), "{fault}");
    std::fs::write(&file, "no model").unwrap();
    desk.engage(&with("endpoint = \"local:m.gguf\""));
    assert!(desk.figures(&with("")).model.is_none() && desk.fault().is_some());
}

fn asking(
    question: &str,
    history: Option<History>,
) -> (Asking, tokio::sync::oneshot::Receiver<Result<plimsoll_analyst::ask::Answer, Unanswered>>) {
    let spec = plimsoll_config::parse(&scenario::spec(12).unwrap(), Path::new("s.toml")).unwrap().spec;
    let service = spec.services.keys().next().unwrap().clone();
    let (reply, answered) = tokio::sync::oneshot::channel();
    let (question, since) = (parse(question).unwrap(), Instant::now());
    (Asking { question, service, spec, history, journal: "/nonexistent".into(), since, reply }, answered)
}

#[test]
fn a_question_is_answered_from_the_history_at_hand() {
    let asker = Asker::start().unwrap();
    let (_, history) = scenario::run(12).unwrap();
    for question in ["why did web scale?", "what limits web?", "what if tomorrow brings three times the load?"] {
        let (asking, answered) = asking(question, Some(history.clone()));
        assert!(asker.ask(asking));
        let answer = answered.blocking_recv().unwrap().unwrap();
        assert_eq!(answer.problems(&answer.text()), [], "{question}");
        assert!(!answer.facts.is_empty(), "{question}");
    }
    let (asking, answered) = asking("what limits web?", None);
    assert!(asker.ask(asking));
    assert!(matches!(answered.blocking_recv().unwrap(), Err(Unanswered::Past(_) | Unanswered::TooLittle { .. })));
}

#[test]
fn questions_that_have_no_room_or_nobody_waiting_are_not_answered() {
    let asker = Asker::start().unwrap();
    let (_, history) = scenario::run(12).unwrap();
    let mut waiting = Vec::new();
    let mut refused = 0;
    for _ in 0..40 {
        let (asking, answered) = asking("what if tomorrow brings three times the load?", Some(history.clone()));
        if asker.ask(asking) { waiting.push(answered) } else { refused += 1 }
    }
    assert!(refused > 0, "some find no room");
    // All but the first are given up on, which costs nobody a run of the twin.
    let first = waiting.remove(0);
    drop(waiting);
    assert!(first.blocking_recv().unwrap().is_ok());
}
