//! The figures by which policies are compared: one row here is one column of the table, one key of the JSON, and one word
//! that `--fail-if` understands.

use super::{Results, Row, Run, Table};
use plimsoll_twin::backtest::Card;

/// How the figure of several loads comes from those of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// They are added.
    Sum,
    /// The mean over time.
    Mean,
    /// The middle one.
    Median,
    /// The highest, or the lowest of what is better high.
    Worst,
}

/// The tables that figures stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What people ask first: price, need and response times.
    Main,
    /// How closely supply followed the need.
    Elastic,
}

impl Figure {
    /// Whether it is a share in percent.
    pub fn is_percent(&self) -> bool {
        self.unit == "%"
    }

    /// Whether more of it is better, so that the lowest is the worst.
    pub fn is_best_high(&self) -> bool {
        matches!(self.key, "served" | "cpu_used" | "speedup")
    }
}

/// One figure of a run.
pub struct Figure {
    /// As `--fail-if` and JSON name it.
    pub key: &'static str,
    /// Head of its column.
    pub title: &'static str,
    /// What it is, for the help text.
    pub about: &'static str,
    /// Digits after the point.
    pub digits: usize,
    /// How several loads are taken together where nothing else is asked for.
    pub over: Over,
    /// Its unit in JSON, and behind it in a table where that is `%`.
    pub unit: &'static str,
    /// In which table it stands.
    pub part: Part,
    /// Whether the twin says it, so that a verdict hangs on the twin's own error.
    pub is_twin: bool,
    /// Its value; the price of a replica hour is handed in.
    pub value: fn(&Card, f64) -> Option<f64>,
}

macro_rules! figure {
    ($part:ident, $key:literal, $title:literal, $unit:literal, $about:literal, $digits:literal, $over:ident, $value:expr) => {
        Figure {
            key: $key,
            title: $title,
            about: $about,
            digits: $digits,
            over: Over::$over,
            unit: $unit,
            part: Part::$part,
            is_twin: false,
            value: $value,
        }
    };
}

/// A figure that the service model says.
macro_rules! of_twin {
    ($key:literal, $title:literal, $unit:literal, $about:literal, $digits:literal, $value:expr) => {
        Figure { is_twin: true, ..figure!(Main, $key, $title, $unit, $about, $digits, Mean, $value) }
    };
}

/// All of them, in the order of the tables.
pub const FIGURES: &[Figure] = &[
    figure!(Main, "price", "PRICE", "price", "replica hours times the price of one", 0, Sum, |card, price| Some(
        card.replica_hours * price
    )),
    figure!(
        Main,
        "cost_ratio",
        "COST/OPT",
        "ratio",
        "price over the clairvoyant optimum's",
        3,
        Median,
        |card, _| Some(card.over_optimum)
    ),
    figure!(
        Main,
        "cost_soft",
        "COST/SOFT",
        "ratio",
        "price over the least that anybody can pay who is under need for no more than --soft",
        3,
        Median,
        |card, _| card.over_soft
    ),
    figure!(
        Main,
        "under_time",
        "UNDER",
        "%",
        "share of time with fewer replicas than needed (tau_U)",
        2,
        Mean,
        |card, _| Some(card.elasticity.under_time_pct)
    ),
    figure!(
        Main,
        "under_requests",
        "REQ UNDER",
        "%",
        "share of requests above what ready replicas may carry",
        3,
        Mean,
        |card, _| Some(card.under_requests_pct)
    ),
    of_twin!("p50", "P50 ms", "ms", "half of all requests take less; of a queue, wait less", 1, |card, _| card
        .response
        .map(|it| it.p50_ms)),
    of_twin!("p95", "P95 ms", "ms", "95 % of all requests take less", 1, |card, _| card.response.map(|it| it.p95_ms)),
    of_twin!("p99", "P99 ms", "ms", "99 % of all requests take less", 1, |card, _| card.response.map(|it| it.p99_ms)),
    of_twin!(
        "served",
        "SERVED",
        "%",
        "share of requests that are served: the others find nobody, or too long a line",
        3,
        |card, _| Some(card.served_pct)
    ),
    figure!(Elastic, "cpu_used", "USED", "%", "busy CPU as a share of what ready replicas have", 1, Mean, |card, _| {
        Some(card.utilisation_pct)
    }),
    figure!(Elastic, "actions", "ACTIONS/h", "per hour", "starts and stops per hour", 1, Mean, |card, _| Some(
        card.actions_per_hour
    )),
    figure!(Elastic, "under_accuracy", "θU", "%", "mean share of the need that was missing", 3, Mean, |card, _| Some(
        card.elasticity.under_accuracy_pct
    )),
    figure!(Elastic, "over_accuracy", "θO", "%", "mean supply beyond the need", 1, Mean, |card, _| Some(
        card.elasticity.over_accuracy_pct
    )),
    figure!(Elastic, "over_time", "τO", "%", "share of time with more replicas than needed", 1, Mean, |card, _| Some(
        card.elasticity.over_time_pct
    )),
    figure!(
        Elastic,
        "instability",
        "υ",
        "%",
        "share of time in which supply and need did not move the same way",
        1,
        Mean,
        |card, _| Some(card.elasticity.instability_pct)
    ),
    figure!(
        Elastic,
        "jitter",
        "JITTER/h",
        "per hour",
        "changes of supply less changes of need per hour",
        1,
        Mean,
        |card, _| Some(card.elasticity.jitter_per_hour)
    ),
    figure!(
        Elastic,
        "speedup",
        "SPEED-UP",
        "ratio",
        "elastic speed-up over holding the mean need",
        2,
        Median,
        |card, _| card.elastic_speedup
    ),
];

/// The figure of that name.
pub fn by_key(key: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.key == key)
}

/// A figure of one policy over all loads of a table.
pub fn of_policy(table: &Table, policy: usize, figure: &Figure, over: Over, price: f64) -> Option<f64> {
    of_rows(&table.rows.iter().collect::<Vec<_>>(), policy, figure, over, price)
}

/// A figure of one policy over some loads.
pub fn of_rows(rows: &[&Row], policy: usize, figure: &Figure, over: Over, price: f64) -> Option<f64> {
    let run = |row: &&Row| row.runs.get(policy).map(|run: &Run| run.card);
    let pairs: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(run)
        .filter_map(|card| Some(((figure.value)(&card, price)?, card.slots.saturating_sub(card.gap_slots) as f64)))
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let mut values: Vec<f64> = pairs.iter().map(|(value, _)| *value).collect();
    values.sort_by(f64::total_cmp);
    let weight: f64 = pairs.iter().map(|(_, weight)| weight).sum();
    Some(match over {
        Over::Sum => values.iter().sum(),
        Over::Mean => pairs.iter().map(|(value, weight)| value * weight).sum::<f64>() / weight.max(1.0),
        Over::Median => plimsoll_stats::quantile_sorted(&values, 0.5).unwrap_or(0.0),
        Over::Worst if figure.is_best_high() => values.first().copied().unwrap_or(0.0),
        Over::Worst => values.last().copied().unwrap_or(0.0),
    })
}

/// Hours of load that were scored.
pub fn hours(results: &Results, table: &Table) -> f64 {
    let tick = results.terms.tick_hours();
    table.rows.iter().map(|row| row.course.need().len() as f64 * tick).sum()
}
