//! One row: from a history, an origin and a horizon.

use super::{History, Recipe, Relative, SeasonalLag, Statistic};
use crate::Events;

/// Makes the rows of one recipe. It remembers the part that only the origin decides, because the rows of all horizons of an
/// origin share it.
pub(crate) struct Rows<'a> {
    recipe: &'a Recipe,
    events: &'a Events,
    /// Smallest level that values are divided by, on the scale of training.
    floor: f64,
    /// Origin that `shared` belongs to.
    origin: Option<usize>,
    level: Level,
    shared: Vec<f64>,
    sorted: Vec<f64>,
}

/// What the values of an origin's rows are relative to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    offset: f64,
    factor: f64,
}

/// A level below this share of the mean size does not divide: a quiet hour would make everything after it enormous.
const LEVEL_FLOOR: f64 = 0.05;

impl Level {
    const NONE: Self = Self { offset: 0.0, factor: 1.0 };

    /// A scaled value relative to it.
    pub(crate) fn relative(self, value: f64) -> f64 {
        (value - self.offset) / self.factor
    }

    /// The scaled value again.
    pub(crate) fn absolute(self, relative: f64) -> f64 {
        relative * self.factor + self.offset
    }
}

impl<'a> Rows<'a> {
    pub(crate) const fn new(recipe: &'a Recipe, events: &'a Events, size: f64) -> Self {
        let floor = size * LEVEL_FLOOR;
        Self { recipe, events, floor, origin: None, level: Level::NONE, shared: Vec::new(), sorted: Vec::new() }
    }

    /// Appends the row of `origin` and `horizon` to `row`, and returns what its target is relative to.
    pub(crate) fn push(&mut self, history: &History, origin: usize, horizon: usize, row: &mut Vec<f64>) -> Level {
        if self.origin != Some(origin) {
            self.origin = Some(origin);
            self.level = self.level(history, origin);
            self.share(history, origin);
        }
        let target = origin + horizon;
        let before_seasonal = self.recipe.recent + self.recipe.lags.len();
        row.extend_from_slice(&self.shared[..before_seasonal]);
        for lag in &self.recipe.seasonal {
            push_seasonal(history, *lag, origin, horizon, self.level, row);
        }
        row.extend_from_slice(&self.shared[before_seasonal..]);
        if self.recipe.horizon {
            row.push(horizon as f64);
        }
        self.recipe.known.push(history.at(target), history.step(), self.events, row);
        self.level
    }

    fn level(&self, history: &History, origin: usize) -> Level {
        match self.recipe.relative {
            Relative::Nothing => Level::NONE,
            Relative::Difference(window) => {
                let offset = mean(measured_window(history, origin, window).iter().copied());
                Level { offset: if offset.is_finite() { offset } else { 0.0 }, factor: 1.0 }
            }
            Relative::Ratio(window) => {
                let size = mean(measured_window(history, origin, window).iter().map(|value| value.abs()));
                let factor = size.max(self.floor);
                Level { offset: 0.0, factor: if factor > 0.0 { factor } else { 1.0 } }
            }
        }
    }

    /// The columns that do not depend on the horizon.
    fn share(&mut self, history: &History, origin: usize) {
        let (recipe, level) = (self.recipe, self.level);
        self.shared.clear();
        let back = |steps: usize| origin.checked_sub(steps).map_or(f64::NAN, |number| history.value(number));
        self.shared.extend((0..recipe.recent).chain(recipe.lags.iter().copied()).map(|lag| level.relative(back(lag))));
        for rolling in &recipe.rolling {
            let window = history.window(origin, rolling.window);
            let sorted = &mut self.sorted;
            self.shared.extend(rolling.statistics.iter().map(|kind| statistic(*kind, window, level, sorted)));
        }
        self.shared.extend(recipe.differences.iter().map(|lag| (back(0) - back(*lag)) / level.factor));
        for index in 0..history.covariates() {
            let past = |lag: usize| origin.checked_sub(lag).map_or(f64::NAN, |number| history.covariate(index, number));
            self.shared.extend((0..recipe.covariates).map(past));
        }
    }
}

/// So many newest values; in a gap as long as that, the newest that was measured.
fn measured_window(history: &History, origin: usize, window: usize) -> &[f64] {
    let newest = history.window(origin, window.max(1));
    if newest.iter().any(|value| value.is_finite()) {
        return newest;
    }
    let all = history.window(origin, usize::MAX);
    let last = all.iter().rposition(|value| value.is_finite()).unwrap_or(0);
    &all[last.min(all.len())..(last + 1).min(all.len())]
}

