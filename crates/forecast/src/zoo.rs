//! Every model by name: what the command line offers and what reports list.

use crate::Fit;
use crate::direct::Direct;
use crate::hybrid::Residual;
use crate::linear::Autoregression;
use crate::naive::{LastValue, SeasonalNaive};
use crate::neural::recurrent::Recurrent;

/// One model that can be asked for by name.
pub struct Entry {
    /// Its name: lower case with hyphens.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The model with its usual settings.
    pub model: fn() -> Box<dyn Fit>,
}

/// All of them, simplest first.
pub const ZOO: &[Entry] = &[
    Entry { name: "last-value", about: "it stays as it is", model: || Box::new(LastValue) },
    Entry { name: "seasonal-naive", about: "the value one season ago", model: || Box::new(SeasonalNaive::default()) },
    Entry {
        name: "ridge",
        about: "linear regression on lags around the seasons, small weights preferred",
        model: || Box::new(Autoregression::ridge()),
    },
    Entry {
        name: "ridge-additive",
        about: "ridge on plain values instead of their logarithms",
        model: || Box::new(Autoregression::ridge_additive()),
    },
    Entry {
        name: "elastic-net",
        about: "ridge with lags that say little dropped",
        model: || Box::new(Autoregression::elastic_net()),
    },
    Entry {
        name: "decision-tree",
        about: "one tree over lags, levels and seasons, told the horizon",
        model: || Box::new(Direct::decision_tree()),
    },
    Entry {
        name: "random-forest",
        about: "trees on drawn rows whose leaves keep what they saw",
        model: || Box::new(Direct::random_forest()),
    },
    Entry {
        name: "boosting",
        about: "trees that mend each other's pinball loss, per quantile",
        model: || Box::new(Direct::boosting()),
    },
    Entry {
        name: "hybrid-linear-trees",
        about: "ridge, and a forest on the errors it made out of sample",
        model: || Box::new(Residual::linear_trees()),
    },
    Entry {
        name: "rnn",
        about: "a plain recurrent network, trained on the series",
        model: || Box::new(Recurrent::rnn()),
    },
    Entry { name: "lstm", about: "an LSTM network, trained on the series", model: || Box::new(Recurrent::lstm()) },
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
