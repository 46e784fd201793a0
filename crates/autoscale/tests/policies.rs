//! What each policy promises, on sequences of decisions: events, the season's memory, the reserve for bursts, lazy
//! provisioning, guards and declared fallbacks.

#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

mod common;

use common::undamped;
use plimsoll_autoscale::{Inputs, Reading, Scaler, decide};
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::rationale::{Basis, Bound};
use plimsoll_model::scaling::{
    CurvePoint, Event, EventSpec, Expected, Fallback, FallbackSpec, FlapBudget, GuardSpec, LazySpec, ScalingSpec,
};
use plimsoll_model::{ScalingPolicy, ServiceRationale};
use proptest::prelude::*;

const TICK: i64 = 15_000;
const STARTUP: Millis = Millis(60_000);

fn scaling(policies: Vec<ScalingPolicy>) -> ScalingSpec {
    ScalingSpec { capacity: Some(MilliRps(10_000)), ..undamped(policies) }
}

fn by_rate() -> ScalingPolicy {
    ScalingPolicy::RequestRate { target: MilliRps(10_000) }
}

/// A service that is decided about every tick, as the controller does it.
struct Loop {
    scaling: ScalingSpec,
    scaler: Scaler,
    at: i64,
    target: u32,
    max: u32,
}

impl Loop {
    fn new(scaling: ScalingSpec) -> Self {
        Self { scaling, scaler: Scaler::default(), at: 0, target: 1, max: 1_000 }
    }

    /// One tick with so many requests per second, or with no figure.
    fn tick(&mut self, rps: Option<u64>) -> ServiceRationale {
        let (at, per_replica) = (Timestamp(self.at), self.scaling.capacity);
        let rate = rps.map_or(Reading::Absent, |rps| Reading::Fresh(MilliRps(rps * 1_000)));
        let burst = self.scaler.burst(&self.scaling, (at, STARTUP), rate, per_replica);
        let inputs = Inputs {
            at,
            replicas_min: 1,
            replicas_max: self.max,
            current: self.target,
            rate,
            per_replica,
            burst,
            startup: STARTUP,
            tick: Millis(TICK.unsigned_abs()),
            ..Inputs::of(&self.scaling)
        };
        let rationale = decide(&mut self.scaler, &inputs);
        self.at += TICK;
        self.target = rationale.target;
        rationale
    }

    fn run(&mut self, load: impl IntoIterator<Item = u64>) -> Vec<u32> {
        load.into_iter().map(|rps| self.tick(Some(rps)).target).collect()
    }
}

fn event(start: i64, end: i64, curve: &[(u64, Expected)]) -> EventSpec {
    let point = |(at, expected): &(u64, Expected)| CurvePoint { at: Millis(*at), expected: *expected };
    let curve = curve.iter().map(point).collect();
    EventSpec { name: "sale".to_owned(), start: Timestamp(start), end: Timestamp(end), curve }
}

#[test]
fn an_announced_event_is_there_before_it_starts_and_gone_after_it_ends() {
    let sale = event(300_000, 600_000, &[(0, Expected::Factor(Permille(3_000)))]);
    let mut service = Loop::new(scaling(vec![by_rate(), ScalingPolicy::Event(sale)]));
    // 100/s usual; during the sale 300/s really come.
    let targets = service.run((0..50).map(|tick| if (20..40).contains(&tick) { 300 } else { 100 }));
    let lead = 20 - 5;
    assert_eq!(targets[..lead], vec![10; lead]);
    assert_eq!(targets[lead..40], vec![30; 40 - lead], "one start-up time and a tick before, and no runaway within");
    assert_eq!(targets[40..], vec![10; 10]);
}

#[test]
fn a_curve_is_followed_with_the_lead_of_one_start_up() {
    let rate = |rps: u64| Expected::Rate(MilliRps(rps * 1_000));
    let show = event(0, 900_000, &[(0, rate(50)), (300_000, rate(200)), (600_000, rate(80))]);
    let mut service = Loop::new(scaling(vec![by_rate(), ScalingPolicy::Event(show)]));
    let targets = service.run(vec![10; 61]);
    assert_eq!((targets[0], targets[14], targets[15], targets[39], targets[40], targets[59]), (5, 5, 20, 20, 8, 8));
    assert_eq!(targets[60], 1, "over");
}

