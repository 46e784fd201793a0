//! The values of inputs for one task and one node.

use super::falls::Falls;
use super::node_inputs::NodeSource;
use crate::fleet::{Fleet, GpuBlock, Lane, NodeIx, Row, Shape, ShapeId};

/// What a share does to the GPU it takes, the fullest that fits.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    left: u16,
    opens: bool,
}

/// One task and one node that fits it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    fleet: &'a Fleet,
    id: ShapeId,
    shape: &'a Shape,
    node: usize,
    free: &'a Row,
    block: Option<&'a GpuBlock>,
    price_max: u64,
    falls: Falls,
}

impl<'a> View<'a> {
    /// `falls` may be anything where no formula asks for it.
    #[inline]
    pub fn new(fleet: &'a Fleet, id: ShapeId, node: usize, price_max: u64, falls: Falls) -> Self {
        let nodes = fleet.nodes();
        let (shape, free, block) = (fleet.shape(id), &nodes.free[node], nodes.gpus(node));
        Self { fleet, id, shape, node, free, block, price_max, falls }
    }

    /// The value of one input.
    #[inline]
    pub fn value(&self, source: NodeSource) -> i64 {
        let need = &self.shape.need;
        match source {
            NodeSource::Free(lane) => lane_of(self.free, lane),
            NodeSource::Left(lane) => lane_of(self.free, lane) - lane_of(need, lane),
            NodeSource::Cap(lane) => lane_of(self.fleet.nodes().capacity(self.node), lane),
            NodeSource::Req(lane) => lane_of(need, lane),
            NodeSource::Max(lane) => lane_of(self.fleet.largest(), lane),
            NodeSource::WholeLeft => {
                lane_of(self.free, Lane::GpuWhole) - lane_of(need, Lane::GpuWhole) - i64::from(self.share().opens)
            }
            NodeSource::ShareLeft => i64::from(self.share().left),
            NodeSource::LargestLeft => self.largest_left(),
            NodeSource::Opens => i64::from(self.share().opens),
            NodeSource::Full => {
                let left = lane_of(self.free, Lane::GpuTotal) - lane_of(need, Lane::GpuTotal);
                i64::from(self.block.is_some() && left == 0)
            }
            NodeSource::Alike => i64::from(self.sorts(|sorts, own| sorts & own != 0)),
            NodeSource::Unlike => i64::from(self.sorts(|sorts, own| sorts & !own != 0)),
            NodeSource::GpuCount => i64::from(self.shape.gpu.count),
            NodeSource::GpuMilli => i64::from(self.shape.gpu.milli),
            NodeSource::FragFall => self.falls.usual,
            NodeSource::FragFallBest => self.falls.best,
            NodeSource::Price => saturated(self.fleet.price(NodeIx(self.node as u32))),
            NodeSource::PriceMax => saturated(self.price_max),
            NodeSource::Speed => saturated(self.fleet.speed(self.id, NodeIx(self.node as u32)).0),
        }
    }

    fn share(&self) -> Share {
        let need = self.shape.gpu;
        if !need.is_share() {
            return Share::default();
        }
        let free = self.block.map_or(&[][..], GpuBlock::free);
        let tightest = free.iter().copied().filter(|free| *free >= need.milli).min();
        tightest.map_or(Share::default(), |free| Share { left: free - need.milli, opens: free == 1_000 })
    }

    /// Of the GPUs that the task does not take, and of what a share leaves.
    fn largest_left(&self) -> i64 {
        let need = self.shape.gpu;
        let Some(block) = self.block else { return 0 };
        let taken = block.pick(need).unwrap_or(0);
        let left = |(index, free): (usize, &u16)| {
            let takes = taken >> index & 1 != 0;
            i64::from(*free) - if takes { i64::from(need.milli) } else { 0 }
        };
        block.free().iter().enumerate().map(left).max().unwrap_or(0)
    }

    /// Whether `holds` is true of the sorts of tasks on the node and the sort of this one; a task without GPUs is of none.
    fn sorts(&self, holds: impl Fn(u32, u32) -> bool) -> bool {
        let own = self.shape.gpu.sort().map_or(0, |sort| 1_u32.checked_shl(u32::from(sort)).unwrap_or(0));
        self.block.is_some_and(|block| holds(block.sorts(), own))
    }
}

#[inline]
fn lane_of(row: &Row, lane: Lane) -> i64 {
    i64::from(row.get(lane))
}

fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
