//! A memory made ready to be asked: each number's middle and spread, and how much it tells.

use super::{Incident, Memory};
use crate::classifier::{Row, WIDTH};
use crate::diagnosis::Cause;
use std::collections::BTreeMap;

/// Differences count up to so many spreads.
const FAR: f64 = 3.0;
/// A number that is measured of one and not of the other counts as so many spreads.
const GAP: f64 = 1.0;
/// The memory's own nearest distances up to this quantile are usual.
const USUAL: f64 = 0.95;

/// A memory made ready.
#[derive(Debug, Clone)]
pub struct Index<'a> {
    memory: &'a Memory,
    rows: Vec<Row>,
    middle: [f64; WIDTH],
    spread: [f64; WIDTH],
    weight: [f64; WIDTH],
    usual: f64,
}

/// An incident and how far it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near<'a> {
    /// Which.
    pub incident: &'a Incident,
    /// How far: the weighted mean of differences, in spreads.
    pub distance: f64,
}

impl Near<'_> {
    /// Its name, causes and outcome in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        let causes: Vec<&str> = self.incident.causes.iter().map(|cause| cause.name()).collect();
        let causes = if causes.is_empty() { "no fault".to_owned() } else { causes.join(" and ") };
        let outcome = match self.incident.outcome {
            super::Outcome::Unknown => "",
            super::Outcome::Helped => ", what was done helped",
            super::Outcome::DidNotHelp => ", what was done did not help",
            super::Outcome::RolledBack => ", what was done was taken back",
        };
        // An id may come from a file that anybody wrote.
        format!("{} ({causes}{outcome})", crate::evidence::text::name(&self.incident.id))
    }
}

impl<'a> Index<'a> {
    /// Makes a memory ready. It compares all incidents with each other once.
    #[must_use]
    pub fn new(memory: &'a Memory) -> Self {
        let rows: Vec<Row> = memory.incidents.iter().map(Incident::row).collect();
        let (mut middle, mut spread, mut weight) = ([0.0; WIDTH], [1.0; WIDTH], [0.0; WIDTH]);
        for place in 0..WIDTH {
            let mut values: Vec<f64> = rows.iter().map(|row| f64::from(row.0[place])).collect();
            values.retain(|value| value.is_finite());
            values.sort_by(f64::total_cmp);
            let at = |q: f64| plimsoll_stats::quantile::quantile_sorted(&values, q).unwrap_or(0.0);
            middle[place] = at(0.5);
            // From the 0.1 to the 0.9 quantile, because much of what tells is 0 for most.
            let most = values.last().zip(values.first()).map_or(0.0, |(most, least)| most - least);
            let wide = if at(0.9) > at(0.1) { at(0.9) - at(0.1) } else { most };
            spread[place] = if wide > 0.0 { wide } else { 1.0 };
        }
        for place in 0..WIDTH {
            weight[place] = told(memory, &rows, place, middle[place], spread[place]);
        }
        let mut index = Self { memory, rows, middle, spread, weight, usual: f64::INFINITY };
        index.usual = index.usual_distance();
        index
    }

    /// Incidents.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The largest distance of a nearest incident that is usual within the memory.
    #[must_use]
    pub const fn usual(&self) -> f64 {
        self.usual
    }

    /// The nearest, the nearest first; of equal ones the one remembered first.
    #[must_use]
    pub fn nearest(&self, row: &Row, most: usize, without: Option<&str>) -> Vec<Near<'a>> {
        let others =
            self.memory.incidents.iter().zip(&self.rows).filter(|(incident, _)| Some(incident.id.as_str()) != without);
        let mut near: Vec<Near<'a>> =
            others.map(|(incident, other)| Near { incident, distance: self.distance(row, other) }).collect();
        near.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        near.truncate(most);
        near
    }

    /// Places of the numbers in which a row is most unlike the usual and like the incidents of a cause, the strongest first.
    #[must_use]
    pub fn tells(&self, row: &Row, cause: Cause) -> Vec<usize> {
        let of_cause: Vec<&Row> = self
            .memory
            .incidents
            .iter()
            .zip(&self.rows)
            .filter(|(incident, _)| incident.causes.contains(&cause))
            .map(|(_, row)| row)
            .collect();
        let strength = |place: usize| {
            let mut theirs: Vec<f64> =
                of_cause.iter().map(|row| self.scaled(row, place)).filter(|value| value.is_finite()).collect();
            theirs.sort_by(f64::total_cmp);
            let middle = plimsoll_stats::quantile::quantile_sorted(&theirs, 0.5).unwrap_or(0.0);
            let mine = self.scaled(row, place);
            if mine.is_finite() && mine * middle > 0.0 {
                self.weight[place] * mine.abs().min(middle.abs())
            } else {
                0.0
            }
        };
        let mut strengths: Vec<(usize, f64)> =
            (0..WIDTH).map(|place| (place, strength(place))).filter(|(_, by)| *by > 0.0).collect();
        strengths.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        strengths.into_iter().map(|(place, _)| place).collect()
    }

    fn scaled(&self, row: &Row, place: usize) -> f64 {
        (f64::from(row.0[place]) - self.middle[place]) / self.spread[place]
    }

    fn distance(&self, a: &Row, b: &Row) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for place in 0..WIDTH {
            let (x, y) = (f64::from(a.0[place]), f64::from(b.0[place]));
            let apart = match (x.is_finite(), y.is_finite()) {
                (true, true) => ((x - y).abs() / self.spread[place]).min(FAR),
                (false, false) => continue,
                _ => GAP,
            };
            sum += self.weight[place] * apart;
            weights += self.weight[place];
        }
        if weights > 0.0 { sum / weights } else { f64::INFINITY }
    }

    fn usual_distance(&self) -> f64 {
        let nearest = |at: usize| {
            let others = (0..self.rows.len()).filter(|other| *other != at);
            others.map(|other| self.distance(&self.rows[at], &self.rows[other])).fold(f64::INFINITY, f64::min)
        };
        let mut all: Vec<f64> = (0..self.rows.len()).map(nearest).filter(|distance| distance.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        plimsoll_stats::quantile::quantile_sorted(&all, USUAL).unwrap_or(f64::INFINITY)
    }
}

/// How much of a number's variance lies between sets of causes, 0 to 1. Values are bounded, so that one cannot be all of it.
fn told(memory: &Memory, rows: &[Row], place: usize, middle: f64, spread: f64) -> f64 {
    let mut groups: BTreeMap<&[Cause], (f64, f64)> = BTreeMap::new();
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (incident, row) in memory.incidents.iter().zip(rows) {
        let value = f64::from(row.0[place]);
        if !value.is_finite() {
            continue;
        }
        let value = ((value - middle) / spread).clamp(-FAR, FAR);
        let group = groups.entry(&incident.causes).or_default();
        *group = (group.0 + 1.0, group.1 + value);
        (count, sum, squares) = (count + 1.0, sum + value, squares + value * value);
    }
    let within_all = squares - sum * sum / f64::max(count, 1.0);
    let between: f64 =
        groups.values().map(|(count, sum)| sum * sum / count).sum::<f64>() - sum * sum / f64::max(count, 1.0);
    if within_all > 1e-9 { (between / within_all).clamp(0.0, 1.0) } else { 0.0 }
}
