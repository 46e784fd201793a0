//! One service as one worker sees it: its picker, its queue of waiting requests, its idle connections, its counts.
//!
//! A request that finds no endpoint with room waits here, in order, up to the queue's bound and time-out. Whoever frees
//! room grants the first in line, and who got room passes the grant on while there is more.

use super::bounds::OpenConnection;
use super::budget::RetryBudget;
use super::load::Reports;
use super::slot::Slot;
use crate::http2::upstream::Connections;
use crate::plan::{QueuePlan, ServicePlan};
use crate::shared::{Shared, SharedService, Target};
use crate::stats::{Latencies, ServiceStats};
use crate::stream::Stream;
use plimsoll_balance::{Breaker, LatencyQuantile, Outcome, PickContext, Picker, Started};
use plimsoll_model::spec::Algorithm;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Idle connections to a replica are closed after this, ms: shorter than the keep-alive time-out of common servers
/// (nginx 75 s, Node 5 s apart), so that most are closed by us and not under a request.
const IDLE_UPSTREAM_MS: u64 = 4_000;

/// An idle connection to a replica.
#[derive(Debug)]
struct Idle {
    stream: Stream,
    place: OpenConnection,
    since_ms: u64,
}

/// One endpoint as one worker sees it.
#[derive(Debug)]
pub struct LocalTarget {
    /// What all workers share of it.
    pub target: Arc<Target>,
    idle: RefCell<Vec<Idle>>,
    /// Connections that many exchanges share.
    pub connections: Rc<Connections>,
    /// Latencies of the interval.
    pub latencies: Latencies,
    /// It is no longer offered: connections are not kept.
    retired: Cell<bool>,
}

impl LocalTarget {
    fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            idle: RefCell::default(),
            connections: Rc::default(),
            latencies: Latencies::new(2),
            retired: Cell::new(false),
        }
    }

    /// An idle connection, the one used last; the replica may have closed it meanwhile.
    pub fn take_idle(&self) -> Option<(Stream, OpenConnection)> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let Idle { stream, place, .. } = idle.pop()?;
            if stream.is_quiet() {
                return Some((stream, place));
            }
        }
    }

    /// Closes the connection that has been idle for longest; false when there is none.
    pub fn close_idle(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        let has_one = !idle.is_empty();
        if has_one {
            drop(idle.remove(0));
        }
        has_one
    }

    /// Keeps a connection whose last response was complete.
    pub fn keep(&self, stream: Stream, place: OpenConnection, now_ms: u64, idle_max: usize) {
        let mut idle = self.idle.borrow_mut();
        let is_shareable = self.target.upstream.proxy_protocol.is_none() && !matches!(stream, Stream::Pipe(_));
        if !self.retired.get() && is_shareable && idle.len() < idle_max {
            idle.push(Idle { stream, place, since_ms: now_ms });
        }
    }

    /// The ports of the idle connections, ours first.
    #[cfg(test)]
    pub(crate) fn idle_ports(&self) -> Vec<(u16, u16)> {
        let ours = |idle: &Idle| {
            idle.stream.plain().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port())
        };
        self.idle.borrow().iter().map(|idle| (ours(idle), self.target.address.port())).collect()
    }

    fn sweep(&self, now_ms: u64) {
        self.make_room();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| now_ms.saturating_sub(idle.since_ms) < IDLE_UPSTREAM_MS && idle.stream.is_quiet());
        self.connections.sweep(now_ms);
    }
}

/// A request's hold on an endpoint. Dropped without [`Lease::finish`] it ends without a verdict.
#[derive(Debug)]
pub struct Lease {
    /// The endpoint.
    pub target: Rc<LocalTarget>,
    service: Rc<Service>,
    started: Option<Started>,
}

impl Lease {
    /// Most connections that its endpoint may have.
    pub fn connections_max(&self) -> Option<u32> {
        self.service.queue.get().connections_max
    }

