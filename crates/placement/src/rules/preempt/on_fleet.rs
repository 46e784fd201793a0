//! Preemption on a fleet: the node on which making room costs least, for one task or for a whole gang.
//!
//! Every set of victims is put to the fleet, so every filter and every rule between tasks is heard. Most nodes fail
//! earlier: on the sum of the room that could be freed, and then on everybody leaving who may, where more leaving can
//! only help. So a rule with somebody who stays refuses a node before any set of victims is looked at.

use super::runners::Claimant;
use super::{Cost, Runners, Standing, Unit, cheapest};
use crate::choose::Chooser;
use crate::fleet::{Binding, Fleet, GpuSet, Lane, NodeIx, Row, ShapeId};
use crate::rules::budget::Budgets;
use crate::rules::guarantee::Taken;
use plimsoll_model::quantity::Timestamp;

/// Resources whose free room is a sum over tasks.
const SUMMED: [Lane; 6] = [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::GpuTotal, Lane::Extended];

/// Who asks others to make way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it needs.
    pub shape: ShapeId,
    /// Its priority.
    pub priority: i32,
    /// Whose promise it could be part of, and what it would take of it.
    pub holder: Option<(usize, Taken)>,
}

/// Who makes way where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The node.
    pub node: NodeIx,
    /// Everybody who stops, members of gangs on other nodes included, by number.
    pub victims: Vec<u32>,
    /// The right by which they make way.
    pub right: Standing,
    /// What it costs.
    pub cost: Cost,
}

/// Who makes way for a gang, and where its members go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GangPlan {
    /// A node and GPUs for each member, in the order given.
    pub places: Vec<(NodeIx, GpuSet)>,
    /// Everybody who stops, by number.
    pub victims: Vec<u32>,
}

/// What is known when somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What runs, with promises.
    pub runners: &'a Runners,
    /// Disruption budgets.
    pub budgets: &'a Budgets,
    /// Now.
    pub at: Timestamp,
}

/// What a plan for a gang has decided so far.
#[derive(Debug, Clone, Default)]
struct SoFar {
    /// Victims, whose room is released already.
    gone: Vec<u32>,
    /// What victims left of the claim's holder.
    left: Taken,
    /// What earlier members took.
    taken: Taken,
}

/// The node and victims that cost least; none where no preemption makes room. For a claim that fits nowhere without.
#[must_use]
pub fn plan(fleet: &Fleet, scene: Scene<'_>, claim: &Claim) -> Option<Plan> {
    let nodes = 0..fleet.len() as u32;
    plan_beside(fleet, scene, claim, &SoFar::default(), nodes)
}

/// What [`plan`] finds when it looks at these nodes only.
#[must_use]
pub fn plan_on(fleet: &Fleet, scene: Scene<'_>, claim: &Claim, nodes: &[u32]) -> Option<Plan> {
    plan_beside(fleet, scene, claim, &SoFar::default(), nodes.iter().copied())
}

fn plan_beside(
    fleet: &Fleet,
    scene: Scene<'_>,
    claim: &Claim,
    so_far: &SoFar,
    nodes: impl Iterator<Item = u32>,
) -> Option<Plan> {
    let allowance = allowance(scene, &so_far.gone);
    let mut best: Option<Plan> = None;
    for node in nodes.map(NodeIx) {
        if !could_yield(fleet, scene, claim, node) {
            continue;
        }
        let around = fleet.surroundings();
        let never = fleet.relations().refusal_empty(around, claim.shape, node).is_some();
        if never || !around.could(claim.shape, node) || scene.runners.on(node).is_empty() {
            continue;
        }
        if best.as_ref().is_some_and(|best| !could_beat(fleet, scene, claim, node, &best.cost)) {
            continue;
        }
        let holder = claim.holder.map(|(holder, _)| holder);
        let claimant = Claimant { holder, priority: claim.priority, gone: &so_far.gone, at: scene.at };
        let (units, members): (Vec<Unit>, Vec<Vec<u32>>) =
            scene.runners.units(fleet, node, claimant).into_iter().unzip();
        for (right, must_cover) in rights(scene, claim, so_far) {
            let here = OnNode { scene, claim, node, units: &units, members: &members, so_far, must_cover };
            if !here.could_suffice(fleet, right) {
                continue;
            }
            let below = best.as_ref().map(|plan| plan.cost.clone());
            let found = cheapest(right, &units, &allowance, below.as_ref(), &mut |set| here.fits_without(fleet, set));
            if let Some((cost, set)) = found {
                let mut victims: Vec<u32> = set.iter().flat_map(|index| members[*index].iter().copied()).collect();
                victims.sort_unstable();
                best = Some(Plan { node, victims, right, cost });
            }
        }
    }
    best
}

