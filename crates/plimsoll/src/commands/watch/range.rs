//! A stretch of time from a Prometheus server.

use super::load_of;
use super::observed::{Observed, check, constant};
use crate::args::Watch;
use anyhow::{Context, bail};
use plimsoll_collect::scrape::promql::{Range, Server};
use plimsoll_http_client::{Budget, Trust};
use plimsoll_model::metric::{MetricAuth, SecretPlace};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::Recorded;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bounds of one question about a range.
const BUDGET: Budget = Budget { deadline: Duration::from_secs(60), body_bytes_max: 256 << 20 };
/// The stretch where no beginning is typed.
const HOUR: Millis = Millis(3_600_000);
/// Most points: what a picture and a decision per point still make sense of.
const POINTS_MAX: u64 = 1_000_000;

/// Who asks, as typed.
pub fn auth(typed: &Watch) -> Option<MetricAuth> {
    let file = typed.secret_file.as_ref().map(|path| SecretPlace::File(path.to_string_lossy().into_owned()));
    let secret = file.or_else(|| typed.secret_env.clone().map(SecretPlace::Env))?;
    Some(MetricAuth { user: typed.user.clone(), secret })
}

/// Whom is trusted, as typed.
fn trust(typed: &Watch) -> Trust {
    typed.ca_file.clone().map_or(Trust::System, Trust::File)
}

/// The server that was typed.
pub fn server(typed: &Watch) -> anyhow::Result<Server> {
    let url = typed.prometheus.clone().context("--prometheus names no server")?;
    Ok(Server { url, auth: auth(typed), trust: trust(typed), budget: BUDGET })
}

/// Now, milliseconds since the epoch.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Load and replicas over the stretch that was typed.
pub async fn observed(typed: &Watch) -> anyhow::Result<Observed> {
    let step = super::time("--step", &typed.step, 1_000)?;
    let moment = |flag: &str, text: &str| {
        plimsoll_traces::parse_time(text).with_context(|| {
            format!("{flag} {text:?} is no moment: 2026-03-01, 2026-03-01T09:00[:SS][Z|+02:00], or milliseconds")
        })
    };
    // On the grid of the step, so that the same moments are asked for again.
    let to = match &typed.to {
        Some(text) => moment("--to", text)?,
        None => Timestamp(now().0.div_euclid(step.0.cast_signed()).saturating_mul(step.0.cast_signed())),
    };
    let from = match &typed.from {
        Some(text) => moment("--from", text)?,
        None => to.minus(HOUR),
    };
    if to <= from {
        bail!("--to {to} is not after --from {from}");
    }
    let points = to.since(from).0 / step.0;
    if points == 0 || points > POINTS_MAX {
        bail!("--from {from} --to {to} --step {step}: {points} points; allowed are 1 to {POINTS_MAX}");
    }
    let (server, range) = (server(typed)?, Range { from, step, points });
    let query = typed.query.as_deref().unwrap_or_default();
    let mut values = one(&server, "--query", query, &range).await?;
    for (row, value) in values.iter_mut().enumerate() {
        *value = load_of(*value, &format!("--query {query}, value {}", row + 1))?;
    }
    let mut gets = pieces(points);
    let replicas = match &typed.replicas_query {
        Some(query) => {
            gets += pieces(points);
            Some(one(&server, "--replicas-query", query, &range).await?)
        }
        None => constant(typed, values.len()),
    };
    let load = Recorded { name: query.to_owned(), start: from, step, values };
    let source = format!("{query} of {}", server.url);
    check(Observed { source, unit: "requests/s", load, replicas, memory: None, gets, notes: Vec::new() })
}

/// Requests that a range takes.
fn pieces(points: u64) -> u64 {
    points.div_ceil(plimsoll_collect::scrape::promql::POINTS_MAX)
}

async fn one(server: &Server, flag: &str, query: &str, range: &Range) -> anyhow::Result<Vec<f64>> {
    let mut found = server.over(query, range).await.with_context(|| format!("{flag} of {}", server.url))?;
    match (found.len(), found.pop_first()) {
        (1, Some((_, values))) => Ok(values),
        (0, _) | (_, None) => bail!("{} has nothing for {flag} {query:?} in that time", server.url),
        (several, Some((first, _))) => {
            bail!("{flag} {query:?} gives {several} series ({first}, …); a watch is of one: sum() it")
        }
    }
}
