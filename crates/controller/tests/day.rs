//! A sine day on the toy plant: the supply follows the load, covers it, and does not flap; a forecast does it better.

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::Input;
use plimsoll_model::quantity::{MilliRps, Millis, Permille};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{Phase, ScalingPolicy, ServiceSpec};

const DAY: i64 = 86_400_000;
const PER_REPLICA: u64 = 20;

/// From 20 to 380 requests per second over a day, ±5 %, the same each time.
fn load(at: i64) -> u64 {
    let phase = at.rem_euclid(DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
    let noise = (at / 15_000).wrapping_mul(2_654_435_761).rem_euclid(1_001) - 500;
    let clean = 200.0 - 180.0 * phase.cos();
    (clean * (1.0 + noise as f64 / 10_000.0)).round() as u64
}

struct Score {
    /// Ticks with fewer ready replicas than the load needs at full use of the target.
    under: u32,
    /// Replica-ticks above the need, per mille of the need.
    over_permille: u64,
    /// Changes of direction of the target.
    turns: u32,
    ticks: u32,
}

fn day(service: ServiceSpec, days: i64) -> Score {
    let mut plant = Plant::new(spec([("shop", service)]));
    plant.startup = Millis(180_000);
    let (mut under, mut over, mut need_sum, mut turns, mut ticks) = (0, 0, 0, 0, 0);
    let (mut target, mut direction) = (1_u32, 0);
    let begin = plant.at.0;
    while plant.at.0 < begin + days * DAY {
        let rps = load(plant.at.0);
        // 30 ms of CPU per request: a replica of half a core at 60 % takes 10 requests per second.
        plant.set_load("shop", rps, 15_000);
        let decision = plant.tick();
        let new = decision.rationale.services.get(&name("shop")).map_or(target, |it| it.target);
        let way = i32::from(new > target) - i32::from(new < target);
        if plant.at.0 > begin + (days - 1) * DAY {
            let need = rps.div_ceil(PER_REPLICA);
            let ready = u64::from(plant.count("shop", Phase::Ready));
            under += u32::from(ready < need);
            over += ready.saturating_sub(need);
            need_sum += need;
            ticks += 1;
            turns += u32::from(way * direction < 0);
        }
        if way != 0 {
            direction = way;
        }
        target = new;
    }
    Score { under, over_permille: over * 1_000 / need_sum, turns, ticks }
}

fn shop(forecast: Option<ForecastSpec>) -> ServiceSpec {
    let mut shop = service(2, 60, vec![ScalingPolicy::RequestRate { target: MilliRps(PER_REPLICA * 1_000) }]);
    shop.startup = Millis(180_000);
    shop.health.startup_max = Millis(600_000);
    shop.scaling.forecast = forecast;
    shop
}

#[test]
fn a_day_is_followed_without_flapping_and_a_forecast_closes_the_gap_of_the_start_up() {
    let forecast = ForecastSpec {
        season: Millis(DAY.unsigned_abs()),
        season_long: None,
        quantile: Permille(950),
        missing_price: None,
        history: None,
        models: vec![],
        refit: Millis(86_400_000),
    };
    let reactive = day(shop(None), 2);
    let ahead = day(shop(Some(forecast)), 3);
    for (what, score) in [("reactive", &reactive), ("forecast", &ahead)] {
        println!(
            "{what}: under need {} of {} ticks, {} ‰ over, {} turns",
            score.under, score.ticks, score.over_permille, score.turns
        );
    }
    assert!(reactive.turns <= 24 && ahead.turns <= 24);
    assert!(ahead.under * 100 <= ahead.ticks, "at most 1 % of the day under need: {}", ahead.under);
    assert!(ahead.under * 5 <= reactive.under, "{} against {}", ahead.under, reactive.under);
    assert!(reactive.over_permille < 250 && ahead.over_permille < 350);
}

#[test]
fn recorded_history_makes_the_first_day_as_good_as_the_third() {
    let forecast = ForecastSpec {
        season: Millis(DAY.unsigned_abs()),
        season_long: None,
        quantile: Permille(950),
        missing_price: None,
        history: None,
        models: vec![],
        refit: Millis(86_400_000),
    };
    let mut plant = Plant::new(spec([("shop", shop(Some(forecast)))]));
    let begin = plant.at.0;
    let past = (begin - 3 * DAY..begin).step_by(15_000);
    let samples = past.map(|at| (plimsoll_model::Timestamp(at), MilliRps(load(at) * 1_000))).collect();
    plant.pending.push(Input::History { service: name("shop"), samples });
    plant.set_load("shop", load(begin), 15_000);
    let decision = plant.tick();
    assert_eq!(decision.rationale.findings.len(), 1, "the policy, and no complaint: {:?}", decision.rationale.findings);
    let forecast = plant.state.services[&name("shop")].forecast.clone().expect("a forecast from the first tick on");
    assert_eq!(forecast.seasons, 3);
}

#[test]
fn capacity_learnt_from_cpu_per_request_serves_where_no_rate_is_given() {
    let mut shop = service(1, 60, vec![ScalingPolicy::Cpu { target: Permille(600) }]);
    shop.scaling.forecast = Some(ForecastSpec {
        season: Millis(3_600_000),
        season_long: None,
        quantile: Permille(950),
        missing_price: None,
        history: None,
        models: vec![],
        refit: Millis(86_400_000),
    });
    let mut plant = Plant::new(spec([("shop", shop)]));
    plant.set_load("shop", 100, 15_000);
    // An hour of learning, in which the CPU policy decides alone, and a little more.
    for _ in 0..260 {
        let _ = plant.tick();
    }
    let state = &plant.state.services[&name("shop")];
    let learnt = state.cpu_per_request_ns.expect("learnt") / 1_000;
    assert!((14_900..=15_000).contains(&learnt), "{learnt} µs for 15 ms, the first ticks having been overloaded");
    let rationale = state.rationale.as_ref().expect("decided");
    let text = rationale.terms[1].to_string();
    assert!(
        (5..=6).contains(&rationale.target),
        "1.5 cores at 60 % of half a core each, and a margin: {}",
        rationale.target
    );
    assert!(text.contains(" replicas: forecast of 100") && text.contains("last-value 11.1%"), "{text}");
}
