//! Nodes in order of a key, in blocks that know what is most in them.
//!
//! Three levels: leaves of up to [`WIDTH`] entries, groups of up to [`WIDTH`] leaves, and the list of groups. Entries lie
//! in order of key, then tie number, with their room beside them. Every leaf and group knows the lane-wise maximum of the
//! room in it and which static filters any of it passes, so that a search skips what cannot hold its first find. A node
//! that changes is taken out and put in again: two leaves are touched, and now and then one is split or joined.
//!
//! The lower bounds of leaves and groups stay when their first entry leaves; they are bounds, not entries.

use crate::fleet::Row;

/// Entries of a leaf, and leaves of a group, at most.
pub const WIDTH: usize = 32;
/// Leaves and groups that together are not larger than this are joined.
const JOIN: usize = 20;
/// A node that is in no tree.
pub const NOWHERE: u32 = u32::MAX;

/// A place in the order: key, then tie number.
pub type Place = (i64, u32);

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
}

const NOTHING: Summary = Summary { room: Row([i32::MIN; 8]), word: 0 };

impl Summary {
    #[inline]
    fn with(&self, room: &Row, word: u64) -> Self {
        Self { room: self.room.most(room), word: self.word | word }
    }

    /// Whether taking `room` and `word` away can make it smaller.
    #[inline]
    fn rests_on(&self, room: &Row) -> bool {
        let mut touches = 0;
        for lane in 0..8 {
            touches |= i32::from(self.room.0[lane] == room.0[lane]);
        }
        touches != 0
    }
}

#[derive(Debug, Clone)]
struct Leaf {
    places: [Place; WIDTH],
    nodes: [u32; WIDTH],
    words: [u64; WIDTH],
    rooms: [Row; WIDTH],
    len: usize,
    group: u32,
}

#[derive(Debug, Clone)]
struct Group {
    lows: [Place; WIDTH],
    leaves: [u32; WIDTH],
    summaries: [Summary; WIDTH],
    len: usize,
}

/// See the top of this file.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    leaves: Vec<Leaf>,
    spare_leaves: Vec<u32>,
    groups: Vec<Group>,
    spare_groups: Vec<u32>,
    order: Vec<u32>,
    lows: Vec<Place>,
    summaries: Vec<Summary>,
}

impl Leaf {
    fn summary(&self) -> Summary {
        let mut summary = NOTHING;
        for at in 0..self.len {
            summary = summary.with(&self.rooms[at], self.words[at]);
        }
        summary
    }

    fn insert(&mut self, at: usize, entry: &Entry) {
        let len = self.len;
        self.places.copy_within(at..len, at + 1);
        self.nodes.copy_within(at..len, at + 1);
        self.words.copy_within(at..len, at + 1);
        self.rooms.copy_within(at..len, at + 1);
        self.places[at] = entry.place;
        self.nodes[at] = entry.node;
        self.words[at] = entry.word;
        self.rooms[at] = entry.room;
        self.len += 1;
    }

    fn remove(&mut self, at: usize) {
        let len = self.len;
        self.places.copy_within(at + 1..len, at);
        self.nodes.copy_within(at + 1..len, at);
        self.words.copy_within(at + 1..len, at);
        self.rooms.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    fn append(&mut self, other: &Self) {
        let (len, end) = (self.len, self.len + other.len);
        self.places[len..end].copy_from_slice(&other.places[..other.len]);
        self.nodes[len..end].copy_from_slice(&other.nodes[..other.len]);
        self.words[len..end].copy_from_slice(&other.words[..other.len]);
        self.rooms[len..end].copy_from_slice(&other.rooms[..other.len]);
        self.len = end;
    }
}

impl Group {
    fn insert(&mut self, at: usize, low: Place, leaf: u32, summary: Summary) {
        let len = self.len;
        self.lows.copy_within(at..len, at + 1);
        self.leaves.copy_within(at..len, at + 1);
        self.summaries.copy_within(at..len, at + 1);
        (self.lows[at], self.leaves[at], self.summaries[at]) = (low, leaf, summary);
        self.len += 1;
    }

    fn remove(&mut self, at: usize) {
        let len = self.len;
        self.lows.copy_within(at + 1..len, at);
        self.leaves.copy_within(at + 1..len, at);
        self.summaries.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    fn summary(&self) -> Summary {
        let blocks = self.summaries[..self.len].iter();
        blocks.fold(NOTHING, |summary, block| summary.with(&block.room, block.word))
    }

    fn slot(&self, leaf: u32) -> usize {
        self.leaves[..self.len].iter().position(|other| *other == leaf).unwrap_or(0)
    }
}

impl Tree {
    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.leaves.len() * size_of::<Leaf>() + self.groups.len() * size_of::<Group>() + self.order.len() * 64
    }

