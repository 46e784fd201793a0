//! What a forecast is made of, and what it got wrong lately: plain values for an explanation or a dashboard.

use super::health::Health;
use plimsoll_model::quantity::Millis;

/// A named part of a forecast with its value, in the series' unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `level`, `trend`, `season`, `guests and other experts` or `margin`.
    pub name: &'static str,
    /// What it adds.
    pub value: f64,
}

/// Whether the series goes on as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Fewer forecasts were scored than a change can be told from.
    Learning,
    /// As before.
    Steady,
    /// It changed this many scored forecasts ago; weights were learnt anew since.
    Changed {
        /// Forecasts scored since.
        ago: u32,
    },
}

/// One horizon, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneExplanation {
    /// The horizon.
    pub horizon: Millis,
    /// Parts that add up to the value at the wanted quantile.
    pub parts: Vec<Part>,
    /// Experts behind the point with their shares in thousandths, heaviest first; those of no weight are left out.
    pub experts: Vec<(String, u64)>,
    /// Kinds of spread behind the margin with their shares in thousandths, heaviest first.
    pub spreads: Vec<(String, u64)>,
    /// The scale on which excesses are most regular: `additive`, `square root` or `relative`.
    pub scale: &'static str,
    /// The usual size of an error, in the series' unit.
    pub error_usual: f64,
    /// Newest errors (what came minus the point), newest first.
    pub errors_recent: Vec<f64>,
    /// Whether the series goes on as it did.
    pub regime: Regime,
    /// Changes of regime so far.
    pub changes: u32,
    /// Whether the margin is the reactive rule's, because there is less than an hour (or too few scored forecasts).
    pub is_floor: bool,
}

/// A stream, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Per horizon, shortest first.
    pub horizons: Vec<LaneExplanation>,
    /// Coverage against nominal, loss, hours.
    pub health: Health,
    /// Steps measured so far.
    pub steps_measured: u64,
    /// Guests by name, and whether their model is there (after a restart it has to be adopted again).
    pub guests: Vec<(String, bool)>,
}
