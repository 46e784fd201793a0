//! The event kernel: what happens next, in an order that is always defined, over a clock that nothing but events moves.
//!
//! Clusters use it in milliseconds and services in nanoseconds; it knows neither. Time is any ordered value, an event any value
//! that can be copied. Events come out by time, then by rank (what kind of event it is: an end frees room before an
//! arrival asks for it), then in the order they were put in, so a run never depends on how a heap breaks ties.
//!
//! Timers can be cancelled, because a resized or preempted task ends at another time than was planned. A cancelled
//! event leaves the heap at once: a mark that is skipped later would let a queue of cancelled timers grow without bound.
//! Slots are used again, so that a run which has reached its largest number of pending events allocates no more.
//!
//! The kernel must not know what an event means, draw randomness that was not handed in, or look at a real clock.
//!
//! # Source
//! A heap with four children per parent: D. B. Johnson, "Priority Queues with Update and Finding Minimum Spanning
//! Trees", Information Processing Letters 4(3), 1975; the next-event time advance: A. M. Law, "Simulation Modeling and
//! Analysis", chapter 1.

use plimsoll_stats::Random;
use plimsoll_stats::random::mix;

/// Children per parent: a sift touches one cache line per level and half the levels of a binary heap.
const CHILDREN: usize = 4;
/// The rank lies above the sequence number in one word, so that the order is one comparison.
const RANK_SHIFT: u32 = 56;

/// A pending event, by which it can be cancelled. It does nothing once the event has happened or was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    slot: u32,
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry<T> {
    at: T,
    order: u64,
    slot: u32,
}

#[derive(Debug, Clone, Copy)]
struct Slot<E> {
    /// Where its entry lies in the heap.
    place: u32,
    /// Counts the events that the slot has held, so that an old timer means nothing.
    generation: u32,
    event: Option<E>,
}

/// Pending events in their order.
#[derive(Debug, Clone)]
pub struct EventQueue<T, E> {
    heap: Vec<Entry<T>>,
    slots: Vec<Slot<E>>,
    unused: Vec<u32>,
    sequence: u64,
    now: T,
}

impl<T: Copy + Ord, E: Copy> EventQueue<T, E> {
    /// An empty queue whose clock stands at `start`.
    #[must_use]
    pub const fn new(start: T) -> Self {
        Self { heap: Vec::new(), slots: Vec::new(), unused: Vec::new(), sequence: 0, now: start }
    }

    /// The time of the event that came out last.
    #[must_use]
    pub const fn now(&self) -> T {
        self.now
    }

    /// Pending events.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// When the next event happens.
    #[must_use]
    pub fn next_at(&self) -> Option<T> {
        self.heap.first().map(|entry| entry.at)
    }

    /// Puts an event in. Lower ranks come first at one moment, and what was put in first among equals. A time that has
    /// passed is now: the clock never goes back.
    pub fn schedule(&mut self, at: T, rank: u8, event: E) -> Timer {
        let slot = self.unused.pop().unwrap_or_else(|| {
            self.slots.push(Slot { place: 0, generation: 0, event: None });
            (self.slots.len() - 1) as u32
        });
        let order = (u64::from(rank) << RANK_SHIFT) | self.sequence;
        self.sequence += 1;
        let held = &mut self.slots[slot as usize];
        held.event = Some(event);
        let generation = held.generation;
        self.heap.push(Entry { at: at.max(self.now), order, slot });
        self.rise(self.heap.len() - 1);
        Timer { slot, generation }
    }

    /// Takes a pending event out; none when it has happened or was cancelled already.
    pub fn cancel(&mut self, timer: Timer) -> Option<E> {
        let held = self.slots.get(timer.slot as usize).filter(|held| held.generation == timer.generation)?;
        held.event?;
        Some(self.take(held.place as usize).1)
    }

    /// Moves a pending event to another time, as if it were put in now with the rank it has; false when it has happened or
    /// was cancelled. Half the work of cancelling it and putting it in again.
    pub fn reschedule(&mut self, timer: Timer, at: T) -> bool {
        let Some(held) = self.slots.get(timer.slot as usize).filter(|held| held.generation == timer.generation) else {
            return false;
        };
        if held.event.is_none() {
            return false;
        }
        let place = held.place as usize;
        let entry = &mut self.heap[place];
        entry.at = at.max(self.now);
        entry.order = (entry.order >> RANK_SHIFT << RANK_SHIFT) | self.sequence;
        self.sequence += 1;
        self.sink(place);
        self.rise(place);
        true
    }