#[test]
fn a_triggered_event_starts_at_once_and_expires_by_itself() {
    let mut service = Loop::new(scaling(vec![by_rate()]));
    service.run(vec![100; 4]);
    let release = Event {
        spec: EventSpec {
            name: "release".to_owned(),
            ..event(60_000, 360_000, &[(0, Expected::Factor(Permille(2_500)))])
        },
        by: "ci".to_owned(),
    };
    assert!(service.scaler.announce(Timestamp(60_000), &release));
    let first = service.tick(Some(100));
    assert_eq!(first.target, 25);
    let Basis::Event { name, by, usual, .. } = &first.terms[first.winner].basis else { panic!("{first:?}") };
    assert_eq!((name.as_str(), by.as_str(), *usual), ("release", "ci", Some(MilliRps(100_000))));
    // The load doubles because of it: still a factor of what was usual.
    assert_eq!(service.run(vec![250; 10]), vec![25; 10]);
    service.run(vec![100; 10]);
    assert!(service.scaler.events.is_empty(), "forgotten");
    assert_eq!(service.target, 10);
    assert!(!service.scaler.announce(Timestamp(400_000), &release), "over already");
    let backwards = Event {
        spec: EventSpec { start: Timestamp(900_000), end: Timestamp(800_000), ..release.spec },
        by: String::new(),
    };
    assert!(!service.scaler.announce(Timestamp(400_000), &backwards));
}

#[test]
fn what_was_needed_one_season_ago_is_a_floor_one_start_up_ahead() {
    let season = ScalingPolicy::Seasonal { season: Millis(3_600_000), share: Permille(1_000) };
    let mut service = Loop::new(scaling(vec![by_rate(), season]));
    let day = |tick: usize| if (80..120).contains(&tick) { 400 } else { 50 };
    let first = service.run((0..240).map(day));
    assert_eq!(first[79..81], [5, 40], "without a memory the rise comes as a surprise");
    let second = service.run((0..240).map(day));
    assert_eq!(second[70], 5);
    assert_eq!(second[76..120], vec![40; 44][..], "with one it is met");
    assert_eq!(second[125], 5, "and the memory ends with the minute that held it");
    let last = service.tick(Some(50));
    assert!(last.terms.iter().any(|term| matches!(term.basis, Basis::Seasonal { .. })), "{last:?}");
}

#[test]
fn a_reserve_for_bursts_is_the_quantile_of_the_growth() {
    let mut spec = scaling(vec![by_rate()]);
    spec.reserve_burst = Some(Permille(990));
    let mut service = Loop::new(spec);
    service.run((0..400).map(|tick| if tick % 40 < 2 { 200 } else { 100 }));
    let quiet = service.tick(Some(100));
    let [Bound::Burst { added, growth, samples, .. }] = quiet.bounds[..] else { panic!("{:?}", quiet.bounds) };
    assert_eq!((quiet.target, added), (10 + added, growth.0.div_ceil(10_000) as u32));
    assert!((100_000..107_000).contains(&growth.0) && samples > 380, "{growth} {samples}");
}

#[test]
fn a_share_in_reserve_stays_a_share() {
    let mut spec = scaling(vec![by_rate()]);
    (spec.reserve_share, spec.tolerance) = (Permille(200), Permille(100));
    let mut service = Loop::new(spec);
    assert_eq!(service.run([100, 100, 105, 95, 200, 200]), [12, 12, 12, 12, 24, 24]);
}

#[test]
fn lazy_provisioning_keeps_a_replica_for_as_long_as_its_start_costs() {
    let lazy = LazySpec { switching: Millis(60_000), missing_price: None };
    let mut service = Loop::new(scaling(vec![ScalingPolicy::Lazy(lazy)]));
    // A start costs 120 s: a gap of 8 ticks is kept through, one of 9 is not.
    assert_eq!(service.run([50, 50]), [5, 5]);
    assert_eq!(service.run(vec![20; 8]), vec![5; 8]);
    assert_eq!(service.run([20, 20, 30]), [2, 2, 3]);
    let last = service.tick(Some(20));
    let Basis::Lazy(reason) = &last.terms[last.winner].basis else { panic!("{last:?}") };
    assert_eq!((reason.needed, reason.lower, reason.upper), (2, 2, 3));
    assert_eq!(service.tick(None).target, 3, "no figure, no change");
}

