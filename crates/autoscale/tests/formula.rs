//! What a formula for replicas promises, on sequences of decisions.

#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

mod common;

use common::undamped;
use plimsoll_autoscale::formula::tape::{Had, Tape, Terms};
use plimsoll_autoscale::formula::{FormulaError, HEADROOM};
use plimsoll_autoscale::{Formula, Inputs, Reading, Scaler, decide};
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{FormulaReason, FormulaSpec, HeadroomSpec, ScalingSpec};
use plimsoll_model::{ScalingPolicy, ServiceRationale};
use plimsoll_stats::Random;
use proptest::prelude::*;

const TICK: i64 = 15_000;

fn formula(text: &str) -> ScalingPolicy {
    ScalingPolicy::Formula(FormulaSpec { name: "tried".to_owned(), text: text.to_owned(), price: 80, price_keep: 160 })
}

/// A service decided about every tick by one policy; one replica takes 10 requests/s.
struct Loop {
    scaling: ScalingSpec,
    scaler: Scaler,
    at: i64,
    target: u32,
}

impl Loop {
    fn new(policy: ScalingPolicy) -> Self {
        let scaling = ScalingSpec { capacity: Some(MilliRps(10_000)), ..undamped(vec![policy]) };
        Self { scaling, scaler: Scaler::default(), at: 0, target: 1 }
    }

    fn tick(&mut self, rate: Option<u64>) -> ServiceRationale {
        let inputs = Inputs {
            at: Timestamp(self.at),
            replicas_max: 100_000,
            current: self.target,
            ready: self.target,
            rate: rate.map_or(Reading::Absent, |rate| Reading::Fresh(MilliRps(rate))),
            per_replica: self.scaling.capacity,
            startup: Millis(60_000),
            age: Millis(30_000),
            ..Inputs::of(&self.scaling)
        };
        let said = decide(&mut self.scaler, &inputs);
        (self.at, self.target) = (self.at + TICK, said.target);
        said
    }
}

fn reason(said: &ServiceRationale) -> &FormulaReason {
    match &said.terms[0].basis {
        Basis::Formula(reason) => reason,
        other => panic!("another reason: {other:?}"),
    }
}

/// A day with a rise at each hour, noise, a crowd and some minutes without a figure.
fn restless(tick: i64, random: &mut Random) -> Option<u64> {
    let wave = 200_000.0 + 80_000.0 * ((tick % 5_760) as f64 / 916.7).sin();
    let hourly = if tick % 240 < 12 { 60_000.0 } else { 0.0 };
    let crowd = if (3_000..3_040).contains(&tick) { 500_000.0 } else { 0.0 };
    let load = (wave + hourly + crowd) * (1.0 + 0.08 * random.normal());
    ((tick % 1_000) >= 8).then_some(load.max(0.0) as u64)
}

#[test]
fn learnt_headroom_written_as_a_formula_gives_the_same_targets() {
    let (mut random, mut other) = (Random::new(7), Random::new(7));
    let mut built_in = Loop::new(ScalingPolicy::Headroom(HeadroomSpec { price: 80, price_keep: 160 }));
    let mut written = Loop::new(formula(HEADROOM));
    for tick in 0..2 * 5_760 {
        let (one, two) = (built_in.tick(restless(tick, &mut random)), written.tick(restless(tick, &mut other)));
        assert_eq!(one.target, two.target, "tick {tick}: {} / {}", one.terms[0].basis, two.terms[0].basis);
    }
    assert!(reason(&written.tick(Some(200_000))).learnt > 10_000);
}

fn rehearsed(load: &[Option<MilliRps>], text: &str) -> Vec<Had> {
    let terms = Terms {
        tick: Millis(15_000),
        age: Millis(30_000),
        startup: Millis(60_000),
        per_replica: MilliRps(10_000),
        bounds: (1, 100),
    };
    let spec = FormulaSpec { name: "x".to_owned(), text: String::new(), price: 80, price_keep: 160 };
    let tape = Tape::record(load, Timestamp(0), terms, (&spec, &undamped(Vec::new())));
    tape.rehearse(&Formula::try_new(text).unwrap())
}

#[test]
fn in_a_rehearsal_replicas_come_a_start_up_after_the_figures_and_go_at_once() {
    let load: Vec<_> = (0..12).map(|tick| Some(MilliRps(if tick < 6 { 20_000 } else { 10_000 }))).collect();
    let had = rehearsed(&load, "needed");
    let billed: Vec<u32> = had.iter().map(|had| had.billed).collect();
    let ready: Vec<u32> = had.iter().map(|had| had.ready).collect();
    assert_eq!(billed, [0, 0, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1]);
    assert_eq!(ready, [0, 0, 0, 0, 0, 0, 2, 2, 1, 1, 1, 1]);
}

#[test]
fn in_a_rehearsal_a_gap_changes_nothing() {
    let mut load = vec![Some(MilliRps(50_000)); 300];
    load[200..250].fill(None);
    let had = rehearsed(&load, HEADROOM);
    assert!(had[210..252].iter().all(|now| *now == had[205]), "{:?}", &had[200..255]);
}

