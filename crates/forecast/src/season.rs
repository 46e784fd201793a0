//! The shape of one season: a mean per slot, over the seasons seen so far.

use plimsoll_model::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Most slots of a season.
pub const SLOTS_MAX: u64 = 10_000;

/// A slot's mean follows the last few seasons: a new season weighs 1/n, but at least this share⁻¹.
const SEASONS_WEIGHED: u64 = 4;

/// Why a season cannot be cut like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A span is zero.
    #[error("season {season} and slot {slot} must both be longer than zero")]
    Zero {
        /// The season asked for.
        season: Millis,
        /// The slot asked for.
        slot: Millis,
    },
    /// The slot does not divide the season.
    #[error("slot {slot} does not divide season {season}")]
    Uneven {
        /// The season asked for.
        season: Millis,
        /// The slot asked for.
        slot: Millis,
    },
    /// More slots than are kept.
    #[error("season {season} has {slots} slots of {slot}, more than {SLOTS_MAX}")]
    TooMany {
        /// The season asked for.
        season: Millis,
        /// The slot asked for.
        slot: Millis,
        /// How many that would be.
        slots: u64,
    },
}

/// Means by slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Season {
    slot_ms: i64,
    /// Mean and number of seasons behind it, by slot.
    slots: Vec<(u64, u32)>,
    /// The slot being filled: its number since the epoch, sum and count.
    open: Option<(i64, u64, u64)>,
}

impl Season {
    pub fn try_new(season: Millis, slot: Millis) -> Result<Self, ShapeError> {
        let slot_ms = i64::try_from(slot.0).unwrap_or(i64::MAX);
        if season.0 == 0 || slot.0 == 0 {
            return Err(ShapeError::Zero { season, slot });
        }
        if !season.0.is_multiple_of(slot.0) {
            return Err(ShapeError::Uneven { season, slot });
        }
        let slots = season.0 / slot.0;
        if slots > SLOTS_MAX {
            return Err(ShapeError::TooMany { season, slot, slots });
        }
        Ok(Self { slot_ms, slots: vec![(0, 0); usize::try_from(slots).unwrap_or(1)], open: None })
    }

    pub fn is_shape(&self, season: Millis, slot: Millis) -> bool {
        u64::try_from(self.slot_ms) == Ok(slot.0) && slot.0.saturating_mul(self.slots.len() as u64) == season.0
    }

    pub fn slot(&self) -> Millis {
        Millis(self.slot_ms.unsigned_abs())
    }

    /// Adds a sample. A slot's mean enters the season when the first sample behind the slot arrives; slots that had no
    /// sample keep what they had.
    pub fn add(&mut self, at: Timestamp, value: u64) {
        let number = at.0.div_euclid(self.slot_ms);
        if let Some((open, sum, count)) = &mut self.open
            && *open == number
        {
            *sum = sum.saturating_add(value);
            *count += 1;
            return;
        }
        if let Some((open, sum, count)) = self.open.replace((number, value, 1)) {
            let index = self.index(open);
            let (mean, seasons) = &mut self.slots[index];
            *seasons = seasons.saturating_add(1);
            let weight = u64::from(*seasons).min(SEASONS_WEIGHED);
            *mean = toward(*mean, sum / count.max(1), weight);
        }
    }

    /// Seasons behind the slot of `at`.
    pub fn seasons(&self, at: Timestamp) -> u32 {
        self.slots[self.index(at.0.div_euclid(self.slot_ms))].1
    }

    /// The season's value at `at`, between the centres of two slots where both are known; none where its slot is not.
    pub fn value(&self, at: Timestamp) -> Option<u64> {
        let (own, seasons) = self.slots[self.index(at.0.div_euclid(self.slot_ms))];
        if seasons == 0 {
            return None;
        }
        let from_centre = at.0.saturating_sub(self.slot_ms / 2);
        let before = from_centre.div_euclid(self.slot_ms);
        let part = from_centre.rem_euclid(self.slot_ms);
        let (left, left_seasons) = self.slots[self.index(before)];
        let (right, right_seasons) = self.slots[self.index(before.saturating_add(1))];
        if left_seasons == 0 || right_seasons == 0 {
            return Some(own);
        }
        let step = (i128::from(right) - i128::from(left)) * i128::from(part) / i128::from(self.slot_ms);
        u64::try_from(i128::from(left) + step).ok()
    }

    fn index(&self, number: i64) -> usize {
        let slots = i64::try_from(self.slots.len()).unwrap_or(1).max(1);
        usize::try_from(number.rem_euclid(slots)).unwrap_or(0)
    }
}

/// `from` moved 1/`weight` of the way to `to`, rounded to the nearest.
pub(crate) fn toward(from: u64, to: u64, weight: u64) -> u64 {
    let weight = weight.max(1);
    if to >= from {
        from + ((to - from).saturating_add(weight / 2)) / weight
    } else {
        from - ((from - to).saturating_add(weight / 2)) / weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_leaves_the_slots_it_passed_as_they_were() {
        let mut season = Season::try_new(Millis(400), Millis(100)).unwrap();
        for (at, value) in [(0, 10), (50, 20), (100, 40), (350, 80), (400, 1)] {
            season.add(Timestamp(at), value);
        }
        let seasons: Vec<u32> = [0, 100, 200, 300].map(|at| season.seasons(Timestamp(at))).into();
        assert_eq!(seasons, [1, 1, 0, 1]);
        assert_eq!(season.value(Timestamp(250)), None);
        assert_eq!(season.value(Timestamp(50)), Some(15), "at the centre of the first slot");
        assert_eq!(season.value(Timestamp(100)), Some(27), "half-way between 15 and 40");
    }

    #[test]
    fn a_season_that_cannot_be_cut_says_why() {
        for (season, slot, text) in [
            (0, 1, "season 0ms and slot 1ms must both be longer than zero"),
            (90, 60, "slot 60ms does not divide season 90ms"),
            (86_400_000, 1_000, "season 1d has 86400 slots of 1s, more than 10000"),
        ] {
            assert_eq!(Season::try_new(Millis(season), Millis(slot)).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn times_at_the_end_of_the_world_have_a_slot() {
        let mut season = Season::try_new(Millis(86_400_000), Millis(300_000)).unwrap();
        for at in [i64::MIN, -1, 0, i64::MAX] {
            season.add(Timestamp(at), u64::MAX);
            let _ = season.value(Timestamp(at));
        }
    }
}
