//! Models are fitted off the step: the order names its data, the answer joins the forecast, and a replay never fits.

#![allow(clippy::unwrap_used, reason = "a run that does not get there fails its test")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::fit::data_hash;
use plimsoll_controller::{Fit, Input, State, step};
use plimsoll_forecast::online::Guest;
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{ActionKind, Decision, Finding, FitOrder, ScalingPolicy, ServiceSpec};

const HOUR: i64 = 3_600_000;

fn shop(models: &[&str]) -> ServiceSpec {
    let mut shop = service(1, 60, vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }]);
    shop.scaling.forecast = Some(ForecastSpec {
        season: Millis(HOUR.unsigned_abs()),
        season_long: None,
        quantile: Permille(950),
        missing_price: None,
        history: None,
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        refit: Millis(2 * HOUR.unsigned_abs()),
    });
    shop
}

/// 20 to 180 requests per second over an hour, ±5 %.
fn load(at: i64) -> u64 {
    let phase = at.rem_euclid(HOUR) as f64 / HOUR as f64 * std::f64::consts::TAU;
    let noise = (at / 15_000).wrapping_mul(2_654_435_761).rem_euclid(1_001) - 500;
    ((100.0 - 80.0 * phase.cos()) * (1.0 + noise as f64 / 10_000.0)).round() as u64
}

struct Run {
    plant: Plant,
    /// Every sample that the forecast took.
    samples: Vec<(Timestamp, MilliRps)>,
    orders: Vec<FitOrder>,
    decisions: Vec<Decision>,
}

impl Run {
    fn new(models: &[&str]) -> Self {
        let plant = Plant::new(spec([("shop", shop(models))]));
        Self { plant, samples: Vec::new(), orders: Vec::new(), decisions: Vec::new() }
    }

    fn tick(&mut self) -> &Decision {
        self.plant.set_load("shop", load(self.plant.at.0), 15_000);
        let decision = self.plant.tick();
        let taken = self.plant.state.services[&name("shop")].fits.last();
        self.samples.extend(taken.filter(|(at, _)| *at == decision.at));
        let order = |action: &plimsoll_model::Action| match &action.kind {
            ActionKind::Fit { order } => Some((**order).clone()),
            _ => None,
        };
        self.orders.extend(decision.actions.iter().filter_map(order));
        self.decisions.push(decision);
        self.decisions.last().unwrap()
    }

    fn ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.tick();
        }
    }

    fn until_order(&mut self) -> FitOrder {
        for _ in 0..2_000 {
            self.tick();
            if let Some(order) = self.orders.pop() {
                return order;
            }
        }
        panic!("no order in 2,000 ticks");
    }

    /// What a worker would do.
    fn answer(&self, order: &FitOrder) -> Input {
        let samples: Vec<(Timestamp, MilliRps)> =
            self.samples.iter().copied().filter(|(at, _)| (order.from..=order.until).contains(at)).collect();
        let fits =
            order.models.iter().map(|model| Fit { model: model.clone(), parameters: fit(model, order, &samples) });
        answer(order, fits.collect())
    }

    fn findings(&self) -> &[Finding] {
        &self.decisions.last().unwrap().rationale.findings
    }
}

fn answer(order: &FitOrder, fits: Vec<Fit>) -> Input {
    Input::Fitted { service: order.service.clone(), until: order.until, data_hash: order.data_hash, fits }
}

fn fit(model: &str, order: &FitOrder, samples: &[(Timestamp, MilliRps)]) -> Result<String, String> {
    let values: Vec<(Timestamp, f64)> = samples.iter().map(|(at, rate)| (*at, rate.0 as f64)).collect();
    let guest = Guest {
        model,
        step: order.step,
        origin: order.origin,
        horizon: order.horizon,
        seasons: &order.seasons,
        seed: order.seed,
    };
    let fitted = guest.fit(&values).map_err(|error| error.to_string())?;
    serde_json::to_string(&fitted).map_err(|error| error.to_string())
}

#[test]
fn an_order_names_exactly_the_samples_that_the_forecast_took() {
    let mut run = Run::new(&["ridge"]);
    let order = run.until_order();
    assert_eq!(order.samples, run.samples.len() as u64);
    assert_eq!(
        (Some(order.from), Some(order.until)),
        (run.samples.first().map(|it| it.0), run.samples.last().map(|it| it.0))
    );
    assert_eq!(order.data_hash, data_hash(&run.samples));
    assert!(order.until.since(order.from) >= Millis(2 * HOUR.unsigned_abs()));
    let mut none = Run::new(&[]);
    none.ticks(700);
    assert!(none.orders.is_empty(), "no model, no order");
}

#[test]
fn what_was_fitted_joins_late_counts_and_survives_a_snapshot() {
    let mut run = Run::new(&["ridge"]);
    let order = run.until_order();
    let answer = run.answer(&order);
    run.ticks(5); // A worker takes its time.
    run.plant.pending.push(answer);
    run.tick();
    let joined = Finding::Fitted { service: name("shop"), models: vec!["ridge".to_owned()], samples: order.samples };
    assert!(run.findings().contains(&joined), "{:?}", run.findings());
    run.ticks(300);
    let forecast = run.plant.state.services[&name("shop")].forecast.clone().unwrap();
    let total: u64 = forecast.weights.iter().map(|weight| weight.weight.0).sum();
    assert!((950..=1_005).contains(&total), "{:?}", forecast.weights);
    // A snapshot is read back to the very same state, and both go on to the same bytes.
    let text = serde_json::to_string(&run.plant.state).unwrap();
    let mut copy: State = serde_json::from_str(&text).unwrap();
    assert_eq!(copy, run.plant.state);
    assert_eq!(serde_json::to_string(&copy).unwrap(), text);
    for _ in 0..50 {
        let decided = run.tick().clone();
        let again = step(&mut copy, decided.at, &run.plant.inputs);
        assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&decided).unwrap());
    }
}

#[test]
fn an_answer_that_nobody_waits_for_or_that_is_no_model_is_refused_in_words() {
    let mut run = Run::new(&["ridge"]);
    let order = run.until_order();
    let other = FitOrder { data_hash: order.data_hash ^ 1, ..order.clone() };
    run.plant.pending.push(answer(&other, vec![]));
    run.tick();
    assert!(matches!(run.findings(), [Finding::BadInput { what }] if what.contains("nobody waits for")));
    let broken = |model: &str, parameters| Fit { model: model.to_owned(), parameters };
    let fits = vec![broken("ridge", Ok("{}".to_owned())), broken("boosting", Err("too few values".to_owned()))];
    run.plant.pending.push(answer(&order, fits));
    run.tick();
    let [Finding::NotFitted { model, why, .. }, Finding::NotFitted { why: other, .. }] = run.findings() else {
        panic!("{:?}", run.findings());
    };
    assert!(model == "ridge" && why.starts_with("its parameters are no model") && other == "too few values");
}
