//! The world around a scheduler: tasks arrive, run as long as they truly do, and nodes fail and come back.
//!
//! The world decides nothing. It tells [`Scheduler`] what happened, lets it decide once everything of a moment has
//! happened, carries the decisions out, and keeps the books. True run times and coming failures live here and nowhere
//! else: what the scheduler knows of the future is the estimate in the task.
//!
//! At one moment ends come first (they free room), then nodes that come back, nodes that fail, arrivals, and wake-ups.

use super::books::{Allocation, Books, Fate, Life};
use super::diary::Diary;
use super::faults::{Draws, Faults};
use super::options::Options;
use super::pools::{PoolBooks, Pools};
use super::progress::Progress;
use super::workload::{Arrivals, Job};
use crate::cluster::Amounts;
use crate::kernel::{EventQueue, Timer, World as Kernel};
use plimsoll_model::cluster::{Node, NodeState, Task};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_placement::fleet::{Binding, NodeIx};
use plimsoll_placement::scheduler::{Decision, Scheduler, TaskIx};
use std::collections::{BTreeMap, BTreeSet};

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A task comes to its end.
    End(TaskIx),
    /// A node comes back.
    NodeUp(u32),
    /// A node fails; a listed failure by its number in the list.
    NodeDown {
        /// The node.
        node: u32,
        /// How long it is gone; none is for good.
        down: Option<Millis>,
    },
    /// The next job arrives.
    Arrival,
    /// The scheduler asked to be called.
    Wake,
    /// Node pools are looked at.
    Pools,
}

impl Event {
    const fn rank(self) -> u8 {
        match self {
            Self::End(_) => 0,
            Self::NodeUp(_) => 1,
            Self::NodeDown { .. } => 2,
            Self::Arrival => 3,
            Self::Wake => 4,
            Self::Pools => 5,
        }
    }
}

/// Pending events of a simulated cluster.
pub type Queue = EventQueue<Timestamp, Event>;

/// A cluster with a scheduler, and jobs to come.
#[derive(Debug)]
pub struct World<A> {
    scheduler: Scheduler,
    arrivals: A,
    next: Option<Job>,
    options: Options,
    /// What happened.
    pub books: Books,
    /// What happened to the task that was asked about.
    pub diary: Diary,
    progress: Vec<Progress>,
    decisions: Vec<Decision>,
    capacities: Vec<Amounts>,
    is_up: Vec<bool>,
    draws: Vec<Draws>,
    wake: Option<(Timestamp, Timer)>,
    arrived: bool,
    started: bool,
    pools: Option<Pools>,
    pools_due: bool,
}

impl<A: Arrivals> World<A> {
    /// A world in which nothing has happened. `nodes` are those of the scheduler's fleet, in its order.
    pub fn new(scheduler: Scheduler, nodes: &[Node], mut arrivals: A, options: Options, diary: Diary) -> (Self, Queue) {
        let next = arrivals.next_job();
        let start = next.as_ref().map_or(Timestamp(0), |job| job.task.submitted);
        let mut books = Books::default();
        let allocation = |permille: &u64| Allocation { arrived_permille: *permille, allocated: 0.0 };
        books.allocations = options.allocation_at_permille.iter().map(allocation).collect();
        let capacities: Vec<Amounts> = nodes.iter().map(|node| Amounts::of_capacity(&node.capacity)).collect();
        let is_up: Vec<bool> = nodes.iter().map(|node| node.state != NodeState::Lost).collect();
        books.meter.advance(start);
        for (capacity, _) in capacities.iter().zip(&is_up).filter(|(_, is_up)| **is_up) {
            books.meter.now.capacity.add(*capacity);
        }
        let mut queue = Queue::new(start);
        let draws = faults(&options, nodes, start, &mut queue);
        if next.is_some() {
            queue.schedule(start, Event::Arrival.rank(), Event::Arrival);
        }
        let (progress, decisions) = (Vec::new(), Vec::new());
        let pools = options.pools.clone().map(|pools| Pools::new(pools, start));
        if pools.is_some() && next.is_some() {
            queue.schedule(start, Event::Pools.rank(), Event::Pools);
        }
        let world = Self {
            scheduler,
            arrivals,
            next,
            options,
            books,
            diary,
            progress,
            decisions,
            capacities,
            is_up,
            draws,
            wake: None,
            arrived: false,
            started: false,
            pools,
            pools_due: false,
        };
        (world, queue)
    }

