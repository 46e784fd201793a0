//! Taking in a task: what can never run is refused with its reasons, everything else waits.

use super::entry::{Elastic, Entry, Gang, NO_GANG, NOWHERE, Phase};
use super::{Scheduler, TaskIx};
use crate::backfill::{Unit, fits_empty};
use crate::elastic::{SpeedError, Speeds};
use crate::fair::Holder;
use crate::fleet::{FleetError, Lane, Refusal, Shape, ShapeId};
use crate::order::{Asked, Facts};
use crate::quota::{QuotaRefusal, amounts};
use plimsoll_model::cluster::{Task, TaskKind};
use plimsoll_model::quantity::{Millis, Timestamp};

/// A task that is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// A task of that name waits or runs.
    #[error("task {task:?} waits or runs already; names of tasks are unique")]
    Duplicate {
        /// The name.
        task: String,
    },
    /// It cannot be held in compact form.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// No node could run it, however empty.
    #[error("task {task:?} can never run: {}", refusals(.refused))]
    NeverFits {
        /// The task.
        task: String,
        /// Each filter's refusal that came closest to a yes, with how many nodes it stands for.
        refused: Vec<(Refusal, usize)>,
    },
    /// Its gang, or its fewest workers, do not fit together on the whole cluster.
    #[error("task {task:?} can never run: the empty cluster has no room for {workers} of its kind together")]
    NeverFitTogether {
        /// The task.
        task: String,
        /// How many there have to be.
        workers: u32,
    },
    /// A quota is too small for it even when nothing is in use.
    #[error(
        "task {task:?} can never run: quota {quota:?} allows {} {}, and it asks {}",
        .refusal.most, .refusal.counted.name(), .refusal.asked
    )]
    NeverInQuota {
        /// The task.
        task: String,
        /// Whose quota.
        quota: String,
        /// The refusal.
        refusal: QuotaRefusal,
    },
    /// Its elastic range says nothing sensible.
    #[error("task {task:?}")]
    Elastic {
        /// The task.
        task: String,
        /// What is wrong.
        source: SpeedError,
    },
    /// Members of one gang that disagree, or one too many.
    #[error("task {task:?}: gang {gang:?} has size {stated}, another member says {known}")]
    GangSize {
        /// The task.
        task: String,
        /// The gang.
        gang: String,
        /// What this member says.
        stated: u32,
        /// What the first one said.
        known: u32,
    },
    /// A gang of nobody, or of elastic members.
    #[error("task {task:?}: gang {gang:?} {problem}")]
    Gang {
        /// The task.
        task: String,
        /// The gang.
        gang: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// More tasks than numbers.
    #[error("more than {most} tasks were submitted")]
    TooMany {
        /// How many there can be.
        most: u32,
    },
}

fn refusals(refused: &[(Refusal, usize)]) -> String {
    let parts: Vec<String> =
        refused.iter().map(|(refusal, nodes)| format!("{} on {nodes}", refusal.filter())).collect();
    if parts.is_empty() { "there is no node".to_owned() } else { format!("refused by {} nodes", parts.join(", ")) }
}

impl Scheduler {
    /// Takes in a task at `at`. A task of a gang waits until all members are there.
    ///
    /// # Errors
    /// A task that can never run, with the reasons, or that contradicts another.
    pub fn submit(&mut self, at: Timestamp, mut task: Task) -> Result<TaskIx, SubmitError> {
        if let (None, Some(rules)) = (&task.class, &self.policy.class_rules) {
            task.class = Some(rules.of(&task).to_owned());
        }
        if self.names.contains_key(task.id.as_str()) {
            return Err(SubmitError::Duplicate { task: task.id });
        }
        if self.tasks.len() >= u32::MAX as usize {
            return Err(SubmitError::TooMany { most: u32::MAX });
        }
        let speeds = self.speeds(&task)?;
        self.check_gang(&task)?;
        let known_shapes = self.fleet.shapes();
        let shape = self.fleet.intern(&task)?;
        let workers = speeds.as_ref().map_or(1, Speeds::min);
        let together = task.gang.as_ref().map_or(workers, |gang| gang.size);
        // A shape that was met before was checked then: nodes are only ever added.
        if shape.0 as usize >= known_shapes
            && let Err(refused) = self.fleet.fits_empty(shape)
        {
            return Err(SubmitError::NeverFits { task: task.id, refused });
        }
        if self.fleet.is_empty() {
            return Err(SubmitError::NeverFits { task: task.id, refused: Vec::new() });
        }
        if together > 1 && !fits_empty(&self.fleet, Unit { shape, count: together }) {
            return Err(SubmitError::NeverFitTogether { task: task.id, workers: together });
        }
        let entry = self.entry(&task, shape, together, workers);
        self.check_quota_ever(&entry, workers)?;
        self.has_rules |= self.fleet.relations().binds(shape);
        self.refused.resize(self.fleet.shapes(), 0);
        self.refused_long.resize(self.fleet.shapes(), 0);
        let index = TaskIx(self.tasks.len() as u32);
        self.names.insert(entry.id.clone(), index);
        self.tasks.push(entry);
        self.protect(index, &task);
        if let Some(speeds) = speeds {
            let work = u128::from(self.tasks[index.0 as usize].requested.0) * u128::from(speeds.speed(workers));
            self.elastic.insert(index, Elastic { speeds, more: Vec::new(), work, as_of: at });
        }
        match task.gang {
            Some(gang) => {
                self.together.extend(gang.together.map(|label| (index, label.into_boxed_str())));
                self.gather(index, gang.name, gang.size, at);
            }
            None => self.wait_for_turn(index, at),
        }
        Ok(index)
    }

