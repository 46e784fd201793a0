//! Why there, and why not: a decision and a wait spelt out, with names instead of numbers.
//!
//! Decisions record numbers, because they are made a million times a second; these values are made when somebody asks.
//! They come from the full scan at the state that is asked about, which a property test holds equal to the index, and
//! say at which version of the state that was. Each has a serialised form and a text form, both the same for the same
//! state on any machine.
//!
//! What would have to change is said only where it would suffice by itself: for each filter, the nodes that *nothing
//! else* keeps away, and among them the one with the smallest shortage. Where no node is one step away, the nearest one
//! is named with all its steps. Changes are not promises: somebody else may take the room first.

use crate::choose::{Bound, Choice, Chooser};
use crate::fleet::{Fleet, NodeIx, Refusal, ShapeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Runners-up that are named.
const RUNNERS_UP_MAX: usize = 5;

/// One term of a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The scorer.
    pub name: String,
    /// Its weight in the policy.
    pub weight: i64,
    /// What it gave: 0 is worst, 1,000,000 is best.
    pub millionths: i64,
}

/// A node that would do, with its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// The node.
    pub node: String,
    /// Its score, in the policy's own unit.
    pub score: i64,
    /// What the score is made of.
    pub terms: Vec<Term>,
}

/// Why a task is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The policy.
    pub policy: String,
    /// The version of the state that it was decided on.
    pub state_version: u64,
    /// The winner.
    pub winner: RunnerUp,
    /// What ended the search.
    pub bound: String,
    /// The resource that will refuse the next such task here first.
    pub binds: Shortage,
}

/// An amount of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The resource.
    pub resource: String,
    /// What the task asks of it.
    pub asked: u64,
    /// What was free of it.
    pub free: u64,
}

/// How many nodes one filter refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// The filter.
    pub filter: String,
    /// Nodes that it is the first to refuse.
    pub nodes: usize,
    /// One of them.
    pub example: String,
    /// What it says there.
    pub says: String,
}

/// A change after which the task would fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What kind of change: the filter that would have to say yes.
    pub filter: String,
    /// The node on which least has to change.
    pub node: String,
    /// How much more is needed there, in the resource's unit; none where it is not about an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
    /// The change in words.
    pub what: String,
    /// How many nodes only this keeps away.
    pub nodes: usize,
}

/// Why a task waits for room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The policy that would choose.
    pub policy: String,
    /// The version of the state that this is about.
    pub state_version: u64,
    /// How many nodes there are.
    pub nodes: usize,
    /// Nodes that would do now, best first, at most five.
    pub fitting: Vec<RunnerUp>,
    /// How many nodes each filter refuses, the most first.
    pub filtered: Vec<Filtered>,
    /// Single changes that would suffice, the smallest first of each filter, in the order of filters' names.
    pub changes: Vec<Change>,
    /// Where no single change suffices: the node with the fewest obstacles, and all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<(String, Vec<String>)>,
}

/// Spells a decision out, at the state that it was made on.
#[must_use]
pub fn placement(fleet: &Fleet, chooser: &Chooser, shape: ShapeId, choice: &Choice) -> Placement {
    let bound = match choice.bound {
        Bound::EveryNode => "every node was looked at".to_owned(),
        Bound::ScoreAtMost(most) => format!("no other node could score above {most}"),
        Bound::NothingLeft => "no other node could win".to_owned(),
        Bound::OfSample(nodes) => format!("approximate: the best of {nodes} nodes that fit"),
    };
    let amount = |value: i32| u64::from(value.unsigned_abs());
    let resource = choice.binds.lane.name().to_owned();
    let binds = Shortage { resource, asked: amount(choice.binds.asked), free: amount(choice.binds.free) };
    let winner = runner_up(fleet, chooser, shape, choice.node, choice.score);
    Placement { policy: chooser.policy().name.clone(), state_version: choice.version, winner, bound, binds }
}

fn runner_up(fleet: &Fleet, chooser: &Chooser, shape: ShapeId, node: NodeIx, score: i64) -> RunnerUp {
    let terms = chooser.terms_of(fleet, shape, node).into_iter();
    let millionths = |value: i64| (i128::from(value) * 1_000_000 / i128::from(crate::score::ONE)) as i64;
    let terms = terms.map(|(name, weight, value)| Term { name, weight, millionths: millionths(value) }).collect();
    RunnerUp { node: fleet.name(node).to_owned(), score, terms }
}

/// Says why a shape finds no room, or where it would.
#[must_use]
pub fn waiting(fleet: &Fleet, chooser: &Chooser, shape: ShapeId) -> Waiting {
    let ranked = chooser.rank(fleet, shape, RUNNERS_UP_MAX);
    let fitting = ranked.iter().map(|(node, score)| runner_up(fleet, chooser, shape, *node, *score)).collect();
    let (mut filtered, changes, nearest) = obstacles(fleet, shape);
    filtered.sort_by(|a, b| b.nodes.cmp(&a.nodes).then_with(|| a.filter.cmp(&b.filter)));
    let nearest = if ranked.is_empty() && changes.is_empty() { nearest } else { None };
    Waiting {
        policy: chooser.policy().name.clone(),
        state_version: fleet.version(),
        nodes: fleet.len(),
        fitting,
        filtered,
        changes,
        nearest,
    }
}

type Nearest = Option<(String, Vec<String>)>;

