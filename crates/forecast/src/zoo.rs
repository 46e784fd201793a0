//! Every model by name: what the command line offers and what reports list.

use crate::Fit;
use crate::arima::{Arima, AutoArima};
use crate::direct::Direct;
use crate::ets::Ets;
use crate::hybrid::Residual;
use crate::linear::Autoregression;
use crate::mstl::Mstl;
use crate::naive::{Analogue, LastValue, Recent, SeasonalNaive};
use crate::neural::recurrent::Recurrent;
use crate::pretrained::Pretrained;
use crate::seasonal_regression::SeasonalRegression;
use crate::select::Auto;
use crate::theta::Theta;

/// One model that can be asked for by name.
pub struct Entry {
    /// Its name: lower case with hyphens.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The model with its usual settings.
    pub model: fn() -> Box<dyn Fit>,
}

const fn entry(name: &'static str, about: &'static str, model: fn() -> Box<dyn Fit>) -> Entry {
    Entry { name, about, model }
}

/// All of them, family by family, the simplest first.
pub const ZOO: &[Entry] = &[
    entry("last-value", "it stays as it is", || Box::new(LastValue)),
    entry("recent-3", "the median of the last three values", || Box::new(Recent { window: 3 })),
    entry("recent-12", "the median of the last twelve values", || Box::new(Recent { window: 12 })),
    entry("analogue", "what came after similar jumps", || Box::new(Analogue::default())),
    entry("seasonal-naive", "the value one season ago", || Box::new(SeasonalNaive::default())),
    entry("simple", "simple exponential smoothing", || Box::new(Ets::simple())),
    entry("holt", "exponential smoothing with a trend", || Box::new(Ets::holt())),
    entry("damped-holt", "exponential smoothing with a fading trend", || Box::new(Ets::damped_holt())),
    entry("holt-winters", "trend and additive season", || Box::new(Ets::holt_winters())),
    entry("holt-winters-multiplicative", "trend and multiplicative season, relative errors", || {
        Box::new(Ets::holt_winters_multiplicative())
    }),
    entry("auto-ets", "the best of 15 forms of exponential smoothing", || Box::new(Ets::auto())),
    entry("auto-ets-following", "auto-ets whose level follows every step: for short horizons", || {
        Box::new(Ets::auto_following())
    }),
    entry("theta", "smoothing that leans on half of a line", || Box::new(Theta::standard())),
    entry("optimized-theta", "theta with a share of its own", || Box::new(Theta::optimized())),
    entry("dynamic-theta", "theta whose line follows", || Box::new(Theta::dynamic())),
    entry("dynamic-optimized-theta", "theta whose line follows, with a share of its own", || {
        Box::new(Theta::dynamic_optimized())
    }),
    entry("auto-theta", "the best of the four", || Box::new(Theta::auto())),
    entry("arima", "ARIMA (1,1,1)(0,1,1)", || Box::new(Arima::default())),
    entry("auto-arima", "ARIMA, its form searched for", || Box::new(AutoArima::default())),
    entry("mstl", "seasons by loess, each carried on, and a trend", || Box::new(Mstl::default())),
    entry("mstl-log", "the same with seasons that multiply", || Box::new(Mstl::log())),
    entry("ridge", "linear regression on lags around the seasons, small weights preferred", || {
        Box::new(Autoregression::ridge())
    }),
    entry("ridge-additive", "ridge on plain values instead of their logarithms", || {
        Box::new(Autoregression::ridge_additive())
    }),
    entry("elastic-net", "ridge with lags that say little dropped", || Box::new(Autoregression::elastic_net())),
    entry(
        "seasonal-regression",
        "a linear model per stretch of the horizon, in terms aligned with the seasons",
        || Box::new(SeasonalRegression::default()),
    ),
    entry("decision-tree", "one tree over lags, levels and seasons, told the horizon", || {
        Box::new(Direct::decision_tree())
    }),
    entry("random-forest", "trees on drawn rows whose leaves keep what they saw", || Box::new(Direct::random_forest())),
    entry("boosting", "trees that mend each other's pinball loss, per quantile", || Box::new(Direct::boosting())),
    entry("hybrid-linear-trees", "ridge, and a forest on the errors it made out of sample", || {
        Box::new(Residual::linear_trees())
    }),
    entry("rnn", "a plain recurrent network, trained on the series", || Box::new(Recurrent::rnn())),
    entry("lstm", "an LSTM network, trained on the series", || Box::new(Recurrent::lstm())),
    entry("pretrained", "a small network trained on made-up series, for little history", || {
        Box::new(Pretrained::default())
    }),
    entry("auto", "models weighed by what they forecast at several origins, calibrated", || Box::new(Auto::default())),
];

/// The model of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Fit>> {
    ZOO.iter().find(|entry| entry.name == name).map(|entry| (entry.model)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_called_what_its_model_is_called() {
        for entry in ZOO {
            assert_eq!(by_name(entry.name).map(|model| model.name()), Some(entry.name));
        }
    }
}