    /// What node pools came to up to now; none without any.
    #[must_use]
    pub fn pools(&self) -> Option<PoolBooks> {
        self.pools.as_ref().map(|pools| pools.closed(self.books.meter.now.at))
    }

    /// The scheduler.
    #[must_use]
    pub const fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Whether the scheduler asked to be woken.
    #[must_use]
    pub const fn is_waking(&self) -> bool {
        self.wake.is_some()
    }

    /// What happened to the task that was asked about.
    #[must_use]
    pub fn explained(self, waits: impl Fn(&Life) -> bool) -> Option<String> {
        let Self { diary, scheduler, progress, books, .. } = self;
        let at = books.meter.now.at;
        diary.finish(at, &scheduler, |task| waits(&books.lives[progress[task.0 as usize].life as usize]))
    }

    /// Whether every job has arrived.
    #[must_use]
    pub const fn has_no_more(&self) -> bool {
        self.next.is_none()
    }

    /// Whether the moment that was settled last started a task.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.started
    }

    fn life(&mut self, task: TaskIx) -> &mut Life {
        let life = self.progress[task.0 as usize].life as usize;
        &mut self.books.lives[life]
    }

    fn arrive(&mut self, at: Timestamp, queue: &mut Queue) {
        while let Some(job) = self.next.take_if(|job| job.task.submitted <= at) {
            self.submit(at, job);
            self.next = self.arrivals.next_job();
        }
        self.arrived = true;
        if let Some(next) = &self.next {
            queue.schedule(next.task.submitted, Event::Arrival.rank(), Event::Arrival);
        }
    }

    fn submit(&mut self, at: Timestamp, job: Job) {
        let life = self.books.arrival(&job, at);
        let mut progress = Progress::new(&job, life, self.options.kills_at_estimate);
        self.diary.submitted(at, &job.task, life);
        // A task that may lose its node is submitted again then, so it has to be kept.
        progress.task = (self.options.faults != Faults::None).then(|| Box::new(job.task.clone()));
        self.hand_in(at, job.task, progress, Fate::Refused);
    }

    /// Gives a task to the scheduler; `refused` is its fate where that does not take it.
    fn hand_in(&mut self, at: Timestamp, task: Task, progress: Progress, refused: Fate) {
        let life = progress.life as usize;
        match self.scheduler.submit(at, task) {
            Ok(task) => {
                assert_eq!(
                    task.0 as usize,
                    self.progress.len(),
                    "invariant: tasks are numbered in order of submission"
                );
                self.diary.is(task, progress.life);
                self.progress.push(progress);
                self.books.meter.now.waiting += 1;
                self.books.lives[life].fate = Fate::Waiting;
                self.waits(life, true);
                let class = self.scheduler.class(task);
                if !class.is_empty() {
                    self.books.lives[life].class = self.books.classes.number(class);
                }
            }
            Err(error) => {
                (self.books.lives[life].fate, self.books.lives[life].ended) = (refused, Some(at));
                self.diary.refused(at, progress.life, &error);
                self.books.refuse(super::refusals::kind(&error), || error.to_string());
            }
        }
    }

    fn end(&mut self, at: Timestamp, task: TaskIx) {
        let progress = &mut self.progress[task.0 as usize];
        progress.end = None;
        let fate = if progress.is_cut { Fate::Killed } else { Fate::Finished };
        progress.stop(at, true);
        self.free(task);
        let life = self.life(task);
        (life.fate, life.ended) = (fate, Some(at));
        self.diary.ended(at, task, fate);
        self.scheduler.finished(at, task);
    }

    /// Takes a running task's room back in the books.
    fn free(&mut self, task: TaskIx) {
        let life = &self.books.lives[self.progress[task.0 as usize].life as usize];
        let held = life.demand.times(life.workers);
        self.books.meter.now.used.take(held);
        self.books.meter.now.running -= 1;
        let at = self.books.meter.now.at;
        if let Some(pools) = &mut self.pools {
            pools.gone(at, task);
        }
    }

    /// A task stops before its end. It neither runs nor waits then.
    fn stop(&mut self, at: Timestamp, task: TaskIx, queue: &mut Queue) {
        let progress = &mut self.progress[task.0 as usize];
        if let Some(timer) = progress.end.take() {
            queue.cancel(timer);
        }
        let thrown = progress.stop(at, self.options.keeps_work);
        self.books.work_lost_ms += u128::from(thrown.get());
        self.free(task);
    }

    /// A task stops for another one, and waits again.
    fn evict(&mut self, at: Timestamp, task: TaskIx, queue: &mut Queue) {
        self.stop(at, task, queue);
        self.books.meter.now.waiting += 1;
        let life = self.life(task);
        life.fate = Fate::Waiting;
        life.evictions += 1;
        let life = self.progress[task.0 as usize].life as usize;
        self.waits(life, true);
    }

    /// One task more, or fewer, waits for room.
    fn waits(&mut self, life: usize, more: bool) {
        let demand = self.books.lives[life].demand;
        if let Some(pools) = &mut self.pools {
            pools.waits(demand, more);
        }
    }

    /// Plans the next look at node pools while there is something to look at. After the scheduler's turn, because what it
    /// starts is something to look at.
    fn plan_look(&mut self, at: Timestamp, queue: &mut Queue) {
        let Some(pools) = &self.pools else { return };
        if self.next.is_some() || pools.is_starting() || (pools.is_busy() && self.books.meter.now.running > 0) {
            queue.schedule(at.plus(pools.every().max(Millis(1))), Event::Pools.rank(), Event::Pools);
        }
    }

    /// Buys and gives back nodes.
    fn look_at_pools(&mut self, at: Timestamp, queue: &mut Queue) {
        let Some(pools) = &mut self.pools else { return };
        let (plan, coming) = pools.look(at);
        for (node, ready_at) in &coming {
            queue.schedule(*ready_at, Event::NodeUp(*node).rank(), Event::NodeUp(*node));
        }
        for (nodes, state) in [(&plan.take_back, NodeState::Ready), (&plan.cordon, NodeState::Cordoned)] {
            for node in nodes {
                self.scheduler.node_state(at, NodeIx(*node), state);
            }
        }
        for node in plan.remove {
            let lost = self.scheduler.node_state(at, NodeIx(node), NodeState::Lost);
            assert!(lost.is_empty(), "invariant: a node that goes has no tasks");
            self.is_up[node as usize] = false;
            self.books.meter.now.capacity.take(self.capacities[node as usize]);
        }
    }

    /// Tasks that lost their node are submitted again, gangs as a whole: members that still run stop, because they
    /// cannot go on without the others.
    fn lose(&mut self, at: Timestamp, mut lost: Vec<TaskIx>, queue: &mut Queue) {
        let is_gone = lost.len();
        let gangs: BTreeSet<&str> = lost.iter().filter_map(|task| self.progress[task.0 as usize].gang()).collect();
        if !gangs.is_empty() {
            let runs = |index: &usize| self.progress[*index].workers() > 0;
            let of_gang = |index: &usize| self.progress[*index].gang().is_some_and(|gang| gangs.contains(gang));
            let others = (0..self.progress.len()).filter(runs).filter(of_gang).map(|index| TaskIx(index as u32));
            let others: Vec<TaskIx> = others.filter(|task| !lost[..is_gone].contains(task)).collect();
            lost.extend(others);
        }
        let mut sizes: BTreeMap<String, u32> = BTreeMap::new();
        for task in &lost {
            if let Some(gang) = self.progress[task.0 as usize].gang() {
                *sizes.entry(gang.to_owned()).or_insert(0) += 1;
            }
        }
        for (index, task) in lost.iter().enumerate() {
            self.stop(at, *task, queue);
            if index >= is_gone {
                self.scheduler.cancelled(at, *task);
            }
            self.books.failures += 1;
        }
        for task in lost {
            self.submit_again(at, task, &sizes);
        }
    }

    fn submit_again(&mut self, at: Timestamp, task: TaskIx, sizes: &BTreeMap<String, u32>) {
        let mut progress = self.progress[task.0 as usize].clone();
        self.progress[task.0 as usize].task = None;
        let life = progress.life as usize;
        let Some(mut again) = progress.task.as_deref().cloned() else {
            (self.books.lives[life].fate, self.books.lives[life].ended) = (Fate::Lost, Some(at));
            return;
        };
        // Members that came to their end do not come back.
        if let Some(gang) = &mut again.gang {
            gang.size = sizes.get(&gang.name).copied().unwrap_or(1);
        }
        progress.task = Some(Box::new(again.clone()));
        self.hand_in(at, again, progress, Fate::Lost);
    }

    fn node_down(&mut self, at: Timestamp, node: u32, down: Option<Millis>, queue: &mut Queue) {
        let is_random = !self.draws.is_empty();
        // Failures that are drawn stop with the arrivals, so that what can end does.
        if !self.is_up[node as usize] || (is_random && self.has_no_more()) {
            return;
        }
        self.is_up[node as usize] = false;
        let lost = self.scheduler.node_state(at, NodeIx(node), NodeState::Lost);
        for task in &lost {
            self.diary.failed(at, *task, NodeIx(node), self.scheduler.fleet());
        }
        self.lose(at, lost, queue);
        self.books.meter.now.capacity.take(self.capacities[node as usize]);
        if let Some(down) = down {
            queue.schedule(at.plus(down), Event::NodeUp(node).rank(), Event::NodeUp(node));
        }
    }

    fn node_up(&mut self, at: Timestamp, node: u32, queue: &mut Queue) {
        self.is_up[node as usize] = true;
        if let Some(pools) = &mut self.pools {
            pools.is_there(at, node);
        }
        self.books.meter.now.capacity.add(self.capacities[node as usize]);
        let lost = self.scheduler.node_state(at, NodeIx(node), NodeState::Ready);
        assert!(lost.is_empty(), "invariant: a node that comes back has no tasks to lose");
        self.draw_failure(at, node, queue);
    }

    /// The next failure of a node, where failures are drawn.
    fn draw_failure(&mut self, at: Timestamp, node: u32, queue: &mut Queue) {
        if let (Faults::Exponential { between, repair }, Some(draws)) =
            (&self.options.faults, self.draws.get_mut(node as usize))
        {
            let (after, down) = (draws.span(*between), draws.span(*repair));
            let event = Event::NodeDown { node, down: Some(down) };
            queue.schedule(at.plus(after), event.rank(), event);
        }
    }

    fn carry_out(&mut self, at: Timestamp, decision: &Decision, queue: &mut Queue) {
        self.diary.decided(at, decision, self.scheduler.fleet());
        match decision {
            Decision::Start { task, binding, .. } => self.start(at, *task, *binding, queue),
            Decision::Preempt { victim, .. } => self.evict(at, *victim, queue),
            Decision::Resize { task, added, removed, .. } => self.resize(at, *task, added, removed, queue),
            Decision::Hold { .. } => {}
            Decision::Drop { task, why } => {
                let life = self.life(*task);
                (life.fate, life.ended) = (Fate::Dropped, Some(at));
                self.books.meter.now.waiting -= 1;
                let life = self.progress[task.0 as usize].life as usize;
                self.waits(life, false);
                self.books.refuse(super::refusals::misfit(why), || super::refusals::misfit(why));
            }
        }
    }

    fn start(&mut self, at: Timestamp, task: TaskIx, binding: Binding, queue: &mut Queue) {
        self.started = true;
        self.books.placements += 1;
        let now = &mut self.books.meter.now;
        (now.waiting, now.running) = (now.waiting - 1, now.running + 1);
        let life = self.life(task);
        life.started.get_or_insert(at);
        (life.fate, life.workers) = (Fate::Running, 1);
        let demand = life.demand;
        self.books.meter.now.used.add(demand);
        let life = self.progress[task.0 as usize].life as usize;
        self.waits(life, false);
        self.give(at, task, &[binding]);
        self.plan_end(task, queue);
    }

    fn resize(&mut self, at: Timestamp, task: TaskIx, added: &[Binding], removed: &[Binding], queue: &mut Queue) {
        self.books.resizes += 1;
        let life = self.life(task);
        let demand = life.demand;
        life.workers = life.workers + added.len() as u32 - removed.len() as u32;
        self.books.meter.now.used.take(demand.times(removed.len() as u32));
        self.books.meter.now.used.add(demand.times(added.len() as u32));
        for binding in removed {
            if let Some(pools) = &mut self.pools {
                pools.took(at, binding.node, task);
            }
            self.progress[task.0 as usize].remove(at, binding.node);
        }
        self.give(at, task, added);
        self.plan_end(task, queue);
    }

    fn give(&mut self, at: Timestamp, task: TaskIx, bindings: &[Binding]) {
        let demand = self.life(task).demand;
        for binding in bindings {
            if let Some(pools) = &mut self.pools {
                pools.put(binding.node, task, demand);
            }
            let speed = self.scheduler.fleet().speed(binding.shape, binding.node);
            self.progress[task.0 as usize].add(at, binding.node, speed);
        }
    }

    fn plan_end(&mut self, task: TaskIx, queue: &mut Queue) {
        let progress = &mut self.progress[task.0 as usize];
        if let Some(timer) = progress.end.take() {
            queue.cancel(timer);
        }
        progress.end = progress.ends_at().map(|at| queue.schedule(at, Event::End(task).rank(), Event::End(task)));
    }

    /// Keeps one timer for the moment at which the scheduler wants to be called.
    fn plan_wake(&mut self, at: Timestamp, queue: &mut Queue) {
        // Asked for now, it was asked: a millisecond later is the next moment there is.
        let wanted = self.scheduler.wake_at(at).map(|wake| wake.max(at.plus(Millis(1))));
        if self.wake.map(|(at, _)| at) == wanted {
            return;
        }
        if let Some((_, timer)) = self.wake.take() {
            queue.cancel(timer);
        }
        self.wake = wanted.map(|at| (at, queue.schedule(at, Event::Wake.rank(), Event::Wake)));
    }
}

