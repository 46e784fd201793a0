//! Node shapes and pools as a TOML file, for `plimsoll simulate --pools` and `plimsoll capacity`.

use anyhow::{Context, bail};
use plimsoll_autoscale::pools::{PoolPolicy, Shape};
use plimsoll_config::unit::{self, Unit};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{Millis, Permille};
use serde::Deserialize;
use std::path::Path;

/// Most nodes that all shapes together may have: each of them is in the simulated fleet from the beginning.
const NODES_MAX: u64 = 100_000;
/// Most bytes of a file.
const FILE_SIZE_MAX: u64 = 1 << 20;

/// What the file says, checked.
#[derive(Debug, Clone)]
pub struct PoolFile {
    /// Time between two looks.
    pub every: Millis,
    /// An empty node goes after this time.
    pub idle: Millis,
    /// Buys for foreseen work too, where it is there.
    pub forecast: Option<ForecastSpec>,
    /// What can be bought.
    pub shapes: Vec<Shape>,
    /// The pool that each shape belongs to.
    pub pools: Vec<String>,
    /// Nodes of each shape that are there now.
    pub nodes: Vec<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "every")]
    every: String,
    #[serde(default = "idle")]
    idle: String,
    #[serde(default)]
    forecast: Option<RawForecast>,
    #[serde(default)]
    shape: Vec<RawShape>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawForecast {
    #[serde(default = "day")]
    season: String,
    #[serde(default = "quantile")]
    quantile: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShape {
    name: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    zone: String,
    cpu: f64,
    memory: String,
    #[serde(default)]
    gpus: u32,
    price: f64,
    #[serde(default)]
    startup: Option<String>,
    #[serde(default)]
    min: u32,
    max: u32,
    #[serde(default)]
    pool: String,
    #[serde(default)]
    nodes: u32,
}

fn every() -> String {
    "10s".to_owned()
}

fn day() -> String {
    "1d".to_owned()
}

fn quantile() -> String {
    "70%".to_owned()
}

fn idle() -> String {
    "10m".to_owned()
}

impl PoolFile {
    /// Reads and checks.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let what = || format!("{}", path.display());
        let size = std::fs::metadata(path).with_context(what)?.len();
        if size > FILE_SIZE_MAX {
            bail!("{}: has {size} bytes; a file of pools has at most {FILE_SIZE_MAX}", path.display());
        }
        Self::parse(&std::fs::read_to_string(path).with_context(what)?).with_context(what)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let raw: Raw = toml::from_str(text)?;
        if raw.shape.is_empty() {
            bail!("there is no [[shape]]; at least one is needed");
        }
        let time = |field: &str, text: &str| unit::duration(text).with_context(|| format!("`{field}` = {text:?}"));
        let every = time("every", &raw.every)?;
        if every == Millis(0) {
            bail!("`every` = \"0s\": allowed is a time above zero");
        }
        let shapes: Vec<Shape> = raw.shape.iter().enumerate().map(shape).collect::<anyhow::Result<_>>()?;
        for (index, shape) in shapes.iter().enumerate() {
            if shapes[..index].iter().any(|other| other.name == shape.name) {
                bail!("[[shape]] {}: `name` = {:?} is there twice", index + 1, shape.name);
            }
        }
        let nodes: u64 = shapes.iter().map(|shape| u64::from(shape.max)).sum();
        if nodes > NODES_MAX {
            bail!("the `max` of all shapes are {nodes} together: allowed are at most {NODES_MAX}");
        }
        let pools = raw.shape.iter().map(|shape| shape.pool.clone()).collect();
        let nodes = raw.shape.iter().map(|shape| shape.nodes).collect();
        let forecast = raw.forecast.as_ref().map(forecast).transpose()?;
        Ok(Self { every, idle: time("idle", &raw.idle)?, forecast, shapes, pools, nodes })
    }

    /// As the rule wants it.
    pub fn policy(&self) -> PoolPolicy {
        PoolPolicy { shapes: self.shapes.clone(), idle: self.idle }
    }
}

fn forecast(raw: &RawForecast) -> anyhow::Result<ForecastSpec> {
    let RawForecast { season, quantile } = raw;
    let length = unit::duration(season).with_context(|| format!("`forecast.season` = {season:?}"))?;
    let share = Unit::Share.parse(quantile).ok().and_then(|share| u64::try_from(share).ok());
    let Some(share) = share.filter(|share| (500..=999).contains(share)) else {
        bail!("`forecast.quantile` = {quantile:?}: allowed are \"50%\" to \"99.9%\"");
    };
    Ok(ForecastSpec {
        season: length,
        season_long: None,
        quantile: Permille(share),
        missing_price: None,
        history: None,
        models: Vec::new(),
        refit: length,
    })
}