    /// Ends the hold with a verdict; `latency_us` is to the end of the response's head.
    pub fn finish(mut self, now_us: u64, latency_us: u64, outcome: Outcome) {
        let Some(started) = self.started.take() else { return };
        self.target.target.finished.fetch_add(1, Ordering::Relaxed);
        if outcome == Outcome::Failure {
            self.target.target.failed.fetch_add(1, Ordering::Relaxed);
        }
        if outcome == Outcome::Success {
            self.target.latencies.record(latency_us);
            self.service.record_latency(latency_us);
        }
        started.finish(now_us, latency_us, outcome);
        let limit = self.service.queue.get().consecutive_errors;
        if outcome == Outcome::Failure && limit > 0 && self.target.target.endpoint.consecutive_failures() >= limit {
            self.service.global.suspicion.notify_one();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.started.take());
        self.service.room_freed();
    }
}

/// How an endpoint is chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// What hashing algorithms hash.
    pub key: Option<u64>,
    /// The route's algorithm; none is the pool's.
    pub algorithm: Option<Algorithm>,
}

/// One service as one worker sees it.
#[derive(Debug)]
pub struct Service {
    /// What all workers share of it.
    pub shared: Arc<SharedService>,
    /// Its counts.
    pub stats: ServiceStats,
    /// Its retries.
    pub budget: RetryBudget,
    global: Arc<Shared>,
    worker: usize,
    queue: Cell<QueuePlan>,
    /// What is done with load that endpoints report, where it matters.
    pub load: RefCell<Option<Arc<Reports>>>,
    /// When the pool as a whole is left alone.
    pub breaker: RefCell<Option<Arc<Breaker>>>,
    /// The pool's own, then those of routes with an algorithm of their own.
    pickers: RefCell<Vec<Picker>>,
    seed: u64,
    /// Latencies of the pool, where a route asks for a quantile of them.
    quantile: RefCell<Option<LatencyQuantile>>,
    targets: RefCell<Vec<Rc<LocalTarget>>>,
    draining: RefCell<Vec<Rc<LocalTarget>>>,
    waiters: RefCell<VecDeque<Rc<Slot>>>,
}

impl Service {
    /// A service new to this worker.
    pub fn new(plan: &ServicePlan, global: Arc<Shared>, worker: usize, seed: u64) -> Self {
        let now_us = global.now_us();
        Self {
            shared: Arc::clone(&plan.shared),
            stats: ServiceStats::new(now_us),
            budget: RetryBudget::new(now_us / 1_000),
            global,
            worker,
            queue: Cell::new(plan.queue),
            load: RefCell::new(plan.load.clone()),
            breaker: RefCell::new(plan.breaker.clone()),
            pickers: RefCell::new(Self::pickers(Vec::new(), plan, seed)),
            seed,
            quantile: RefCell::new(plan.measures_latency.then(LatencyQuantile::default)),
            targets: RefCell::new(Self::local(&[], &plan.targets)),
            draining: RefCell::new(Self::local(&[], &plan.draining)),
            waiters: RefCell::default(),
        }
    }

    /// One picker for each algorithm; those that are known go on with what they remember.
    fn pickers(mut known: Vec<Picker>, plan: &ServicePlan, seed: u64) -> Vec<Picker> {
        let mut pickers = Vec::with_capacity(1 + plan.variants.len());
        for (at, pool) in std::iter::once(&plan.pool).chain(&plan.variants).enumerate() {
            let same = |picker: &Picker| picker.pool().algorithm() == pool.algorithm();
            let known = known.iter().position(same).map(|at| known.swap_remove(at));
            pickers.push(match known {
                Some(mut picker) => {
                    picker.replace(Arc::clone(pool));
                    picker
                }
                None => Picker::new(Arc::clone(pool), seed.wrapping_add(at as u64)),
            });
        }
        pickers
    }

    fn local(known: &[Rc<LocalTarget>], wanted: &[Arc<Target>]) -> Vec<Rc<LocalTarget>> {
        let find = |target: &Arc<Target>| known.iter().find(|known| Arc::ptr_eq(&known.target, target)).map(Rc::clone);
        wanted
            .iter()
            .map(|target| find(target).unwrap_or_else(|| Rc::new(LocalTarget::new(Arc::clone(target)))))
            .collect()
    }

