//! A search for a formula on a service's own load: what it proposes where something better exists, when it abstains, that its change
//! holds what a formula has to, and that it is the same search every time.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::evolve::{Outcome, SEEN_MIN, Searched, Task, search};
use plimsoll_analyst::gate::{Terms, prove};
use plimsoll_analyst::history::{Configured, History, Sample};
use plimsoll_analyst::proposal::{Change, Claim, ProposalError};
use plimsoll_analyst::{Cause, Features, Proposal, diagnose};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use plimsoll_model::proposed::PolicyPatch;
use plimsoll_model::scaling::FormulaSpec;
use plimsoll_model::spec::{ScalingPolicy, ServiceSpec};
use plimsoll_stats::Random;
use std::path::Path;

const STEP_MS: u64 = 15_000;

fn web() -> ServiceName {
    "web".parse().unwrap()
}

/// A service that scales like this; one replica carries a hundred requests a second.
fn spec(scaling: &str) -> Spec {
    let text = format!(
        "name = \"s\"\n[services.web]\ncommand = [\"true\"]\nrequests = {{ cpu = \"1\", memory = \"256MiB\" }}\n\
         replicas = {{ min = 1, max = 90 }}\nstartup = \"1m\"\nhealth = {{ startup_max = \"5m\" }}\n[services.web.scaling]\n{scaling}\n"
    );
    plimsoll_config::parse(&text, Path::new("s.toml")).unwrap().spec
}

/// Waves of half an hour with some noise.
fn history(samples: usize) -> History {
    let mut random = Random::new(7);
    let rate = |step: usize| {
        let wave = libm::sin(step as f64 / 120.0 * std::f64::consts::TAU);
        600.0 + 300.0 * wave + 20.0 * random.normal()
    };
    let sample = |rate: f64| Sample { rate_per_s: Some(rate), cpu_cores: Some(rate / 100.0), ..Sample::default() };
    History {
        service: "web".to_owned(),
        start_ms: 1_700_000_000_000,
        step_ms: STEP_MS,
        configured: Configured::default(),
        samples: (0..samples).map(rate).map(sample).collect(),
        events: Vec::new(),
        decisions: Vec::new(),
        forecasts: Vec::new(),
    }
}

/// Searches on the first 60 % for so many looks.
fn found(spec: &Spec, history: &History, looks: u32, begin: &[String]) -> (Searched, Option<Proposal>) {
    let seen = history.before(until(history));
    let features = Features::of(&seen);
    let diagnosis = diagnose(&features);
    let (service, terms) = (web(), Terms::default());
    let task =
        Task { spec, service: &service, seen: &seen, features: &features, diagnosis: &diagnosis, terms: &terms, begin };
    let mut left = looks;
    search(&task, &mut || {
        left = left.saturating_sub(1);
        left > 0
    })
}

fn until(history: &History) -> i64 {
    history.start_ms + (STEP_MS as i64) * (history.samples.len() * 60 / 100) as i64
}

#[test]
fn where_a_policy_wastes_a_formula_is_proposed_and_the_gate_accepts_it_on_what_nobody_saw() {
    let history = history(1_000);
    let wasteful = spec("cpu = \"80%\"\nformula = \"2 * needed + 4replica\"");
    let (searched, proposal) = found(&wasteful, &history, 60, &[]);
    let Outcome::Proposed { formula, price, .. } = &searched.outcome else { panic!("{searched:?}") };
    assert!(*price < 0.8 && searched.episodes > 10 && searched.candidates > 50, "{searched:?}");
    assert_eq!(&searched.formulas[0], formula);
    let proposal = proposal.unwrap();
    assert_eq!((proposal.service.as_str(), proposal.cause), ("web", Cause::OverProvisioned));
    let Claim { figure, now, then, .. } = proposal.claim.as_ref().unwrap();
    assert!(figure == "price core_hours" && then < now, "{figure} {now} {then}");
    assert!(proposal.evidence.contains(&"L1".to_owned()) && proposal.expires_ms > history.start_ms, "{proposal:?}");
    let [Change::Formula { from: Some(ScalingPolicy::Formula(from)), to }, ..] = &proposal.changes[..] else {
        panic!("{:?}", proposal.changes)
    };
    assert_eq!((from.text.as_str(), &to.text), ("2 * needed + 4replica", formula));
    let terms = Terms { seen_until_ms: Some(until(&history)), ..Terms::default() };
    let verdict = prove(&proposal, &wasteful, &web(), &history, &terms);
    assert!(verdict.accepted, "{:?}", verdict.refusals);
    // And it begins from there another time.
    let (again, _) = found(&wasteful, &history, 30, &searched.formulas);
    assert!(again.formulas.contains(formula) || again.outcome.gain() >= searched.outcome.gain(), "{again:?}");
}

#[test]
fn headroom_at_a_price_that_nobody_would_pay_is_undercut() {
    let dear = spec("cpu = \"80%\"\nheadroom = { price = 900000, price_keep = 1000000 }");
    let (searched, proposal) = found(&dear, &history(1_200), 40, &[]);
    // Whether the stresses let it pass or not: it is told, with by how much.
    assert!(searched.outcome.gain().is_some_and(|gain| gain > 0.1), "{searched:?}");
    assert_eq!(proposal.is_some(), matches!(searched.outcome, Outcome::Proposed { .. }));
}