#[test]
fn the_shipped_file_is_learnt_headroom() {
    let file = plimsoll_expr::PolicyFile::parse(include_str!("../../../policies/scaling/headroom.policy")).unwrap();
    assert_eq!(file.kind, plimsoll_expr::PolicyKind::Replicas);
    assert_eq!(file.prices, [Some(80), Some(160)]);
    assert_eq!(file.expr.fingerprint(), plimsoll_expr::Expr::parse(HEADROOM).unwrap().fingerprint());
}

#[test]
fn the_page_for_users_has_every_input() {
    let page = include_str!("../../../docs/scaling.md");
    for entry in plimsoll_autoscale::formula::FORMULA_INPUTS {
        let follows = if entry.follows_load { "yes" } else { "no" };
        let row = page.lines().find(|line| {
            line.starts_with('|') && line.split('|').nth(1).unwrap_or_default().contains(&format!("`{}`", entry.name))
        });
        assert!(row.is_some_and(|row| row.contains(&format!("| {follows} |"))), "{}: {row:?}", entry.name);
    }
}

#[test]
fn the_reason_holds_the_parts_and_what_was_read() {
    let mut looped = Loop::new(formula("max(needed, 1.25 * mean_5min) + if(startup > 2min, 2replica, 1replica)"));
    let said = (0..100).map(|_| looped.tick(Some(200_000))).last().unwrap();
    assert_eq!(said.target, 26);
    let told = reason(&said).to_string();
    assert_eq!(
        told,
        "formula tried: 26.0 wanted, of max(needed, 1.25 * mean_5min) = 25.0, if(startup > 2min, 2replica, 1replica) = 1.0; with \
         needed 20.0, mean_5min 20.0, startup 1m; while it is learnt how far the need rises, a third more than is needed is expected"
    );
}

#[test]
fn without_figures_the_present_number_stays() {
    let mut looped = Loop::new(formula("needed"));
    looped.tick(Some(100_000));
    let said = looped.tick(None);
    assert_eq!(said.target, 10);
    assert!(matches!(said.terms[0].basis, Basis::NoData { .. }));
}

#[test]
fn what_cannot_be_proved_is_refused_with_the_reason() {
    let cases = [
        ("needed +", "line 1, column 9"),
        ("needed + startup", "replicas and time cannot be added"),
        ("needed / last", "the result is a plain number, and replicas is wanted"),
        ("wanted", "there is no input `wanted`; there is: needed, expected, error"),
        ("exp(needed / 1replica) * 1replica", "must be proved to stay within 100000000000 either way"),
        ("needed * needed / ready", "must be proved to stay within"),
        ("10replica - needed", "it is falling with needed, which rises with the load"),
        ("if(needed > 5replica, 1replica, needed)", "it is unknown with needed"),
        ("max(needed, 2 * expected - error)", "it is falling with error"),
    ];
    for (text, why) in cases {
        let error = Formula::try_new(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(Formula::try_new(HEADROOM).is_ok());
    assert!(Formula::try_new("needed * (1 + price / 1e6) + (startup / 1min) * error").is_ok());
    assert!(Formula::try_new("10replica + needed / max(ready, 1replica) * 1replica").is_ok());
    assert!(Formula::try_new("needed * (needed / max(ready, 1replica))").is_err(), "a million times a million");
}

#[test]
fn what_never_gives_a_replica_back_is_told_with_its_numbers() {
    for text in [
        HEADROOM,
        "needed",
        "3replica",
        "max(needed, 0.9 * last)",
        "if(since_change > 10min, expected, max(last, expected))",
    ] {
        assert_eq!(Formula::try_new(text).unwrap().comes_down(), Ok(()), "{text}");
    }
    for (text, there) in [("last", 2_000), ("max(needed, current)", 2_000), ("max(needed, min(last, 7replica))", 2_000)]
    {
        let keeps = FormulaError::Keeps { there, asked: there };
        assert_eq!(Formula::try_new(text).unwrap().comes_down(), Err(keeps), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn more_load_never_gives_fewer_replicas(seed in any::<u64>(), ticks in 1_i64..600, rate in 0_u64..400_000, more in 0_u64..400_000) {
        for text in [
            HEADROOM,
            "max(needed, expected + rise_90)",
            "if(since_change > 10min, expected + rise_50, max(last, expected + rise_99))",
            "sqrt(needed * mean_1h) + 0.5 * error + min(start_margin, keep_margin)",
        ] {
            let mut random = Random::new(seed);
            let mut looped = Loop::new(formula(text));
            for tick in 0..ticks {
                looped.tick(restless(tick, &mut random));
            }
            let mut twin = Loop { scaling: looped.scaling.clone(), scaler: looped.scaler.clone(), ..looped };
            let (low, high) = (looped_tick(&looped.scaling, &looped.scaler, &twin, rate), twin.tick(Some(rate + more)));
            prop_assert!(low.target <= high.target, "{text}: {} / {}", low.terms[0].basis, high.terms[0].basis);
        }
    }
}

fn looped_tick(scaling: &ScalingSpec, scaler: &Scaler, at: &Loop, rate: u64) -> ServiceRationale {
    let mut other = Loop { scaling: scaling.clone(), scaler: scaler.clone(), at: at.at, target: at.target };
    other.tick(Some(rate))
}