fn obstacles(fleet: &Fleet, shape: ShapeId) -> (Vec<Filtered>, Vec<Change>, Nearest) {
    let mut filtered: BTreeMap<&'static str, Filtered> = BTreeMap::new();
    // By filter: the key of the smallest change, the node, the refusal, and how many nodes.
    let mut single: BTreeMap<String, ((u64, String), NodeIx, Refusal, usize)> = BTreeMap::new();
    let mut nearest: Option<((usize, String), NodeIx, Vec<Refusal>)> = None;
    for node in (0..fleet.len() as u32).map(NodeIx) {
        let found = fleet.obstacles(shape, node);
        let Some(first) = fleet.refusal(shape, node) else { continue };
        let name = fleet.name(node).to_owned();
        let entry = filtered.entry(first.filter()).or_insert_with(|| Filtered {
            filter: first.filter().to_owned(),
            nodes: 0,
            example: name.clone(),
            says: fleet.reason(node, &first),
        });
        entry.nodes += 1;
        if let [only] = found[..] {
            let key = (shortage(&only).unwrap_or(0), name.clone());
            let entry = single.entry(group(fleet, &only)).or_insert_with(|| (key.clone(), node, only, 0));
            entry.3 += 1;
            if key < entry.0 {
                (entry.0, entry.1, entry.2) = (key, node, only);
            }
        }
        let key = (found.len(), name);
        if nearest.as_ref().is_none_or(|(best, ..)| key < *best) {
            nearest = Some((key, node, found));
        }
    }
    let changes = single.into_values().map(|((_, name), node, refusal, nodes)| Change {
        filter: refusal.filter().to_owned(),
        node: name,
        more: shortage(&refusal),
        what: change(fleet, node, &refusal),
        nodes,
    });
    let nearest = nearest
        .map(|((_, name), node, found)| (name, found.iter().map(|refusal| change(fleet, node, refusal)).collect()));
    (filtered.into_values().collect(), changes.collect(), nearest)
}

/// Refusals that one kind of change would lift; extended resources are told apart by name.
fn group(fleet: &Fleet, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Extended { resource, .. } => format!("extended {}", fleet.extended_name(*resource)),
        other => other.filter().to_owned(),
    }
}

fn shortage(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::Cpu { asked, free }
        | Refusal::Memory { asked, free }
        | Refusal::Disk { asked, free }
        | Refusal::Network { asked, free }
        | Refusal::GpuCount { asked, free }
        | Refusal::GpuShare { asked, free }
        | Refusal::Extended { asked, free, .. } => Some(u64::from(asked.saturating_sub(*free))),
        _ => None,
    }
}

/// What would have to change so that this filter says yes.
fn change(fleet: &Fleet, node: NodeIx, refusal: &Refusal) -> String {
    let more = shortage(refusal).unwrap_or(0);
    match refusal {
        Refusal::State { state } => format!("the node ready instead of {}", format!("{state:?}").to_lowercase()),
        Refusal::Cpu { .. } => format!("{more} more millicores"),
        Refusal::Memory { .. } => format!("{more} MiB more of memory"),
        Refusal::Disk { .. } => format!("{more} MiB more of disk"),
        Refusal::Network { .. } => format!("{more} Mbit/s more"),
        Refusal::GpuCount { .. } => format!("{more} more wholly free GPUs"),
        Refusal::GpuShare { .. } => format!("{more}/1000 more on one GPU"),
        Refusal::Extended { resource, .. } => format!("{more} more {}", fleet.extended_name(*resource)),
        Refusal::GpuModel { .. } => format!("another model of GPU asked for ({})", fleet.reason(node, refusal)),
        Refusal::Selector { condition } => format!("condition {} of the selector left out", condition + 1),
        Refusal::Taint { .. } => format!("tolerated: {}", fleet.reason(node, refusal)),
        Refusal::Relation(_) => format!("otherwise: {}", fleet.reason(node, refusal)),
    }
}

impl fmt::Display for RunnerUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` with score {}", self.node, self.score)?;
        for term in &self.terms {
            let share = format!("{}.{:06}", term.millionths / 1_000_000, term.millionths.rem_euclid(1_000_000));
            write!(f, ", {} × {} {share}", term.weight, term.name)?;
        }
        Ok(())
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} by policy {} at state {}", self.winner, self.policy, self.state_version)?;
        writeln!(f, "  {}", self.bound)?;
        write!(f, "  binds: {}, {} asked of {} free", self.binds.resource, self.binds.asked, self.binds.free)
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = self.nodes - self.filtered.iter().map(|one| one.nodes).sum::<usize>();
        write!(f, "{fits} of {} nodes fit (policy {}, state {})", self.nodes, self.policy, self.state_version)?;
        for one in &self.fitting {
            write!(f, "\n  fits: {one}")?;
        }
        for one in &self.filtered {
            write!(f, "\n  {} {}: such as `{}`, {}", one.nodes, one.filter, one.example, one.says)?;
        }
        for one in &self.changes {
            write!(
                f,
                "\n  would fit with {} on node `{}` (closest of {} that only this keeps away)",
                one.what, one.node, one.nodes
            )?;
        }
        if let Some((node, steps)) = &self.nearest {
            write!(f, "\n  nearest is node `{node}`: {}", steps.join("; "))?;
        }
        Ok(())
    }
}
