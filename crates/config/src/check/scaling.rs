//! What holds for the scaling of a service.

use super::{conflict, doubt, formula, kubernetes};
use crate::moment;
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::Table;

/// Policies that have a table of their own.
const OTHERS: &[&str] = &["hpa", "concurrency", "cron", "seasonal", "backlog", "lazy", "headroom", "formula", "events"];

pub fn check(reader: &mut Reader<'_>, table: &Table, scaling: &Table) {
    policies(reader, table, scaling);
    kubernetes::check(reader, table, scaling);
    if let Some(forecast) = scaling.table("forecast") {
        seasons(reader, forecast);
        exclusive(reader, forecast, "quantile", "missing_price");
    }
    if let Some(headroom) = scaling.table("headroom") {
        dead_band(reader, headroom);
    }
    if let Some(table) = scaling.table("formula") {
        formula::check(reader, table);
    }
    for event in scaling.tables("events") {
        span(reader, event);
        curve(reader, event);
    }
    if let Some(backlog) = scaling.table("backlog")
        && !backlog.is_given("within")
        && !backlog.is_given("deadline")
    {
        let what =
            "neither `within` nor `deadline` says when the work has to be done, so it is done as fast as it can be";
        let advice = "say how long an item may take: `within = \"10m\"`";
        doubt(reader, scaling, "backlog", what.to_owned(), advice.to_owned());
    }
}

fn policies(reader: &mut Reader<'_>, table: &Table, scaling: &Table) {
    let targets = ["cpu", "memory", "request_rate", "in_flight"];
    let has_policy = targets.iter().chain(OTHERS).any(|policy| scaling.is_given(policy));
    let is_elastic = table.table("replicas").is_some_and(|replicas| replicas.number("min") < replicas.number("max"));
    if is_elastic && !has_policy {
        let what = "no scaling policy is given, so there will always be `min` replicas".to_owned();
        let advice = format!("give `scaling` a target ({}), or fix the number: `replicas = 3`", targets.join(", "));
        doubt(reader, table, "replicas", what, advice);
    }
    let knows_capacity = ["capacity", "request_rate", "cpu"].iter().any(|name| scaling.is_given(name));
    if scaling.table("forecast").is_some() && !knows_capacity {
        let what =
            "a forecast of the request rate adds no replicas while nothing says what one replica can do".to_owned();
        let advice = "say it: `request_rate = \"50/s\"` or `capacity = \"50/s\"` in `scaling`".to_owned();
        doubt(reader, scaling, "forecast", what, advice);
    }
}

fn seasons(reader: &mut Reader<'_>, forecast: &Table) {
    let (Some(season), Some(long)) = (forecast.number("season"), forecast.number("season_long")) else { return };
    if long > season && long % season == 0 {
        return;
    }
    let print = |ms| Unit::Duration.print(ms);
    let what = format!("`season_long` ({}) is no multiple of `season` ({})", print(long), print(season));
    let least = season.saturating_mul((long / season.max(1)).max(1) + 1);
    let expected = format!("a multiple of the season, such as {}", print(least));
    let related = forecast.is_given("season").then(|| (forecast.span_of("season"), "the season".to_owned()));
    conflict(reader, forecast, "season_long", (what, expected), related);
}

/// A replica is kept for at least what one is started for, or it would be stopped and started by turns.
pub fn dead_band(reader: &mut Reader<'_>, headroom: &Table) {
    let (Some(price), Some(keep)) = (headroom.number("price"), headroom.number("price_keep")) else { return };
    if keep < price {
        let what = format!("`price_keep` ({keep}) is below `price` ({price})");
        let field = if headroom.is_given("price_keep") { "price_keep" } else { "price" };
        conflict(reader, headroom, field, (what, "`price_keep` at least as high as `price`".to_owned()), None);
    }
}

/// At most one of two fields that say the same thing.
pub fn exclusive(reader: &mut Reader<'_>, table: &Table, one: &str, other: &str) {
    if table.is_given(one) && table.is_given(other) {
        let what = format!("`{one}` and `{other}` are two ways to say one thing");
        let related = Some((table.span_of(one), "said here already".to_owned()));
        conflict(reader, table, other, (what, "one of the two".to_owned()), related);
    }
}

fn span(reader: &mut Reader<'_>, event: &Table) {
    let at = |name: &str| event.text(name).and_then(|text| Some((text, moment::parse(text)?)));
    let (Some((start, first)), Some((_, last))) = (at("start"), at("end")) else { return };
    if last <= first {
        let what = format!("`end` is not after `start` ({start}), so the event ends before it starts");
        let related = Some((event.span_of("start"), "the start".to_owned()));
        conflict(reader, event, "end", (what, format!("a moment after {start}")), related);
    }
}

/// Each point names one load, the points rise, and all lie within the event.
fn curve(reader: &mut Reader<'_>, event: &Table) {
    exclusive(reader, event, "factor", "rate");
    let has_first = event.is_given("factor") || event.is_given("rate");
    if !has_first && event.tables("curve").is_empty() {
        missing(reader, event, "`factor`, `rate` or [[curve]]");
    }
    let at = |name: &str| event.text(name).and_then(moment::parse);
    let length = at("start").zip(at("end")).map(|(start, end)| end - start);
    let mut before = has_first.then_some(0);
    for point in event.tables("curve") {
        exclusive(reader, point, "factor", "rate");
        if !point.is_given("factor") && !point.is_given("rate") {
            missing(reader, point, "`factor` or `rate`");
        }
        let Some(after) = point.number("at") else { continue };
        let print = |ms| Unit::Duration.print(ms);
        if before.is_some_and(|before| after <= before) {
            let what = format!("the points of a curve have to rise, and `at` ({}) does not", print(after));
            let expected = format!("more than {}", print(before.unwrap_or(0)));
            conflict(reader, point, "at", (what, expected), None);
        } else if let Some(length) = length.filter(|length| *length > 0 && after >= *length) {
            let what = format!("`at` ({}) lies after the end of the event", print(after));
            conflict(reader, point, "at", (what, format!("less than {}", print(length))), None);
        }
        before = Some(after);
    }
}

fn missing(reader: &mut Reader<'_>, table: &Table, what: &str) {
    let problem = Problem::Conflict {
        what: format!("no load is expected: {what} is missing"),
        found: String::new(),
        expected: what.to_owned(),
    };
    reader.note(&join(&table.path, "factor"), Some(table.span.clone()), problem);
}