    /// Puts a node in. `leaf_of` says for every node in which leaf it is, and is kept up to date.
    pub fn insert(&mut self, entry: &Entry, leaf_of: &mut [u32]) {
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
        group.summaries[slot] = group.summaries[slot].with(&entry.room, entry.word);
        self.lows[top] = self.lows[top].min(entry.place);
        self.summaries[top] = self.summaries[top].with(&entry.room, entry.word);
        let leaf = &mut self.leaves[number as usize];
        let at = leaf.places[..leaf.len].partition_point(|place| *place < entry.place);
        leaf.insert(at, entry);
        leaf_of[entry.node as usize] = number;
        if leaf.len == WIDTH {
            self.split_leaf(top, slot, leaf_of);
        }
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: u32, leaf_of: &mut [u32]) {
        let number = std::mem::replace(&mut leaf_of[node as usize], NOWHERE);
        let leaf = &mut self.leaves[number as usize];
        let Some(at) = leaf.nodes[..leaf.len].iter().position(|other| *other == node) else { return };
        let room = leaf.rooms[at];
        leaf.remove(at);
        let (len, group_number) = (leaf.len, leaf.group);
        let group = &mut self.groups[group_number as usize];
        let slot = group.slot(number);
        let touched = group.summaries[slot].rests_on(&room);
        if touched {
            group.summaries[slot] = self.leaves[number as usize].summary();
        }
        let joins = len < JOIN / 2 && (len == 0 || group.len > 1);
        if !touched && !joins {
            return;
        }
        let top = self.top_of(group_number, slot);
        if touched && self.summaries[top].rests_on(&room) {
            self.summaries[top] = self.groups[group_number as usize].summary();
        }
        if joins {
            self.join_leaf(top, slot, leaf_of);
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
        let empty = Leaf {
            places: [(0, 0); WIDTH],
            nodes: [0; WIDTH],
            words: [0; WIDTH],
            rooms: [Row([0; 8]); WIDTH],
            len: 0,
            group: 0,
        };
        if let Some(spare) = self.spare_leaves.pop() {
            self.leaves[spare as usize].len = 0;
            return spare;
        }
        self.leaves.push(empty);
        self.leaves.len() as u32 - 1
    }

    fn new_group(&mut self) -> u32 {
        if let Some(spare) = self.spare_groups.pop() {
            self.groups[spare as usize].len = 0;
            return spare;
        }
        self.groups.push(Group { lows: [(0, 0); WIDTH], leaves: [0; WIDTH], summaries: [NOTHING; WIDTH], len: 0 });
        self.groups.len() as u32 - 1
    }

    fn split_leaf(&mut self, top: usize, slot: usize, leaf_of: &mut [u32]) {
        let group = self.order[top];
        let number = self.groups[group as usize].leaves[slot];
        let upper_number = self.new_leaf();
        let mut upper = self.leaves[upper_number as usize].clone();
        let lower = &mut self.leaves[number as usize];
        let half = lower.len / 2;
        for at in half..lower.len {
            let (place, node, word, room) = (lower.places[at], lower.nodes[at], lower.words[at], lower.rooms[at]);
            upper.insert(at - half, &Entry { place, node, word, room });
            leaf_of[node as usize] = upper_number;
        }
        upper.group = group;
        lower.len = half;
        let (low, upper_summary, summary) = (upper.places[0], upper.summary(), lower.summary());
        self.leaves[upper_number as usize] = upper;
        let group = &mut self.groups[group as usize];
        group.summaries[slot] = summary;
        group.insert(slot + 1, low, upper_number, upper_summary);
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
        self.groups[number as usize].len = half;
        self.summaries[top] = self.groups[number as usize].summary();
        let upper = &self.groups[upper_number as usize];
        self.order.insert(top + 1, upper_number);
        self.lows.insert(top + 1, upper.lows[0]);
        self.summaries.insert(top + 1, upper.summary());
    }

    /// Joins a small leaf with its neighbour in the group, where both fit into one; drops an empty one.
    fn join_leaf(&mut self, top: usize, slot: usize, leaf_of: &mut [u32]) {
        let number = self.order[top];
        let group = &mut self.groups[number as usize];
        let leaf = group.leaves[slot];
        if self.leaves[leaf as usize].len == 0 {
            group.remove(slot);
            self.spare_leaves.push(leaf);
            return self.join_group(top);
        }
        let left = if slot + 1 < group.len { slot } else { slot.saturating_sub(1) };
        if left + 1 >= group.len {
            return;
        }
        let (one, other) = (group.leaves[left], group.leaves[left + 1]);
        if self.leaves[one as usize].len + self.leaves[other as usize].len > JOIN {
            return;
        }
        let upper = self.leaves[other as usize].clone();
        upper.nodes[..upper.len].iter().for_each(|node| leaf_of[*node as usize] = one);
        self.leaves[one as usize].append(&upper);
        let group = &mut self.groups[number as usize];
        group.summaries[left] = self.leaves[one as usize].summary();
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
        if self.groups[one as usize].len + self.groups[other as usize].len > JOIN {
            return;
        }
        for at in 0..self.groups[other as usize].len {
            let upper = &self.groups[other as usize];
            let (low, leaf, summary) = (upper.lows[at], upper.leaves[at], upper.summaries[at]);
            let lower = &mut self.groups[one as usize];
            let end = lower.len;
            lower.insert(end, low, leaf, summary);
            self.leaves[leaf as usize].group = one;
        }
        self.spare_groups.push(other);
        self.summaries[left] = self.groups[one as usize].summary();
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
            self.summaries[top] = group.summary();
        }
    }

