//! Questions to a Prometheus server in PromQL: now, or over a range of time.
//!
//! A server answers at most 11,000 points per series, so a longer range is asked for in pieces. A moment that the server
//! leaves out, or answers `NaN` for, stays a gap. Only `GET` is used, although `POST` is allowed too: what only reads should
//! be seen to only read.
//!
//! # Source
//! Prometheus HTTP API, `GET /api/v1/query` and `GET /api/v1/query_range`.

use super::{ScrapeError, Series, with_auth};
use plimsoll_http_client::{Ask, Budget, Trust, Url, exchange};
use plimsoll_model::metric::MetricAuth;
use plimsoll_model::{Millis, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Points per series in one request; a server refuses more than 11,000.
pub const POINTS_MAX: u64 = 10_000;
/// Series in one answer.
pub const SERIES_MAX: usize = 1_000;

/// A server, and who asks.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its root, `http[s]://HOST[:PORT][/PATH]`.
    pub url: String,
    /// Who asks.
    pub auth: Option<MetricAuth>,
    /// Who may have signed its certificate.
    pub trust: Trust,
    /// Bounds of one exchange.
    pub budget: Budget,
}

/// The range that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// First moment.
    pub from: Timestamp,
    /// Time between two points.
    pub step: Millis,
    /// Points.
    pub points: u64,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    data: Option<Body>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    result_type: String,
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
}

#[derive(Deserialize)]
struct Instant {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Server {
    /// What a query gives now: each series of a vector, or a scalar as one.
    ///
    /// # Errors
    /// [`ScrapeError`].
    pub async fn now(&self, query: &str) -> Result<Vec<Series>, ScrapeError> {
        let body = self.get(&format!("/api/v1/query?query={}", encoded(query))).await?;
        match body.result_type.as_str() {
            "vector" => {
                let found: Vec<Instant> = serde_json::from_value(body.result).map_err(odd)?;
                found.into_iter().map(|one| series(one.metric, &one.value)).collect()
            }
            "scalar" => {
                let value: (f64, String) = serde_json::from_value(body.result).map_err(odd)?;
                Ok(vec![series(BTreeMap::new(), &value)?])
            }
            other => Err(ScrapeError::Query(format!("a live figure is a vector or a scalar, and this is a {other}"))),
        }
    }

    /// What a query gave over a range: by series, one value per point, `NaN` where there was none.
    ///
    /// # Errors
    /// [`ScrapeError`]; a value that is infinite is refused, as is a time that goes back.
    pub async fn over(&self, query: &str, range: &Range) -> Result<BTreeMap<String, Vec<f64>>, ScrapeError> {
        let mut found = BTreeMap::new();
        let mut first = 0;
        while first < range.points {
            let last = (first + POINTS_MAX).min(range.points) - 1;
            let at = |index: u64| range.from.plus(range.step.saturating_mul(index)).0 as f64 / 1_000.0;
            let body = self
                .get(&format!(
                    "/api/v1/query_range?query={}&start={:.3}&end={:.3}&step={:.3}",
                    encoded(query),
                    at(first),
                    at(last),
                    range.step.0 as f64 / 1_000.0
                ))
                .await?;
            if body.result_type != "matrix" {
                let other = body.result_type;
                return Err(ScrapeError::Query(format!("a range query gives a matrix, and this gave a {other}")));
            }
            take(&mut found, serde_json::from_value(body.result).map_err(odd)?, range)?;
            first = last + 1;
        }
        Ok(found)
    }

    async fn get(&self, path: &str) -> Result<Body, ScrapeError> {
        let url: Url = format!("{}{path}", self.url.trim_end_matches('/')).parse()?;
        let ask = with_auth(Ask::get(url), self.auth.as_ref())?.trusting(self.trust.clone());
        let answer = exchange(ask, self.budget).await?;
        read(answer.status.as_u16(), &answer.body)
    }
}

fn odd(error: serde_json::Error) -> ScrapeError {
    ScrapeError::Query(error.to_string())
}

fn read(status: u16, body: &[u8]) -> Result<Body, ScrapeError> {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return Err(match status {
            200..=299 => ScrapeError::Query("it is no answer of Prometheus".to_owned()),
            status => ScrapeError::Status { status },
        });
    };
    if answer.status != "success" {
        return Err(ScrapeError::Query(answer.error.unwrap_or_else(|| format!("status {:?}", answer.status))));
    }
    answer.data.ok_or_else(|| ScrapeError::Query("success without data".to_owned()))
}

fn series(mut metric: BTreeMap<String, String>, (at, text): &(f64, String)) -> Result<Series, ScrapeError> {
    let name = metric.remove("__name__").unwrap_or_default();
    let value = text.parse().map_err(|_| ScrapeError::Query(format!("{text:?} is no number")))?;
    let at = Some(Timestamp((at * 1_000.0).round() as i64));
    Ok(Series { name, labels: metric.into_iter().collect(), value, at, is_counter: false })
}

fn take(found: &mut BTreeMap<String, Vec<f64>>, streams: Vec<Stream>, range: &Range) -> Result<(), ScrapeError> {
    for stream in streams {
        let name = name_of(&stream.metric);
        let points = usize::try_from(range.points).unwrap_or(0);
        let values = found.entry(name.clone()).or_insert_with(|| vec![f64::NAN; points]);
        let mut before = f64::NEG_INFINITY;
        for (row, (at, text)) in stream.values.iter().enumerate() {
            let refuse = |what: String| ScrapeError::Query(format!("{name}, value {row}: {what}"));
            let value: f64 = text.parse().map_err(|_| refuse(format!("{text:?} is no number")))?;
            if value.is_infinite() {
                return Err(refuse(format!("(at {at}): {text} is no figure; allowed are finite numbers")));
            }
            if *at <= before {
                return Err(refuse(format!("its time {at} is not after the one before it, {before}")));
            }
            before = *at;
            let offset = (at * 1_000.0).round() as i64 - range.from.0;
            let Ok(offset) = u64::try_from(offset) else { continue };
            let slot = usize::try_from((offset + range.step.0 / 2) / range.step.0.max(1)).unwrap_or(usize::MAX);
            if let Some(slot) = values.get_mut(slot) {
                *slot = value;
            }
        }
    }
    if found.len() > SERIES_MAX {
        let count = found.len();
        return Err(ScrapeError::Query(format!(
            "{count} series came back; at most {SERIES_MAX} are taken: narrow the query, or sum() it"
        )));
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

    fn taken(body: &str) -> Result<BTreeMap<String, Vec<f64>>, ScrapeError> {
        let mut found = BTreeMap::new();
        let result = read(200, body.as_bytes())?.result;
        take(&mut found, serde_json::from_value(result).map_err(odd)?, &RANGE)?;
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
    fn what_is_no_figure_is_refused_with_its_place() {
        for (values, problem) in [
            (r#"[1000,"+Inf"]"#, "is no figure"),
            (r#"[1000,"1"],[1000,"2"]"#, "value 1: its time 1000 is not after the one before it"),
            (r#"[1000,"x"]"#, "\"x\" is no number"),
        ] {
            let error = taken(&matrix(values)).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let error = taken(r#"{"status":"error","error":"parse error at 3"}"#).unwrap_err().to_string();
        assert_eq!(error, "its answer: parse error at 3");
        assert!(taken("<html>").is_err());
        assert_eq!(read(502, b"<html>").err().unwrap().to_string(), "it answered 502");
        assert_eq!(encoded("sum(rate(a[5m]))"), "sum%28rate%28a%5B5m%5D%29%29");
    }
}