/// What a supply costs: time of replicas, and starts at the price of `start`, in ticks.
fn price(supply: &[u32], start: u64) -> u64 {
    let starts = |pair: &[u32]| u64::from(pair[1].saturating_sub(pair[0]));
    let with_zero: Vec<u32> = std::iter::once(0).chain(supply.iter().copied()).collect();
    supply.iter().map(|it| u64::from(*it)).sum::<u64>() + start * with_zero.windows(2).map(starts).sum::<u64>()
}

/// The least price of any supply that covers every need, by trying all.
fn optimum(needs: &[u32], most: u32, start: u64) -> u64 {
    let mut best: Vec<u64> = (0..=most).map(|supply| u64::from(supply) * start).collect();
    for (index, need) in needs.iter().enumerate() {
        let before = best.clone();
        for supply in 0..=most {
            let from = |last: u32| before[last as usize] + start * u64::from(supply.saturating_sub(last));
            let least = (0..=most).map(from).min().unwrap_or(0);
            let least = if index == 0 { u64::from(supply) * start } else { least };
            best[supply as usize] = if supply < *need { u64::MAX / 4 } else { least + u64::from(supply) };
        }
    }
    best.into_iter().min().unwrap_or(0)
}

#[test]
fn a_flap_budget_stops_removing_and_never_adding() {
    let mut spec = scaling(vec![by_rate()]);
    spec.guard.flaps = Some(FlapBudget { changes_max: 2, period: Millis(3_600_000) });
    let mut service = Loop::new(spec);
    let targets = service.run([50, 20, 60, 10, 70, 10, 80]);
    assert_eq!(targets, [5, 2, 6, 6, 7, 7, 8], "down and up again are two; then nothing is removed");
    let held = service.tick(Some(10));
    assert!(matches!(held.bounds[..], [Bound::FlapBudget { changes: 2, changes_max: 2, wanted: 1, .. }]), "{held:?}");
    service.at += 3_600_000;
    assert_eq!(service.tick(Some(10)).target, 1, "an hour later it is forgotten");
}

#[test]
fn a_budget_of_changes_and_a_pause_hold_what_they_name() {
    let mut spec = scaling(vec![by_rate()]);
    spec.guard.changes_per_hour = Some(2);
    let mut service = Loop::new(spec.clone());
    assert_eq!(service.run([50, 40, 30, 60, 30]), [5, 4, 4, 6, 6]);
    for (pause_in, pause_out, expected) in [(true, false, [5, 5, 8]), (false, true, [1, 1, 1]), (true, true, [1, 1, 1])]
    {
        let mut spec = scaling(vec![by_rate()]);
        (spec.guard.pause_in, spec.guard.pause_out) = (pause_in, pause_out);
        assert_eq!(Loop::new(spec).run([50, 20, 80]), expected, "{pause_in} {pause_out}");
    }
    let mut frozen = Loop::new(spec);
    frozen.scaling.guard = GuardSpec { pause_in: true, pause_out: true, ..GuardSpec::default() };
    frozen.target = 9;
    frozen.max = 4;
    assert_eq!(frozen.run([50]), [4], "the bounds of the spec hold in any case");
}

