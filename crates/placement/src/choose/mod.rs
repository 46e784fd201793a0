//! Choosing a node: one policy over one fleet.
//!
//! [`Chooser::scan`] looks at every node and is the oracle; [`Chooser::choose`] finds the same node by the cheapest
//! structure that is exact for the policy. A chooser learns what changed from the fleet's log, so one that missed
//! nothing does nothing, and several may follow one fleet.
//!
//! A [`Choice`] says what it rests on: the winner's terms, the state's version, the bound that ended the search and the
//! resource that binds. Counts per filter and runners-up are for whoever asks: [`Chooser::rank`], [`Chooser::filtered`].
//!
//! Nothing is placed here: `fleet.place_on(shape, choice.node, choice.gpus)` does that, on the GPUs that the policy
//! chose. (`fleet.place` takes the usual GPUs, which is the same for every policy but `fgd` and `random`.)

mod blocks;
mod choice;
mod ordered;
mod sampled;
mod scan;
mod states;
#[cfg(test)]
mod tests;
mod tie;

pub use crate::policy::{NodePolicy, PolicyEntry, catalogue};
pub use choice::{Binds, Bound, Choice, Terms};
pub use sampled::{CHECK_EVERY, Regret};

use crate::fleet::{Fleet, NodeIx, ShapeId};
use crate::score::Scoring;
use blocks::Blocks;
use ordered::{Found, Ordered};
use states::States;
use tie::TieOrder;

/// One policy over one fleet.
#[derive(Debug, Clone)]
pub struct Chooser {
    policy: NodePolicy,
    seed: u64,
    decisions: u64,
    scoring: Scoring,
    ties: TieOrder,
    ordered: Option<Ordered>,
    blocks: Blocks,
    states: States,
    regret: Regret,
}

impl Chooser {
    /// A chooser whose random numbers come from `seed`.
    #[must_use]
    pub fn new(policy: NodePolicy, fleet: &Fleet, seed: u64) -> Self {
        let ties = TieOrder::new(policy.ties, seed, fleet);
        let scoring = Scoring::new(&policy, fleet);
        let ordered = Ordered::new(&policy, fleet, &ties);
        let (blocks, states) = (Blocks::default(), States::new());
        let regret = Regret::default();
        Self { policy, seed, decisions: 0, scoring, ties, ordered, blocks, states, regret }
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &NodePolicy {
        &self.policy
    }

    /// Bytes that its structures take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ordered.as_ref().map_or(0, Ordered::bytes) + self.blocks.bytes() + self.states.bytes()
    }

    /// The best node for a task of this shape; none where nothing fits. Counts as a decision.
    pub fn choose(&mut self, fleet: &Fleet, shape: ShapeId) -> Option<Choice> {
        self.follow(fleet);
        let choice = match self.policy.sample {
            None => self.best(fleet, shape),
            Some(most) => self.best_of_sample(fleet, shape, most),
        };
        self.decisions += 1;
        choice
    }

    /// What an approximate policy lost so far; none for an exact one.
    #[must_use]
    pub fn regret(&self) -> Option<Regret> {
        self.policy.sample.map(|_| self.regret)
    }

    fn best_of_sample(&mut self, fleet: &Fleet, shape: ShapeId, most: u32) -> Option<Choice> {
        let nodes = sampled::fitting(fleet, shape, (self.seed, self.decisions), most);
        let mut choice = self.scan_within(fleet, shape, &nodes)?;
        if nodes.len() >= most as usize {
            choice.bound = Bound::OfSample(most);
        }
        if self.decisions.is_multiple_of(CHECK_EVERY)
            && let Some(exact) = self.best(fleet, shape)
        {
            self.regret.note(exact.score - choice.score, self.scoring.unit());
        }
        Some(choice)
    }

    /// The best of all nodes, by the cheapest structure.
    fn best(&mut self, fleet: &Fleet, shape: ShapeId) -> Option<Choice> {
        let plain =
            !fleet.shape(shape).has_wishes && !fleet.has_unwelcoming_nodes() && !fleet.relations().scores(shape);
        let found = match &mut self.ordered {
            Some(index) if plain => {
                if !index.follow(fleet, &self.ties) {
                    *index =
                        Ordered::new(&self.policy, fleet, &self.ties).expect("invariant: the policy has not changed");
                }
                index.best(fleet, &self.ties, self.decisions, shape).map(|found| (found, found.score))
            }
            _ => self.best_of_blocks(fleet, shape),
        };
        found.map(|(found, bound)| {
            self.explained(fleet, &self.scoring, shape, found.node, found.score, Bound::ScoreAtMost(bound))
        })
    }

