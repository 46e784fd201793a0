//! What learnt headroom promises, on sequences of decisions.

#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

mod common;

use common::undamped;
use plimsoll_autoscale::{Inputs, Reading, Scaler, decide};
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{HeadroomReason, HeadroomSpec, ScalingSpec};
use plimsoll_model::{ScalingPolicy, ServiceRationale};
use plimsoll_stats::Random;
use proptest::prelude::*;

const TICK: i64 = 15_000;
const DAY: i64 = 5_760;

fn scaling(price: u32, price_keep: u32) -> ScalingSpec {
    let policies = vec![ScalingPolicy::Headroom(HeadroomSpec { price, price_keep })];
    ScalingSpec { capacity: Some(MilliRps(10_000)), ..undamped(policies) }
}

fn decide_once(
    scaler: &mut Scaler,
    scaling: &ScalingSpec,
    (at, current): (i64, u32),
    rate: Option<u64>,
) -> ServiceRationale {
    let inputs = Inputs {
        at: Timestamp(at),
        replicas_max: 100_000,
        current,
        rate: rate.map_or(Reading::Absent, |rate| Reading::Fresh(MilliRps(rate))),
        per_replica: scaling.capacity,
        startup: Millis(60_000),
        age: Millis(30_000),
        ..Inputs::of(scaling)
    };
    decide(scaler, &inputs)
}

/// A service decided about every tick; one replica takes 10 requests/s.
struct Loop {
    scaling: ScalingSpec,
    scaler: Scaler,
    at: i64,
    target: u32,
}

impl Loop {
    fn new(price: u32, price_keep: u32) -> Self {
        Self { scaling: scaling(price, price_keep), scaler: Scaler::default(), at: 0, target: 1 }
    }

    fn tick(&mut self, rate: u64) -> ServiceRationale {
        let said = decide_once(&mut self.scaler, &self.scaling, (self.at, self.target), Some(rate));
        (self.at, self.target) = (self.at + TICK, said.target);
        said
    }

    /// Thousandths of a request/s over so many ticks; the mean number of replicas of the second half.
    fn run(&mut self, ticks: i64, rate: impl Fn(i64) -> u64) -> f64 {
        let mut sum = 0;
        for tick in 0..ticks {
            let said = self.tick(rate(tick));
            sum += if tick >= ticks / 2 { u64::from(said.target) } else { 0 };
        }
        sum as f64 / (ticks - ticks / 2) as f64
    }
}

fn reason(said: &ServiceRationale) -> &HeadroomReason {
    match &said.terms[0].basis {
        Basis::Headroom(reason) => reason,
        other => panic!("another reason: {other:?}"),
    }
}

#[test]
fn a_smooth_load_gets_little_headroom_and_a_restless_one_more() {
    let smooth = Loop::new(100, 200).run(DAY, |_| 200_000);
    let noise: Vec<u64> = {
        let mut random = Random::new(3);
        (0..DAY).map(|_| (200_000.0 * (1.0 + 0.1 * random.normal())).max(0.0) as u64).collect()
    };
    let restless = Loop::new(100, 200).run(DAY, |tick| noise[tick as usize]);
    assert!((20.0..21.6).contains(&smooth), "{smooth}");
    assert!((24.0..32.0).contains(&restless), "{restless}");
}

#[test]
fn a_dearer_moment_under_need_gets_more_replicas() {
    let mut random = Random::new(5);
    let noise: Vec<u64> = (0..DAY).map(|_| (200_000.0 * (1.0 + 0.1 * random.normal())).max(0.0) as u64).collect();
    let at = |price| Loop::new(price, 2 * price).run(DAY, |tick| noise[tick as usize]);
    let (cheap, usual, dear) = (at(10), at(100), at(1_000));
    assert!(cheap + 0.5 < usual && usual + 0.5 < dear, "{cheap} {usual} {dear}");
}

#[test]
fn a_rise_at_each_full_hour_is_waited_for_with_replicas_after_a_day() {
    let mut looped = Loop::new(100, 200);
    let load = |tick: i64| if tick % 240 < 20 { 260_000 } else { 200_000 };
    looped.run(2 * DAY, load);
    // The figures are 30 s late and a start takes a minute: at the full hour the replicas have to be on their way.
    looped.run(236, load);
    let said = looped.tick(load(236));
    assert!(said.target >= 26, "{} {}", said.target, reason(&said));
    assert!(reason(&said).recurring_milli > 3_000, "{}", reason(&said));
}

#[test]
fn an_hour_is_learnt_first_and_a_third_more_is_kept_meanwhile() {
    let mut looped = Loop::new(100, 200);
    let said = looped.tick(200_000);
    assert_eq!((said.target, reason(&said).learnt), (27, 0));
    looped.run(260, |_| 200_000);
    assert!(reason(&looped.tick(200_000)).learnt >= 240);
}

#[test]
fn a_missing_figure_holds_and_teaches_nothing() {
    let mut looped = Loop::new(100, 200);
    looped.run(DAY, |_| 200_000);
    let before = looped.scaler.clone();
    let said = decide_once(&mut looped.scaler, &looped.scaling, (looped.at, 33), None);
    assert_eq!(said.target, 33);
    assert_eq!(looped.scaler.policies, before.policies);
    assert!(matches!(said.terms[0].basis, Basis::NoData { .. }));
}

#[test]
fn what_it_remembers_comes_back() {
    let mut looped = Loop::new(100, 200);
    looped.run(1_000, |tick| 200_000 + (tick as u64 * 7_919) % 50_000);
    let text = serde_json::to_string(&looped.scaler).unwrap();
    let mut again: Scaler = serde_json::from_str(&text).unwrap();
    assert_eq!(again, looped.scaler);
    let place = (looped.at, looped.target);
    let said = decide_once(&mut again, &looped.scaling.clone(), place, Some(230_000));
    assert_eq!(said, looped.tick(230_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn never_below_the_need_and_never_less_for_more_load(
        seed in any::<u64>(), ticks in 1_i64..600, spread in 0.0_f64..0.6, price in 1_u32..10_000, more in 0_u64..500_000,
    ) {
        let mut random = Random::new(seed);
        let mut looped = Loop::new(price, price.saturating_mul(2));
        for _ in 0..ticks {
            let rate = (150_000.0 * (1.0 + spread * random.normal())).max(0.0) as u64;
            let said = looped.tick(rate);
            prop_assert!(u64::from(said.target) * 10_000 >= rate, "{}", reason(&said));
        }
        let place = (looped.at, looped.target);
        let at = |rate| decide_once(&mut looped.scaler.clone(), &looped.scaling, place, Some(rate)).target;
        prop_assert!(at(150_000 + more) >= at(150_000));
    }

    #[test]
    fn no_load_and_no_price_make_it_panic(rates in prop::collection::vec(any::<u64>(), 1..400), price in any::<u32>()) {
        let mut looped = Loop::new(price, 0);
        for rate in rates {
            looped.tick(rate);
        }
    }
}