/// Puts the failures in, or the first one of each node.
fn faults(options: &Options, nodes: &[Node], start: Timestamp, queue: &mut Queue) -> Vec<Draws> {
    let number = |name: &str| nodes.iter().position(|node| node.name == name);
    match &options.faults {
        Faults::None => Vec::new(),
        Faults::List(list) => {
            for fault in list {
                if let Some(node) = number(&fault.node) {
                    let event = Event::NodeDown { node: node as u32, down: fault.down };
                    queue.schedule(fault.at, event.rank(), event);
                }
            }
            Vec::new()
        }
        Faults::Exponential { between, repair } => {
            let mut draws: Vec<Draws> = (0..nodes.len() as u32).map(|node| Draws::new(options.seed, node)).collect();
            for (node, draws) in draws.iter_mut().enumerate() {
                let (after, down) = (draws.span(*between), draws.span(*repair));
                let event = Event::NodeDown { node: node as u32, down: Some(down) };
                queue.schedule(start.plus(after), event.rank(), event);
            }
            draws
        }
    }
}

impl<A: Arrivals> Kernel for World<A> {
    type Time = Timestamp;
    type Event = Event;

    fn handle(&mut self, at: Timestamp, event: Event, queue: &mut Queue) {
        self.books.meter.advance(at);
        match event {
            Event::End(task) => self.end(at, task),
            Event::NodeUp(node) => self.node_up(at, node, queue),
            Event::NodeDown { node, down } => self.node_down(at, node, down, queue),
            Event::Arrival => self.arrive(at, queue),
            Event::Wake => self.wake = None,
            Event::Pools => self.pools_due = true,
        }
    }

    fn settle(&mut self, at: Timestamp, queue: &mut Queue) {
        let mut decisions = std::mem::take(&mut self.decisions);
        decisions.clear();
        self.started = false;
        let looks = std::mem::take(&mut self.pools_due);
        if looks {
            self.look_at_pools(at, queue);
        }
        self.scheduler.schedule(at, &mut decisions);
        for decision in &decisions {
            self.carry_out(at, decision, queue);
        }
        if looks {
            self.plan_look(at, queue);
        }
        self.decisions = decisions;
        self.plan_wake(at, queue);
        if std::mem::take(&mut self.arrived) {
            self.books.note_allocation();
            self.books.meter.settled(true);
        } else {
            self.books.meter.settled(false);
        }
    }
}
