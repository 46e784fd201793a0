//! `auto`: candidates weighed by what they forecast at several origins near the end.

use super::backtest::{Backtest, backtest, backtest_following, origins};
use super::fitted::{FittedAuto, Member};
use super::seasons::refined;
use super::weights::{Past, stretches};
use crate::naive::{Analogue, LastValue, Recent, SeasonalNaive};
use crate::seasonal_regression::SeasonalRegression;
use crate::{Covariate, Data, Fit, FitError, Fitted, Levels};

const NAME: &str = "auto";

/// Windows of the medians that are tried: a jump in a series of seconds or minutes comes back within some of these.
const WINDOWS: [usize; 4] = [3, 6, 12, 48];
/// What every budget has beside the naive ones and the regressions, by the names of the zoo.
const QUICK: &[&str] = &["simple", "ridge"];
/// What the budget [`Budget::Usual`] adds.
const USUAL: &[&str] =
    &["ridge-additive", "elastic-net", "holt-winters", "auto-ets", "dynamic-optimized-theta", "mstl", "pretrained"];
/// What the budget [`Budget::Thorough`] adds.
const THOROUGH: &[&str] = &["auto-arima", "boosting", "lstm"];

/// How much time the candidates may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// Models that take milliseconds per series.
    Quick,
    /// Those that take tens of milliseconds too.
    Usual,
    /// Every candidate there is, at seconds per series.
    Thorough,
}

/// Fits candidates at several origins, weighs them per stretch of the horizon by their pinball loss, fuses their quantiles,
/// and corrects the spread of what came out. Where the fusion was clearly worse than simple models at those origins, the point
/// leans on these (`guard.rs`). Weights go on learning as samples come in (`live.rs`).
///
/// Gaps are left to the candidates; in the losses a step that was not measured does not count.
pub struct Auto {
    /// Steps that the weights are for; two of the shortest season (within an eighth of the series) when none is given.
    pub horizon: Option<usize>,
    /// Values that are looked at, counted from the end; all when none is given.
    pub history: Option<usize>,
    /// Which candidates are tried.
    pub budget: Budget,
    /// Candidates beside those of the budget: a network with weights of its own, for example.
    pub experts: Vec<Box<dyn Fit>>,
}

impl Default for Auto {
    fn default() -> Self {
        Self { horizon: None, history: None, budget: Budget::Usual, experts: Vec::new() }
    }
}

/// Origins of a short series: candidates are fitted at each, half a horizon apart. Stretches that overlap are not independent,
/// and still say more of a model than as many fits at fewer places would (on the training parts of M4 Hourly, five origins
/// half a horizon apart against three a whole one: WQL 0.0374 against 0.0386, MASE 0.748 against 0.750).
const ORIGINS_FITTED: usize = 5;
/// Origins of a long series: candidates are fitted at the first and followed, so an origin costs next to nothing.
const ORIGINS_FOLLOWED: usize = 24;
/// Origins that simple models are compared at.
const ORIGINS_SIMPLE: usize = 96;
/// A series of so many horizons is long.
const LONG: usize = 64;
/// Horizon of the weights for a series without season.
const HORIZON_PLAIN: usize = 24;

/// Probabilities that candidates are compared at: the deciles and both tails.
pub(super) fn compared() -> Levels {
    Levels::try_new(
        [0.025, 0.05].into_iter().chain((1..10).map(|tenth| f64::from(tenth) / 10.0)).chain([0.95, 0.975]).collect(),
    )
    .expect("invariant: they rise within 0 and 1")
}

/// The simple models: what has to be beaten, and what costs next to nothing to try at many origins.
fn simple(seasons: &[usize]) -> Vec<Box<dyn Fit>> {
    let mut found: Vec<Box<dyn Fit>> = vec![Box::new(LastValue)];
    found.extend(WINDOWS.map(|window| -> Box<dyn Fit> { Box::new(Recent { window }) }));
    found.push(Box::new(Analogue::default()));
    if !seasons.is_empty() {
        found.push(Box::new(SeasonalNaive { season: Some(0) }));
    }
    if seasons.len() > 1 {
        found.push(Box::new(SeasonalNaive { season: Some(seasons.len() - 1) }));
    }
    found
}

impl Auto {
    fn candidates(&self, seasons: &[usize]) -> Vec<Box<dyn Fit>> {
        let mut found = Vec::new();
        if !seasons.is_empty() {
            found.push(Box::new(SeasonalRegression::short()) as Box<dyn Fit>);
            found.push(Box::new(SeasonalRegression::default()));
        }
        if self.budget >= Budget::Usual && !seasons.is_empty() {
            found.push(Box::new(SeasonalRegression::of_logarithms()));
            found.push(Box::new(SeasonalRegression::firm()));
        }
        let named = |names: &[&str]| names.iter().filter_map(|name| crate::zoo::by_name(name)).collect::<Vec<_>>();
        found.extend(named(QUICK));
        if self.budget >= Budget::Usual {
            found.extend(named(USUAL));
        }
        if self.budget >= Budget::Thorough {
            found.extend(named(THOROUGH));
        }
        found
    }

    fn horizon(&self, seasons: &[usize], len: usize) -> usize {
        let usual = seasons.first().map_or(HORIZON_PLAIN, |season| 2 * season);
        self.horizon.unwrap_or(usual.min(len / 8)).max(1)
    }
}

