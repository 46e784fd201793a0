//! The GPUs of one node: what is free on each, which a task gets, and which sorts of tasks are there.
//!
//! A share goes on the fullest GPU that still fits it, lowest index on ties; whole GPUs are the lowest free ones. That is
//! what the simulator of the FGD paper does, and it keeps whole GPUs whole. A policy that chooses otherwise (`fgd`,
//! `random`) names the GPUs itself.
//!
//! # Source
//! Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX
//! ATC 2023, and its simulator (`open_gpu_share.go`, `allocateGpuIdBasedOnBestFit`, `AllocateExclusiveGpuId`).

use super::row::{Lane, Row};
use plimsoll_model::cluster::GPU_WHOLE;

/// Most GPUs on one node.
pub const GPUS_MAX: usize = 16;
/// Thousandths of a whole GPU, as this module counts them.
const WHOLE: u16 = GPU_WHOLE as u16;

/// A set of GPUs of one node, bit `i` for the GPU of index `i`.
pub type GpuSet = u16;

/// What one task asks of the GPUs of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GpuNeed {
    /// How many GPUs.
    pub count: u8,
    /// Thousandths of each; 1,000 where `count` is above 1.
    pub milli: u16,
}

impl GpuNeed {
    /// Whether it asks for a part of one GPU.
    #[must_use]
    pub const fn is_share(self) -> bool {
        self.count == 1 && self.milli < WHOLE
    }

    /// Thousandths in all.
    #[must_use]
    pub const fn total(self) -> i32 {
        self.count as i32 * self.milli as i32
    }

    /// Its sort in [`GpuBlock::sorts`]: 0 a share, `n` that many whole GPUs; none without a GPU.
    #[must_use]
    pub const fn sort(self) -> Option<u8> {
        if self.count == 0 {
            None
        } else if self.is_share() {
            Some(0)
        } else {
            Some(self.count)
        }
    }
}

/// The GPUs of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuBlock {
    free: [u16; GPUS_MAX],
    count: u8,
    shares: u16,
    wholes: [u8; GPUS_MAX],
}

impl GpuBlock {
    /// `count` GPUs, all free.
    #[must_use]
    pub fn new(count: u8) -> Self {
        let mut free = [0; GPUS_MAX];
        free[..usize::from(count)].fill(WHOLE);
        Self { free, count, shares: 0, wholes: [0; GPUS_MAX] }
    }

    /// Free thousandths of each GPU.
    #[inline]
    #[must_use]
    pub fn free(&self) -> &[u16] {
        &self.free[..usize::from(self.count)]
    }

    /// Which sorts of tasks run here: bit 0 shares, bit `n` tasks with `n` whole GPUs.
    #[must_use]
    pub fn sorts(&self) -> u32 {
        let wholes = self.wholes.iter().enumerate().filter(|(_, tasks)| **tasks > 0);
        wholes.fold(u32::from(self.shares > 0), |sorts, (index, _)| sorts | 2 << index)
    }

    /// GPUs for a task: the fullest that fits a share, the lowest free ones otherwise; none where they do not suffice.
    #[must_use]
    pub fn pick(&self, need: GpuNeed) -> Option<GpuSet> {
        if need.is_share() {
            let fitting = self.free().iter().enumerate().filter(|(_, free)| **free >= need.milli);
            return fitting.min_by_key(|(index, free)| (**free, *index)).map(|(index, _)| 1 << index);
        }
        let mut set = 0;
        let mut left = need.count;
        for (index, _) in self.free().iter().enumerate().filter(|(_, free)| **free == WHOLE) {
            if left == 0 {
                break;
            }
            set |= 1 << index;
            left -= 1;
        }
        (left == 0).then_some(set)
    }

    /// Whether these GPUs exist, are as many as asked, and have the room.
    #[must_use]
    pub fn allows(&self, set: GpuSet, need: GpuNeed) -> bool {
        let known = u32::from(set) >> self.count == 0;
        known && set.count_ones() == u32::from(need.count) && indices(set).all(|index| self.free[index] >= need.milli)
    }

    /// Takes room that [`GpuBlock::allows`].
    pub(super) fn take(&mut self, set: GpuSet, need: GpuNeed) {
        indices(set).for_each(|index| self.free[index] -= need.milli);
        match need.sort() {
            Some(0) => self.shares += 1,
            Some(count) => self.wholes[usize::from(count) - 1] += 1,
            None => {}
        }
    }

    /// Whether a task like this can be here on these GPUs.
    pub(super) fn holds(&self, set: GpuSet, need: GpuNeed) -> bool {
        let fits = |index: usize| self.free[index] + need.milli <= WHOLE;
        let counted = match need.sort() {
            Some(0) => self.shares > 0,
            Some(count) => self.wholes[usize::from(count) - 1] > 0,
            None => true,
        };
        u32::from(set) >> self.count == 0
            && set.count_ones() == u32::from(need.count)
            && counted
            && indices(set).all(fits)
    }

    /// Gives back what [`GpuBlock::holds`].
    pub(super) fn give_back(&mut self, set: GpuSet, need: GpuNeed) {
        indices(set).for_each(|index| self.free[index] += need.milli);
        match need.sort() {
            Some(0) => self.shares -= 1,
            Some(count) => self.wholes[usize::from(count) - 1] -= 1,
            None => {}
        }
    }

    /// Writes the three lanes of GPUs.
    pub(super) fn summarise(&self, row: &mut Row) {
        let (mut whole, mut share, mut total) = (0, 0, 0);
        for free in self.free() {
            whole += i32::from(*free == WHOLE);
            share = share.max(i32::from(*free));
            total += i32::from(*free);
        }
        row.set(Lane::GpuWhole, whole);
        row.set(Lane::GpuShare, share);
        row.set(Lane::GpuTotal, total);
    }
}

/// Indices of a set, rising.
pub fn indices(set: GpuSet) -> impl Iterator<Item = usize> {
    (0..GPUS_MAX).filter(move |index| set & 1 << index != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn share(milli: u16) -> GpuNeed {
        GpuNeed { count: 1, milli }
    }

    const fn whole(count: u8) -> GpuNeed {
        GpuNeed { count, milli: WHOLE }
    }

    #[test]
    fn a_share_goes_on_the_fullest_gpu_that_fits_it() {
        let mut block = GpuBlock::new(4);
        block.take(0b0010, share(300));
        block.take(0b0100, share(600));
        assert_eq!(block.pick(share(400)), Some(0b0100));
        assert_eq!(block.pick(share(401)), Some(0b0010));
        assert_eq!(block.pick(share(701)), Some(0b0001), "lowest index on ties");
    }

    #[test]
    fn whole_gpus_are_the_lowest_free_ones() {
        let mut block = GpuBlock::new(4);
        block.take(0b0001, share(1));
        assert_eq!(block.pick(whole(2)), Some(0b0110));
        assert_eq!(block.pick(whole(4)), None);
    }

    #[test]
    fn what_is_given_back_was_there_and_leaves_no_trace() {
        let mut block = GpuBlock::new(2);
        block.take(0b01, share(250));
        block.take(0b10, whole(1));
        assert_eq!(block.sorts(), 0b11);
        assert!(!block.holds(0b01, whole(1)), "nothing that large is there");
        assert!(!block.holds(0b100, share(250)), "no such GPU");
        block.give_back(0b01, share(250));
        block.give_back(0b10, whole(1));
        assert_eq!(block, GpuBlock::new(2));
    }
}
