//! What was needed one season ago, as a floor: the highest need of each minute, kept for one season.
//!
//! The floor at a moment is the highest need of the span from one season ago to one start-up time after that, so that a
//! replica is ready when the load of last season would come. It only adds. Memory is bounded: a season longer than a week
//! is kept in slots longer than a minute.

use crate::inputs::Inputs;
use crate::need::need_milli;
use plimsoll_model::Term;
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use plimsoll_model::rationale::Basis;
use serde::{Deserialize, Serialize};

/// Most slots of one season: the minutes of a week.
const SLOTS_MAX: u64 = 10_080;
/// Shortest slot.
const SLOT_MIN: u64 = 60_000;
/// Nothing was measured in this slot.
const GAP: u32 = u32::MAX;

/// The needs of one season.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeasonMemory {
    season: Millis,
    slot: Millis,
    /// Highest thousandths of a replica needed per slot; slot n stands at n modulo the length.
    needs: Vec<u32>,
    /// Number of the newest slot since the epoch.
    newest: i64,
    /// When the first need was recorded.
    since: Option<Timestamp>,
}

impl SeasonMemory {
    /// Highest need from one season ago to one start-up time after that, and the span looked at; none where nothing was
    /// recorded then.
    pub(crate) fn needed(&self, inputs: &Inputs<'_>) -> Option<(u64, (Timestamp, Timestamp))> {
        let from = inputs.at.minus(self.season);
        let to = from.plus(inputs.startup.saturating_add(inputs.tick)).min(inputs.at);
        let (first, last) = (self.number(from)?, self.number(to)?);
        let needs = (first..=last).filter_map(|number| self.get(number));
        Some((u64::from(needs.max()?), (from, to)))
    }

    /// The floor.
    pub(crate) fn vote(&self, season: Millis, share: Permille, inputs: &Inputs<'_>) -> Term {
        let known = if self.season == season { self.needed(inputs) } else { None };
        let Some((needed_milli, (from, to))) = known else {
            let lead = inputs.startup.saturating_add(inputs.tick);
            let from = self.since.map(|since| since.plus(season).minus(lead)).filter(|from| *from > inputs.at);
            return Term { replicas: 0, basis: Basis::NotDue { policy: "seasonal".to_owned(), from } };
        };
        let replicas = (u128::from(needed_milli) * u128::from(share.0)).div_ceil(1_000_000);
        let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
        Term { replicas, basis: Basis::Seasonal { needed_milli, share, from, to } }
    }

    /// Remembers the present need; a moment without figures stays a gap.
    pub(crate) fn record(&mut self, season: Millis, inputs: &Inputs<'_>) {
        let Ok(need) = need_milli(inputs) else { return };
        if self.season != season || self.needs.is_empty() {
            *self = Self::empty(season);
        }
        let Some(number) = self.number(inputs.at) else { return };
        let length = i64::try_from(self.needs.len()).unwrap_or(i64::MAX).max(1);
        if self.since.is_none() {
            (self.since, self.newest) = (Some(inputs.at), number);
        }
        if number.saturating_sub(self.newest) >= length {
            self.needs.fill(GAP);
            self.newest = number;
        }
        while self.newest < number {
            self.newest += 1;
            self.set(self.newest, GAP);
        }
        let before = self.get(number).unwrap_or(0);
        self.set(number, u32::try_from(need).unwrap_or(GAP).min(GAP - 1).max(before));
    }

    fn empty(season: Millis) -> Self {
        let slot = season.0.div_ceil(SLOTS_MAX).max(SLOT_MIN);
        let slots = usize::try_from(season.0 / slot + 2).unwrap_or(2);
        Self { season, slot: Millis(slot), needs: vec![GAP; slots], newest: 0, since: None }
    }

    fn number(&self, at: Timestamp) -> Option<i64> {
        at.0.checked_div_euclid(i64::try_from(self.slot.0).ok()?)
    }

    fn place(&self, number: i64) -> Option<usize> {
        usize::try_from(number.checked_rem_euclid(i64::try_from(self.needs.len()).ok()?)?).ok()
    }

    /// The need of a slot that is still kept and was measured.
    fn get(&self, number: i64) -> Option<u32> {
        let age = usize::try_from(self.newest.checked_sub(number)?).ok()?;
        let need = self.needs.get(self.place(number)?).filter(|_| age < self.needs.len())?;
        (*need != GAP).then_some(*need)
    }

    fn set(&mut self, number: i64, need: u32) {
        if let Some(place) = self.place(number)
            && let Some(slot) = self.needs.get_mut(place)
        {
            *slot = need;
        }
    }
}
