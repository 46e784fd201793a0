//! Why a forecast could not be made.

/// Why a model could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Too few measured values.
    #[error("{model} needs at least {needed} measured values, and there are {found}")]
    TooShort {
        /// Which model.
        model: &'static str,
        /// Fewest that would do.
        needed: usize,
        /// Measured values given.
        found: usize,
    },
    /// The model needs a season.
    #[error("{model} needs a season of at least 2 steps, and none was given")]
    NoSeason {
        /// Which model.
        model: &'static str,
    },
    /// A setting that the model can not work with.
    #[error("{model}: {setting} is {value}; it must be {allowed}")]
    Setting {
        /// Which model.
        model: &'static str,
        /// The setting's name.
        setting: &'static str,
        /// What it was.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The data are of a kind that the model has no form for (a multiplicative one on values of 0, for example).
    #[error("{model} can not describe this series: {why}")]
    Unsuitable {
        /// Which model.
        model: &'static str,
        /// Why not.
        why: &'static str,
    },
}

/// Why quantile levels were refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LevelsError {
    /// None at all.
    #[error("at least one quantile is needed")]
    Empty,
    /// Not a probability that has a quantile.
    #[error("quantile {level} is not between 0 and 1, both excluded")]
    Outside {
        /// What was given.
        level: f64,
    },
    /// Not in rising order.
    #[error("quantiles must rise, and {after} follows {before}")]
    Order {
        /// The one before.
        before: f64,
        /// The one after.
        after: f64,
    },
}