    fn best_of_blocks(&mut self, fleet: &Fleet, id: ShapeId) -> Option<(Found, i64)> {
        let Self { scoring, ties, blocks, states, .. } = self;
        let shape = fleet.shape(id);
        if scoring.uses_fgd() {
            states.follow(fleet, scoring);
        }
        let mut score = |node: usize| {
            blocks::local(fleet, id, node, || {
                if scoring.is_expression() {
                    return scoring.expressed(fleet, id, shape, node, || states.falls(fleet, scoring, id, shape, node));
                }
                scoring.local_score_with(fleet, id, shape, node, || states.term(fleet, scoring, id, shape, node))
            })
        };
        blocks.follow(fleet, ties, id, &mut score);
        blocks.best(fleet, scoring, ties, self.decisions, id, &mut score)
    }

    /// The same by looking at every node. Not counted: a choice that follows gives the same node.
    #[must_use]
    pub fn scan(&self, fleet: &Fleet, shape: ShapeId) -> Option<Choice> {
        self.scan_of(fleet, shape, 0..fleet.len() as u32)
    }

    /// The best of these nodes, by looking at each. Not counted, like [`Chooser::scan`].
    #[must_use]
    pub fn scan_within(&self, fleet: &Fleet, shape: ShapeId, nodes: &[NodeIx]) -> Option<Choice> {
        self.scan_of(fleet, shape, nodes.iter().map(|node| node.0))
    }

    fn scan_of(&self, fleet: &Fleet, shape: ShapeId, nodes: impl Iterator<Item = u32>) -> Option<Choice> {
        let fresh;
        let scoring = if self.scoring.is_current(fleet) {
            &self.scoring
        } else {
            fresh = Scoring::new(&self.policy, fleet);
            &fresh
        };
        let ties;
        let ties = if self.ties.is_current(fleet) {
            &self.ties
        } else {
            ties = TieOrder::new(self.policy.ties, self.seed, fleet);
            &ties
        };
        let (node, score) = scan::best(fleet, scoring, ties, self.decisions, shape, nodes)?;
        Some(self.explained(fleet, scoring, shape, node, score, Bound::EveryNode))
    }

    /// What a node's score is made of: each scorer's name, weight and term.
    #[must_use]
    pub fn terms_of(&self, fleet: &Fleet, shape: ShapeId, node: NodeIx) -> Vec<(String, i64, i64)> {
        let scoring = Scoring::new(&self.policy, fleet);
        let terms = Terms::of(&scoring, fleet, shape, node);
        let scorers = scoring.scorers().zip(terms.values());
        scorers.map(|((scorer, weight), term)| (scorer.name().to_owned(), weight, *term)).collect()
    }

    /// Counts a decision that was made by [`Chooser::scan`] alone.
    pub const fn count(&mut self) {
        self.decisions += 1;
    }

    /// The nodes that fit, best first, at most `most` of them, with their scores: the winner and its runners-up.
    #[must_use]
    pub fn rank(&self, fleet: &Fleet, shape: ShapeId, most: usize) -> Vec<(NodeIx, i64)> {
        let scoring = Scoring::new(&self.policy, fleet);
        let ties = TieOrder::new(self.policy.ties, self.seed, fleet);
        scan::rank(fleet, &scoring, &ties, self.decisions, shape, most)
    }

    /// How many nodes each filter refuses, by the filter's name, with the refusal that came closest to a yes.
    #[must_use]
    pub fn filtered(fleet: &Fleet, shape: ShapeId) -> Vec<(crate::fleet::Refusal, usize)> {
        scan::filtered(fleet, shape)
    }

    /// Makes everything anew where the fleet has other nodes or expectations; what merely changed is left to each
    /// structure.
    fn follow(&mut self, fleet: &Fleet) {
        if !self.scoring.is_current(fleet) {
            self.scoring = Scoring::new(&self.policy, fleet);
            self.blocks.clear();
            self.states = States::new();
        }
        if !self.ties.is_current(fleet) {
            self.ties = TieOrder::new(self.policy.ties, self.seed, fleet);
        }
        if self.ordered.as_ref().is_some_and(|index| !index.is_current(fleet)) {
            self.ordered = Ordered::new(&self.policy, fleet, &self.ties);
        }
    }

    fn explained(
        &self,
        fleet: &Fleet,
        scoring: &Scoring,
        shape: ShapeId,
        node: NodeIx,
        score: i64,
        bound: Bound,
    ) -> Choice {
        let draw = tie::draw(self.seed, self.decisions);
        Choice {
            node,
            gpus: scoring.gpus(self.policy.gpus, fleet, shape, node, draw),
            score,
            terms: Terms::of(scoring, fleet, shape, node),
            bound,
            binds: Binds::of(fleet, shape, node),
            version: fleet.version(),
        }
    }
}
