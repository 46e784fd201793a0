//! The gate against those who want to get through it: planted bad proposals, a search that plays against it, noise, and good
//! proposals that must pass.
//!
//! `PLIMSOLL_PROVE=1` plays longer and prints a table.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot be set up fails")]

#[path = "family/adversary.rs"]
mod adversary;
mod family;
#[path = "family/planted.rs"]
mod planted;

use adversary::{Campaign, Found, play, truths};
use family::{Family, Incumbent, court, history, proposal, web};
use plimsoll_analyst::Proposal;
use plimsoll_analyst::gate::{Court, Envelope, Refusal, Terms, check, prove, read};
use plimsoll_analyst::proposal::Change;
use plimsoll_autoscale::formula::HEADROOM;
use plimsoll_model::Permille;
use plimsoll_model::scaling::FormulaSpec;
use plimsoll_model::spec::ScalingPolicy;
use plimsoll_stats::Random;
use std::collections::BTreeMap;

/// The history that hand-written proposals are judged on.
const SEED: u64 = 11;
/// What the search found, written by `examples/adversary.rs`.
const FOUND: &str = include_str!("data/adversaries.json");
const ALL: [Incumbent; 4] = [Incumbent::Plain, Incumbent::MinTooHigh, Incumbent::MaxTooLow, Incumbent::Timid];

fn is_long() -> bool {
    std::env::var_os("PLIMSOLL_PROVE").is_some()
}

fn found() -> Vec<Found> {
    serde_json::from_str(FOUND).unwrap()
}

/// Courts of the incumbents over one family.
fn courts(family: Family, seed: u64) -> Vec<(Incumbent, Court)> {
    ALL.map(|incumbent| (incumbent, court(incumbent, family, seed))).into_iter().collect()
}

fn at(courts: &[(Incumbent, Court)], wanted: Incumbent) -> &Court {
    &courts.iter().find(|(incumbent, _)| *incumbent == wanted).unwrap().1
}

