//! GPU packing and GPU clustering, as the FGD paper's baselines compute them: integers 0..100.
//!
//! **Packing** prefers GPUs in use to free ones and used nodes to free ones: 100 less a tenth of what is free on the GPUs
//! it would use, where all of them are in use already (at least 50); 50 less the free GPUs it would open, on a node in
//! use (at least 33); 33 less the node's GPUs, on a node whose GPUs are all free (at least their number).
//!
//! **Clustering** prefers nodes whose tasks ask for GPUs as this one does (a share, or the same number of whole ones):
//! 75 where they all do, 50 where some do, 25 where there are none, 0 where none does, and up to 25 more the fuller the
//! node's GPUs are against the node with the most.
//!
//! A task without GPUs scores 0 everywhere, so ties decide.
//!
//! # Source
//! `gpu_packing_score.go`, `gpu_clustering_score.go` of the FGD simulator.

use crate::fleet::{GpuBlock, GpuNeed};

/// Packing, 0..100; meant for nodes that fit.
#[must_use]
pub fn packing(block: &GpuBlock, need: GpuNeed) -> i64 {
    if need.count == 0 {
        return 0;
    }
    let free = block.free();
    let idle = free.iter().filter(|free| **free == 1_000).count() as i64;
    if idle == free.len() as i64 {
        return (33 - idle).max(idle);
    }
    // What is used is the fullest that fits, as when the task is placed.
    let mut fitting = [0_u16; crate::fleet::GPUS_MAX];
    let mut count = 0;
    for milli in free.iter().filter(|free| **free >= need.milli) {
        fitting[count] = *milli;
        count += 1;
    }
    let fitting = &mut fitting[..count];
    fitting.sort_unstable();
    let used = &fitting[..count.min(usize::from(need.count))];
    let opened = used.iter().filter(|free| **free == 1_000).count() as i64;
    if opened > 0 {
        return (50 - opened).max(33);
    }
    let left: i64 = used.iter().map(|free| i64::from(*free) * 100 / 1_000).sum();
    (100 - left / 10).max(50)
}

/// Clustering, 0..100; `most` are the thousandths of the node with the most GPUs.
#[must_use]
pub fn clustering(block: &GpuBlock, need: GpuNeed, most: i64) -> i64 {
    let Some(sort) = need.sort() else { return 0 };
    let left: i64 = block.free().iter().map(|free| i64::from(*free)).sum();
    let fullness = 25 * (most - left) / most.max(1);
    let (sorts, own) = (block.sorts(), 1 << sort);
    let company = match (sorts & own != 0, sorts == own, sorts == 0) {
        (true, true, _) => 75,
        (true, false, _) => 50,
        (false, _, true) => 25,
        (false, _, false) => 0,
    };
    company + fullness
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::test_cluster::{node, task};
    use crate::fleet::{Fleet, NodeIx};

    const PAIR: GpuNeed = GpuNeed { count: 2, milli: 1_000 };
    const SHARE: GpuNeed = GpuNeed { count: 1, milli: 400 };

    /// A node with `gpus` GPUs on which these tasks run.
    fn block(gpus: u32, tasks: &[(u32, u32)]) -> GpuBlock {
        let mut fleet = Fleet::new();
        fleet.add(&node("a", 100_000, 100_000, gpus, "T4")).expect("a node that can be");
        for (count, milli) in tasks {
            let shape = fleet.intern(&task(1, 1, *count, *milli)).expect("a task that can be");
            fleet.place(shape, NodeIx(0)).expect("room");
        }
        fleet.nodes().gpus(0).expect("it has GPUs").clone()
    }

    #[test]
    fn packing_prefers_used_gpus_then_used_nodes_then_small_ones() {
        assert_eq!(packing(&block(8, &[]), PAIR), 25, "33 less eight GPUs");
        assert_eq!(packing(&block(2, &[]), SHARE), 31);
        assert_eq!(packing(&block(8, &[(1, 300)]), PAIR), 48, "two GPUs opened on a node in use");
        assert_eq!(packing(&block(8, &[(1, 300)]), SHARE), 93, "70 % left on the GPU it would use");
        assert_eq!(packing(&block(8, &[(1, 300), (1, 650)]), SHARE), 49, "50 are left on the used one");
        assert_eq!(packing(&block(8, &[]), GpuNeed::default()), 0);
    }

    #[test]
    fn clustering_prefers_its_own_sort_of_company() {
        assert_eq!(clustering(&block(8, &[]), PAIR, 8_000), 25, "idle");
        assert_eq!(clustering(&block(2, &[]), PAIR, 8_000), 25 + 18, "idle and small");
        assert_eq!(clustering(&block(8, &[(2, 1_000)]), PAIR, 8_000), 75 + 6, "only its sort");
        assert_eq!(clustering(&block(8, &[(2, 1_000), (1, 400)]), PAIR, 8_000), 50 + 7, "its sort among others");
        assert_eq!(clustering(&block(8, &[(1, 400)]), PAIR, 8_000), 1, "others only");
    }
}
