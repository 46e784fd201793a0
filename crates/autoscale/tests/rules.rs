//! What holds for every decision, whatever the figures: bounds, monotony, rest, and that what would have changed the
//! target would have.

mod common;

use common::undamped;
use plimsoll_autoscale::{Demand, Inputs, Reading, Scaler, Usage, decide, propose};
use plimsoll_model::quantity::{Bytes, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::rationale::{Basis, Bound};
use plimsoll_model::spec::{Resources, ScalingSpec};
use plimsoll_model::{Forecast, ScalingPolicy, Withheld};
use proptest::prelude::*;

fn scaling(policies: Vec<ScalingPolicy>) -> ScalingSpec {
    let (tolerance, stabilization_down) = (Permille(100), Millis(300_000));
    ScalingSpec { tolerance, stabilization_down, step_up_max: 1_000, step_down_max: 1_000, ..undamped(policies) }
}

fn inputs(scaling: &ScalingSpec, current: u32) -> Inputs<'_> {
    Inputs {
        at: Timestamp(1_000_000),
        replicas_min: 1,
        replicas_max: 100,
        requests: Resources { cpu: Millicores(500), memory: Bytes(1_000) },
        current,
        ..Inputs::of(scaling)
    }
}

fn demand(demand: u64, per_replica: u64) -> Demand {
    let forecast =
        Forecast { at: Timestamp(2_000_000), model: "seasonal".into(), quantiles: vec![], seasons: 3, weights: vec![] };
    Demand {
        forecast: forecast.into(),
        quantile: Permille(950),
        demand: MilliRps(demand),
        per_replica: MilliRps(per_replica),
        missing_price: None,
    }
}

#[test]
fn the_highest_vote_wins_and_a_forecast_only_adds() {
    let spec = scaling(vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }]);
    for (rate, forecast, current, target) in [
        (50_000, 30_000, 5, 5),
        (50_000, 90_000, 5, 9),
        (50_000, 10_000, 8, 5),
        (50_000, 70_000, 8, 7),
        (u64::MAX, 0, 5, 100),
    ] {
        let mut inputs = inputs(&spec, current);
        inputs.rate = Reading::Fresh(MilliRps(rate));
        inputs.demand = Some(demand(forecast, 10_000));
        assert_eq!(decide(&mut Scaler::default(), &inputs).target, target, "{rate} {forecast} {current}");
    }
}

#[test]
fn a_reserve_stays_on_top_and_does_not_grow() {
    let mut spec = scaling(vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }]);
    spec.reserve = 2;
    let mut scaler = Scaler::default();
    let mut current = 1;
    for (rate, expected) in [(50_000, 7), (50_000, 7), (53_000, 7), (60_000, 8), (60_000, 8)] {
        let mut inputs = inputs(&spec, current);
        inputs.rate = Reading::Fresh(MilliRps(rate));
        let rationale = decide(&mut scaler, &inputs);
        assert_eq!(rationale.target, expected, "{rate}");
        assert!(rationale.bounds.contains(&Bound::Reserve { added: 2 }));
        current = rationale.target;
    }
    let nothing = decide(&mut scaler, &inputs(&spec, current));
    assert_eq!(nothing.target, 8, "nor does it when there is nothing to see");
}

#[test]
fn stale_figures_hold_and_say_how_old_they_are() {
    let spec = scaling(vec![
        ScalingPolicy::Cpu { target: Permille(600) },
        ScalingPolicy::RequestRate { target: MilliRps(10_000) },
    ]);
    let mut inputs = inputs(&spec, 6);
    inputs.cpu = Reading::Stale { age_ms: 40_000, age_max_ms: 15_000 };
    inputs.rate = Reading::Fresh(MilliRps(10_000));
    let rationale = decide(&mut Scaler::default(), &inputs);
    assert_eq!(rationale.target, 6);
    assert_eq!(rationale.terms[0].basis, Basis::NoData { metric: "cpu".to_owned(), age_ms: Some(40_000) });
    assert_eq!(rationale.withheld, [Withheld::StaleData { age_ms: 40_000, age_max_ms: 15_000 }]);
    inputs.rate = Reading::Fresh(MilliRps(90_000));
    assert_eq!(decide(&mut Scaler::default(), &inputs).target, 9, "but they do not stop a scale-out");
}