fn shape((index, raw): (usize, &RawShape)) -> anyhow::Result<Shape> {
    let place = format!("[[shape]] {} ({:?})", index + 1, raw.name);
    if raw.name.is_empty() {
        bail!("{place}: `name` is empty");
    }
    if !(raw.cpu > 0.0 && raw.cpu <= 1e6) {
        bail!("{place}: `cpu` = {}: allowed are cores above 0 up to 1,000,000", raw.cpu);
    }
    if !(raw.price >= 0.0 && raw.price <= 1e6) {
        bail!("{place}: `price` = {}: allowed are 0 to 1,000,000 an hour", raw.price);
    }
    if raw.max == 0 || raw.min > raw.max {
        bail!("{place}: `min` = {} and `max` = {}: `max` has to be at least 1 and at least `min`", raw.min, raw.max);
    }
    if raw.nodes > raw.max {
        bail!("{place}: `nodes` = {} are there and `max` = {}: allowed are at most `max`", raw.nodes, raw.max);
    }
    if raw.gpus > 255 {
        bail!("{place}: `gpus` = {}: allowed are 0 to 255", raw.gpus);
    }
    let memory = Unit::Bytes.parse(&raw.memory).ok().and_then(|bytes| u64::try_from(bytes).ok()).filter(|it| *it > 0);
    let Some(memory) = memory else {
        bail!("{place}: `memory` = {:?}: allowed are sizes such as \"64GiB\"", raw.memory);
    };
    let startup = raw.startup.as_deref().unwrap_or("1m");
    let startup = unit::duration(startup).with_context(|| format!("{place}: `startup` = {startup:?}"))?;
    Ok(Shape {
        name: raw.name.clone(),
        provider: raw.provider.clone(),
        zone: raw.zone.clone(),
        has: [(raw.cpu * 1_000.0).round() as u64, memory, 0, 0, u64::from(raw.gpus) * 1_000],
        price_micros_per_hour: (raw.price * 1e6).round() as u64,
        startup,
        min: raw.min,
        max: raw.max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[shape]]\nname = \"c4\"\ncpu = 4\nmemory = \"16GiB\"\nprice = 0.2\nmax = 10\n";

    fn error(text: &str) -> String {
        format!("{:#}", PoolFile::parse(text).unwrap_err())
    }

    #[test]
    fn a_shape_needs_a_name_a_size_a_price_and_a_bound() {
        let file = PoolFile::parse(GOOD).unwrap();
        let shape = &file.shapes[0];
        assert_eq!((shape.has[0], shape.has[1], shape.price_micros_per_hour), (4_000, 16 << 30, 200_000));
        assert!(file.forecast.is_none());
        let file_with = PoolFile::parse(&format!("forecast = {{}}\n{GOOD}")).unwrap();
        let forecast = file_with.forecast.unwrap();
        assert_eq!((forecast.season, forecast.quantile), (Millis(86_400_000), Permille(700)));
        assert_eq!((shape.startup, file.every, file.idle), (Millis(60_000), Millis(10_000), Millis(600_000)));
    }

    #[test]
    fn errors_name_the_shape_the_field_the_value_and_what_is_allowed() {
        for (from, to, said) in [
            ("price = 0.2", "price = -1", "`price` = -1: allowed are 0 to"),
            ("price = 0.2", "price = nan", "`price` = NaN"),
            ("max = 10", "max = 10\nmin = 11", "`min` = 11 and `max` = 10"),
            ("cpu = 4", "cpu = 0", "`cpu` = 0: allowed are cores above 0"),
            ("16GiB", "much", "`memory` = \"much\""),
            ("cpu = 4", "cpus = 4", "unknown field `cpus`"),
            ("[[shape]]", "forecast = { quantile = \"40%\" }\n[[shape]]", "`forecast.quantile` = \"40%\": allowed are"),
            ("[[shape]]", "forecast = { season = \"soon\" }\n[[shape]]", "`forecast.season` = \"soon\""),
        ] {
            let found = error(&GOOD.replace(from, to));
            assert!(found.contains(said), "{found}");
        }
        assert!(error("").contains("no [[shape]]"));
        assert!(error(&format!("{GOOD}{GOOD}")).contains("`name` = \"c4\" is there twice"));
        assert!(error(&format!("every = \"0s\"\n{GOOD}")).contains("above zero"));
    }
}
