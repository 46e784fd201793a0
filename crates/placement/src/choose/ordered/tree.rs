//! Nodes in order of a key, in blocks that know what is most in them.
//!
//! Three levels: leaves of up to [`ENTRIES`] entries, groups of up to [`WIDTH`] leaves, and the list of groups. Leaves follow
//! each other in order of key, then tie number; inside a leaf entries lie as they came, because a search reads all of a leaf
//! that it opens, and putting one in or taking one out then moves one entry and not a dozen.
//!
//! Every leaf and group has a summary: the lane-wise maximum of the room in it and which static filters any of it passes, so
//! that a search skips what cannot hold its first find. A node that changes is taken out and put in again. What came widens
//! the summaries at once; what went leaves them too wide, with a mark, and they are made anew when a search was led astray by
//! them. So the many nodes that no search looks at cost nothing.
//!
//! The lower bounds of leaves and groups stay when their first entry leaves; they are bounds, not entries.

use super::block::{ENTRIES, Entry, Group, Leaf, NOTHING, Place, Summary, WIDTH};
use crate::fleet::Row;

/// Groups that together have no more leaves than this are joined.
const JOIN: usize = WIDTH * 5 / 8;
/// Leaves that together have no more entries than this are joined.
const JOIN_ENTRIES: usize = ENTRIES * 5 / 8;
/// A node that is in no tree.
pub const NOWHERE: u32 = u32::MAX;

/// See the top of this file.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// What every entry has at least, so that the last one with that much does not matter.
    floor: Row,
    leaves: Vec<Leaf>,
    spare_leaves: Vec<u32>,
    groups: Vec<Group>,
    spare_groups: Vec<u32>,
    order: Vec<u32>,
    lows: Vec<Place>,
    summaries: Vec<Summary>,
}

/// Which leaf, and which seat there: what is remembered of a node.
#[inline]
const fn seat(leaf: u32, at: usize) -> u32 {
    leaf * ENTRIES as u32 + at as u32
}

impl Tree {
    /// An empty tree, every entry of which will have at least `floor`.
    #[must_use]
    pub fn new(floor: Row) -> Self {
        Self { floor, ..Self::default() }
    }