/// The values whole seasons before the target and before the origin, newest season first.
fn push_seasonal(h: &History, lag: SeasonalLag, origin: usize, horizon: usize, level: Level, row: &mut Vec<f64>) {
    let newest = horizon.div_ceil(lag.period.max(1)).max(1);
    for season in newest..newest + lag.count {
        for from in [origin + horizon, origin] {
            let centre = from.checked_sub(season * lag.period);
            row.push(centre.map_or(f64::NAN, |centre| level.relative(around(h, centre, lag.smooth, origin))));
        }
    }
}

/// Mean of the measured values around a number, none of them after the origin.
fn around(history: &History, centre: usize, smooth: usize, origin: usize) -> f64 {
    if smooth == 0 {
        return history.value(centre);
    }
    let last = (centre + smooth).min(origin);
    let len = last + 1 - centre.saturating_sub(smooth).min(last);
    mean(history.window(last, len).iter().copied())
}

/// Mean of what was measured; NaN when nothing was.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.filter(|value| value.is_finite()).fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

fn statistic(kind: Statistic, window: &[f64], level: Level, sorted: &mut Vec<f64>) -> f64 {
    let measured = || window.iter().copied().filter(|value| value.is_finite());
    match kind {
        Statistic::Mean => level.relative(mean(measured())),
        Statistic::Deviation => {
            let centre = mean(measured());
            libm::sqrt(mean(measured().map(|value| (value - centre) * (value - centre)))) / level.factor
        }
        Statistic::Min => level.relative(measured().fold(f64::NAN, f64::min)),
        Statistic::Max => level.relative(measured().fold(f64::NAN, f64::max)),
        Statistic::Quantile(q) => {
            sorted.clear();
            sorted.extend(measured());
            plimsoll_stats::quantile::sort(sorted);
            level.relative(plimsoll_stats::quantile_sorted(sorted, q).unwrap_or(f64::NAN))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Known, Rolling, Scale, Transform};
    use crate::{Data, NO_EVENTS, Series};

    fn row(recipe: &Recipe, values: &[f64], horizon: usize) -> Vec<f64> {
        let data = Data::alone(Series::untimed(values), &[]);
        let scale = Scale::learn(Transform::Identity, &[1.0]);
        let history = History::new(&data, scale, &[], 100);
        let mut out = Vec::new();
        Rows::new(recipe, &NO_EVENTS, 1.0).push(&history, values.len() - 1, horizon, &mut out);
        assert_eq!((out.len(), recipe.names(&data).len()), (recipe.width(0), recipe.width(0)));
        out
    }

    #[test]
    fn every_column_is_what_its_name_says() {
        let rolling = Rolling {
            window: 4,
            statistics: vec![
                Statistic::Mean,
                Statistic::Min,
                Statistic::Max,
                Statistic::Quantile(0.5),
                Statistic::Deviation,
            ],
        };
        let recipe = Recipe {
            recent: 2,
            lags: vec![5],
            seasonal: vec![SeasonalLag { period: 3, count: 2, smooth: 0 }],
            rolling: vec![rolling],
            differences: vec![1],
            horizon: true,
            known: Known { fourier: Vec::new(), calendar: true, events: 0 },
            ..Recipe::default()
        };
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        // Origin 11, target 15: the newest whole season of 3 that is known lies 6 before the target.
        let expected =
            [11.0, 10.0, 6.0, 9.0, 5.0, 6.0, 2.0, 9.5, 8.0, 11.0, 9.5, libm::sqrt(1.25), 1.0, 4.0, 15.0, 3.0];
        assert_eq!(row(&recipe, &values, 4), expected);
        assert_eq!(recipe.reach(4), 10);
    }

    #[test]
    fn relative_to_the_level_and_with_gaps() {
        let recipe = Recipe { relative: Relative::Difference(2), recent: 3, ..Recipe::default() };
        let values = [1.0, f64::NAN, 4.0, 6.0];
        let rows = row(&recipe, &values, 1);
        assert_eq!(rows[..2], [1.0, -1.0]);
        assert!(rows[2].is_nan());
        let recipe = Recipe { relative: Relative::Ratio(2), recent: 2, ..Recipe::default() };
        assert_eq!(row(&recipe, &values, 1), [1.2, 0.8]);
        assert_eq!(row(&recipe, &[0.0, 0.0], 1), [0.0, 0.0], "nothing is divided by nothing");
    }

    #[test]
    fn a_smoothed_season_sees_nothing_after_the_origin() {
        let recipe = Recipe { seasonal: vec![SeasonalLag { period: 4, count: 1, smooth: 1 }], ..Recipe::default() };
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        // Origin 9, target 13: around 9 only 8 and 9 are known; around 5 all three are.
        assert_eq!(row(&recipe, &values, 4), [8.5, 5.0]);
    }
}
