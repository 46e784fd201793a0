//! The service model that response times come from, how far it is off, and whether that lets it judge.
//!
//! A model that `plimsoll calibrate` wrote carries its error on data it was not fitted to. Where that is too large, or not
//! known, its figures are printed and no verdict is given on them.

use anyhow::{Context, bail};
use plimsoll_twin::backtest::PATIENCE_S;
use plimsoll_twin::service::calibrate::{Errors, FigureError};
use plimsoll_twin::service::{Distribution, ServiceModel};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The stated model: mean time of a request alone on a replica, ms.
const WORK_MS: f64 = 10.0;

/// A service as the twin knows it.
#[derive(Debug, Clone)]
pub struct Twin {
    /// The model.
    pub model: ServiceModel,
    /// Its error, as far as it is known.
    pub errors: Errors,
    /// Where it comes from; none is the stated one.
    pub source: Option<PathBuf>,
}

/// A file of `plimsoll calibrate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: ServiceModel,
    #[serde(default)]
    error: Errors,
}

impl Twin {
    /// What was named, or the stated one.
    pub fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            let work = Distribution::log_normal(WORK_MS, 1.0);
            return Ok(Self { model: ServiceModel::sharing(work, 0.0), errors: Errors::default(), source: None });
        };
        let place = || format!("--service-model {}", path.display());
        let text = std::fs::read_to_string(path).with_context(place)?;
        let File { model, error } = toml::from_str(&text).with_context(place)?;
        model.check().with_context(place)?;
        Ok(Self { model, errors: error, source: Some(path.to_owned()) })
    }

    /// Requests in flight at one replica at 100 %, none of them in a line, in thousandths.
    pub fn in_flight_milli(&self) -> u64 {
        let working = self.model.law.peak();
        let delayed = self.model.capacity() * self.model.delay_ms / 1_000.0;
        ((working + delayed) * 1_000.0).round() as u64
    }

    /// Refuses a verdict on its figures where its error is too large or not known.
    pub fn verdict(&self) -> anyhow::Result<()> {
        match (&self.source, self.errors.verdict()) {
            (_, Ok(())) => Ok(()),
            (None, Err(_)) => bail!(
                "response times come from a stated service model, whose error nobody knows: give one that plimsoll calibrate fitted to your recording, with --service-model"
            ),
            (Some(path), Err(why)) => Err(why).with_context(|| format!("--service-model {}", path.display())),
        }
    }

    /// In one line, for the head of every report.
    pub fn told(&self) -> String {
        let model = &self.model;
        let what = format!(
            "one replica finishes {:.1} requests/s at 100 %, a request alone takes {:.1} ms (variation {:.2}), nobody waits longer than {PATIENCE_S:.0} s",
            model.capacity(),
            model.work.mean_ms + model.delay_ms,
            model.work.squared_variation().sqrt(),
        );
        let Some(path) = &self.source else {
            return format!(
                "stated, not calibrated: {what}; its error is not known, so no verdict is given on response times"
            );
        };
        let figures =
            [("p50", self.errors.p50), ("p95", self.errors.p95), ("p99", self.errors.p99), ("CPU", self.errors.cpu)];
        let off = figures.iter().map(|(name, error)| match error {
            Some(FigureError { median, .. }) => format!("{name} {:.1} %", median * 100.0),
            None => format!("{name} not known"),
        });
        let verdict = match self.errors.verdict() {
            Ok(()) => "it may judge".to_owned(),
            Err(why) => format!("no verdict is given on response times: {why}"),
        };
        format!("{}: {what}; off by {}; {verdict}", path.display(), off.collect::<Vec<_>>().join(", "))
    }
}