    /// A key that none of its entries is below.
    #[inline]
    #[must_use]
    pub fn first_key(&self) -> i64 {
        self.lows.first().map_or(i64::MAX, |low| low.key())
    }

    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.leaves.len() * size_of::<Leaf>() + self.groups.len() * size_of::<Group>() + self.order.len() * 64
    }

    /// Puts a node in. `seats` says for every node where it is, and is kept up to date.
    pub fn insert(&mut self, entry: &Entry, seats: &mut [u32]) {
        if self.order.is_empty() {
            let leaf = self.new_leaf();
            let group = self.new_group();
            self.leaves[leaf as usize].group = group;
            self.groups[group as usize].insert(0, entry.place, leaf, NOTHING);
            self.order.push(group);
            self.lows.push(entry.place);
            self.summaries.push(NOTHING);
        }
        let top = self.lows.partition_point(|low| *low <= entry.place).saturating_sub(1);
        let group = &mut self.groups[self.order[top] as usize];
        let slot = group.lows[..group.len].partition_point(|low| *low <= entry.place).saturating_sub(1);
        let number = group.leaves[slot];
        group.lows[slot] = group.lows[slot].min(entry.place);
        let own = Summary { room: entry.room, word: entry.word, least: entry.place.tie() };
        group.summaries[slot] = group.summaries[slot].with(&own);
        self.lows[top] = self.lows[top].min(entry.place);
        self.summaries[top] = self.summaries[top].with(&own);
        let leaf = &mut self.leaves[number as usize];
        seats[entry.node as usize] = seat(number, leaf.len);
        leaf.push(entry);
        if leaf.len == ENTRIES {
            self.split_leaf(top, slot, seats);
        }
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: u32, seats: &mut [u32]) {
        let seat_now = std::mem::replace(&mut seats[node as usize], NOWHERE);
        let (number, at) = (seat_now / ENTRIES as u32, seat_now as usize % ENTRIES);
        let leaf = &mut self.leaves[number as usize];
        let (room, tie) = (leaf.rooms[at], leaf.places[at].tie());
        leaf.swap_remove(at);
        if at < leaf.len {
            seats[leaf.nodes[at] as usize] = seat_now;
        }
        let (len, group_number) = (leaf.len, leaf.group);
        let group = &mut self.groups[group_number as usize];
        let slot = group.slot(number);
        if group.summaries[slot].rests_on(&room, tie, &self.floor) {
            group.wide |= 1 << slot;
        }
        if len < JOIN_ENTRIES / 2 && (len == 0 || group.len > 1) {
            let top = self.top_of(group_number, slot);
            self.join_leaf(top, slot, seats);
        }
    }

    /// Where a group stands, by the lower bound of one of its leaves.
    fn top_of(&self, group: u32, slot: usize) -> usize {
        let low = self.groups[group as usize].lows[slot];
        let guess = self.lows.partition_point(|other| *other <= low).saturating_sub(1);
        if self.order[guess] == group {
            return guess;
        }
        self.order.iter().position(|other| *other == group).unwrap_or(0)
    }

    fn new_leaf(&mut self) -> u32 {
        if let Some(spare) = self.spare_leaves.pop() {
            self.leaves[spare as usize].len = 0;
            return spare;
        }
        self.leaves.push(Leaf {
            places: [Place::new(0, 0); ENTRIES],
            nodes: [0; ENTRIES],
            words: [0; ENTRIES],
            rooms: [Row([0; 8]); ENTRIES],
            len: 0,
            group: 0,
        });
        self.leaves.len() as u32 - 1
    }

    fn new_group(&mut self) -> u32 {
        if let Some(spare) = self.spare_groups.pop() {
            self.groups[spare as usize] = Group::empty();
            return spare;
        }
        self.groups.push(Group::empty());
        self.groups.len() as u32 - 1
    }

    fn split_leaf(&mut self, top: usize, slot: usize, seats: &mut [u32]) {
        let group = self.order[top];
        let number = self.groups[group as usize].leaves[slot];
        let upper_number = self.new_leaf();
        let whole = self.leaves[number as usize].clone();
        let mut entries: [Entry; ENTRIES] = std::array::from_fn(|at| whole.entry(at));
        entries.sort_unstable_by_key(|entry| entry.place);
        let (lower_half, upper_half) = entries.split_at(ENTRIES / 2);
        for (number, half) in [(number, lower_half), (upper_number, upper_half)] {
            let leaf = &mut self.leaves[number as usize];
            (leaf.len, leaf.group) = (0, group);
            for entry in half {
                seats[entry.node as usize] = seat(number, leaf.len);
                leaf.push(entry);
            }
        }
        let summary = self.leaves[number as usize].summary();
        let upper_summary = self.leaves[upper_number as usize].summary();
        let group = &mut self.groups[group as usize];
        group.tighten(slot, summary);
        group.insert(slot + 1, upper_half[0].place, upper_number, upper_summary);
        if group.len == WIDTH {
            self.split_group(top);
        }
    }

    fn split_group(&mut self, top: usize) {
        let number = self.order[top];
        let upper_number = self.new_group();
        let half = WIDTH / 2;
        for at in half..WIDTH {
            let lower = &self.groups[number as usize];
            let (low, leaf, summary) = (lower.lows[at], lower.leaves[at], lower.summaries[at]);
            self.groups[upper_number as usize].insert(at - half, low, leaf, summary);
            self.leaves[leaf as usize].group = upper_number;
        }
        let wide = self.groups[number as usize].wide;
        self.groups[upper_number as usize].wide = wide >> half;
        let lower = &mut self.groups[number as usize];
        (lower.len, lower.wide, lower.is_wide) = (half, wide & ((1 << half) - 1), false);
        self.summaries[top] = lower.summary();
        let upper = &self.groups[upper_number as usize];
        self.order.insert(top + 1, upper_number);
        self.lows.insert(top + 1, upper.lows[0]);
        self.summaries.insert(top + 1, upper.summary());
    }

    /// Joins a small leaf with its neighbour in the group, where both fit into one; drops an empty one.
    fn join_leaf(&mut self, top: usize, slot: usize, seats: &mut [u32]) {
        let number = self.order[top];
        let group = &mut self.groups[number as usize];
        let leaf = group.leaves[slot];
        if self.leaves[leaf as usize].len == 0 {
            group.remove(slot);
            group.is_wide = true;
            self.spare_leaves.push(leaf);
            return self.join_group(top);
        }
        let left = if slot + 1 < group.len { slot } else { slot.saturating_sub(1) };
        if left + 1 >= group.len {
            return;
        }
        let (one, other) = (group.leaves[left], group.leaves[left + 1]);
        if self.leaves[one as usize].len + self.leaves[other as usize].len > JOIN_ENTRIES {
            return;
        }
        for at in 0..self.leaves[other as usize].len {
            let entry = self.leaves[other as usize].entry(at);
            let lower = &mut self.leaves[one as usize];
            seats[entry.node as usize] = seat(one, lower.len);
            lower.push(&entry);
        }
        let group = &mut self.groups[number as usize];
        group.tighten(left, self.leaves[one as usize].summary());
        group.remove(left + 1);
        self.spare_leaves.push(other);
        self.join_group(top);
    }

    fn join_group(&mut self, top: usize) {
        let number = self.order[top];
        if self.groups[number as usize].len == 0 {
            self.spare_groups.push(number);
            self.order.remove(top);
            self.lows.remove(top);
            self.summaries.remove(top);
            return;
        }
        let left = if top + 1 < self.order.len() { top } else { top.saturating_sub(1) };
        if left + 1 >= self.order.len() {
            return;
        }
        let (one, other) = (self.order[left], self.order[left + 1]);
        let lower_len = self.groups[one as usize].len;
        if lower_len + self.groups[other as usize].len > JOIN {
            return;
        }
        for at in 0..self.groups[other as usize].len {
            let upper = &self.groups[other as usize];
            let (low, leaf, summary) = (upper.lows[at], upper.leaves[at], upper.summaries[at]);
            self.groups[one as usize].insert(lower_len + at, low, leaf, summary);
            self.leaves[leaf as usize].group = one;
        }
        let wide = self.groups[other as usize].wide;
        let lower = &mut self.groups[one as usize];
        lower.wide |= wide << lower_len;
        lower.is_wide = false;
        self.summaries[left] = lower.summary();
        self.spare_groups.push(other);
        self.order.remove(left + 1);
        self.lows.remove(left + 1);
        self.summaries.remove(left + 1);
    }

    /// Reads the static filters of all nodes again.
    pub fn refresh_words(&mut self, words: &[u64]) {
        for (top, group) in self.order.iter().enumerate() {
            let group = &mut self.groups[*group as usize];
            for slot in 0..group.len {
                let leaf = &mut self.leaves[group.leaves[slot] as usize];
                for at in 0..leaf.len {
                    leaf.words[at] = words[leaf.nodes[at] as usize];
                }
                group.summaries[slot] = leaf.summary();
            }
            (group.wide, group.is_wide) = (0, false);
            self.summaries[top] = group.summary();
        }
    }

    /// Visits the entries that fit, from key `from` to key `to` (both included), in order, until `visit` says stop. Blocks
    /// without a tie number under `below` are left out. Summaries that promised more than there was are made anew.
    #[inline]
    pub fn walk(
        &mut self,
        from: i64,
        (mut to, mut below): (i64, u32),
        need: &Row,
        bit: u64,
        mut visit: impl FnMut(Place, u32) -> Step,
    ) {
        let first_place = Place::new(from, 0);
        let first = self.lows.partition_point(|low| *low <= first_place).saturating_sub(1);
        for top in first..self.order.len() {
            if self.lows[top].key() > to {
                return;
            }
            if !self.summaries[top].may_hold(need, bit, below) {
                continue;
            }
            let group = &mut self.groups[self.order[top] as usize];
            let starts =
                if top == first { group.lows[..group.len].partition_point(|low| *low <= first_place) } else { 0 };
            let mut found_any = false;
            for slot in starts.saturating_sub(1)..group.len {
                if group.lows[slot].key() > to {
                    return;
                }
                if !group.summaries[slot].may_hold(need, bit, below) {
                    continue;
                }
                let leaf = &self.leaves[group.leaves[slot] as usize];
                let mut fitting = leaf.fitting((from, to), need, bit);
                if fitting == 0 && group.wide & 1 << slot != 0 {
                    group.tighten(slot, leaf.summary());
                }
                while let Some(at) = leaf.first_of(fitting) {
                    fitting &= !(1 << at);
                    found_any = true;
                    let place = leaf.places[at];
                    if place.key() > to {
                        return;
                    }
                    match visit(place, leaf.nodes[at]) {
                        Step::On => {}
                        Step::OnTo(bound, tie) => (to, below) = (bound, tie),
                        Step::Stop => return,
                    }
                }
            }
            if !found_any && group.is_wide {
                group.is_wide = false;
                self.summaries[top] = group.summary();
            }
        }
    }
}

