//! How fragmentation falls when a task comes to a node, as an input of expressions.
//!
//! In billionths of a GPU, which is exactly what the scorer `fgd` puts into its logistic function, so that the function
//! written as an expression is cut at the same places.
//!
//! # Source
//! Weng et al., USENIX ATC 2023, section 4; see `score::fgd`.

use crate::fleet::{GPUS_MAX, Lane, Shape};
use crate::score::{Fragmentation, GpuState};

/// Falls of fragmentation of one node, in billionths of a GPU; negative where it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Falls {
    /// On the GPUs that a task usually gets: the fullest that fits a share, the lowest free ones otherwise.
    pub usual: i64,
    /// On the GPU where it falls most, for a share; the same otherwise.
    pub best: i64,
}

impl Falls {
    /// Those of a node that fits; `amount` gives the fragmentation of a state, which callers may remember.
    pub fn of(
        fragmentation: &Fragmentation,
        node: GpuState<'_>,
        shape: &Shape,
        mut amount: impl FnMut(GpuState<'_>) -> i64,
    ) -> Self {
        let before = amount(node);
        let cpu = node.cpu - shape.need.get(Lane::Cpu);
        let mut room = [0; GPUS_MAX];
        let after = &mut room[..node.free.len()];
        after.copy_from_slice(node.free);
        if !shape.gpu.is_share() {
            let whole = after.iter_mut().filter(|free| **free == 1_000).take(usize::from(shape.gpu.count));
            whole.for_each(|free| *free = 0);
            let fall = fragmentation.billionths(before - amount(GpuState { cpu, model: node.model, free: after }));
            return Self { usual: fall, best: fall };
        }
        let mut best: Option<i64> = None;
        let mut usual: Option<(u16, i64)> = None;
        for index in 0..node.free.len() {
            let free = node.free[index];
            // GPUs with as much room are alike.
            if free < shape.gpu.milli || node.free[..index].contains(&free) {
                continue;
            }
            after[index] = free - shape.gpu.milli;
            let fall = before - amount(GpuState { cpu, model: node.model, free: after });
            after[index] = free;
            best = best.max(Some(fall));
            usual = usual.filter(|(least, _)| *least < free).or(Some((free, fall)));
        }
        let of = |fall: Option<i64>| fragmentation.billionths(fall.unwrap_or(0));
        Self { usual: of(usual.map(|(_, fall)| fall)), best: of(best) }
    }
}
