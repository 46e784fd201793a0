//! A season's mean per slot: the same time yesterday, or last week, smoothed over the seasons seen.
//!
//! Kept compressed: at most [`SLOTS`] slots however short the step, and between two slots' middles a straight line.

use crate::online::codec::{Fields, Half, Io};
use plimsoll_model::quantity::{Millis, Timestamp};

/// Most slots: a quarter of an hour of a day, less than two hours of a week.
const SLOTS: u64 = 96;
/// A slot's mean follows the last few seasons: a new season weighs 1/n, but at least this share⁻¹.
const SEASONS_WEIGHED: u8 = 3;

/// Means by slot of one season.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    season: i64,
    offset: i64,
    means: Vec<Half>,
    /// Seasons behind each mean.
    seasons: Vec<u8>,
    /// The slot being filled (counted from the epoch), its sum and count.
    open: i64,
    sum: f64,
    count: u32,
}

impl Profile {
    /// For a season cut into slots of whole steps where possible.
    pub fn new(season: Millis, step: Millis, offset: i64) -> Self {
        let slots = (season.0 / step.0.max(1)).clamp(2, SLOTS) as usize;
        let season = i64::try_from(season.0).unwrap_or(i64::MAX).max(2);
        Self {
            season,
            offset,
            means: vec![Half::default(); slots],
            seasons: vec![0; slots],
            open: 0,
            sum: 0.0,
            count: 0,
        }
    }

    /// The place of `at` on the axis of slots since the epoch: its slot, and the part of it that has passed.
    fn place(&self, at: i128) -> (i64, f64) {
        let scaled = at * self.means.len() as i128;
        let season = i128::from(self.season);
        let slot = scaled.div_euclid(season);
        let part = scaled.rem_euclid(season) as f64 / self.season as f64;
        (i64::try_from(slot).unwrap_or(0), part)
    }

    fn local(&self, at: Timestamp) -> i128 {
        i128::from(at.0) + i128::from(self.offset)
    }

    fn index(&self, slot: i64) -> usize {
        slot.rem_euclid(self.means.len() as i64) as usize
    }

    /// Adds a step. A slot's mean enters the profile with the first step behind it.
    pub fn update(&mut self, at: Timestamp, value: f64) {
        let (slot, _) = self.place(self.local(at));
        if slot != self.open && self.count > 0 {
            let index = self.index(self.open);
            let mean = self.sum / f64::from(self.count);
            self.seasons[index] = self.seasons[index].saturating_add(1);
            let weight = f64::from(self.seasons[index].min(SEASONS_WEIGHED));
            let kept = self.means[index].get();
            self.means[index] = Half::of(kept + (mean - kept) / weight);
            (self.sum, self.count) = (0.0, 0);
        }
        self.open = slot;
        self.sum += value;
        self.count = self.count.saturating_add(1);
    }

    /// The mean at `at`, between the middles of two slots where both are known; none where its slot is not.
    pub fn value(&self, at: Timestamp) -> Option<f64> {
        let half = i128::from(self.season) / (2 * self.means.len() as i128);
        let (slot, part) = self.place(self.local(at) - half);
        let known = |slot: i64| {
            let index = self.index(slot);
            (self.seasons[index] > 0).then(|| self.means[index].get())
        };
        match (known(slot), known(slot.wrapping_add(1))) {
            (Some(left), Some(right)) => Some(left + part * (right - left)),
            (Some(left), None) if part < 0.5 => Some(left),
            (None, Some(right)) if part >= 0.5 => Some(right),
            _ => None,
        }
    }

    /// Seasons behind the slot of `at`.
    pub fn seasons(&self, at: Timestamp) -> u32 {
        u32::from(self.seasons[self.index(self.place(self.local(at)).0)])
    }
}

impl Fields for Profile {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.means.iter_mut().for_each(|mean| mean.fields(io));
        self.seasons.iter_mut().for_each(|seasons| io.u8(seasons));
        io.i64(&mut self.open);
        io.f64(&mut self.sum);
        io.u32(&mut self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_known_after_it_has_passed_and_lines_join_the_middles() {
        let mut profile = Profile::new(Millis(400), Millis(100), 0);
        for (at, value) in [(0, 10.0), (50, 20.0), (100, 40.0), (350, 80.0), (400, 1.0)] {
            profile.update(Timestamp(at), value);
        }
        let seasons: Vec<u32> = [0, 100, 200, 300].map(|at| profile.seasons(Timestamp(at))).into();
        assert_eq!(seasons, [1, 1, 0, 1]);
        assert_eq!(profile.value(Timestamp(250)), None);
        assert_eq!(profile.value(Timestamp(50)), Some(15.0));
        assert_eq!(profile.value(Timestamp(100)), Some(27.5));
    }

    #[test]
    fn any_moment_has_a_place() {
        let mut profile = Profile::new(Millis(u64::MAX), Millis(1), i64::MAX);
        for at in [i64::MIN, -1, 0, i64::MAX] {
            profile.update(Timestamp(at), 1.0);
            let _ = (profile.value(Timestamp(at)), profile.seasons(Timestamp(at)));
        }
    }
}
