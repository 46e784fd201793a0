//! The forecast of each resource against what the pool has, and what could be bought.

use super::input::{DAY, Peaks};
use crate::args::Capacity;
use crate::commands::forecast::season;
use crate::commands::pool_file::PoolFile;
use anyhow::{Context, bail};
use plimsoll_autoscale::pools::{Amounts, Cover, RESOURCES, Shape, alone, cheapest, cover};
use plimsoll_forecast::{Ahead, Data, Events, Forecaster, Levels, Series, zoo};
use plimsoll_model::{Millis, Timestamp};

/// Longest horizon: two years of days.
const DAYS_MAX: u64 = 730;

/// Everything that is said.
pub struct Outlook {
    /// By pool, in the order of the file.
    pub pools: Vec<PoolOutlook>,
    /// Days ahead.
    pub days: usize,
}

/// One pool.
pub struct PoolOutlook {
    /// Its name; empty for the only one.
    pub name: String,
    /// Its resources that were measured.
    pub resources: Vec<ResourceOutlook>,
    /// Places of its shapes in the file.
    pub shapes: Vec<usize>,
    /// What the nodes there are cost per hour, millionths.
    pub now: Cover,
    /// What to have instead, the cheapest first, with how it came about.
    pub alternatives: Vec<(String, Cover)>,
}

/// One resource of a pool.
pub struct ResourceOutlook {
    /// Place in [`RESOURCES`].
    pub resource: usize,
    /// Peaks of days as measured.
    pub past: Vec<(Timestamp, f64)>,
    /// `(day, low, median, high, bought for)`.
    pub ahead: Vec<(Timestamp, f64, f64, f64, f64)>,
    /// What the pool has of it.
    pub has: f64,
    /// What may be used of that.
    pub usable: f64,
    /// First day on which the median is above it; none within the horizon.
    pub short: Option<Timestamp>,
    /// First day on which the upper quantile is.
    pub earliest: Option<Timestamp>,
    /// First day on which the lower quantile is.
    pub latest: Option<Timestamp>,
}

impl ResourceOutlook {
    /// Its name.
    pub fn name(&self) -> &'static str {
        RESOURCES[self.resource]
    }
}

/// The lower and upper quantile of the interval.
pub const INTERVAL: (f64, f64) = (0.05, 0.95);

/// Forecasts every series and prices what could be bought.
pub fn of(typed: &Capacity, file: &PoolFile, series: Vec<Peaks>, done: impl Fn()) -> anyhow::Result<Outlook> {
    let horizon =
        plimsoll_config::unit::duration(&typed.horizon).with_context(|| format!("--horizon {}", typed.horizon))?;
    let days = horizon.get() / DAY.get();
    if !(1..=DAYS_MAX).contains(&days) {
        bail!("--horizon {}: allowed are 1d to {}", typed.horizon, Millis(DAYS_MAX * DAY.get()));
    }
    let mut pools: Vec<PoolOutlook> = Vec::new();
    for peaks in series {
        let shapes: Vec<usize> = (0..file.shapes.len()).filter(|it| file.pools[*it] == peaks.pool).collect();
        let resource = resource(typed, file, &shapes, &peaks, days as usize)
            .with_context(|| format!("series {:?}", peaks.days.name))?;
        done();
        match pools.iter_mut().find(|pool| pool.name == peaks.pool) {
            Some(pool) => pool.resources.push(resource),
            None => {
                let own: Vec<Shape> = shapes.iter().map(|it| file.shapes[*it].clone()).collect();
                let now = cover(&own, shapes.iter().map(|it| file.nodes[*it]).collect());
                pools.push(PoolOutlook {
                    name: peaks.pool,
                    resources: vec![resource],
                    shapes,
                    now,
                    alternatives: Vec::new(),
                });
            }
        }
    }
    for pool in &mut pools {
        pool.resources.sort_by_key(|it| it.resource);
        pool.alternatives = alternatives(typed, file, pool);
    }
    Ok(Outlook { pools, days: days as usize })
}

