//! Fragmentation gradient descent: the node whose GPU room becomes least useless.
//!
//! Against a mix of expected tasks, the *fragmentation* of a node is the GPU room that a task drawn from the mix cannot
//! use there, on average: for a task that does not fit the node, or asks for no GPU, all of what is free; for one that
//! fits, what is free on GPUs that have less left than it asks of each. FGD places a task where fragmentation grows
//! least. With Δ the fall of fragmentation in GPUs, the term is `1 / (1 + e^-Δ)`, which the paper's simulator cuts to an
//! integer 0..100 (the policy `fgd` does the same: ties are part of its results).
//!
//! Of GPUs that fit a share, the one of the highest term is taken, lowest index on ties.
//!
//! Frequencies are counts, so everything is an integer: fragmentation here is thousandths of a GPU × expected tasks.
//!
//! # Source
//! Weng et al., USENIX ATC 2023, section 4; `fgd_score.go` and `frag.go` of its simulator (`NodeGpuShareFragAmount`).

use super::sigmoid::sigmoid;
use crate::fleet::{Fleet, GPUS_MAX, GpuNeed, GpuSet, Shape, ShapeId};

/// One sort of expected task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    cpu: i32,
    gpu: GpuNeed,
    models: Box<[u16]>,
    count: i64,
}

/// The expected tasks, made ready.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragmentation {
    tasks: Vec<Expected>,
    all: i64,
}

/// A node as fragmentation sees it.
#[derive(Debug, Clone, Copy)]
pub struct GpuState<'a> {
    /// Free CPU.
    pub cpu: i32,
    /// Number of the GPUs' model.
    pub model: u16,
    /// Free thousandths per GPU.
    pub free: &'a [u16],
}

impl Fragmentation {
    /// Against the tasks that the fleet was told to expect.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let (mix, _) = fleet.expected_tasks();
        let all = mix.iter().map(|(_, count)| *count as i64).sum();
        let with_gpu = mix.iter().filter(|(shape, _)| fleet.shape(*shape).gpu.count > 0);
        let expected = |(shape, count): &(ShapeId, u64)| {
            let shape = fleet.shape(*shape);
            let cpu = shape.need.get(crate::fleet::Lane::Cpu);
            Expected { cpu, gpu: shape.gpu, models: shape.models.clone(), count: *count as i64 }
        };
        let mut tasks: Vec<Expected> = with_gpu.map(expected).collect();
        // By CPU, so that the tasks that the CPU left cannot carry are the tail.
        tasks.sort_by_key(|task| task.cpu);
        Self { tasks, all }
    }

    /// Whether any task is expected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// Fragmentation of a node: thousandths of a GPU × expected tasks.
    #[must_use]
    pub fn amount(&self, node: GpuState<'_>) -> i64 {
        let total: i64 = node.free.iter().map(|free| i64::from(*free)).sum();
        if total == 0 {
            return 0;
        }
        let mut useful = 0;
        for task in self.tasks.iter().take_while(|task| task.cpu <= node.cpu) {
            if !task.models.is_empty() && !task.models.contains(&node.model) {
                continue;
            }
            let (mut fitting, mut room) = (0, 0);
            for free in node.free {
                let fits = *free >= task.gpu.milli;
                fitting += u8::from(fits);
                room += if fits { i64::from(*free) } else { 0 };
            }
            if fitting >= task.gpu.count {
                useful += task.count * room;
            }
        }
        self.all * total - useful
    }

    /// The term of a fall of fragmentation.
    #[must_use]
    pub fn term(&self, fall: i64) -> i64 {
        // In 10^-9 GPUs: thousandths × tasks × 10^6 / tasks.
        sigmoid((i128::from(fall) * 1_000_000).div_euclid(i128::from(self.all.max(1))).clamp(-1 << 60, 1 << 60) as i64)
    }

    /// The term of a task on a node that fits it, and the GPUs it would get; `amount` gives the fragmentation of a
    /// state, which callers may remember.
    pub fn score(
        &self,
        node: GpuState<'_>,
        shape: &Shape,
        levels: Option<u32>,
        mut amount: impl FnMut(GpuState<'_>) -> i64,
    ) -> (i64, GpuSet) {
        let before = amount(node);
        let cpu = node.cpu - shape.need.get(crate::fleet::Lane::Cpu);
        let mut after = [0; GPUS_MAX];
        let after = &mut after[..node.free.len()];
        after.copy_from_slice(node.free);
        if !shape.gpu.is_share() {
            let gpus = lowest_whole(node.free, shape.gpu);
            crate::fleet::indices(gpus).for_each(|index| after[index] -= shape.gpu.milli);
            let state = GpuState { cpu, model: node.model, free: after };
            return (self.term(before - amount(state)), gpus);
        }
        let mut best: Option<(i64, i64, GpuSet)> = None;
        for index in (0..node.free.len()).filter(|index| node.free[*index] >= shape.gpu.milli) {
            after[index] -= shape.gpu.milli;
            let term = self.term(before - amount(GpuState { cpu, model: node.model, free: after }));
            after[index] += shape.gpu.milli;
            let rank = levels.map_or(term, |levels| super::cut(term, levels));
            if best.is_none_or(|(best, ..)| rank > best) {
                best = Some((rank, term, 1 << index));
            }
        }
        best.map_or((0, 0), |(_, term, gpus)| (term, gpus))
    }
}

/// The lowest GPUs that are wholly free.
fn lowest_whole(free: &[u16], need: GpuNeed) -> GpuSet {
    let whole = free.iter().enumerate().filter(|(_, free)| **free == 1_000).take(usize::from(need.count));
    whole.fold(0, |set, (index, _)| set | 1 << index)
}

/// The typical tasks of a workload: the most frequent shapes that together cover `permille` of it, with their counts.
/// Of equally frequent shapes the one with more CPU comes first, then more of a GPU, more GPUs, the later models.
///
/// Shapes that differ in memory alone are one typical task to the paper; here the first of them stands for all.
///
/// # Source
/// `GetTypicalPods` of the simulator, with `podPopularityThreshold` 95 and `podIncreaseStep` 1.
#[must_use]
pub fn typical_tasks(fleet: &Fleet, tasks: &[ShapeId], permille: u64) -> Vec<(ShapeId, u64)> {
    let key = |id: ShapeId| {
        let shape = fleet.shape(id);
        let models: Vec<&str> = shape.models.iter().map(|model| fleet.model_name(*model)).collect();
        (shape.need.get(crate::fleet::Lane::Cpu), shape.gpu.milli, shape.gpu.count, models.join("|"))
    };
    let mut of_shape = vec![0_u64; fleet.shapes()];
    tasks.iter().for_each(|task| of_shape[task.0 as usize] += 1);
    let mut counts = std::collections::BTreeMap::new();
    for (shape, count) in of_shape.iter().enumerate().filter(|(_, count)| **count > 0) {
        let id = ShapeId(shape as u32);
        counts.entry(key(id)).or_insert((0_u64, id)).0 += count;
    }
    let mut sorted: Vec<_> = counts.into_iter().map(|(key, (count, shape))| (count, key, shape)).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let wanted = tasks.len() as u64 * permille;
    let mut covered = 0;
    let typical = sorted.into_iter().take_while(|(count, ..)| {
        let more = covered * 1_000 < wanted;
        covered += count;
        more
    });
    typical.map(|(count, _, shape)| (shape, count)).collect()
}
