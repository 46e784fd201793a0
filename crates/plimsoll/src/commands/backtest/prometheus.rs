//! Recorded load from a Prometheus server: a range query, in pieces that the server accepts.
//!
//! A server answers at most 11,000 points per series, so a longer range is asked for in pieces. A moment that the server
//! leaves out, or answers `NaN` for, stays a gap. The answer is bounded in size and time by the workspace's one HTTP client.
//!
//! # Source
//! Prometheus HTTP API, `GET /api/v1/query_range`.

use super::input;
use super::recordings::Recording;
use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_http_client::{Ask, Budget, Url, exchange};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::Recorded;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Points per series in one request; a server refuses more than 11,000.
const POINTS_MAX: u64 = 10_000;
/// Points per series in all: five years of 15 s.
const POINTS_ALL_MAX: u64 = 10_000_000;
/// Series in one answer.
const SERIES_MAX: usize = 1_000;
/// Bounds of one request.
const BUDGET: Budget = Budget { deadline: Duration::from_secs(60), body_bytes_max: 256 << 20 };

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Matrix>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Matrix {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

/// The range that is asked for.
struct Range {
    from: Timestamp,
    step: Millis,
    points: u64,
}

/// The loads that the server has; none where no server was named.
pub fn recordings(typed: &Backtest) -> anyhow::Result<Vec<Recording>> {
    let Some(server) = &typed.prometheus else { return Ok(Vec::new()) };
    let query = typed.query.as_deref().unwrap_or_default();
    let moment = |flag: &str, text: &Option<String>| {
        input::moment(text.as_deref().unwrap_or_default()).with_context(|| flag.to_owned())
    };
    let (from, to) = (moment("--from", &typed.from)?, moment("--to", &typed.to)?);
    let step = input::time("--step", &typed.step, 1)?;
    if to <= from {
        bail!("--to {to} is not after --from {from}");
    }
    let points = to.since(from).0 / step.0 + 1;
    if points > POINTS_ALL_MAX {
        bail!("--from {from} --to {to} --step {step}: {points} points; at most {POINTS_ALL_MAX} are asked for");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let streams = runtime.block_on(ask_all(server, query, &Range { from, step, points }))?;
    if streams.is_empty() {
        bail!("{server} has nothing for {query:?} from {from} to {to}");
    }
    Ok(streams.into_iter().map(|series| Recording::of(series.name.clone(), series)).collect())
}

async fn ask_all(server: &str, query: &str, range: &Range) -> anyhow::Result<Vec<Recorded>> {
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut first = 0;
    while first < range.points {
        let last = (first + POINTS_MAX).min(range.points) - 1;
        let at = |index: u64| range.from.plus(range.step.saturating_mul(index)).0 as f64 / 1_000.0;
        let url = format!(
            "{}/api/v1/query_range?query={}&start={:.3}&end={:.3}&step={:.3}",
            server.trim_end_matches('/'),
            encoded(query),
            at(first),
            at(last),
            range.step.0 as f64 / 1_000.0
        );
        let url: Url = url.parse().with_context(|| format!("--prometheus {server}"))?;
        let answer = exchange(Ask::get(url), BUDGET).await.with_context(|| format!("--prometheus {server}"))?;
        let streams = read(&answer.body).with_context(|| format!("{server} answered {}", answer.status.as_u16()))?;
        take(&mut found, streams, range)?;
        first = last + 1;
    }
    let start = range.from;
    Ok(found.into_iter().map(|(name, values)| Recorded { name, start, step: range.step, values }).collect())
}

fn read(body: &[u8]) -> anyhow::Result<Vec<Stream>> {
    let answer: Answer = serde_json::from_slice(body).context("what came back is no answer of Prometheus")?;
    if answer.status != "success" {
        bail!("{}", answer.error.unwrap_or_else(|| format!("status {:?}", answer.status)));
    }
    let data = answer.data.context("success without data")?;
    if data.result_type != "matrix" {
        bail!("a range query gives a matrix, and this gave a {}", data.result_type);
    }
    Ok(serde_json::from_value(data.result)?)
}

fn take(found: &mut BTreeMap<String, Vec<f64>>, streams: Vec<Stream>, range: &Range) -> anyhow::Result<()> {
    for stream in streams {
        let name = name_of(&stream.metric);
        let values =
            found.entry(name.clone()).or_insert_with(|| vec![f64::NAN; usize::try_from(range.points).unwrap_or(0)]);
        let mut before = f64::NEG_INFINITY;
        for (row, (at, text)) in stream.values.iter().enumerate() {
            let value: f64 = text.parse().with_context(|| format!("{name}, value {row}: {text:?} is no number"))?;
            if value.is_infinite() || value < 0.0 {
                bail!("{name}, value {row} (at {at}): {text} is not a load; allowed are finite numbers from 0");
            }
            if *at <= before {
                bail!("{name}, value {row}: its time {at} is not after the one before it, {before}");
            }
            before = *at;
            let offset = (at * 1_000.0).round() as i64 - range.from.0;
            let Ok(offset) = u64::try_from(offset) else { continue };
            let slot = usize::try_from((offset + range.step.0 / 2) / range.step.0).unwrap_or(usize::MAX);
            if let Some(slot) = values.get_mut(slot) {
                *slot = value;
            }
        }
    }
    if found.len() > SERIES_MAX {
        bail!("{} series came back; at most {SERIES_MAX} are taken: narrow the query, or sum() it", found.len());
    }
    Ok(())
}

/// `name{label=value,…}` without the parts that say nothing.
fn name_of(metric: &BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let labels: Vec<String> =
        metric.iter().filter(|(key, _)| *key != "__name__").map(|(key, value)| format!("{key}={value}")).collect();
    match (name, labels.is_empty()) {
        ("", true) => "query".to_owned(),
        (name, true) => name.to_owned(),
        (name, false) => format!("{name}{{{}}}", labels.join(",")),
    }
}

/// Percent-encoded for a query component.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Range = Range { from: Timestamp(1_000_000), step: Millis(60_000), points: 4 };

    fn taken(body: &str) -> anyhow::Result<BTreeMap<String, Vec<f64>>> {
        let mut found = BTreeMap::new();
        take(&mut found, read(body.as_bytes())?, &RANGE)?;
        Ok(found)
    }

    fn matrix(values: &str) -> String {
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"job":"a"}},"values":[{values}]}}]}}}}"#
        )
    }

    #[test]
    fn moments_that_are_left_out_or_no_number_stay_gaps() {
        let found = taken(&matrix(r#"[1000,"1.5"],[1120,"NaN"],[1180,"4"]"#)).unwrap();
        let values = &found["{job=a}"];
        assert_eq!((values[0], values[3]), (1.5, 4.0));
        assert!(values[1].is_nan() && values[2].is_nan());
    }

    #[test]
    fn what_is_no_load_is_refused_with_its_place() {
        for (values, problem) in [
            (r#"[1000,"-1"]"#, "{job=a}, value 0 (at 1000): -1 is not a load"),
            (r#"[1000,"+Inf"]"#, "is not a load"),
            (r#"[1000,"1"],[1000,"2"]"#, "value 1: its time 1000 is not after the one before it"),
            (r#"[1000,"x"]"#, "\"x\" is no number"),
        ] {
            let error = format!("{:#}", taken(&matrix(values)).unwrap_err());
            assert!(error.contains(problem), "{error}");
        }
        let error = taken(r#"{"status":"error","error":"parse error at 3"}"#).unwrap_err().to_string();
        assert_eq!(error, "parse error at 3");
        assert!(taken("<html>").is_err());
        assert_eq!(encoded("sum(rate(a[5m]))"), "sum%28rate%28a%5B5m%5D%29%29");
    }
}