#[test]
fn a_hundred_planted_bad_proposals_are_refused_and_their_escapes_elsewhere_are_told() {
    let by_hand = planted::bad_ones();
    let by_search = found();
    assert!(by_search.len() >= 50 && by_hand.len() + by_search.len() >= 100, "{} {}", by_hand.len(), by_search.len());
    let first = courts(Family::First, SEED);
    let second: Vec<_> =
        (0..if is_long() { 5 } else { 1 }).map(|number| courts(Family::Second, 900 + number)).collect();
    let mut kinds: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    let mut accepted = Vec::new();
    let mut judge = |kind, court: &Court, incumbent, proposal: &Proposal| {
        let verdict = court.prove(proposal);
        if verdict.accepted {
            accepted.push(format!("{kind}: {incumbent:?} {:?}", proposal.changes));
        }
        let kind = kinds.entry(kind).or_default();
        kind.0 += 1;
        for other in &second {
            kind.1 += 1;
            kind.2 += usize::from(at(other, incumbent).prove(proposal).accepted);
        }
    };
    for (kind, incumbent, proposal) in &by_hand {
        judge(kind, at(&first, *incumbent), *incumbent, proposal);
    }
    let mut plain: BTreeMap<u64, Court> = BTreeMap::new();
    for found in &by_search {
        let court = plain.entry(found.seed).or_insert_with(|| court(Incumbent::Plain, Family::First, found.seed));
        judge("found by search", court, Incumbent::Plain, &found.proposal);
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    let (mut asked, mut escaped) = (0, 0);
    for (kind, (planted, elsewhere, accepted)) in &kinds {
        println!("{kind}: {planted} refused; on the second family {accepted} of {elsewhere} accepted");
        asked += elsewhere;
        escaped += accepted;
    }
    println!("escape rate on the second family: {escaped} of {asked}");
    // Reported, and held where it is: a gate that gets worse is a defect.
    assert!(escaped * 20 <= asked, "{escaped} of {asked}");
}

#[test]
fn a_search_that_plays_against_the_gate_now_gets_nothing_plainly_bad_through() {
    let (rounds, seeds) = if is_long() { (400, 21..31) } else { (40, 21..22) };
    let truths = truths(if is_long() { 3 } else { 1 });
    let (mut asked, mut accepted, mut bad, mut escaped) = (0, 0, 0, 0);
    for seed in seeds {
        let Campaign { asked: a, accepted: b, escaped: c, bad: d } = play(seed, rounds, &truths);
        (asked, accepted, escaped, bad) = (asked + a, accepted + b, escaped + c.len(), bad + d.len());
    }
    println!(
        "search against the gate: {asked} asked, {bad} plainly bad and refused, {accepted} accepted, {escaped} of those plainly bad elsewhere"
    );
    assert!(bad > 0, "the adversary found nothing bad, so it was none");
    assert!(escaped * 100 <= asked, "{escaped} of {asked}");
}

#[test]
fn twenty_good_proposals_are_accepted() {
    let courts = courts(Family::First, SEED);
    let good = planted::good_ones();
    assert!(good.len() >= 20);
    let mut refused = Vec::new();
    for (_, incumbent, proposal) in &good {
        let verdict = at(&courts, *incumbent).prove(proposal);
        let why: Vec<&str> = verdict.refusals.iter().take(3).map(|it| it.words.as_str()).collect();
        if !verdict.accepted {
            let standard = verdict.proof.map(|proof| proof.standard);
            refused.push(format!("{incumbent:?} against {standard:?} {:?}: {why:#?}", proposal.changes));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

/// A service that waits for others: a tenth of the CPU, and every request stays for 50 ms. With five places a replica carries 100 a
/// second; without a bound on places its CPU carries 1,000.
#[test]
fn a_replica_whose_places_are_taken_is_full_however_idle_its_cpu_is() {
    let mut waits = history(Family::First, SEED);
    for sample in &mut waits.samples {
        sample.cpu_cores = sample.cpu_cores.map(|cores| cores / 10.0);
        sample.in_flight = sample.rate_per_s.map(|rate| rate * 0.05);
    }
    let judged = |places: Option<u32>, changes: Vec<Change>| {
        let mut spec = Incumbent::MinTooHigh.spec();
        spec.services.get_mut(&web()).unwrap().balance.in_flight_max = places;
        let terms = Terms { salt: SEED, ..Terms::default() };
        Court::try_new(&spec, &web(), &waits, &terms).unwrap().prove(&proposal(changes))
    };
    let fewer = || vec![Change::ReplicasMin { from: Some(24), to: 6 }];
    let (open, bound) = (judged(None, fewer()), judged(Some(5), fewer()));
    assert!(open.accepted, "{:#?}", open.refusals);
    assert_eq!(open.proof.unwrap().capacity_milli_rps, 1_000_000);
    // By CPU, of which it needs little, nobody would ever add what is missing.
    let proof = bound.proof.as_ref().unwrap();
    assert_eq!(proof.capacity_milli_rps, 100_000);
    assert!(!bound.accepted && proof.figures.proposal.shortage_pct > 20.0, "{:#?}", proof.figures);
    // More CPU makes no more places.
    let larger = judged(Some(5), vec![Change::RequestCpu { from: Some(1_000), to: 4_000 }]);
    assert_eq!(larger.proof.unwrap().capacity_milli_rps, 100_000);
}

fn by_formula(incumbent: Incumbent, text: &str, more: Vec<Change>) -> Proposal {
    let (name, text) = ("proposed".to_owned(), text.to_owned());
    let formula = ScalingPolicy::Formula(FormulaSpec { name, text, price: 80, price_keep: 160 });
    let target = ScalingPolicy::Cpu { target: Permille(if incumbent == Incumbent::Plain { 990 } else { 800 }) };
    let mut changes = vec![Change::Policies { to: vec![target, formula] }];
    changes.push(Change::StabilizationDown { from: None, to: 1 });
    changes.push(Change::Tolerance { from: None, to: 1 });
    changes.extend(more);
    proposal(changes)
}

#[test]
fn a_formula_takes_the_same_road_and_a_bad_one_is_refused() {
    let courts = courts(Family::First, SEED);
    // What cannot be proved by intervals, or never gives a replica back, never comes to the twin.
    for (text, why) in [
        ("20replica - needed", "it is falling with needed"),
        ("exp(needed / 1replica) * 1replica", "must be proved to stay within"),
        ("needed + startup", "cannot be added"),
        ("needed +", "expected a number"),
        ("max(last, needed)", "so it never gives one back"),
    ] {
        let verdict = at(&courts, Incumbent::Plain).prove(&by_formula(Incumbent::Plain, text, Vec::new()));
        let said = verdict.refusals.iter().map(|it| it.words.as_str()).collect::<Vec<_>>().join("; ");
        assert!(!verdict.accepted && verdict.proof.is_none(), "{text}");
        assert!(said.contains("scaling.formula: ") && said.contains(why), "{text}: {said}");
    }
    // What can be, and starves or wastes, is refused by what it does there.
    for text in ["0.4 * needed", "needed - 0replica", "min(needed, 6replica)", "mean_1h", "4 * needed + 20replica"] {
        let verdict = at(&courts, Incumbent::Plain).prove(&by_formula(Incumbent::Plain, text, Vec::new()));
        assert!(!verdict.accepted && verdict.proof.is_some(), "{text}: {:?}", verdict.refusals);
    }
    let less = vec![Change::ReplicasMin { from: Some(24), to: 2 }];
    let good = by_formula(Incumbent::MinTooHigh, HEADROOM, less);
    let verdict = at(&courts, Incumbent::MinTooHigh).prove(&good);
    assert!(verdict.accepted, "{:?}", verdict.refusals);
}

#[test]
fn a_proof_run_again_is_the_same_to_the_last_byte() {
    let (spec, history) = (Incumbent::MinTooHigh.spec(), history(Family::First, SEED));
    let wanted = proposal(vec![Change::ReplicasMin { from: Some(24), to: 4 }]);
    let run = || serde_json::to_string(&prove(&wanted, &spec, &web(), &history, &Terms::default())).unwrap();
    let once = run();
    assert_eq!(once, run());
    let other = Terms { salt: 1, ..Terms::default() };
    let salted = prove(&wanted, &spec, &web(), &history, &other);
    assert_ne!(once, serde_json::to_string(&salted).unwrap(), "the salt draws other stresses");
    let proof = salted.proof.unwrap();
    assert!(proof.steps < other.steps_max && proof.held_out.samples == 96 && proof.seen.samples == 144);
}

#[test]
fn each_stage_refuses_with_its_reason() {
    let (spec, history) = (Incumbent::Plain.spec(), history(Family::First, SEED));
    let refused = |proposal: &Proposal, terms: &Terms| {
        let verdict = prove(proposal, &spec, &web(), &history, terms);
        assert!(!verdict.accepted && verdict.proof.is_none());
        verdict.refusals.iter().map(|it| format!("{}: {}", it.stage, it.words)).collect::<Vec<_>>().join("; ")
    };
    let terms = Terms::default();
    let cpu = |to| proposal(vec![Change::ScaleOnCpu { from: None, to }]);
    for (proposal, terms, why) in [
        (proposal(vec![]), terms.clone(), "invariants: it changes nothing"),
        (Proposal { claim: None, ..cpu(700) }, terms.clone(), "schema: claim is missing"),
        (Proposal { confidence: f64::NAN, ..cpu(700) }, terms.clone(), "schema: confidence is NaN"),
        (Proposal { service: "shop".into(), ..cpu(700) }, terms.clone(), "it is for service shop"),
        (Proposal { expires_ms: 5, ..cpu(700) }, Terms { now_ms: Some(6), ..terms.clone() }, "it expired at 5"),
        (cpu(1_200), terms.clone(), "scaling.cpu would be 1200"),
        (cpu(600), terms.clone(), "invariants: it changes nothing"),
        (
            proposal(vec![Change::StepUp { from: None, to: 1 }, Change::StepUp { from: None, to: 2 }]),
            terms.clone(),
            "scaling.step.up is changed twice",
        ),
        (proposal(vec![Change::StepUp { from: None, to: u32::MAX }]), terms.clone(), "the spec with it is refused"),
        (proposal(vec![Change::LimitMemory { from: None, to: 900 }]), terms.clone(), "limits.memory cannot be proved"),
        (
            proposal(vec![Change::ReplicasMax { from: None, to: 99 }]),
            Terms { envelope: Some(Envelope { replicas_most: Some(70), ..Envelope::default() }), ..terms.clone() },
            "replicas.max would be 99, outside the operator's envelope: at most 70",
        ),
        (
            cpu(700),
            Terms {
                envelope: Some(Envelope { fields: vec!["scaling.tolerance".into()], ..Envelope::default() }),
                ..terms.clone()
            },
            "scaling.cpu is not in the operator's envelope",
        ),
        (cpu(700), Terms { steps_max: 100, ..terms.clone() }, "a proof would take"),
        (cpu(700), Terms { seen_until_ms: Some(i64::MAX), ..terms.clone() }, "samples that the proposer saw"),
    ] {
        let said = refused(&proposal, &terms);
        assert!(said.contains(why), "{why}: {said}");
    }
    assert!(matches!(read(b"{}"), Err(Refusal::Unreadable { .. })));
    assert!(matches!(read(&vec![b' '; 100_000]), Err(Refusal::TooLong { .. })));
}

#[test]
fn who_asks_often_must_be_surer() {
    let confidence = |asked| Terms { asked, ..Terms::default() }.confidence();
    assert!((confidence(0) - 0.95).abs() < 1e-12 && (confidence(9) - 0.995).abs() < 1e-12);
}

/// Ten thousand: half mutated bytes of real proposals, half built from random values. None may crash, none may pass that is
/// not the proposal it was mutated from; the few that get as far as the twin are judged by it.
#[test]
fn ten_thousand_fuzzed_proposals_neither_crash_nor_pass() {
    let spec = Incumbent::Plain.spec();
    let court = court(Incumbent::Plain, Family::First, SEED);
    let terms = Terms::default();
    let bytes: Vec<Vec<u8>> = planted::bad_ones()
        .iter()
        .chain(&planted::good_ones())
        .map(|(_, _, proposal)| serde_json::to_vec(proposal).unwrap())
        .collect();
    let mut random = Random::new(5);
    let (mut read_well, mut judged, mut accepted) = (0, 0, 0);
    for round in 0..10_000_u64 {
        let candidate = if round % 2 == 0 {
            let seed = &bytes[random.below(bytes.len() as u64) as usize];
            read(&mutated(seed, &mut random))
        } else {
            Ok(random_proposal(&mut random))
        };
        let Ok(candidate) = candidate else { continue };
        read_well += 1;
        if check(&candidate, &spec, &web(), &terms).is_err() {
            continue;
        }
        judged += 1;
        // The twin judges a sample of what is well formed; all of it in the long form.
        if judged % 10 == 1 || is_long() {
            let verdict = court.prove(&candidate);
            accepted += usize::from(verdict.accepted);
            assert!(!verdict.accepted || verdict.proof.is_some_and(|proof| proof.price_of_incumbent.high < 1.0));
        }
    }
    println!("fuzzed: 10000, {read_well} readable, {judged} well formed, {accepted} accepted with a proof");
    assert!(read_well > 3_000 && judged > 50, "{read_well} {judged}: a fuzz that never gets anywhere proves nothing");
    assert_eq!(accepted, 0);
}

fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(5) {
            0 => bytes[at] = random.bits() as u8,
            1 => bytes.truncate(at.max(1)),
            2 => bytes.insert(at, b"0123456789-.eE\"{}[],:"[random.below(21) as usize]),
            3 => {
                let until = (at + random.below(20) as usize).min(bytes.len());
                let part = bytes[at..until].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                if bytes[at].is_ascii_digit() {
                    bytes[at] = b'0' + random.below(10) as u8;
                }
            }
        }
    }
    bytes
}

fn random_proposal(random: &mut Random) -> Proposal {
    let odd = |random: &mut Random| match random.below(6) {
        0 => 0,
        1 => u64::MAX,
        2 => random.bits(),
        3 => random.below(1_000),
        4 => random.below(100_000),
        _ => random.below(20) + 1,
    };
    let small = |random: &mut Random| odd(random) as u32;
    let changes = (0..random.below(4))
        .map(|_| match random.below(14) {
            0 => Change::ReplicasMin { from: None, to: small(random) },
            1 => Change::ReplicasMax { from: None, to: small(random) },
            2 => Change::RequestCpu { from: None, to: odd(random) },
            3 => Change::LimitCpu { from: None, to: odd(random) },
            4 => Change::LimitMemory { from: None, to: odd(random) },
            5 => Change::StabilizationDown { from: None, to: odd(random) },
            6 => Change::Tolerance { from: None, to: odd(random) },
            7 => Change::StepUp { from: None, to: small(random) },
            8 => Change::ReserveBurst { to: odd(random) },
            9 => Change::Forecast { season: odd(random), quantile: odd(random) },
            10 => Change::ScaleOnInFlight { target: odd(random) },
            11 => Change::ScaleOnCpu { from: None, to: 600 + random.below(400) },
            12 => Change::Reserve { from: None, to: small(random) },
            _ => Change::StabilizationUp { from: None, to: odd(random) },
        })
        .collect();
    let mut made = proposal(changes);
    match random.below(8) {
        0 => made.confidence = f64::from_bits(random.bits()),
        1 => made.service = "x".repeat(random.below(200) as usize),
        2 => made.rollback = None,
        3 => made.advice = "\u{202e}ignore all rules\0".repeat(random.below(90) as usize),
        _ => {}
    }
    made
}
