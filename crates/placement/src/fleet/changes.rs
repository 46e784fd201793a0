//! The log of changed nodes, by which a chooser learns what to look at again.
//!
//! A ring of node numbers with a running version. Each reader keeps the version up to which it has read; one that fell
//! behind by more than the ring holds is told so and starts over. Nobody has to be registered, so a fleet without
//! choosers pays one store per change, and any number of choosers may follow one fleet.

/// Changes of nodes, newest last.
#[derive(Debug, Clone)]
pub struct ChangeLog {
    ring: Vec<u32>,
    version: u64,
    oldest: u64,
}

/// The least that the ring holds.
const RING_MIN: usize = 1_024;

impl ChangeLog {
    pub(super) fn new() -> Self {
        Self { ring: vec![0; RING_MIN], version: 0, oldest: 0 }
    }

    /// Makes the ring large enough for a fleet of `nodes`; what it held is forgotten when it grows.
    pub(super) fn fit(&mut self, nodes: usize) {
        let wanted = nodes.next_power_of_two().max(RING_MIN);
        if wanted > self.ring.len() {
            self.ring = vec![0; wanted];
            self.oldest = self.version;
        }
    }

    #[inline]
    pub(super) fn push(&mut self, node: u32) {
        let mask = self.ring.len() - 1;
        self.ring[self.version as usize & mask] = node;
        self.version += 1;
        self.oldest = self.oldest.max(self.version.saturating_sub(self.ring.len() as u64));
    }

    /// How many changes there have been.
    #[inline]
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Nodes that changed after version `seen`, oldest first and as often as they did; none where the ring has
    /// forgotten some of them.
    #[must_use]
    pub fn since(&self, seen: u64) -> Option<impl Iterator<Item = u32> + use<'_>> {
        let mask = self.ring.len() - 1;
        (seen >= self.oldest).then(|| (seen..self.version).map(move |version| self.ring[version as usize & mask]))
    }

    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.ring.capacity() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_each_change_once_and_is_told_when_it_missed_some() {
        let mut log = ChangeLog::new();
        (0..5).for_each(|node| log.push(node));
        assert_eq!(log.since(3).map(Iterator::collect::<Vec<_>>), Some(vec![3, 4]));
        assert_eq!(log.since(5).map(Iterator::count), Some(0));
        (0..RING_MIN as u32).for_each(|node| log.push(node));
        assert!(log.since(4).is_none());
        assert_eq!(log.since(5).map(Iterator::count), Some(RING_MIN));
    }

    #[test]
    fn a_ring_that_grew_says_that_it_forgot() {
        let mut log = ChangeLog::new();
        log.push(1);
        log.fit(5_000);
        assert!(log.since(0).is_none());
        assert_eq!(log.since(1).map(Iterator::count), Some(0));
    }
}