fn resource(
    typed: &Capacity,
    file: &PoolFile,
    shapes: &[usize],
    peaks: &Peaks,
    days: usize,
) -> anyhow::Result<ResourceOutlook> {
    let model = zoo::by_name(&typed.model).with_context(|| format!("--model {}: no such model", typed.model))?;
    let mut levels = vec![INTERVAL.0, 0.5, INTERVAL.1, typed.quantile];
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let place = |level: f64| levels.iter().position(|it| *it == level).unwrap_or(0);
    let (low, median, high, bought) = (place(INTERVAL.0), place(0.5), place(INTERVAL.1), place(typed.quantile));
    let asked = Levels::try_new(levels).context("--quantile")?;
    let (seasons, _why) = season::of(&peaks.days, &typed.season)?;
    let recorded = &peaks.days;
    let series = Series { start: recorded.start, step: recorded.step, values: &recorded.values };
    let fitted = model.fit(&Data::alone(series, &seasons), typed.seed)?;
    let said = fitted.predict(&Ahead { horizon: days, events: &Events::default() }, &asked).at_least(0.0);
    let end = recorded.values.len();
    let ahead = (0..days).map(|step| {
        let row = said.quantiles(step).unwrap_or_default();
        let at = |place: usize| row.get(place).copied().unwrap_or(f64::NAN);
        (series.at(end + step), at(low), at(median), at(high), at(bought))
    });
    let ahead: Vec<_> = ahead.collect();
    let scale = if peaks.resource == 1 { 1.0 } else { 1_000.0 };
    let has: f64 =
        shapes.iter().map(|it| file.shapes[*it].has[peaks.resource] as f64 / scale * f64::from(file.nodes[*it])).sum();
    let usable = has * typed.usable;
    let first =
        |of: fn(&(Timestamp, f64, f64, f64, f64)) -> f64| ahead.iter().find(|day| of(day) > usable).map(|day| day.0);
    let (earliest, short, latest) = (first(|day| day.3), first(|day| day.2), first(|day| day.1));
    let past = recorded.values.iter().enumerate().map(|(day, value)| (series.at(day), *value)).collect();
    Ok(ResourceOutlook { resource: peaks.resource, past, ahead, has, usable, short, earliest, latest })
}

/// Each shape alone, the cheapest mix, and what is there with the cheapest addition, cheapest first.
fn alternatives(typed: &Capacity, file: &PoolFile, pool: &PoolOutlook) -> Vec<(String, Cover)> {
    let own: Vec<Shape> = pool.shapes.iter().map(|it| file.shapes[*it].clone()).collect();
    let mut need: Amounts = [0; 5];
    for resource in &pool.resources {
        let most = resource.ahead.iter().map(|day| day.4).fold(0.0, f64::max) / typed.usable;
        let scale = if resource.resource == 1 { 1.0 } else { 1_000.0 };
        need[resource.resource] = (most * scale).ceil() as u64;
    }
    let mut found: Vec<(String, Cover)> = Vec::new();
    for (index, shape) in own.iter().enumerate() {
        if let Some(nodes) = alone(shape, &need) {
            let mut all = vec![0; own.len()];
            all[index] = nodes;
            found.push((format!("only {}", shape.name), cover(&own, all)));
        }
    }
    if let Some(mix) = cheapest(&own, &need) {
        found.push(("cheapest mix".to_owned(), mix));
    }
    let kept: Vec<Shape> = own
        .iter()
        .zip(&pool.now.nodes)
        .map(|(shape, nodes)| Shape { min: 0, max: shape.max - nodes, ..shape.clone() })
        .collect();
    let left = std::array::from_fn(|it| {
        let there: u64 = own.iter().zip(&pool.now.nodes).map(|(shape, nodes)| shape.has[it] * u64::from(*nodes)).sum();
        need[it].saturating_sub(there)
    });
    if let Some(more) = cheapest(&kept, &left) {
        let nodes = pool.now.nodes.iter().zip(&more.nodes).map(|(now, more)| now + more).collect();
        found.push(("what is there, and the cheapest addition".to_owned(), cover(&own, nodes)));
    }
    found.sort_by_key(|(_, cover)| cover.price_micros_per_hour);
    found
}