    fn speeds(&self, task: &Task) -> Result<Option<Speeds>, SubmitError> {
        let speeds = task.elastic.as_ref().map(Speeds::new).transpose();
        speeds.map_err(|source| SubmitError::Elastic { task: task.id.clone(), source })
    }

    fn check_gang(&self, task: &Task) -> Result<(), SubmitError> {
        let Some(gang) = &task.gang else { return Ok(()) };
        let wrong = |problem| Err(SubmitError::Gang { task: task.id.clone(), gang: gang.name.clone(), problem });
        if gang.size == 0 {
            return wrong("has size 0; at least 1 is needed");
        }
        if task.elastic.is_some() {
            return wrong("has an elastic member; a gang has a fixed size");
        }
        match self.gangs.get(gang.name.as_str()) {
            Some(known) if known.size != gang.size => Err(SubmitError::GangSize {
                task: task.id.clone(),
                gang: gang.name.clone(),
                stated: gang.size,
                known: known.size,
            }),
            _ => Ok(()),
        }
    }

    fn check_quota_ever(&self, entry: &Entry, workers: u32) -> Result<(), SubmitError> {
        let asked = amounts(self.fleet.shape(entry.shape), workers);
        for claimant in entry.claimants.iter().flatten() {
            self.quotas.check_empty(*claimant, &asked, 1).map_err(|refusal| SubmitError::NeverInQuota {
                task: entry.id.to_string(),
                quota: self.quotas.path(refusal.quota).to_owned(),
                refusal,
            })?;
        }
        Ok(())
    }

    pub(super) fn entry(&mut self, task: &Task, shape: ShapeId, together: u32, workers: u32) -> Entry {
        let endless = task.kind == TaskKind::Service;
        let requested = if endless { Millis(u64::MAX) } else { task.run_time.unwrap_or(self.policy.estimate_unknown) };
        let one = amounts(self.fleet.shape(shape), 1);
        let all = one.map(|amount| amount.saturating_mul(u64::from(together)));
        let cores = task.requests.cpu.0.div_ceil(1_000).max(1).saturating_mul(u64::from(together));
        let user = (!task.user.is_empty()).then(|| self.user(&task.user));
        let estimate = self.history.predict(&self.policy.estimates, user, cores, requested);
        let class = task.class.as_deref().map(|name| self.class_number(name));
        Entry {
            id: task.id.as_str().into(),
            facts: Facts {
                submitted: task.submitted,
                estimate: Millis(estimate.0.max(1)),
                priority: task.priority,
                size: self.accounts.share_of(&all),
                processors: u32::try_from(cores).unwrap_or(u32::MAX),
                asked: asked(self.fleet.shape(shape), together),
                holder: self.holder_of(task),
            },
            requested: Millis(requested.0.max(1)),
            user,
            claimants: self.claimants_of(task),
            shape,
            class: class.unwrap_or(0),
            preemptible: task.preemptible,
            kind: task.kind,
            gang: NO_GANG,
            is_many: together > 1 || workers > 1 || task.elastic.is_some(),
            phase: Phase::Gathering,
            step: 0,
            started: task.submitted,
            ends: task.submitted,
            binding: NOWHERE,
        }
    }

    /// The number of a class; a name that has no policy goes by everybody's. Names beyond the most share the first.
    fn class_number(&mut self, name: &str) -> u16 {
        let found = self.classes.iter().position(|class| *class.0 == *name);
        let number = found.unwrap_or(self.classes.len());
        if number == self.classes.len() && number < usize::from(u16::MAX) {
            self.classes.push((name.into(), 0, 0));
        }
        u16::try_from(number).unwrap_or(0)
    }

    /// The number under which a user's history is kept.
    fn user(&mut self, name: &str) -> Holder {
        if let Some(user) = self.users.get(name) {
            return *user;
        }
        let user = Holder(self.users.len() as u32);
        self.users.insert(name.into(), user);
        user
    }

    /// A member arrives; the gang queues up when the last one is there, from the time of the last submission.
    fn gather(&mut self, task: TaskIx, name: String, size: u32, at: Timestamp) {
        let gang = self.gangs.entry(name.into()).or_insert_with(|| Gang { size, members: Vec::new() });
        gang.members.push(task);
        if gang.members.len() < gang.size as usize {
            return;
        }
        let members = std::mem::take(&mut gang.members);
        self.gangs.retain(|_, gang| !gang.members.is_empty());
        let Some(leader) = members.first().copied() else { return };
        for member in &members {
            self.tasks[member.0 as usize].phase = Phase::Waiting;
        }
        self.members.insert(leader, members);
        self.wait_for_turn(leader, at);
    }

    /// Puts a task, or its gang's first member, into the queue, and says when it is out of patience.
    pub(super) fn wait_for_turn(&mut self, task: TaskIx, at: Timestamp) {
        let facts = self.tasks[task.0 as usize].facts;
        let ahead = if self.policy.patience.looks_ahead() { self.waiting.work() } else { Millis(0) };
        self.tasks[task.0 as usize].phase = Phase::Waiting;
        self.enqueue(task, at);
        if self.waiting.due_of(task).is_none()
            && let Some(due) = self.policy.patience.due(facts.submitted, ahead)
        {
            self.waiting.set_due(task, &facts, due);
        }
    }
}

/// What `together` tasks of a shape ask for.
fn asked(shape: &Shape, together: u32) -> Asked {
    let times = |lane: Lane| u64::from(shape.need.get(lane).unsigned_abs()) * u64::from(together);
    Asked { cpu: times(Lane::Cpu), memory_mib: times(Lane::Memory), gpu_milli: times(Lane::GpuTotal) }
}
