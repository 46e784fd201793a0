//! Recorded load from a Prometheus server: a range query; every series that comes back is a load.
//!
//! Asking is `plimsoll-collect`'s. A moment that the server leaves out, or answers `NaN` for, stays a gap.

use super::input;
use super::recordings::Recording;
use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_collect::scrape::promql::{Range, Server};
use plimsoll_http_client::{Budget, Trust};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_traces::Recorded;
use std::collections::BTreeMap;
use std::time::Duration;

/// Points per series in all: five years of 15 s.
const POINTS_ALL_MAX: u64 = 10_000_000;
/// Bounds of one request.
const BUDGET: Budget = Budget { deadline: Duration::from_secs(60), body_bytes_max: 256 << 20 };

/// The loads that the server has; none where no server was named.
pub fn recordings(typed: &Backtest) -> anyhow::Result<Vec<Recording>> {
    let Some(url) = &typed.prometheus else { return Ok(Vec::new()) };
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
    let server = Server { url: url.clone(), auth: None, trust: Trust::System, budget: BUDGET };
    let range = Range { from, step, points };
    let found = runtime.block_on(server.over(query, &range)).with_context(|| format!("--prometheus {url}"))?;
    if found.is_empty() {
        bail!("{url} has nothing for {query:?} from {from} to {to}");
    }
    loads(found, from, step)
}

/// Series as loads; what is no load is refused with its place.
fn loads(found: BTreeMap<String, Vec<f64>>, start: Timestamp, step: Millis) -> anyhow::Result<Vec<Recording>> {
    let one = |(name, values): (String, Vec<f64>)| {
        if let Some((row, value)) = values.iter().enumerate().find(|(_, value)| **value < 0.0) {
            bail!("{name}, value {row}: {value} is not a load; allowed are finite numbers from 0");
        }
        Ok(Recording::of(name.clone(), Recorded { name, start, step, values }))
    };
    found.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_nothing_is_no_load() {
        let found = |values: &[f64]| BTreeMap::from([("{job=a}".to_owned(), values.to_vec())]);
        let error = loads(found(&[1.0, -1.0]), Timestamp(0), Millis(1)).err().unwrap().to_string();
        assert_eq!(error, "{job=a}, value 1: -1 is not a load; allowed are finite numbers from 0");
        assert_eq!(loads(found(&[1.0, f64::NAN]), Timestamp(0), Millis(1)).unwrap().len(), 1);
    }
}