    /// Uses a new plan; requests in flight keep what they have, waiting ones look again.
    pub fn apply(&self, plan: &ServicePlan) {
        self.queue.set(plan.queue);
        self.load.borrow_mut().clone_from(&plan.load);
        self.breaker.borrow_mut().clone_from(&plan.breaker);
        let known = self.quantile.take();
        *self.quantile.borrow_mut() = plan.measures_latency.then(|| known.unwrap_or_default());
        let pickers = self.pickers.take();
        *self.pickers.borrow_mut() = Self::pickers(pickers, plan, self.seed);
        let known: Vec<_> = self.targets.borrow().iter().chain(self.draining.borrow().iter()).map(Rc::clone).collect();
        *self.targets.borrow_mut() = Self::local(&known, &plan.targets);
        *self.draining.borrow_mut() = Self::local(&known, &plan.draining);
        for target in known {
            let offered = self.targets.borrow().iter().any(|offered| Rc::ptr_eq(offered, &target));
            target.retired.set(!offered);
            if !offered {
                target.idle.borrow_mut().clear();
                target.connections.clear();
            }
        }
        self.grant_first();
    }

    /// Bounds of the queue.
    pub fn queue(&self) -> QueuePlan {
        self.queue.get()
    }

    /// Whether there is any endpoint at all.
    pub fn has_endpoints(&self) -> bool {
        !self.targets.borrow().is_empty()
    }

    /// Takes an endpoint with room, if possible none of those that this request has `failed` at.
    pub fn try_pick(self: &Rc<Self>, now_us: u64, wanted: Wanted, failed: &[Rc<LocalTarget>]) -> Option<Lease> {
        if !self.pool_has_room() {
            return None;
        }
        let targets = self.targets.borrow();
        let has_failed = |target: &Rc<LocalTarget>| failed.iter().any(|failed| Rc::ptr_eq(failed, target));
        let exclude = failed.last().and_then(|last| targets.iter().position(|target| Rc::ptr_eq(target, last)));
        let in_flight_max = self.queue.get().in_flight_max;
        let mut pickers = self.pickers.borrow_mut();
        let at = wanted
            .algorithm
            .map_or(0, |own| pickers.iter().position(|picker| picker.pool().algorithm() == own).unwrap_or_default());
        let picked = pickers[at].pick(PickContext { now: now_us, key: wanted.key, exclude, in_flight_max })?;
        let mut target = &targets[picked];
        if has_failed(target) {
            // A dead endpoint has the fewest requests in flight: an algorithm that goes by them would try one dead
            // endpoint after the other again. So from here on whoever is left gets it.
            let has_room = |target: &LocalTarget| {
                let endpoint = &target.target.endpoint;
                in_flight_max.is_none_or(|most| endpoint.in_flight() < most)
            };
            let mut others = targets[picked..]
                .iter()
                .chain(&targets[..picked])
                .filter(|other| !has_failed(other) && has_room(other));
            if let Some(first) = others.next() {
                let is_out = |target: &LocalTarget| target.target.endpoint.is_ejected(now_us);
                target = std::iter::once(first).chain(others).find(|other| !is_out(other)).unwrap_or(first);
            }
        }
        let target = Rc::clone(target);
        let started = target.target.endpoint.started(now_us);
        Some(Lease { target, service: Rc::clone(self), started: Some(started) })
    }

    /// The endpoints that may get requests.
    #[cfg(test)]
    pub(crate) fn targets_now(&self) -> Vec<Rc<LocalTarget>> {
        self.targets.borrow().clone()
    }

    /// Takes the endpoint that a client's cookie names, unless it is gone, ejected or full.
    pub fn try_stick(self: &Rc<Self>, now_us: u64, token: u64) -> Option<Lease> {
        let targets = self.targets.borrow();
        let target = targets.iter().find(|target| target.target.token == token).filter(|_| self.pool_has_room())?;
        let endpoint = &target.target.endpoint;
        let is_full = self.queue.get().in_flight_max.is_some_and(|most| endpoint.in_flight() >= most);
        if is_full || endpoint.is_ejected(now_us) {
            return None;
        }
        let started = endpoint.started(now_us);
        Some(Lease { target: Rc::clone(target), service: Rc::clone(self), started: Some(started) })
    }

