//! Why a task waits, on demand: counted by the scan over all nodes, at the present state.

use super::entry::Phase;
use super::{HoldReason, Remedy, Scheduler, TaskIx, WaitReport};
use crate::backfill::reserve;
use crate::choose::Chooser;
use plimsoll_model::quantity::Timestamp;

/// Runners-up that a report names.
const FITTING_MAX: usize = 5;

impl Scheduler {
    /// What stands in a task's way at `at`; none for a task that does not wait.
    #[must_use]
    pub fn explain(&self, at: Timestamp, task: TaskIx) -> Option<WaitReport> {
        let entry = self.tasks.get(task.0 as usize)?;
        if matches!(entry.phase, Phase::Running | Phase::Done) {
            return None;
        }
        let leader =
            self.members.iter().find(|(_, members)| members.contains(&task)).map_or(task, |(leader, _)| *leader);
        let gathering = self.gangs.values().find(|gang| gang.members.contains(&task));
        let gang = gathering.map(|gang| (gang.members.len() as u32, gang.size));
        let held = match (gang, self.held.get(&leader)) {
            (Some((members, size)), _) => Some(HoldReason::Gang { members, size }),
            (None, Some(refusal)) => Some(HoldReason::Quota(*refusal)),
            (None, None) => None,
        };
        let chooser = &self.choosers[self.classes[usize::from(entry.class)].2];
        let filtered = Chooser::filtered(&self.fleet, entry.shape);
        let fitting = chooser.rank(&self.fleet, entry.shape, FITTING_MAX);
        let remedy = self.remedy(leader, held, &filtered, !fitting.is_empty());
        Some(WaitReport {
            task,
            ahead: self.waiting.queue.tasks().take_while(|other| *other != leader).count(),
            terms: self.terms(leader, at),
            due: self.waiting.due_of(leader),
            held,
            filtered,
            fitting,
            remedy,
            version: self.fleet.version(),
        })
    }

    fn remedy(
        &self,
        task: TaskIx,
        held: Option<HoldReason>,
        filtered: &[(crate::fleet::Refusal, usize)],
        fits: bool,
    ) -> Remedy {
        match held {
            Some(HoldReason::Gang { members, size }) => {
                return Remedy::Members { missing: size.saturating_sub(members) };
            }
            Some(HoldReason::Quota(refusal)) => return Remedy::Quota(refusal),
            _ => {}
        }
        if fits && !self.entry_of(task).is_many {
            return match self.plan.as_ref().filter(|plan| plan.head != task) {
                Some(plan) => Remedy::HeadFirst { head: plan.head, shadow: plan.shadow() },
                None => Remedy::Turn,
            };
        }
        let reservation = reserve(&self.fleet, &self.units(task), self.ends.iter(&self.tasks));
        let expected = reservation.map(|reservation| reservation.at);
        // What time alone can change comes closer than what only another node could.
        let closest = filtered.iter().max_by_key(|(refusal, nodes)| (is_about_room(refusal), *nodes, *refusal));
        closest.map_or(Remedy::Impossible, |(refusal, nodes)| Remedy::Room {
            refusal: *refusal,
            nodes: *nodes,
            expected,
        })
    }
}

const fn is_about_room(refusal: &crate::fleet::Refusal) -> bool {
    use crate::fleet::Refusal;
    !matches!(refusal, Refusal::Selector { .. } | Refusal::Taint { .. } | Refusal::GpuModel { .. })
}