#[test]
fn windows_and_steps_damp_and_name_themselves() {
    let mut spec = scaling(vec![ScalingPolicy::RequestRate { target: MilliRps(10_000) }]);
    (spec.step_up_max, spec.stabilization_up) = (2, Millis(30_000));
    let mut scaler = Scaler::seeded(Timestamp(1_000_000), 2);
    let mut current = 2;
    let mut seen = Vec::new();
    for tick in 0..30_i64 {
        let mut inputs = inputs(&spec, current);
        inputs.at = Timestamp(1_000_000 + tick * 15_000);
        inputs.rate = Reading::Fresh(MilliRps(if tick < 6 { 80_000 } else { 10_000 }));
        let rationale = decide(&mut scaler, &inputs);
        let kinds: Vec<&str> = rationale
            .bounds
            .iter()
            .map(|bound| match bound {
                Bound::StabilizationUp { .. } => "up",
                Bound::StabilizationDown { .. } => "down",
                Bound::StepLimit { .. } => "step",
                _ => "other",
            })
            .collect();
        if rationale.target != current || tick == 0 {
            seen.push((tick, rationale.target, kinds.join(" ")));
        }
        current = rationale.target;
    }
    let expected = [(0, 2, "up"), (2, 4, "step"), (3, 6, "step"), (4, 8, ""), (25, 1, "")];
    assert_eq!(seen, expected.map(|(tick, target, kinds)| (tick, target, kinds.to_owned())));
}

#[test]
fn a_replica_is_woken_by_arrivals() {
    let spec = scaling(vec![ScalingPolicy::Cpu { target: Permille(600) }]);
    let mut inputs = inputs(&spec, 0);
    inputs.replicas_min = 0;
    inputs.rate = Reading::Fresh(MilliRps(1));
    assert_eq!(decide(&mut Scaler::default(), &inputs).target, 1);
    inputs.rate = Reading::Fresh(MilliRps(0));
    assert_eq!(decide(&mut Scaler::default(), &inputs).target, 0);
}

#[derive(Debug, Clone)]
struct Case {
    spec: ScalingSpec,
    past: Vec<u64>,
    figure: u64,
    forecast: Option<u64>,
    measured: u32,
    bounds: (u32, u32),
}

fn case() -> impl Strategy<Value = Case> {
    let kind = prop::sample::select(vec![
        ScalingPolicy::Cpu { target: Permille(600) },
        ScalingPolicy::Memory { target: Permille(700) },
        ScalingPolicy::RequestRate { target: MilliRps(777) },
        ScalingPolicy::InFlight { target_milli: 333 },
    ]);
    let damping = (0_u64..300, 0_u64..60_000, 0_u64..60_000, 0_u32..5, 0_u32..5, 0_u64..40_000, 0_u32..3);
    let figure = || prop_oneof![10 => 0_u64..20_000, 1 => any::<u64>()];
    (
        kind,
        damping,
        prop::collection::vec(figure(), 0..6),
        figure(),
        prop::option::of(0_u64..20_000),
        1_u32..8,
        (0_u32..4, 0_u32..25),
    )
        .prop_map(|(kind, damping, past, figure, forecast, measured, bounds)| {
            let mut spec = scaling(vec![kind]);
            let (tolerance, up, down, step_up, step_down, period, reserve) = damping;
            spec.tolerance = Permille(tolerance);
            (spec.stabilization_up, spec.stabilization_down) = (Millis(up), Millis(down));
            (spec.step_up_max, spec.step_down_max, spec.period, spec.reserve) =
                (step_up, step_down, Millis(period), reserve);
            Case { spec, past, figure, forecast, measured, bounds }
        })
}