#[test]
fn figures_that_stay_away_hold_at_first_and_then_do_what_was_declared() {
    for (behaviour, expected) in [
        (Fallback::Replicas { replicas: 3 }, 3),
        (Fallback::CurrentIfHigher { replicas: 3 }, 6),
        (Fallback::CurrentIfHigher { replicas: 8 }, 8),
        (Fallback::CurrentIfLower { replicas: 3 }, 3),
        (Fallback::Hold, 6),
    ] {
        let mut spec = scaling(vec![by_rate()]);
        spec.guard.fallback = Some(FallbackSpec { after: Millis(60_000), behaviour });
        let mut service = Loop::new(spec);
        service.run([60]);
        let targets: Vec<u32> = (0..4).map(|_| service.tick(None).target).collect();
        assert_eq!(targets, [6, 6, 6, expected], "{behaviour:?}");
        assert_eq!(service.run([20]), [2], "what is measured again decides again");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lazy_provisioning_never_costs_more_than_three_times_the_optimum(
        needs in prop::collection::vec(0_u32..7, 1..60),
        switching in 0_u64..10,
    ) {
        let spec = LazySpec { switching: Millis(switching * 15_000), missing_price: None };
        let mut service = Loop::new(scaling(vec![ScalingPolicy::Lazy(spec)]));
        // A start costs its 4 ticks of starting and the switching.
        let start = 4 + switching;
        let mut supply = Vec::new();
        for need in &needs {
            let rationale = service.tick(Some(u64::from(*need) * 10));
            supply.push(rationale.terms[0].replicas);
        }
        prop_assert!(supply.iter().zip(&needs).all(|(supply, need)| supply >= need), "{:?} {:?}", supply, needs);
        let (ours, best) = (price(&supply, start), optimum(&needs, 7, start));
        prop_assert!(ours <= 3 * best, "{} against {}: {:?} for {:?}", ours, best, supply, needs);
        prop_assert!(ours <= 2 * best, "beyond any price it is the renting of skis");
    }

    #[test]
    fn lazy_provisioning_stays_between_its_bounds_at_any_price(
        needs in prop::collection::vec(0_u64..40, 1..80),
        price in prop::option::of(1_000_u64..20_000),
        switching in 0_u64..300_000,
    ) {
        let spec = LazySpec { switching: Millis(switching), missing_price: price.map(Permille) };
        let mut service = Loop::new(scaling(vec![ScalingPolicy::Lazy(spec)]));
        for need in needs {
            let rationale = service.tick(Some(need * 10));
            let Basis::Lazy(reason) = &rationale.terms[0].basis else { panic!("{rationale:?}") };
            let vote = rationale.terms[0].replicas;
            prop_assert!(reason.lower <= vote && vote <= reason.upper);
            prop_assert!(price.is_some() || vote >= reason.needed);
            prop_assert!(reason.lower <= reason.needed, "never more is started than is needed");
        }
    }

    #[test]
    fn more_load_never_lowers_a_target_under_any_policy(
        past in prop::collection::vec(prop::option::weighted(0.9, 0_u64..200), 0..60),
        (rps, more) in (0_u64..200, 0_u64..200),
        (share, burst) in (0_u64..500, prop::option::of(500_u64..999)),
        (flaps, changes) in (prop::option::of(0_u32..3), prop::option::of(1_u32..4)),
        (pause_in, pause_out, lazy) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let sale = event(150_000, 400_000, &[(0, Expected::Factor(Permille(1_500)))]);
        let mut policies = vec![
            by_rate(),
            ScalingPolicy::Seasonal { season: Millis(300_000), share: Permille(750) },
            ScalingPolicy::Event(sale),
        ];
        if lazy {
            policies.push(ScalingPolicy::Lazy(LazySpec { switching: Millis(45_000), missing_price: Some(Permille(3_000)) }));
        }
        let mut spec = scaling(policies);
        (spec.reserve_share, spec.reserve_burst) = (Permille(share), burst.map(Permille));
        spec.stabilization_down = Millis(60_000);
        let flaps = flaps.map(|changes_max| FlapBudget { changes_max, period: Millis(600_000) });
        spec.guard = GuardSpec { pause_in, pause_out, flaps, changes_per_hour: changes, fallback: None };
        let after = |rps: u64| {
            let mut service = Loop::new(spec.clone());
            for rps in &past {
                service.tick(*rps);
            }
            service.tick(Some(rps)).target
        };
        prop_assert!(after(rps) <= after(rps + more));
    }

    #[test]
    fn the_memory_of_a_scaler_is_bounded(loads in prop::collection::vec(0_u64..500, 1..20), ticks in 1_usize..3_000) {
        let mut spec = scaling(vec![
            by_rate(),
            ScalingPolicy::Seasonal { season: Millis(600_000), share: Permille(1_000) },
            ScalingPolicy::Lazy(LazySpec { switching: Millis(600_000), missing_price: Some(Permille(2_500)) }),
        ]);
        spec.reserve_burst = Some(Permille(990));
        spec.guard.flaps = Some(FlapBudget { changes_max: 3, period: Millis(3_600_000) });
        spec.guard.changes_per_hour = Some(5);
        let mut service = Loop::new(spec);
        for tick in 0..ticks {
            service.tick(Some(loads[tick % loads.len()]));
        }
        let size = format!("{:?}", service.scaler).len();
        prop_assert!(size < 60_000, "{}", size);
    }
}