/// Whether there would be room in sum on a node without every task that could have to go, gangs looked at by the member
/// that runs here. Most nodes fail here, so this reads nothing but seats.
fn could_yield(fleet: &Fleet, scene: Scene<'_>, claim: &Claim, node: NodeIx) -> bool {
    let by_priority_alone = claim.holder.is_none() && scene.runners.guarantees().is_empty();
    let mut room: Row = fleet.nodes().free[node.0 as usize];
    let need = &fleet.shape(claim.shape).need;
    for seat in scene.runners.on(node) {
        if (seat.preemptible || seat.in_gang) && !(by_priority_alone && seat.priority >= claim.priority) {
            let held = &fleet.shape(seat.shape).need;
            for lane in SUMMED {
                room.0[lane as usize] = room.get(lane).saturating_add(held.get(lane));
            }
        }
    }
    SUMMED.into_iter().all(|lane| room.get(lane) >= need.get(lane))
}

/// Whether a node may hold a cheaper set than one of a single unit that was found already: a unit that makes room by
/// itself and is of no higher standing. Gangs are looked at closer, and so is everything while the best has more units.
fn could_beat(fleet: &Fleet, scene: Scene<'_>, claim: &Claim, node: NodeIx, best: &Cost) -> bool {
    let [standing] = best.standings[..] else { return true };
    let free = &fleet.nodes().free[node.0 as usize];
    let need = &fleet.shape(claim.shape).need;
    let makes_room = |shape: ShapeId| {
        let held = &fleet.shape(shape).need;
        SUMMED.into_iter().all(|lane| free.get(lane).saturating_add(held.get(lane)) >= need.get(lane))
    };
    scene.runners.on(node).iter().any(|seat| {
        let is_no_higher = standing.guaranteed || seat.priority <= standing.priority;
        seat.in_gang || (seat.preemptible && is_no_higher && makes_room(seat.shape))
    })
}

/// What each budget may still lose when those who are `gone` count as away.
fn allowance(scene: Scene<'_>, gone: &[u32]) -> Vec<u32> {
    let mut left = scene.budgets.allowance();
    for budget in gone.iter().filter_map(|number| scene.runners.get(*number)).flat_map(|runner| &runner.budgets) {
        left[*budget] = left[*budget].saturating_sub(1);
    }
    left
}

/// The rights that a claim may come with, the higher first, and whether victims have to leave its promise for that.
fn rights(scene: Scene<'_>, claim: &Claim, so_far: &SoFar) -> Vec<(Standing, bool)> {
    let with = |guaranteed| Standing { guaranteed, priority: claim.priority };
    match claim.holder {
        None => vec![(with(false), false)],
        Some((holder, asks)) => {
            let guarantees = scene.runners.guarantees();
            let covered = guarantees.covers(holder, asks.plus(so_far.taken), so_far.left);
            if covered { vec![(with(true), false)] } else { vec![(with(true), true), (with(false), false)] }
        }
    }
}

/// One node in one search.
struct OnNode<'a> {
    scene: Scene<'a>,
    claim: &'a Claim,
    node: NodeIx,
    units: &'a [Unit],
    members: &'a [Vec<u32>],
    so_far: &'a SoFar,
    must_cover: bool,
}

