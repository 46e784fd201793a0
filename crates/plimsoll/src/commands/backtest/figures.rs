//! The figures by which policies are compared: one row here is one column of the table, one key of the JSON, and one word
//! that `--fail-if` understands.

use super::{Results, Run, Table};
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
    /// The highest.
    Worst,
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
    /// Whether it is a share in percent.
    pub is_percent: bool,
    /// Its value; the price of a replica hour is handed in.
    pub value: fn(&Card, f64) -> Option<f64>,
}

macro_rules! figure {
    ($key:literal, $title:literal, $about:literal, $digits:literal, $over:ident, $percent:literal, $value:expr) => {
        Figure {
            key: $key,
            title: $title,
            about: $about,
            digits: $digits,
            over: Over::$over,
            is_percent: $percent,
            value: $value,
        }
    };
}

/// All of them, in the order of the table.
pub const FIGURES: &[Figure] = &[
    figure!("price", "PRICE", "replica hours times the price of one", 0, Sum, false, |card, price| Some(
        card.replica_hours * price
    )),
    figure!("cost_ratio", "COST/OPT", "price over the clairvoyant optimum's", 3, Median, false, |card, _| Some(
        card.over_optimum
    )),
    figure!(
        "under_time",
        "UNDER",
        "share of time with fewer replicas than needed (tau_U)",
        2,
        Mean,
        true,
        |card, _| Some(card.elasticity.under_time_pct)
    ),
    figure!(
        "under_requests",
        "REQ UNDER",
        "share of requests above what ready replicas may carry",
        3,
        Mean,
        true,
        |card, _| { Some(card.under_requests_pct) }
    ),
    figure!("under_accuracy", "θU", "mean share of the need that was missing", 3, Mean, true, |card, _| Some(
        card.elasticity.under_accuracy_pct
    )),
    figure!("over_accuracy", "θO", "mean supply beyond the need", 1, Mean, true, |card, _| Some(
        card.elasticity.over_accuracy_pct
    )),
    figure!("over_time", "τO", "share of time with more replicas than needed", 1, Mean, true, |card, _| Some(
        card.elasticity.over_time_pct
    )),
    figure!("jitter", "JITTER/h", "changes of supply less changes of need per hour", 1, Mean, false, |card, _| Some(
        card.elasticity.jitter_per_hour
    )),
    figure!("speedup", "SPEED-UP", "elastic speed-up over holding the mean need", 2, Median, false, |card, _| card
        .elastic_speedup),
    figure!("actions", "ACTIONS/h", "starts and stops per hour", 1, Mean, false, |card, _| Some(card.actions_per_hour)),
    figure!("cpu_used", "USED", "busy CPU as a share of what ready replicas have", 1, Mean, true, |card, _| Some(
        card.utilisation_pct
    )),
    figure!(
        "served",
        "SERVED",
        "share of the load that ready replicas can carry at 100 %",
        2,
        Mean,
        true,
        |card, _| Some(card.served_pct)
    ),
];

/// The figure of that name.
pub fn by_key(key: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.key == key)
}

/// A figure of one policy over all loads of a table.
pub fn of_policy(table: &Table, policy: usize, figure: &Figure, over: Over, price: f64) -> Option<f64> {
    let run = |row: &super::Row| row.runs.get(policy).map(|run: &Run| run.card);
    let pairs: Vec<(f64, f64)> = table
        .rows
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
        Over::Worst => values.last().copied().unwrap_or(0.0),
    })
}

/// CPU that Plimsoll itself took for a policy, in replica hours of one core, and decisions made.
pub fn own_cost(table: &Table, policy: usize) -> (f64, usize) {
    let runs = table.rows.iter().filter_map(|row| row.runs.get(policy));
    runs.fold((0.0, 0), |(hours, decisions), run| (hours + run.cpu_seconds / 3_600.0, decisions + run.decisions))
}

/// Hours of load that were scored.
pub fn hours(results: &Results, table: &Table) -> f64 {
    let tick = results.terms.tick_hours();
    table.rows.iter().map(|row| row.course.need().len() as f64 * tick).sum()
}