#[test]
fn the_same_history_and_time_give_the_same_search() {
    let (history, spec) = (history(700), spec("cpu = \"80%\"\nformula = \"3 * needed\""));
    let once = found(&spec, &history, 25, &[]);
    assert_eq!(once, found(&spec, &history, 25, &[]));
}

#[test]
fn it_abstains_with_a_reason_and_numbers() {
    let outcome = |spec: &Spec, samples: usize, looks: u32| {
        let (searched, proposal) = found(spec, &history(samples), looks, &[]);
        assert!(proposal.is_none(), "{searched:?}");
        searched.outcome
    };
    let plain = spec("cpu = \"80%\"\nheadroom = {}");
    assert_eq!(outcome(&plain, 500, 9), Outcome::TooLittle { samples: 300, least: SEEN_MIN });
    assert_eq!(outcome(&plain, 700, 0), Outcome::NoTime);
    assert!(matches!(outcome(&spec("in_flight = 3"), 700, 9), Outcome::Unfit { why } if why.contains("request_rate")));
    // Nothing is cheaper than what is always needed.
    let mut level = history(700);
    for sample in &mut level.samples {
        (sample.rate_per_s, sample.cpu_cores) = (Some(600.0), Some(6.0));
    }
    let (searched, proposal) = found(&spec("cpu = \"80%\"\nformula = \"needed\""), &level, 12, &[]);
    assert!(proposal.is_none() && searched.candidates > 0, "{searched:?}");
    assert!(
        matches!(&searched.outcome, Outcome::NotBetter { price: Some(price), why, .. } if *price >= 1.0 && why.contains("must be below 1")),
        "{searched:?}"
    );
    let mut idle = history(700);
    idle.samples.iter_mut().for_each(|sample| sample.rate_per_s = None);
    let (searched, _) = found(&plain, &idle, 9, &[]);
    assert!(matches!(&searched.outcome, Outcome::Unfit { why } if why.contains("history")), "{searched:?}");
}

#[test]
fn texts_that_are_no_formulas_are_not_begun_from() {
    let begin = ["needed +".to_owned(), "1 / 0".to_owned(), "-needed".to_owned(), "x".repeat(9_999)];
    let (searched, _) = found(&spec("cpu = \"80%\"\nformula = \"3 * needed\""), &history(700), 12, &begin);
    assert!(matches!(searched.outcome, Outcome::Proposed { .. }), "{searched:?}");
}

fn changed(spec: &Spec, from: Option<ScalingPolicy>, text: &str) -> Result<ServiceSpec, ProposalError> {
    let to = FormulaSpec { name: "evolved".to_owned(), text: text.to_owned(), price: 80, price_keep: 160 };
    applied(spec, Change::Formula { from, to })
}

fn applied(spec: &Spec, change: Change) -> Result<ServiceSpec, ProposalError> {
    let text = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change, "{text}");
    let proposal = Proposal {
        service: "web".to_owned(),
        cause: Cause::Bursty,
        changes: vec![change],
        claim: None,
        evidence: Vec::new(),
        confidence: 0.5,
        expires_ms: 0,
        rollback: None,
        advice: String::new(),
    };
    proposal.applied(&spec.services[&web()])
}

#[test]
fn a_formula_comes_in_the_place_of_headroom_and_only_where_it_is_proved() {
    let spec = spec("cpu = \"80%\"\nheadroom = {}");
    let own = spec.services[&web()].scaling.policies.clone();
    let headroom = own.iter().find(|policy| policy.name() == "headroom").unwrap().clone();
    let patched = changed(&spec, Some(headroom), "max(needed, last - 1replica)").unwrap();
    let names: Vec<&str> = patched.scaling.policies.iter().map(ScalingPolicy::name).collect();
    assert_eq!(names, ["cpu", "formula"], "in its place, and the others stay");
    // What comes into force is bounds and scaling alone, and holds all of it.
    let mut put = spec.services[&web()].clone();
    PolicyPatch::of(&patched).put(&mut put);
    assert_eq!(put, patched);
    let other =
        ScalingPolicy::Formula(FormulaSpec { name: "own".into(), text: "needed".into(), price: 1, price_keep: 2 });
    let stale = changed(&spec, Some(other), "needed").unwrap_err().to_string();
    assert_eq!(stale, "scaling.formula would replace the formula needed, and there is headroom at prices 80 and 160");
    for (text, expected) in [
        ("needed / ready * 1replica", "must be proved to stay within"),
        ("5replica - needed", "must be proved never to fall"),
        ("nothing", "there is no input `nothing`"),
        ("max(needed, last)", "so it never gives one back"),
        ("needed +", "scaling.formula: "),
    ] {
        let refused = changed(&spec, None, text).unwrap_err().to_string();
        assert!(refused.contains(expected) && refused.starts_with("scaling.formula: "), "{refused}");
        // Nor by way of all policies at once.
        let formula = FormulaSpec { name: "own".into(), text: text.into(), price: 1, price_keep: 2 };
        let all = Change::Policies { to: vec![ScalingPolicy::Formula(formula)] };
        assert_eq!(applied(&spec, all).unwrap_err().to_string(), refused);
    }
}
