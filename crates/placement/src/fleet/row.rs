//! One node's room, or one task's need, as eight numbers that are compared lane by lane.
//!
//! Every resource that most tasks ask for has a lane, so that "does it fit" is one comparison of eight numbers and not a
//! chain of tests. Numbers are below 2^31, because a signed comparison is one instruction on every x86-64; whatever is
//! larger is refused where it comes in. Memory and disk count in MiB: capacities are rounded down and requests up, so
//! that rounding never promises what is not there.
//!
//! GPUs take three lanes: how many are wholly free (what a task for whole GPUs needs), the most that is free on any one
//! of them (what a share needs), and the sum. A node that covers a task in these lanes can always give it GPUs.

use plimsoll_model::quantity::Bytes;

/// Lanes of a [`Row`].
pub const LANES: usize = 8;
/// The largest number a lane holds.
pub const LANE_MAX: u64 = i32::MAX as u64;
/// Bytes in the unit that memory and disk are counted in.
pub const MIB: u64 = 1 << 20;

/// What a lane counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// CPU in thousandths of a core.
    Cpu = 0,
    /// Memory in MiB.
    Memory = 1,
    /// Local disk in MiB.
    Disk = 2,
    /// Network in Mbit/s.
    Network = 3,
    /// GPUs of which nothing is taken.
    GpuWhole = 4,
    /// The most thousandths that are free on any one GPU.
    GpuShare = 5,
    /// Thousandths free on all GPUs together.
    GpuTotal = 6,
    /// The extended resource that was named first; further ones have columns of their own.
    Extended = 7,
}

impl Lane {
    /// All of them, in order.
    pub const ALL: [Self; LANES] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::Network,
        Self::GpuWhole,
        Self::GpuShare,
        Self::GpuTotal,
        Self::Extended,
    ];

    /// Its name, as policies write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::GpuWhole => "gpu-whole",
            Self::GpuShare => "gpu-share",
            Self::GpuTotal => "gpu",
            Self::Extended => "extended",
        }
    }
}

/// Eight numbers, one per [`Lane`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(C, align(32))]
pub struct Row(pub [i32; LANES]);

impl Row {
    /// One lane.
    #[inline]
    #[must_use]
    pub const fn get(&self, lane: Lane) -> i32 {
        self.0[lane as usize]
    }

    /// Sets one lane.
    pub const fn set(&mut self, lane: Lane, value: i32) {
        self.0[lane as usize] = value;
    }

    /// Whether this room is enough for `need` in every lane.
    #[inline]
    #[must_use]
    pub fn covers(&self, need: &Self) -> bool {
        let mut short = 0;
        for lane in 0..LANES {
            short |= i32::from(self.0[lane] < need.0[lane]);
        }
        short == 0
    }

    /// The larger of both in every lane.
    #[inline]
    #[must_use]
    pub fn most(&self, other: &Self) -> Self {
        let mut most = *self;
        for lane in 0..LANES {
            most.0[lane] = most.0[lane].max(other.0[lane]);
        }
        most
    }
}

/// Whole MiB in `bytes`, rounded up: for requests.
#[must_use]
pub const fn mib_up(bytes: Bytes) -> u64 {
    bytes.0.div_ceil(MIB)
}

/// Whole MiB in `bytes`, rounded down: for capacities.
#[must_use]
pub const fn mib_down(bytes: Bytes) -> u64 {
    bytes.0 / MIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_covers_a_need_only_in_every_lane() {
        let room = Row([1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(room.covers(&room));
        for lane in 0..LANES {
            let mut need = room;
            need.0[lane] += 1;
            assert!(!room.covers(&need), "lane {lane}");
        }
    }

    #[test]
    fn rounding_never_promises_what_is_not_there() {
        assert_eq!((mib_up(Bytes(MIB + 1)), mib_down(Bytes(2 * MIB - 1))), (2, 1));
        assert_eq!((mib_up(Bytes(0)), mib_down(Bytes(MIB))), (0, 1));
    }
}