    /// Visits the entries from `from` to `to` (both included) that `may_hold` lets through block by block, in order,
    /// until `visit` says stop.
    #[inline]
    pub fn walk(
        &self,
        from: Place,
        mut to: i64,
        need: &Row,
        bit: u64,
        mut visit: impl FnMut(Place, u32, &Row, u64) -> Step,
    ) {
        let may_hold = |summary: &Summary| summary.word & bit == bit && summary.room.covers(need);
        let first = self.lows.partition_point(|low| *low <= from).saturating_sub(1);
        for top in first..self.order.len() {
            if self.lows[top].0 > to {
                return;
            }
            if !may_hold(&self.summaries[top]) {
                continue;
            }
            let group = &self.groups[self.order[top] as usize];
            let from_slot = if top == first { group.lows[..group.len].partition_point(|low| *low <= from) } else { 0 };
            for slot in from_slot.saturating_sub(1)..group.len {
                if group.lows[slot].0 > to {
                    return;
                }
                if !may_hold(&group.summaries[slot]) {
                    continue;
                }
                let leaf = &self.leaves[group.leaves[slot] as usize];
                for at in 0..leaf.len {
                    let (room, word) = (&leaf.rooms[at], leaf.words[at]);
                    if word & bit != bit || !room.covers(need) || leaf.places[at] < from {
                        continue;
                    }
                    if leaf.places[at].0 > to {
                        return;
                    }
                    match visit(leaf.places[at], leaf.nodes[at], room, word) {
                        Step::On => {}
                        Step::OnTo(bound) => to = bound,
                        Step::Stop => return,
                    }
                }
            }
        }
    }
}

/// How a walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the next entry.
    On,
    /// The same, but no further than this key.
    OnTo(i64),
    /// Not at all.
    Stop,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(tree: &Tree) -> Vec<(Place, u32)> {
        let mut found = Vec::new();
        tree.walk((i64::MIN, 0), i64::MAX, &Row([i32::MIN; 8]), 0, |place, node, _, _| {
            found.push((place, node));
            Step::On
        });
        found
    }

    /// Every summary and bound says what it should.
    fn check(tree: &Tree, leaf_of: &[u32]) {
        for (top, number) in tree.order.iter().enumerate() {
            let group = &tree.groups[*number as usize];
            assert!(group.len > 0);
            assert_eq!(tree.summaries[top].room, group.summary().room);
            for slot in 0..group.len {
                let leaf = &tree.leaves[group.leaves[slot] as usize];
                assert_eq!((leaf.group, group.summaries[slot].room), (*number, leaf.summary().room));
                assert!(leaf.len > 0 && leaf.len < WIDTH);
                assert!(tree.lows[top] <= group.lows[slot] && group.lows[slot] <= leaf.places[0]);
                assert!(leaf.nodes[..leaf.len].iter().all(|node| leaf_of[*node as usize] == group.leaves[slot]));
            }
        }
    }

    proptest! {
        #[test]
        fn the_order_holds_whatever_comes_and_goes(
            steps in prop::collection::vec((0_u32..3_000, -50_i64..50, 0_i32..9), 1..6_000),
        ) {
            let mut tree = Tree::default();
            let mut leaf_of = vec![NOWHERE; 3_000];
            let mut expected = std::collections::BTreeMap::new();
            for (node, key, size) in steps {
                if let Some(key) = expected.remove(&node) {
                    let _: i64 = key;
                    tree.remove(node, &mut leaf_of);
                } else {
                    let room = Row([size, node as i32 % 7, 0, 0, 0, 0, 0, 0]);
                    tree.insert(&Entry { place: (key, node), node, word: 1, room }, &mut leaf_of);
                    expected.insert(node, key);
                }
            }
            check(&tree, &leaf_of);
            let mut expected: Vec<(Place, u32)> = expected.into_iter().map(|(node, key)| ((key, node), node)).collect();
            expected.sort_unstable();
            prop_assert_eq!(entries(&tree), expected);
        }
    }
}