fn filled<'a>(case: &'a Case, at: i64, current: u32, figure: u64, forecast: Option<u64>) -> Inputs<'a> {
    let usage = Reading::Fresh(Usage { used: figure, replicas: case.measured });
    let by_rate = matches!(case.spec.policies[0], ScalingPolicy::RequestRate { .. });
    Inputs {
        at: Timestamp(at),
        replicas_min: case.bounds.0,
        replicas_max: case.bounds.1,
        cpu: usage,
        memory: usage,
        rate: if by_rate { Reading::Fresh(MilliRps(figure)) } else { Reading::Absent },
        in_flight_milli: Reading::Fresh(figure),
        demand: forecast.map(|value| demand(value, 777)),
        ..inputs(&case.spec, current)
    }
}

/// The state and the target after the past of a case.
fn after_past(case: &Case) -> (Scaler, u32) {
    let mut scaler = Scaler::default();
    let mut current = case.bounds.0.min(case.bounds.1);
    for (index, figure) in case.past.iter().enumerate() {
        let inputs = filled(case, index as i64 * 15_000, current, *figure, None);
        current = decide(&mut scaler, &inputs).target;
    }
    (scaler, current)
}

fn target(case: &Case, figure: u64, forecast: Option<u64>) -> u32 {
    let (mut scaler, current) = after_past(case);
    decide(&mut scaler, &filled(case, case.past.len() as i64 * 15_000, current, figure, forecast)).target
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_load_never_lowers_a_target_and_bounds_hold(case in case(), more in any::<u64>()) {
        let less = target(&case, case.figure, case.forecast);
        prop_assert!(less <= target(&case, case.figure.saturating_add(more), case.forecast));
        prop_assert!(less >= target(&case, case.figure, None), "a forecast only adds");
        let (min, max) = case.bounds;
        prop_assert!(less <= max && less >= min.min(max));
    }

    #[test]
    fn what_would_have_changed_the_target_does_and_one_less_does_not(case in case()) {
        let (mut scaler, current) = after_past(&case);
        let inputs = filled(&case, case.past.len() as i64 * 15_000, current, case.figure, case.forecast);
        let by_forecast = {
            let proposal = propose(&scaler, &inputs);
            matches!(proposal.terms[proposal.winner].basis, Basis::Forecast { .. })
        };
        let rationale = decide(&mut scaler, &inputs);
        let would = rationale.counterfactual.unwrap();
        let run = |value: u64| {
            if by_forecast { target(&case, case.figure, Some(value)) } else { target(&case, value, case.forecast) }
        };
        match would.more_from {
            Some(more) => {
                prop_assert!(run(more) > rationale.target, "{} at {}", would, more);
                prop_assert!(run(more - 1) <= rationale.target, "{} at {}", would, more - 1);
            }
            None => prop_assert!(run(u64::MAX) <= rationale.target, "{}", would),
        }
        match would.fewer_to {
            Some(fewer) => {
                prop_assert!(run(fewer) < rationale.target, "{} at {}", would, fewer);
                prop_assert!(run(fewer + 1) >= rationale.target, "{} at {}", would, fewer + 1);
            }
            None => prop_assert!(run(0) >= rationale.target, "{}", would),
        }
    }

    #[test]
    fn the_same_figures_once_more_change_nothing_where_nothing_damps(case in case()) {
        let mut case = case;
        (case.spec.step_up_max, case.spec.step_down_max) = (u32::MAX, u32::MAX);
        (case.spec.stabilization_up, case.spec.stabilization_down) = (Millis(0), Millis(0));
        case.past.clear();
        let first = target(&case, case.figure, case.forecast);
        case.measured = case.measured.min(first.max(1));
        let mut scaler = Scaler::default();
        let inputs = filled(&case, 15_000, first, case.figure, case.forecast);
        prop_assert_eq!(decide(&mut scaler, &inputs).target, first);
    }
}
