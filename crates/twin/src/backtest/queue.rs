//! Work that waits for the replicas of a service, in the order of its arrival.
//!
//! The load is what arrives; a ready replica gets through [`Protocol::capacity`] of it; what is left waits. Amounts are
//! millionths of an item, so that a tick of any load is a whole number. Nothing is ever lost: a queue has patience.

use super::Protocol;
use super::response::Waits;
use plimsoll_model::observation::{Quality, QueueObservation};
use plimsoll_model::{MilliRps, Timestamp};
use std::collections::VecDeque;

/// Millionths of an item.
const ITEM: u128 = 1_000_000;

/// One queue.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// When it arrived, and how much of that is left.
    parts: VecDeque<(Timestamp, u128)>,
    /// All that waits.
    waiting: u128,
    /// What was there after each of the last ticks: items' millionths and the arrival of the oldest.
    before: VecDeque<(u128, Option<Timestamp>, MilliRps)>,
    /// Ticks that figures are late.
    lag: usize,
    /// Time that one item takes one replica's one hand, millionths of a millisecond.
    item_ns: u128,
    /// How long what was done had waited, scored ticks only.
    pub waits: Waits,
    /// Whether `waits` is kept by now.
    pub is_scored: bool,
}

impl Line {
    /// An empty queue, of whose items a replica works on `concurrency` at a time.
    pub fn new(protocol: &Protocol, lag: usize, concurrency: u32) -> Self {
        let item_ns = u128::from(concurrency.max(1)) * 1_000_000_000_000 / u128::from(protocol.capacity.0.max(1));
        Self {
            parts: VecDeque::new(),
            waiting: 0,
            before: VecDeque::new(),
            lag,
            item_ns,
            waits: Waits::default(),
            is_scored: false,
        }
    }

    /// What a source tells at `at` of the moment `lag` ticks ago; nothing before there was one.
    pub fn seen(&self, at: Timestamp, quality: Quality) -> Option<QueueObservation> {
        if self.before.len() < self.lag.max(1) {
            return None;
        }
        let (waiting, oldest, _) = self.before.front()?;
        let taken = at.minus(plimsoll_model::Millis(quality.age_ms));
        let whole = |amount: u128| u64::try_from(amount).unwrap_or(u64::MAX);
        Some(QueueObservation {
            waiting: whole(waiting.div_ceil(ITEM)),
            oldest_ms: oldest.map_or(0, |oldest| taken.since(oldest).0),
            remaining_work_ms: Some(whole(waiting.saturating_mul(self.item_ns) / ITEM / 1_000_000)),
            quality,
            age_max_ms: None,
        })
    }

    /// What replicas got done per second when the figures were taken.
    pub fn served(&self) -> MilliRps {
        self.before.front().map_or(MilliRps::ZERO, |(_, _, served)| *served)
    }

    /// One tick: what arrives, and what `ready` replicas get done.
    pub fn pass(&mut self, at: Timestamp, arrives: Option<MilliRps>, ready: u32, protocol: &Protocol) {
        let amount = |rate: MilliRps| u128::from(rate.0) * u128::from(protocol.tick.0);
        let arrives = arrives.map_or(0, amount);
        if arrives > 0 {
            self.parts.push_back((at, arrives));
            self.waiting += arrives;
        }
        let mut left = amount(protocol.capacity) * u128::from(ready);
        let before = self.waiting;
        while let Some((since, part)) = self.parts.front_mut() {
            let done = left.min(*part);
            if done == 0 {
                break;
            }
            if self.is_scored {
                self.waits.note(at.since(*since).0 as f64 / 1_000.0, done as f64);
            }
            *part -= done;
            left -= done;
            self.waiting -= done;
            if *part == 0 {
                self.parts.pop_front();
            }
        }
        let done = (before - self.waiting) / u128::from(protocol.tick.0.max(1));
        let oldest = self.parts.front().map(|(since, _)| *since);
        self.before.push_back((self.waiting, oldest, MilliRps(u64::try_from(done).unwrap_or(u64::MAX))));
        if self.before.len() > self.lag.max(1) {
            self.before.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;

    #[test]
    fn what_is_not_done_waits_in_order_and_is_told_as_it_was() {
        let protocol = Protocol { metric_lag: Millis(15_000), ..Protocol::research(Millis(60_000)) };
        let mut line = Line::new(&protocol, 1, 2);
        line.is_scored = true;
        let quality = Quality { age_ms: 15_000, ..Quality::default() };
        assert_eq!(line.seen(Timestamp(0), quality), None);
        // Three replicas' worth arrives and two work: one replica's 15 s of work is left, 15,000 items of 2 ms.
        line.pass(Timestamp(0), Some(MilliRps(3_000_000)), 2, &protocol);
        let seen = line.seen(Timestamp(15_000), quality).unwrap();
        assert_eq!((seen.waiting, seen.remaining_work_ms, seen.oldest_ms), (15_000, Some(30_000), 0));
        assert_eq!(line.served(), MilliRps(2_000_000));
        // Nothing arrives in a gap; what waited is done a tick late, by half of what two could do.
        line.pass(Timestamp(15_000), None, 2, &protocol);
        assert_eq!(line.seen(Timestamp(30_000), quality).unwrap().waiting, 0);
        assert_eq!(line.served(), MilliRps(1_000_000));
        let [middle, late] = [0.5, 0.9].map(|p| line.waits.quantile(p).unwrap());
        assert!(middle < 0.1 && (14.0..16.0).contains(&late), "{middle} {late}");
    }
}
