//! Who may pass a run that has no room: the cluster scheduler of `placement`, over this one node.
//!
//! The scheduler is made anew from the books for each such pass and forgotten afterwards: the controller's state stays
//! the only memory, and what the twin proves of a backfill is what decides here. Memory counts in whole MiB there,
//! rounded so that it never promises what is not there; the books have the last word on whether a run starts.

use crate::admit::{Queued, RUN_TIME_UNKNOWN};
use crate::room::Room;
use plimsoll_model::cluster::{Capacity, Demand, Node, Task, TaskKind};
use plimsoll_model::quantity::{Bytes, Millicores, Timestamp};
use plimsoll_model::spec::Resources;
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::fleet::{Fleet, LANE_MAX, MIB, NodeIx};
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::scheduler::{Decision, HoldReason, Scheduler, SchedulerPolicy, StartReason};
use std::collections::BTreeMap;

/// What one pass allows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Passing {
    /// Places in the list that may start now, in this order, with when each is expected to end.
    pub starts: Vec<(usize, Option<Timestamp>)>,
    /// When the head is expected to start.
    pub shadow: Option<Timestamp>,
}

/// Asks who of `behind`, of which the first has no room, may start all the same.
pub(crate) fn pass(room: &Room, behind: &[&Queued<'_>], backfill: Backfill, at: Timestamp) -> Passing {
    let Some(mut scheduler) = scheduler(room, backfill, at) else { return Passing::default() };
    let mut places = BTreeMap::new();
    for (place, queued) in behind.iter().enumerate() {
        let task = Task {
            id: format!("waits/{place}"),
            requests: demand(queued.task.requests),
            // The queue's order was made already; here it only has to be kept.
            priority: i32::MAX.saturating_sub(i32::try_from(place).unwrap_or(i32::MAX)),
            submitted: queued.task.submitted,
            run_time: Some(queued.spec.run_time.unwrap_or(RUN_TIME_UNKNOWN)),
            ..Task::default()
        };
        if let Ok(index) = scheduler.submit(at, task) {
            places.insert(index, place);
        }
    }
    let (mut decisions, mut passing) = (Vec::new(), Passing::default());
    scheduler.schedule(at, &mut decisions);
    for decision in decisions {
        match decision {
            Decision::Start { task, why, .. } => {
                let ends = if let StartReason::Backfill { ends, .. } = why { Some(ends) } else { None };
                passing.starts.extend(places.get(&task).map(|place| (*place, ends)));
            }
            Decision::Hold { task, why: HoldReason::NoRoom { shadow, .. } } if places.get(&task) == Some(&0) => {
                passing.shadow = shadow;
            }
            _ => {}
        }
    }
    passing
}

/// The node with what runs on it, and everything else that is taken as one task without an end.
fn scheduler(room: &Room, backfill: Backfill, at: Timestamp) -> Option<Scheduler> {
    let all = demand(room.allocatable());
    let memory = Bytes(room.allocatable().memory.0.min(LANE_MAX * MIB));
    let node = Node {
        name: "node".to_owned(),
        capacity: Capacity { cpu: all.cpu, memory, ..Capacity::default() },
        since: at,
        ..Node::default()
    };
    let mut fleet = Fleet::new();
    let node = fleet.add(&node).ok()?;
    let policy = SchedulerPolicy::new(QueueOrder::FixedPriority, backfill);
    let mut scheduler = Scheduler::new(fleet, policy).ok()?;
    for (number, (requests, started, run_time)) in room.runs().enumerate() {
        let run_time = Some(run_time.unwrap_or(RUN_TIME_UNKNOWN));
        let task = Task { id: format!("runs/{number}"), requests: demand(requests), run_time, ..Task::default() };
        // What runs although the books have no room for it is part of what is taken below.
        let _ = scheduler.adopt(&task, node, started);
    }
    let taken = taken_besides(&scheduler, node, room.free());
    let rest = Task { id: "taken".to_owned(), kind: TaskKind::Service, requests: taken, ..Task::default() };
    scheduler.adopt(&rest, node, at).ok()?;
    Some(scheduler)
}

/// What has to be taken so that the scheduler sees as much room as the books do.
fn taken_besides(scheduler: &Scheduler, node: NodeIx, free: Resources) -> Demand {
    let seen = scheduler.fleet().free(node);
    let memory_mib = seen.memory.0 / MIB - (free.memory.0 / MIB).min(seen.memory.0 / MIB);
    Demand { cpu: seen.cpu.saturating_sub(free.cpu), memory: Bytes(memory_mib * MIB), ..Demand::default() }
}

fn demand(resources: Resources) -> Demand {
    Demand {
        cpu: Millicores(resources.cpu.0.min(LANE_MAX)),
        memory: Bytes(resources.memory.0.min(LANE_MAX * MIB)),
        ..Demand::default()
    }
}
