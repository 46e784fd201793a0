//! Rows to train on.

use crate::Events;
use crate::features::{History, Recipe, Rows};
use plimsoll_stats::Random;

/// Rows of one horizon or of several.
pub(crate) struct Table {
    /// By rows.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub width: usize,
}

impl Table {
    pub(crate) const fn new(width: usize) -> Self {
        Self { x: Vec::new(), y: Vec::new(), width }
    }

    /// Mean of each column.
    pub(crate) fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.width];
        for row in self.x.chunks_exact(self.width.max(1)) {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        means.iter_mut().for_each(|mean| *mean /= self.y.len().max(1) as f64);
        means
    }

    /// The rows in another order; rows that are not named are left out.
    pub(crate) fn ordered(&self, order: &[usize]) -> Self {
        let mut table = Self::new(self.width);
        for row in order {
            table.x.extend_from_slice(&self.x[row * self.width..(row + 1) * self.width]);
            table.y.push(self.y[*row]);
        }
        table
    }

    /// The rows that have no gap.
    pub(crate) fn without_gaps(&self) -> Self {
        let whole = |row: &usize| self.x[row * self.width..(row + 1) * self.width].iter().all(|value| !value.is_nan());
        let order: Vec<usize> = (0..self.y.len()).filter(whole).collect();
        self.ordered(&order)
    }
}

/// Which rows of a history.
pub(super) struct Picked<'a> {
    pub recipe: &'a Recipe,
    pub events: &'a Events,
    /// Mean size of the scaled values.
    pub size: f64,
    /// Whether rows with gaps are kept.
    pub gaps: bool,
    /// About so many rows at most, spread evenly.
    pub rows_max: usize,
}

impl Picked<'_> {
    /// Appends the rows of one horizon, oldest first.
    pub(super) fn each(&self, history: &History, horizon: usize, table: &mut Table) {
        let origins = self.origins(history, horizon);
        let stride = origins.len().div_ceil(self.rows_max.max(1)).max(1);
        let mut rows = Rows::new(self.recipe, self.events, self.size);
        // The newest origin is always one of them.
        let first = origins.start + origins.len().saturating_sub(1) % stride;
        for origin in (first..origins.end).step_by(stride) {
            self.push(&mut rows, history, origin, horizon, table);
        }
    }

    /// Appends rows of horizons drawn from 1 to `most`, evenly over the range, oldest origin first.
    pub(super) fn pooled(&self, history: &History, most: usize, random: &mut Random, table: &mut Table) {
        let origins = self.origins(history, 1);
        let stride = origins.len().div_ceil(self.rows_max.max(1)).max(1);
        let each = (self.rows_max / origins.len().max(1)).clamp(1, most);
        let mut rows = Rows::new(self.recipe, self.events, self.size);
        for origin in origins.step_by(stride) {
            for part in 0..each {
                // One from each of equal parts of the range, so that no horizon is left out for long.
                let (low, high) = (part * most / each, (part + 1) * most / each);
                let horizon = low + 1 + random.below((high - low).max(1) as u64) as usize;
                if origin + horizon < history.next() {
                    self.push(&mut rows, history, origin, horizon, table);
                }
            }
        }
    }

    /// Origins whose rows reach back no further than the series; half of it at most is given up for that.
    fn origins(&self, history: &History, horizon: usize) -> std::ops::Range<usize> {
        let end = history.next().saturating_sub(horizon);
        let reach = self.recipe.reach(horizon) - 1;
        let start = if self.gaps { reach.min(end / 2) } else { reach };
        start.min(end)..end
    }

    fn push(&self, rows: &mut Rows<'_>, history: &History, origin: usize, horizon: usize, table: &mut Table) {
        let target = history.value(origin + horizon);
        if !target.is_finite() {
            return;
        }
        let start = table.x.len();
        let level = rows.push(history, origin, horizon, &mut table.x);
        let target = level.relative(target);
        let gap = !self.gaps && table.x[start..].iter().any(|value| value.is_nan());
        if gap || !target.is_finite() {
            table.x.truncate(start);
        } else {
            table.y.push(target);
        }
    }
}