impl OnNode<'_> {
    fn bindings(&self, set: &[usize]) -> Vec<Binding> {
        let members = set.iter().flat_map(|index| &self.members[*index]);
        members.filter_map(|number| self.scene.runners.get(*number)).map(|runner| runner.binding).collect()
    }

    /// Whether the room would do if everybody left who may, and no rule with those who stay says no. A shape that some of
    /// them may be missed by is looked at set by set.
    fn could_suffice(&self, fleet: &Fleet, right: Standing) -> bool {
        let may = |index: &usize| self.units[*index].preemptible && self.units[*index].standing < right;
        let all: Vec<usize> = (0..self.units.len()).filter(may).collect();
        let leaving = self.bindings(&all);
        !all.is_empty()
            && self.sums_suffice(fleet, &leaving)
            && (!fleet.gains_by_every_leave(self.claim.shape)
                || fleet.fits_without(self.claim.shape, self.node, &leaving))
    }

    fn sums_suffice(&self, fleet: &Fleet, leaving: &[Binding]) -> bool {
        let mut room: Row = fleet.nodes().free[self.node.0 as usize];
        for binding in leaving.iter().filter(|binding| binding.node == self.node) {
            let held = &fleet.shape(binding.shape).need;
            for (room, held) in room.0.iter_mut().zip(held.0) {
                *room = room.saturating_add(held);
            }
        }
        let need = &fleet.shape(self.claim.shape).need;
        SUMMED.into_iter().all(|lane| room.get(lane) >= need.get(lane))
    }

    /// Whether the task fits when these units are gone, by every filter there is.
    fn fits_without(&self, fleet: &Fleet, set: &[usize]) -> bool {
        let leaving = self.bindings(set);
        self.sums_suffice(fleet, &leaving)
            && (!self.must_cover || self.covers_without(set))
            && fleet.fits_without(self.claim.shape, self.node, &leaving)
    }

    fn covers_without(&self, set: &[usize]) -> bool {
        let Some((holder, asks)) = self.claim.holder else { return false };
        let members = set.iter().flat_map(|index| &self.members[*index]);
        let leaves = members.fold(self.so_far.left, |sum, number| sum.plus(gives_back(self.scene, holder, *number)));
        self.scene.runners.guarantees().covers(holder, asks.plus(self.so_far.taken), leaves)
    }
}

/// What a holder has less when a task stops.
fn gives_back(scene: Scene<'_>, holder: usize, number: u32) -> Taken {
    let held = scene.runners.get(number).and_then(|runner| runner.holder).filter(|(of, _)| *of == holder);
    held.map_or_else(Taken::default, |(_, taken)| taken)
}

/// Room for every member of a gang, with victims where there is no other way; none where some member finds none. All
/// claims have one priority and one holder, and start in this order.
///
/// The fleet is used as an overlay and is as it was when this returns. Members are taken in the order given; each gets
/// a free place if there is one, else the cheapest victims of the moment.
pub fn plan_gang(fleet: &mut Fleet, chooser: &mut Chooser, scene: Scene<'_>, members: &[Claim]) -> Option<GangPlan> {
    let mut so_far = SoFar::default();
    let mut placed: Vec<Binding> = Vec::new();
    let mut released: Vec<Binding> = Vec::new();
    for claim in members {
        let choice = chooser.choose(fleet, claim.shape);
        let free = choice.and_then(|choice| fleet.place_on(claim.shape, choice.node, choice.gpus).ok());
        let found = free.or_else(|| {
            let nodes = 0..fleet.len() as u32;
            let plan = plan_beside(fleet, scene, claim, &so_far, nodes)?;
            for number in &plan.victims {
                let Some(runner) = scene.runners.get(*number) else { continue };
                fleet.release(runner.binding);
                released.push(runner.binding);
                if let Some((holder, _)) = claim.holder {
                    so_far.left = so_far.left.plus(gives_back(scene, holder, *number));
                }
            }
            so_far.gone.extend(&plan.victims);
            fleet.place(claim.shape, plan.node).ok()
        });
        let Some(binding) = found else { break };
        if let Some((_, asks)) = claim.holder {
            so_far.taken = so_far.taken.plus(asks);
        }
        placed.push(binding);
    }
    let places: Vec<(NodeIx, GpuSet)> = placed.iter().map(|binding| (binding.node, binding.gpus)).collect();
    for binding in placed.iter().rev() {
        fleet.release(*binding);
    }
    for binding in released.iter().rev() {
        fleet.restore(*binding);
    }
    let mut victims = so_far.gone;
    victims.sort_unstable();
    (places.len() == members.len()).then_some(GangPlan { places, victims })
}
