//! Tasks that ran before this scheduler was made, and the queue as it stands.

use super::{Scheduler, SubmitError, TaskIx};
use crate::fleet::NodeIx;
use plimsoll_model::cluster::Task;
use plimsoll_model::quantity::Timestamp;

impl Scheduler {
    /// Takes in a task that has run on a node since `started`: its room is booked, and it is expected to end by its
    /// estimate from then. For a caller that keeps the truth elsewhere (a driver's inventory) and makes a scheduler of
    /// it. A member of a gang is taken in by itself, an elastic task with one worker.
    ///
    /// # Errors
    /// A name that is taken, what the fleet says against the task, or that the node has no room for it; nothing is
    /// changed then but that its shape is known.
    pub fn adopt(&mut self, task: &Task, node: NodeIx, started: Timestamp) -> Result<TaskIx, SubmitError> {
        if self.names.contains_key(task.id.as_str()) {
            return Err(SubmitError::Duplicate { task: task.id.clone() });
        }
        let shape = self.fleet.intern(task)?;
        let placed = self.fleet.place(shape, node);
        let binding =
            placed.map_err(|refusal| SubmitError::NeverFits { task: task.id.clone(), refused: vec![(refusal, 1)] })?;
        let entry = self.entry(task, shape, 1, 1);
        self.refused.resize(self.fleet.shapes(), 0);
        self.refused_long.resize(self.fleet.shapes(), 0);
        let index = TaskIx(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX));
        self.names.insert(entry.id.clone(), index);
        self.tasks.push(entry);
        self.run(index, binding, started, 1);
        Ok(index)
    }

    /// Who waits for a turn, the next one first: those out of patience by due time, then the others by the order. A gang
    /// is named by its first member.
    #[must_use]
    pub fn queue(&self, at: Timestamp) -> Vec<TaskIx> {
        let mut queue = self.waiting.due_at(at);
        let due: std::collections::BTreeSet<TaskIx> = queue.iter().copied().collect();
        queue.extend(self.waiting.queue.tasks().filter(|task| !due.contains(task)));
        queue
    }
}
