//! What a formula for replicas may name.
//!
//! Loads are told in replicas: what arrives over what one replica carries when it is as busy as it should be, so that a formula
//! suits a service of any size. Who wants a utilisation divides: `needed / max(ready, 1replica)`.
//!
//! Each input says whether it rises with the load of the moment. Of those a formula has to be proved never to fall with
//! them, because more load must never give fewer replicas; the others are the same whatever the load of this moment is.

use plimsoll_expr::{Input, Measure, Schema};
use plimsoll_model::scaling::FormulaUnit;
use std::sync::LazyLock;

/// Where the value of an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormulaSource {
    /// Needed by what was measured.
    Needed,
    /// Expected as the highest need until a replica started now is ready.
    Expected,
    /// The usual error of that.
    Error,
    /// Worth starting above what is expected.
    StartMargin,
    /// Worth keeping above it.
    KeepMargin,
    /// How far the need at the ready moment lay above what was expected, in so many thousandths of the moments at most.
    Rise(u64),
    /// A mean of the need, by its place.
    Mean(usize),
    /// The median of a forecast.
    Forecast,
    /// What a forecast gives 99 % for.
    ForecastHigh,
    /// Its own last vote.
    Last,
    /// The present target without the reserve.
    Current,
    /// Replicas that are ready.
    Ready,
    /// Time since its vote was another.
    SinceChange,
    /// Expected time from start to ready.
    Startup,
    /// Age of the figures.
    Age,
    /// Price of a moment under need, to start a replica.
    Price,
    /// The same, to keep one.
    PriceKeep,
}

/// One input.
#[derive(Debug, Clone, Copy)]
pub struct FormulaEntry {
    /// As formulas write it.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: FormulaSource,
    /// Whether it rises with the load of the moment.
    pub follows_load: bool,
    /// What it is.
    pub meaning: &'static str,
}

/// Most thousandths of a replica that an input tells: a million replicas.
pub const REPLICAS_MOST: i64 = 1_000_000_000;
/// Longest time that an input tells, milliseconds: an hour. What is longer counts as this, so that a load times minutes can be
/// proved to be bounded.
const TIME_MOST: i64 = 3_600_000;
/// Highest price of a spec.
const PRICE_MOST: i64 = 1_000_000;

const fn load(name: &'static str, source: FormulaSource, meaning: &'static str) -> FormulaEntry {
    FormulaEntry { name, source, follows_load: true, meaning }
}

const fn given(name: &'static str, source: FormulaSource, meaning: &'static str) -> FormulaEntry {
    FormulaEntry { name, source, follows_load: false, meaning }
}

/// All of them, in the order of the documentation.
pub static FORMULA_INPUTS: [FormulaEntry; 20] = [
    load("needed", FormulaSource::Needed, "needed by what was measured: the load over what one replica carries"),
    load(
        "expected",
        FormulaSource::Expected,
        "expected as the highest need until a replica started now is ready, with what this time of the hour and day usually brings",
    ),
    load("error", FormulaSource::Error, "how far off that is as a rule, at this level of the load and at this time"),
    load("start_margin", FormulaSource::StartMargin, "above `expected`, as many are worth starting at `price`"),
    load("keep_margin", FormulaSource::KeepMargin, "above `expected`, as many are worth keeping at `price_keep`"),
    load(
        "rise_50",
        FormulaSource::Rise(500),
        "in 50 % of the moments so far the need at the moment of ready lay at most so far above `expected`, at least 0",
    ),
    load("rise_90", FormulaSource::Rise(900), "the same for 90 %"),
    load("rise_99", FormulaSource::Rise(990), "the same for 99 %"),
    load("mean_5min", FormulaSource::Mean(2), "mean need of the last five minutes, older ones fading"),
    load("mean_1h", FormulaSource::Mean(4), "mean need of the last hour, older ones fading"),
    load("forecast", FormulaSource::Forecast, "the median of the forecast for the moment of ready; 0 without one"),
    load("forecast_high", FormulaSource::ForecastHigh, "what the forecast gives 99 % for; 0 without one"),
    given("last", FormulaSource::Last, "its own last vote"),
    given("current", FormulaSource::Current, "the target before this decision, without the reserve"),
    given("ready", FormulaSource::Ready, "replicas whose health check passes"),
    given("since_change", FormulaSource::SinceChange, "how long its own vote has been the same"),
    given("startup", FormulaSource::Startup, "expected time from start to ready"),
    given("age", FormulaSource::Age, "how old the figures are"),
    given("price", FormulaSource::Price, "`price` of the spec"),
    given("price_keep", FormulaSource::PriceKeep, "`price_keep` of the spec"),
];

impl FormulaEntry {
    /// The unit of its values.
    #[must_use]
    pub const fn unit(&self) -> FormulaUnit {
        match self.source {
            FormulaSource::SinceChange | FormulaSource::Startup | FormulaSource::Age => FormulaUnit::Millis,
            FormulaSource::Price | FormulaSource::PriceKeep => FormulaUnit::Plain,
            _ => FormulaUnit::MilliReplicas,
        }
    }

    fn input(&self) -> Input {
        let may_be_negative =
            matches!(self.source, FormulaSource::Expected | FormulaSource::StartMargin | FormulaSource::KeepMargin);
        let (measure, least, most) = match self.unit() {
            FormulaUnit::Millis => (Measure::MILLIS, 0, TIME_MOST),
            FormulaUnit::Plain => (Measure::PLAIN, 1, PRICE_MOST),
            FormulaUnit::MilliReplicas if may_be_negative => (Measure::MILLIREPLICAS, -REPLICAS_MOST, REPLICAS_MOST),
            FormulaUnit::MilliReplicas => (Measure::MILLIREPLICAS, 0, REPLICAS_MOST),
        };
        Input::column(self.name, measure, least, most).meaning(self.meaning)
    }
}

/// The schema of formulas for replicas.
#[must_use]
pub fn formula_schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let inputs = FORMULA_INPUTS.iter().map(FormulaEntry::input).collect();
        Schema::try_new(inputs).expect("invariant: the table of inputs is a schema")
    });
    &SCHEMA
}