/// How a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the next entry.
    On,
    /// The same, but no further than this key, and without blocks in which all tie numbers are this or above.
    OnTo(i64, u32),
    /// Not at all.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(tree: &mut Tree) -> Vec<(Place, u32)> {
        let mut found = Vec::new();
        tree.walk(i64::MIN, (i64::MAX, u32::MAX), &Row([i32::MIN; 8]), 0, |place, node| {
            found.push((place, node));
            Step::On
        });
        found
    }

    /// Whether a summary says at least what is so, and just that where it has no mark.
    fn check_summary(said: &Summary, is: &Summary, may_be_wide: bool) {
        assert!(said.room.covers(&is.room) && said.word & is.word == is.word && said.least <= is.least);
        assert!(may_be_wide || said.room == is.room);
    }

    /// Every summary and bound says what it should.
    fn check(tree: &Tree, seats: &[u32]) {
        for (top, number) in tree.order.iter().enumerate() {
            let group = &tree.groups[*number as usize];
            assert!(group.len > 0);
            check_summary(&tree.summaries[top], &group.summary(), group.is_wide);
            for slot in 0..group.len {
                let leaf = &tree.leaves[group.leaves[slot] as usize];
                assert_eq!(leaf.group, *number);
                check_summary(&group.summaries[slot], &leaf.summary(), group.wide & 1 << slot != 0);
                assert!(leaf.len > 0 && leaf.len < WIDTH);
                assert!(tree.lows[top] <= group.lows[slot]);
                let ends = group.lows[..group.len].get(slot + 1).or(tree.lows.get(top + 1));
                for at in 0..leaf.len {
                    assert!(group.lows[slot] <= leaf.places[at] && ends.is_none_or(|end| leaf.places[at] < *end));
                    assert_eq!(seats[leaf.nodes[at] as usize], seat(group.leaves[slot], at));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_order_holds_whatever_comes_and_goes(
            steps in prop::collection::vec((0_u32..3_000, -50_i64..50, 0_i32..9), 1..6_000),
        ) {
            let mut tree = Tree::new(Row([0, 0, 0, 0, 3, 0, 0, 0]));
            let mut seats = vec![NOWHERE; 3_000];
            let mut expected = std::collections::BTreeMap::new();
            for (node, key, size) in steps {
                let room = Row([size, node as i32 % 7, 0, 0, 3, 0, 0, 0]);
                if expected.remove(&node).is_some() {
                    tree.remove(node, &mut seats);
                } else {
                    tree.insert(&Entry { place: Place::new(key, node), node, word: 1, room }, &mut seats);
                    expected.insert(node, (Place::new(key, node), room));
                }
                // A search for what there may not be narrows what was left too wide, and finds what there is.
                let need = Row([size, 5, 0, 0, 3, 0, 0, 0]);
                let mut found = None;
                tree.walk(key, (i64::MAX, u32::MAX), &need, 1, |place, _| {
                    found = Some(place);
                    Step::Stop
                });
                let from = Place::new(key, 0);
                let first = expected.values().filter(|(place, room)| *place >= from && room.covers(&need)).min();
                prop_assert_eq!(found, first.map(|(place, _)| *place));
            }
            check(&tree, &seats);
            let mut expected: Vec<(Place, u32)> = expected.into_iter().map(|(node, (place, _))| (place, node)).collect();
            expected.sort_unstable();
            prop_assert_eq!(entries(&mut tree), expected);
        }
    }
}