impl Fit for Auto {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError> {
        let target = data.target.tail(self.history.unwrap_or(usize::MAX));
        let cut = |values: &'_ [f64]| values.len().saturating_sub(target.values.len());
        let covariates: Vec<Covariate<'_>> = data
            .covariates
            .iter()
            .map(|one| Covariate { name: one.name, values: &one.values[cut(one.values)..] })
            .collect();
        let data = &Data { target, covariates: &covariates, ..*data };
        let values = target.values;
        if data.target.observed().next().is_none() {
            return Err(FitError::TooShort { model: NAME, needed: 1, found: 0 });
        }
        let seasons = refined(values, data.seasons);
        let data = Data { seasons: &seasons, ..*data };
        let horizon = self.horizon(&seasons, values.len());
        let levels = compared();
        let (simple, own) = (simple(&seasons), self.candidates(&seasons));
        let all: Vec<&dyn Fit> = simple.iter().chain(&own).chain(&self.experts).map(AsRef::as_ref).collect();
        let (origins, tested) = tested(&all, &data, horizon, &levels, seed);
        let pasts: Vec<Past<'_>> = (0..origins.len()).map(|run| past(&tested, run, values)).collect();
        let mut errors = simple_errors(&simple, &data, horizon, seed);
        errors.resize(all.len(), f64::INFINITY);
        let (stretches, losses) = stretches(&pasts, &origins, &levels, &errors, horizon);
        let mut members = Vec::new();
        for (place, model) in all.iter().enumerate() {
            let weights: Vec<f64> = stretches.iter().map(|stretch| stretch.weights[place]).collect();
            let point_weights: Vec<f64> = stretches.iter().map(|stretch| stretch.point_weights[place]).collect();
            // Also those without a weight: what was hopeless on less history may be the best soon (`live.rs`).
            if let Ok(fitted) = model.fit(&data, seed) {
                members.push(Member {
                    name: model.name().to_owned(),
                    weights,
                    point_weights,
                    loss: losses[place],
                    fitted,
                });
            }
        }
        let range = data.target.observed().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let spreads = stretches.iter().map(|stretch| (stretch.to, stretch.spread)).collect();
        let fitted = FittedAuto::new(members, spreads, seasons, origins.len(), range);
        fitted
            .map(|fitted| Fitted::Auto(Box::new(fitted)))
            .ok_or(FitError::Unsuitable { model: NAME, why: "no candidate fits it" })
    }
}

/// Mean absolute error of each simple model over many origins, half a horizon apart; infinite where it said nothing.
fn simple_errors(simple: &[Box<dyn Fit>], data: &Data<'_>, horizon: usize, seed: u64) -> Vec<f64> {
    let (values, levels) = (data.target.values, Levels::try_new(vec![0.5]).expect("invariant: within 0 and 1"));
    let stride = (horizon / 2).max(1) | 1;
    let origins = origins(values.len(), horizon, stride, ORIGINS_SIMPLE, values.len() / 3);
    let error = |model: &dyn Fit| {
        let (mut sum, mut count) = (0.0, 0.0);
        for run in backtest_following(model, data, &origins, horizon, &levels, seed).runs {
            let Ok(said) = run.said else { return f64::INFINITY };
            let off = said.points().iter().zip(&values[run.origin..]).map(|(said, actual)| (actual - said).abs());
            (sum, count) =
                off.filter(|off| off.is_finite()).fold((sum, count), |(sum, count), off| (sum + off, count + 1.0));
        }
        if count > 0.0 { sum / count } else { f64::INFINITY }
    };
    simple.iter().map(|model| error(model.as_ref())).collect()
}

/// Every candidate at every origin.
fn tested(
    all: &[&dyn Fit],
    data: &Data<'_>,
    horizon: usize,
    levels: &Levels,
    seed: u64,
) -> (Vec<usize>, Vec<Backtest>) {
    let len = data.target.values.len();
    let half = (horizon / 2).max(1);
    if len < LONG * horizon {
        let origins = origins(len, horizon, half, ORIGINS_FITTED, len / 2);
        let tested = all.iter().map(|model| backtest(*model, data, &origins, horizon, levels, seed)).collect();
        return (origins, tested);
    }
    // Spread over two short seasons, so that every hour of a day has its say; odd strides do not meet the same hours twice.
    let spread = data.seasons.first().map_or(half, |season| 2 * season / ORIGINS_FOLLOWED);
    let stride = half.max(spread).min(len / 3 / ORIGINS_FOLLOWED).max(1) | 1;
    let origins = origins(len, horizon, stride, ORIGINS_FOLLOWED, len / 2);
    let tested = all.iter().map(|model| backtest_following(*model, data, &origins, horizon, levels, seed)).collect();
    (origins, tested)
}

fn past<'a>(tested: &'a [Backtest], run: usize, values: &'a [f64]) -> Past<'a> {
    let said = tested.iter().map(|test| test.runs[run].said.as_ref().ok().map(crate::Prediction::values)).collect();
    let points = tested.iter().map(|test| test.runs[run].said.as_ref().ok().map(crate::Prediction::points)).collect();
    Past { said, points, actual: &values[tested[0].runs[run].origin..] }
}