    /// The next event, with its time, to which the clock goes.
    pub fn pop(&mut self) -> Option<(T, E)> {
        if self.heap.is_empty() {
            return None;
        }
        let (at, event) = self.take(0);
        self.now = at;
        Some((at, event))
    }

    /// Removes the entry at `place`, which exists.
    fn take(&mut self, place: usize) -> (T, E) {
        let entry = self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.slots[self.heap[place].slot as usize].place = place as u32;
            self.sink(place);
            self.rise(place);
        }
        let held = &mut self.slots[entry.slot as usize];
        held.generation = held.generation.wrapping_add(1);
        self.unused.push(entry.slot);
        let event = held.event.take().expect("invariant: an entry of the heap has an event in its slot");
        (entry.at, event)
    }

    fn before(&self, left: usize, right: usize) -> bool {
        let (left, right) = (&self.heap[left], &self.heap[right]);
        (left.at, left.order) < (right.at, right.order)
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if !self.before(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        self.slots[self.heap[place].slot as usize].place = place as u32;
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let first = place * CHILDREN + 1;
            let last = (first + CHILDREN).min(self.heap.len());
            let Some(least) =
                (first..last).reduce(|least, other| if self.before(other, least) { other } else { least })
            else {
                return;
            };
            if !self.before(least, place) {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    fn swap(&mut self, left: usize, right: usize) {
        self.heap.swap(left, right);
        for place in [left, right] {
            self.slots[self.heap[place].slot as usize].place = place as u32;
        }
    }
}

/// What events happen to.
pub trait World {
    /// The clock.
    type Time: Copy + Ord;
    /// What can happen.
    type Event: Copy;

    /// One event happens.
    fn handle(&mut self, at: Self::Time, event: Self::Event, queue: &mut EventQueue<Self::Time, Self::Event>);

    /// Everything of this moment has happened: the time to decide. An event that is put in here for the same moment
    /// happens in a further round of it.
    fn settle(&mut self, at: Self::Time, queue: &mut EventQueue<Self::Time, Self::Event>);
}

/// Lets everything of the next moment happen; none when nothing is pending. Returns that moment and how many events it had.
pub fn step<W: World>(world: &mut W, queue: &mut EventQueue<W::Time, W::Event>) -> Option<(W::Time, u64)> {
    let at = queue.next_at()?;
    let mut events = 0;
    while queue.next_at() == Some(at) {
        let Some((at, event)) = queue.pop() else { break };
        world.handle(at, event, queue);
        events += 1;
    }
    world.settle(at, queue);
    Some((at, events))
}

/// An independent stream of random numbers for one purpose of a run, so that one more draw for faults shifts no arrival.
#[must_use]
pub const fn stream(seed: u64, purpose: u64) -> Random {
    Random::new(mix(seed.wrapping_add(mix(purpose))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn events_come_by_time_then_rank_then_order_of_putting_in() {
        let mut queue = EventQueue::new(0_i64);
        for (at, rank, event) in [(5, 2, 'e'), (5, 1, 'c'), (3, 9, 'a'), (5, 1, 'd'), (5, 0, 'b'), (9, 0, 'f')] {
            queue.schedule(at, rank, event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!((order.as_str(), queue.now()), ("abcdef", 9));
    }

    #[test]
    fn a_cancelled_event_does_not_happen_and_its_timer_means_nothing_later() {
        let mut queue = EventQueue::new(0_i64);
        let first = queue.schedule(1, 0, 'a');
        assert_eq!(queue.cancel(first), Some('a'));
        let second = queue.schedule(2, 0, 'b');
        assert_eq!((queue.cancel(first), queue.len()), (None, 1));
        assert_eq!(queue.pop(), Some((2, 'b')));
        assert_eq!((queue.cancel(second), queue.pop()), (None, None));
    }

    #[test]
    fn a_moved_event_happens_once_at_its_new_time_after_what_was_there() {
        let mut queue = EventQueue::new(0_i64);
        let early = queue.schedule(1, 0, 'a');
        let late = queue.schedule(9, 0, 'b');
        queue.schedule(5, 0, 'c');
        assert!(queue.reschedule(early, 5) && queue.reschedule(late, 2));
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!((order.as_str(), queue.reschedule(early, 7), queue.len()), ("bca", false, 0));
    }

    #[test]
    fn the_clock_never_goes_back() {
        let mut queue = EventQueue::new(10_i64);
        queue.schedule(3, 0, 'a');
        assert_eq!((queue.pop(), queue.now()), (Some((10, 'a')), 10));
    }

    #[test]
    fn streams_of_different_purposes_are_different_and_repeatable() {
        assert_eq!(stream(7, 1), stream(7, 1));
        assert!(stream(7, 1) != stream(7, 2) && stream(7, 1) != stream(8, 1));
    }

    /// Counts down by putting itself in again.
    struct Countdown {
        left: u32,
        settled: Vec<i64>,
    }

    impl World for Countdown {
        type Time = i64;
        type Event = u8;

        fn handle(&mut self, at: i64, event: u8, queue: &mut EventQueue<i64, u8>) {
            if self.left > 0 {
                self.left -= 1;
                queue.schedule(at + i64::from(event), 0, event);
            }
        }

        fn settle(&mut self, at: i64, _: &mut EventQueue<i64, u8>) {
            self.settled.push(at);
        }
    }

    #[test]
    fn a_world_settles_once_per_moment() {
        let mut world = Countdown { left: 5, settled: Vec::new() };
        let mut queue = EventQueue::new(0);
        queue.schedule(0, 0, 2);
        queue.schedule(0, 0, 3);
        let events: u64 = std::iter::from_fn(|| step(&mut world, &mut queue)).map(|(_, events)| events).sum();
        assert_eq!((world.settled, events), (vec![0, 2, 3, 4, 6], 7));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_list_whatever_is_cancelled(
            events in proptest::collection::vec((0_i64..20, 0_u8..3, any::<bool>()), 1..200),
            moves in proptest::collection::vec(0_i64..20, 1..20),
            pops in 0_usize..50,
        ) {
            let mut queue = EventQueue::new(0);
            let mut list: Vec<(i64, u8, usize, usize)> = Vec::new();
            let mut sequence = 0;
            let mut timers = Vec::new();
            let mut now = 0;
            for (index, (at, rank, cancels)) in events.iter().enumerate() {
                timers.push(queue.schedule(*at, *rank, index));
                list.push(((*at).max(now), *rank, sequence, index));
                sequence += 1;
                if *cancels {
                    let victim = (index * 7) % timers.len();
                    let was = queue.cancel(timers[victim]);
                    prop_assert_eq!(was.is_some(), list.iter().any(|(_, _, _, other)| *other == victim));
                    list.retain(|(_, _, _, other)| *other != victim);
                }
                if index % 3 == 0 {
                    // Moved, it counts as put in last among its equals: its number in the list grows with the moves.
                    let moved = (index * 5) % timers.len();
                    let to = moves[index % moves.len()];
                    let was = queue.reschedule(timers[moved], to);
                    let found = list.iter().position(|(_, _, _, other)| *other == moved);
                    prop_assert_eq!(was, found.is_some());
                    if let Some(place) = found {
                        let (_, rank, _, _) = list[place];
                        list[place] = (to.max(now), rank, sequence, moved);
                        sequence += 1;
                    }
                }
                if index % 5 == 0 && index / 5 < pops {
                    list.sort_unstable();
                    let expected = (!list.is_empty()).then(|| list.remove(0));
                    prop_assert_eq!(queue.pop(), expected.map(|(at, _, _, event)| (at, event)));
                    now = queue.now();
                }
            }
            list.sort_unstable();
            let rest: Vec<(i64, usize)> = std::iter::from_fn(|| queue.pop()).collect();
            prop_assert_eq!(rest, list.into_iter().map(|(at, _, _, event)| (at, event)).collect::<Vec<_>>());
        }
    }
}