    /// Requests in flight in the pool, over all workers.
    pub fn in_flight_everywhere(&self) -> u64 {
        let (targets, draining) = (self.targets.borrow(), self.draining.borrow());
        targets.iter().chain(draining.iter()).map(|target| u64::from(target.target.endpoint.in_flight())).sum()
    }

    /// The endpoint with this token, also one that only finishes what it has.
    pub fn target_of(&self, token: u64) -> Option<Rc<LocalTarget>> {
        let (targets, draining) = (self.targets.borrow(), self.draining.borrow());
        targets.iter().chain(draining.iter()).find(|target| target.target.token == token).map(Rc::clone)
    }

    /// The clock of balancing.
    pub fn now_us(&self) -> u64 {
        self.global.now_us()
    }

    /// An answer took so long.
    pub fn record_latency(&self, latency_us: u64) {
        if let Some(quantile) = &mut *self.quantile.borrow_mut() {
            quantile.record(latency_us);
        }
    }

    /// The latency that this share (in thousandths) of recent answers stays within, µs.
    pub fn latency_at(&self, permille: u64) -> Option<u64> {
        self.quantile.borrow().as_ref()?.at(permille)
    }

    /// How many endpoints there are.
    pub fn endpoints_len(&self) -> usize {
        self.targets.borrow().len()
    }

    /// Whether a new request may be sent before those that wait.
    pub fn nobody_waits(&self) -> bool {
        self.waiters.borrow().is_empty()
    }

    /// Joins the queue; none when it is full.
    pub fn wait(self: &Rc<Self>, slot: &Rc<Slot>) -> Option<Waiting> {
        if !self.shared.enter_queue(self.worker, self.queue.get().queue_max) {
            return None;
        }
        slot.take_grant();
        self.waiters.borrow_mut().push_back(Rc::clone(slot));
        Some(Waiting { service: Rc::clone(self), slot: Rc::clone(slot) })
    }

    /// Tells the first in line that has not been told.
    pub fn grant_first(&self) {
        if let Some(slot) = self.waiters.borrow().iter().find(|slot| !slot.is_granted()) {
            slot.grant();
        }
    }

    fn room_freed(&self) {
        if !self.waiters.borrow().is_empty() {
            self.grant_first();
        } else if self.shared.waiting_total.load(Ordering::Relaxed) > 0 {
            let waiting = self.shared.waiting.iter().zip(&self.global.room);
            if let Some((_, room)) = waiting.into_iter().find(|(count, _)| count.load(Ordering::Relaxed) > 0) {
                room.notify_one();
            }
        }
    }

    /// Time passed: idle connections age, budgets refill, and the first in line looks again.
    pub fn tick(&self, now_ms: u64) {
        self.budget.pass(now_ms);
        self.targets.borrow().iter().chain(self.draining.borrow().iter()).for_each(|target| target.sweep(now_ms));
        self.grant_first();
    }

    /// Latencies of the interval by endpoint.
    pub fn collect_targets(&self) -> Vec<(Arc<Target>, hdrhistogram::Histogram<u32>)> {
        let targets = self.targets.borrow();
        let draining = self.draining.borrow();
        let all = targets.iter().chain(draining.iter());
        all.filter_map(|local| Some((Arc::clone(&local.target), local.latencies.take()?))).collect()
    }
}

/// A place in the queue; dropping it leaves the queue.
#[derive(Debug)]
pub struct Waiting {
    service: Rc<Service>,
    slot: Rc<Slot>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.service.shared.leave_queue(self.service.worker);
        let granted = self.slot.take_grant();
        let mut waiters = self.service.waiters.borrow_mut();
        if let Some(at) = waiters.iter().position(|slot| Rc::ptr_eq(slot, &self.slot)) {
            waiters.remove(at);
        }
        drop(waiters);
        // Whoever leaves with an unused grant, or got room, lets the next one look.
        let _ = granted;
        self.service.grant_first();
    }
}
