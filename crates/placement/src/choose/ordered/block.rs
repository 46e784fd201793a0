//! What a [`super::tree::Tree`] is made of: entries in leaves, leaves in groups, and summaries of both.

use crate::fleet::Row;

/// Entries of a leaf at most. Of best fit's decisions a second 32 gave 4 % fewer at 10,000 nodes and 28 % fewer at 100,000, and 8
/// gave 2 % fewer and 7 % more.
pub const ENTRIES: usize = 16;
/// Leaves of a group at most.
pub const WIDTH: usize = 32;

/// A place in the order: key, then tie number; in one number, because that compares without a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(i128);

impl Place {
    /// That of a key and a tie number.
    #[inline]
    #[must_use]
    pub const fn new(key: i64, tie: u32) -> Self {
        Self((key as i128) << 32 | tie as i128)
    }

    /// Its key.
    #[inline]
    #[must_use]
    pub const fn key(self) -> i64 {
        (self.0 >> 32) as i64
    }

    /// Its tie number.
    #[inline]
    #[must_use]
    pub const fn tie(self) -> u32 {
        self.0 as u32
    }
}

/// One node in the order.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its place.
    pub place: Place,
    /// The node.
    pub node: u32,
    /// Its static filters, the first 64.
    pub word: u64,
    /// Its room.
    pub room: Row,
}

/// What is most in some block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Lane-wise maximum of room.
    pub room: Row,
    /// Filters that any passes.
    pub word: u64,
    /// The smallest tie number.
    pub least: u32,
}

/// Of nothing.
pub const NOTHING: Summary = Summary { room: Row([i32::MIN; 8]), word: 0, least: u32::MAX };

impl Summary {
    #[inline]
    pub fn with(&self, other: &Self) -> Self {
        Self { room: self.room.most(&other.room), word: self.word | other.word, least: self.least.min(other.least) }
    }

    /// Whether taking an entry away can make it smaller. (Filters stay too wide until something else does.)
    #[inline]
    pub fn rests_on(&self, room: &Row, tie: u32, floor: &Row) -> bool {
        let mut touches = i32::from(self.least == tie);
        for lane in 0..8 {
            touches |= i32::from(self.room.0[lane] == room.0[lane]) & i32::from(room.0[lane] > floor.0[lane]);
        }
        touches != 0
    }

    /// Whether something in the block may fit, with a tie number under `below`.
    #[inline]
    pub fn may_hold(&self, need: &Row, bit: u64, below: u32) -> bool {
        self.word & bit == bit && self.least < below && self.room.covers(need)
    }
}

/// Entries in no order; all of it is read when it is opened.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub places: [Place; ENTRIES],
    pub nodes: [u32; ENTRIES],
    pub words: [u64; ENTRIES],
    pub rooms: [Row; ENTRIES],
    pub len: usize,
    pub group: u32,
}

/// Leaves in order, with the lower bound of each.
#[derive(Debug, Clone)]
pub struct Group {
    pub lows: [Place; WIDTH],
    pub leaves: [u32; WIDTH],
    pub summaries: [Summary; WIDTH],
    pub len: usize,
    /// Leaves whose summaries may be too wide, by slot, and whether the group's own may be.
    pub wide: u32,
    pub is_wide: bool,
}

impl Leaf {
    /// What is most in it.
    pub fn summary(&self) -> Summary {
        let mut summary = NOTHING;
        for at in 0..self.len {
            let entry = Summary { room: self.rooms[at], word: self.words[at], least: self.places[at].tie() };
            summary = summary.with(&entry);
        }
        summary
    }

    /// Puts an entry in; there has to be a seat.
    #[inline]
    pub fn push(&mut self, entry: &Entry) {
        let at = self.len;
        self.places[at] = entry.place;
        self.nodes[at] = entry.node;
        self.words[at] = entry.word;
        self.rooms[at] = entry.room;
        self.len += 1;
    }

    /// The entry in a seat.
    pub fn entry(&self, at: usize) -> Entry {
        Entry { place: self.places[at], node: self.nodes[at], word: self.words[at], room: self.rooms[at] }
    }

    /// Takes an entry out; the last one comes into its seat.
    #[inline]
    pub fn swap_remove(&mut self, at: usize) {
        self.len -= 1;
        let last = self.len;
        self.places[at] = self.places[last];
        self.nodes[at] = self.nodes[last];
        self.words[at] = self.words[last];
        self.rooms[at] = self.rooms[last];
    }

    /// Which entries fit and have a key in these bounds, both included; bit by seat. Without a branch per entry, because
    /// which of them fit is anybody's guess.
    #[inline]
    pub fn fitting(&self, (from, to): (i64, i64), need: &Row, bit: u64) -> u32 {
        let mut fitting = 0;
        for at in 0..self.len.min(ENTRIES) {
            let key = self.places[at].key();
            let fits = self.rooms[at].covers(need) & (self.words[at] & bit == bit) & (key >= from) & (key <= to);
            fitting |= u32::from(fits) << at;
        }
        fitting
    }

    /// The first in order of these seats; none where there are none.
    #[inline]
    pub fn first_of(&self, seats: u32) -> Option<usize> {
        let mut left = seats;
        let mut first = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        while left != 0 {
            let seat = left.trailing_zeros() as usize;
            left &= left - 1;
            if self.places[seat] < self.places[first] {
                first = seat;
            }
        }
        Some(first)
    }
}

impl Group {
    /// One without leaves.
    pub const fn empty() -> Self {
        Self {
            lows: [Place(0); WIDTH],
            leaves: [0; WIDTH],
            summaries: [NOTHING; WIDTH],
            len: 0,
            wide: 0,
            is_wide: false,
        }
    }

    /// Puts a leaf into a slot; those from there on move up.
    pub fn insert(&mut self, at: usize, low: Place, leaf: u32, summary: Summary) {
        let len = self.len;
        self.lows.copy_within(at..len, at + 1);
        self.leaves.copy_within(at..len, at + 1);
        self.summaries.copy_within(at..len, at + 1);
        (self.lows[at], self.leaves[at], self.summaries[at]) = (low, leaf, summary);
        let below = self.wide & ((1 << at) - 1);
        self.wide = below | (self.wide ^ below) << 1;
        self.len += 1;
    }

    /// Takes a slot's leaf out; those after it move down.
    pub fn remove(&mut self, at: usize) {
        let len = self.len;
        self.lows.copy_within(at + 1..len, at);
        self.leaves.copy_within(at + 1..len, at);
        self.summaries.copy_within(at + 1..len, at);
        let below = self.wide & ((1 << at) - 1);
        self.wide = below | (self.wide >> 1) & !((1 << at) - 1);
        self.len -= 1;
    }

    /// What is most in it, as its leaves say.
    pub fn summary(&self) -> Summary {
        let blocks = self.summaries[..self.len].iter();
        blocks.fold(NOTHING, |summary, block| summary.with(block))
    }

    /// The slot of a leaf of this group.
    #[inline]
    pub fn slot(&self, leaf: u32) -> usize {
        self.leaves[..self.len].iter().position(|other| *other == leaf).unwrap_or(0)
    }

    /// A leaf's summary as it is.
    pub fn tighten(&mut self, slot: usize, summary: Summary) {
        self.summaries[slot] = summary;
        self.wide &= !(1 << slot);
        self.is_wide = true;
    }
}
