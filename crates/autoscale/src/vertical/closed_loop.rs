//! Proof by closed loop that the count and the size of replicas never fight.
//!
//! A plant (use per replica = load / replicas, capped at the limit, with noise) is driven by both, and by the count alone.

use super::*;
use crate::{Inputs, Reading, Scaler, Usage};
use plimsoll_model::ScalingPolicy;
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::scaling::GuardSpec;
use plimsoll_model::scaling::vertical::{Size, SizeVerdict, VerticalMode, VerticalSpec};
use plimsoll_model::spec::{Limits, Resources, ScalingSpec};
use proptest::prelude::*;

const TICK: i64 = 60_000;
const MIB: u64 = 1 << 20;

/// What one step of the loop came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    target: u32,
    cpu: u64,
    used: u64,
    resized: bool,
}

fn scaling() -> ScalingSpec {
    ScalingSpec {
        policies: vec![ScalingPolicy::Cpu { target: Permille(600) }],
        tolerance: Permille(100),
        stabilization_up: Millis(0),
        stabilization_down: Millis(300_000),
        step_up_max: 100,
        step_down_max: 100,
        period: Millis(60_000),
        reserve: 0,
        reserve_share: Permille(0),
        reserve_burst: None,
        forecast: None,
        guard: GuardSpec::default(),
        vertical: None,
    }
}

fn declared() -> Size {
    let limits = Limits { cpu: Some(Millicores(1_500)), memory: Some(Bytes(2_048 * MIB)), pids: None };
    Size { requests: Resources { cpu: Millicores(1_000), memory: Bytes(1_024 * MIB) }, limits }
}

/// Per mille of noise, the same for the same step.
fn noise(step: i64, replica: u32) -> i64 {
    let mixed = (step as u64 ^ (u64::from(replica) << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    i64::try_from(mixed >> 40).unwrap() % 41 - 20
}

/// Runs the loop over `load` (millicores in all, one per minute) from two replicas on.
fn run(mode: VerticalMode, load: &[u64]) -> Vec<Moment> {
    let (scaling, vertical) = (scaling(), VerticalSpec { mode, ..VerticalSpec::default() });
    let (mut scaler, mut sizer) = (Scaler::default(), Sizer::default());
    let (mut current, mut changed, mut ready) = (2_u32, i64::MIN / 2, 2_u32);
    let mut moments = Vec::new();
    for (step, load) in load.iter().enumerate() {
        let step = step as i64;
        let at = Timestamp(step * TICK);
        let limit = sizer.size(&vertical, declared(), (true, false)).limits.cpu.unwrap().0;
        let uses: Vec<ReplicaUse> = (0..ready)
            .map(|replica| {
                let share = *load as i64 / i64::from(ready);
                let cpu = (share + share * noise(step, replica) / 1_000).unsigned_abs().min(limit);
                ReplicaUse { cpu: Some(Millicores(cpu)), memory: Some(Bytes((200 + cpu / 10) * MIB)) }
            })
            .collect();
        let used: u64 = uses.iter().filter_map(|it| it.cpu).map(|cpu| cpu.0).sum();
        let inputs = Inputs {
            at,
            replicas_min: 2,
            replicas_max: 1_000,
            requests: declared().requests,
            current,
            cpu: Reading::Fresh(Usage { used, replicas: ready }),
            ready,
            ..Inputs::of(&scaling)
        };
        let target = crate::decide(&mut scaler, &inputs).target;
        if target != current {
            changed = step;
        }
        let rationale = sizer.decide(&SizerInputs {
            at,
            spec: &vertical,
            declared: declared(),
            replicas: &uses,
            target,
            replicas_max: 1_000,
            is_complete: ready == target,
            settles: Timestamp(changed.saturating_mul(TICK)).plus(scaling.stabilization_down),
            tracks_cpu: true,
            tracks_memory: false,
        });
        let resized = matches!(rationale.verdict, SizeVerdict::Resized { .. });
        moments.push(Moment { target, cpu: rationale.size.requests.cpu.0, used, resized });
        // What starts is ready at the next tick.
        (current, ready) = (target, target);
    }
    moments
}

fn targets(moments: &[Moment]) -> Vec<u32> {
    moments.iter().map(|moment| moment.target).collect()
}

#[test]
fn a_day_and_night_load_is_served_by_the_same_counts_at_less_reserved() {
    let load: Vec<u64> = (0..4 * 1_440).map(|minute| if minute % 1_440 < 720 { 6_000 } else { 500 }).collect();
    let (both, count_alone) = (run(VerticalMode::InPlace, &load), run(VerticalMode::Off, &load));
    assert_eq!(targets(&both), targets(&count_alone));
    let reserved = |moments: &[Moment]| moments.iter().map(|it| u64::from(it.target) * it.cpu).sum::<u64>();
    assert!(reserved(&both) * 100 < reserved(&count_alone) * 90, "{} {}", reserved(&both), reserved(&count_alone));
    let resizes = both.iter().filter(|moment| moment.resized).count();
    assert!(resizes <= 9, "{resizes} in four days");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_constant_load_settles(load in 100_u64..40_000) {
        let moments = run(VerticalMode::InPlace, &vec![load; 3 * 1_440]);
        let last_day = &moments[2 * 1_440..];
        prop_assert!(last_day.windows(2).all(|pair| (pair[0].target, pair[0].cpu) == (pair[1].target, pair[1].cpu)));
        prop_assert!(moments.iter().filter(|moment| moment.resized).count() <= 4);
    }

    #[test]
    fn the_count_is_what_it_is_without_right_sizing_and_what_is_reserved_covers_the_use(
        levels in prop::collection::vec((1_usize..500, 100_u64..40_000), 1..8),
    ) {
        let load: Vec<u64> = levels.iter().flat_map(|(minutes, load)| vec![*load; *minutes]).collect();
        let moments = run(VerticalMode::InPlace, &load);
        prop_assert_eq!(targets(&moments), targets(&run(VerticalMode::Off, &load)));
        for moment in moments {
            prop_assert!(u64::from(moment.target) * moment.cpu >= moment.used, "{:?}", moment);
        }
    }
}
