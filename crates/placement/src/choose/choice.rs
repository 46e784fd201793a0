//! A choice, with what it rests on.

use crate::fleet::{Fleet, GpuSet, Lane, NodeIx, ShapeId};
use crate::score::{Scoring, TERMS_MAX};

/// The node chosen, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The node.
    pub node: NodeIx,
    /// The GPUs that the policy takes there; see [`crate::fleet::Fleet::place_on`].
    pub gpus: GpuSet,
    /// Its score: the weighted sum of terms and wishes, in [`Scoring::unit`].
    pub score: i64,
    /// The winner's terms, in the order of the policy's scorers.
    pub terms: Terms,
    /// What ended the search.
    pub bound: Bound,
    /// The resource that will refuse the next task of this shape on this node first.
    pub binds: Binds,
    /// The version of the fleet's state that it was made on.
    pub version: u64,
}

/// The terms of one node, uncut and unweighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    values: [i64; TERMS_MAX],
    count: u8,
}

impl Terms {
    /// Those of a node that fits.
    #[must_use]
    pub fn of(scoring: &Scoring, fleet: &Fleet, shape: ShapeId, node: NodeIx) -> Self {
        let mut terms = Self::default();
        let known = fleet.shape(shape);
        for (index, _) in scoring.scorers().take(TERMS_MAX).enumerate() {
            terms.values[index] = scoring.term(index, fleet, shape, known, node.0 as usize);
            terms.count += 1;
        }
        terms
    }

    /// In the order of the policy's scorers, in [`crate::score::ONE`].
    #[must_use]
    pub fn values(&self) -> &[i64] {
        &self.values[..usize::from(self.count)]
    }
}

/// What ended a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Every node was looked at.
    EveryNode,
    /// No node that was not looked at could score more than this.
    ScoreAtMost(i64),
    /// Nothing was left that could win.
    NothingLeft,
    /// It is the best of so many that fit; the policy asked for no more to be looked at.
    OfSample(u32),
}

/// The resource that binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binds {
    /// The resource.
    pub lane: Lane,
    /// How much of it the task asks.
    pub asked: i32,
    /// How much of it is free before the task is there.
    pub free: i32,
}

impl Binds {
    /// Of the resources that are asked for, the one of which the fewest further tasks of this shape fit; the first in
    /// order of [`Lane`] among equals.
    #[must_use]
    pub fn of(fleet: &Fleet, shape: ShapeId, node: NodeIx) -> Self {
        let need = &fleet.shape(shape).need;
        let free = &fleet.nodes().free[node.0 as usize];
        let mut binds = Self { lane: Lane::Cpu, asked: need.get(Lane::Cpu), free: free.get(Lane::Cpu) };
        for lane in Lane::ALL.into_iter().skip(1) {
            let (asked, free) = (need.get(lane), free.get(lane));
            // free / asked < binds.free / binds.asked, without dividing.
            let tighter = i64::from(free) * i64::from(binds.asked) < i64::from(binds.free) * i64::from(asked);
            if asked > 0 && (tighter || binds.asked == 0) {
                binds = Self { lane, asked, free };
            }
        }
        binds
    }
}
