//! One worker: a thread with its own runtime, listeners, connections, upstream pools and counts.
//!
//! Workers share nothing that a request would have to wait for. Commands of the supervisor are applied between two
//! polls, so a request sees one plan or the other, never a mixture.

pub mod arena;
pub mod bounds;
pub mod budget;
pub mod buffer;
pub mod listener;
pub mod load;
pub mod pipe;
pub mod service;
pub mod slot;

use crate::access_log::AccessLog;
use crate::cidr::Cidr;
use crate::http2::Answering;
use crate::plan::{Limits, Plan};
use crate::shared::{Shared, Target};
use crate::stats::{RouteStats, RouteTotals, Totals};
use crate::trace::Tracer;
use arena::Arena;
use buffer::Buffers;
use hdrhistogram::Histogram;
use listener::{Listener, Routes};
use plimsoll_model::ServiceName;
use service::Service;
use slot::Slots;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How often deadlines are swept: the most by which a time-out is late.
pub const TICK: Duration = Duration::from_millis(50);

/// From the supervisor.
#[derive(Debug)]
pub enum Command {
    /// Use this plan from now on.
    Apply {
        /// The plan.
        plan: Arc<Plan>,
        /// The access log.
        log: Option<Arc<AccessLog>>,
        /// Where spans go.
        tracer: Option<Arc<Tracer>>,
        /// Sockets for listeners that this worker does not have yet, by the listener's address.
        sockets: Vec<(String, std::net::TcpListener)>,
        /// Answered when it is in use.
        done: oneshot::Sender<()>,
    },
    /// Send what was counted.
    Collect(oneshot::Sender<WorkerReport>),
    /// Accept nothing more and end connections as they fall idle; answered when none is left.
    Drain(oneshot::Sender<()>),
    /// End at once.
    Stop,
}

/// What one worker counted.
#[derive(Debug, Default)]
pub struct WorkerReport {
    /// Requests refused before they had a service, by word; totals.
    pub refused: BTreeMap<&'static str, u64>,
    /// By route; totals.
    pub routes: BTreeMap<String, RouteTotals>,
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceCounts>,
}

/// What one worker counted of one service.
#[derive(Debug)]
pub struct ServiceCounts {
    /// Totals since the worker knows the service.
    pub totals: Totals,
    /// Latencies of the interval.
    pub latency: Option<Histogram<u32>>,
    /// Requests in flight × µs of the interval.
    pub area: u64,
    /// Latencies of the interval by endpoint.
    pub targets: Vec<(Arc<Target>, Histogram<u32>)>,
}

/// One worker's state; all of it belongs to one thread.
#[derive(Debug)]
pub struct Worker {
    /// Which worker, from 0.
    pub index: usize,
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// Read and write buffers.
    pub buffers: Buffers,
    /// Copies of what streams of HTTP/2 have to send.
    pub arena: Arena,
    /// Who answers streams of HTTP/2.
    pub answering: Answering,
    /// Deadlines of its connections.
    pub slots: Slots,
    limits: Cell<Option<Limits>>,
    begins_traces: Cell<bool>,
    log: RefCell<Option<Arc<AccessLog>>>,
    tracer: RefCell<Option<Arc<Tracer>>>,
    trusted: RefCell<Rc<[Cidr]>>,
    services: RefCell<Vec<Rc<Service>>>,
    listeners: RefCell<BTreeMap<String, Rc<Listener>>>,
    routes: RefCell<BTreeMap<String, Rc<RouteStats>>>,
    now_ms: Cell<u64>,
    ids: Cell<u64>,
    refused: RefCell<BTreeMap<&'static str, u64>>,
    /// Listeners that still take connections, closing ones included until they have taken the kernel's last.
    pub accepting: Cell<usize>,
    draining: Cell<bool>,
    drained: RefCell<Option<oneshot::Sender<()>>>,
    #[cfg(test)]
    pub(crate) simulated: Cell<bool>,
}

impl Worker {
    pub(crate) fn new(index: usize, shared: Arc<Shared>, seed: u64) -> Self {
        let now_ms = shared.now_us() / 1_000;
        Self {
            index,
            shared,
            buffers: Buffers::default(),
            arena: Arena::default(),
            answering: Answering::default(),
            slots: Slots::default(),
            limits: Cell::new(None),
            begins_traces: Cell::new(false),
            log: RefCell::default(),
            tracer: RefCell::default(),
            trusted: RefCell::new(Rc::from([])),
            services: RefCell::default(),
            listeners: RefCell::default(),
            routes: RefCell::default(),
            now_ms: Cell::new(now_ms),
            ids: Cell::new(seed),
            refused: RefCell::default(),
            accepting: Cell::new(0),
            draining: Cell::new(false),
            drained: RefCell::default(),
            #[cfg(test)]
            simulated: Cell::new(false),
        }
    }

    /// Bounds in use.
    ///
    /// # Panics
    /// Before the first plan, when there is no connection that could ask.
    pub fn limits(&self) -> Limits {
        self.limits.get().expect("invariant: connections exist only after the first plan")
    }

    /// The worker's coarse clock, ms: what deadlines are compared with, late by at most one tick.
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Whether connections should end with their current request.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Whether an address is believed about earlier hops.
    pub fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.trusted.borrow().iter().any(|range| range.contains(address))
    }

    /// 16 hexadecimal digits that no other request of this gateway has.
    ///
    /// # Source
    /// SplitMix64 (Steele, Lea, Flood 2014): a counter mixed by a bijection, so ids repeat only after 2^64 requests.
    pub fn request_id(&self) -> [u8; 16] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = self.chance();
        std::array::from_fn(|at| DIGITS[(number >> (60 - 4 * at) & 15) as usize])
    }

    /// The access log, if there is one.
    pub fn log(&self) -> Option<std::cell::Ref<'_, AccessLog>> {
        std::cell::Ref::filter_map(self.log.borrow(), Option::as_deref).ok()
    }

    /// Where spans go, if anywhere.
    pub fn tracer(&self) -> Option<std::cell::Ref<'_, Tracer>> {
        std::cell::Ref::filter_map(self.tracer.borrow(), Option::as_deref).ok()
    }

    /// Whether a request without a trace is given one.
    pub fn begins_traces(&self) -> bool {
        self.begins_traces.get()
    }

    /// A whole `traceparent` line of a new trace.
    ///
    /// # Source
    /// W3C Trace Context, section 3.2: version, trace id, parent id, flags (not sampled: that is for the service to say).
    pub fn trace_line(&self) -> Vec<u8> {
        let ids = [self.request_id(), self.request_id(), self.request_id()].concat();
        let (trace, parent) = ids.split_at(32);
        [b"traceparent: 00-", trace, b"-", parent, b"-00\r\n"].concat()
    }

    /// A number that nobody can tell from chance, other than by having seen many of them.
    pub fn chance(&self) -> u64 {
        let next = self.ids.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.ids.set(next);
        let mixed = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Counts a request that was refused before it had a service.
    pub fn count_refused(&self, word: &'static str) {
        *self.refused.borrow_mut().entry(word).or_default() += 1;
    }

    /// A connection or a listener ended.
    pub fn something_ended(&self) {
        if self.draining.get()
            && self.accepting.get() == 0
            && self.slots.len() == 0
            && let Some(drained) = self.drained.borrow_mut().take()
        {
            let _ = drained.send(());
        }
    }

    pub(crate) fn apply(self: &Rc<Self>, plan: &Plan, sockets: Vec<(String, std::net::TcpListener)>) {
        self.limits.set(Some(plan.limits));
        self.begins_traces.set(plan.observe.trace);
        *self.trusted.borrow_mut() = Rc::from(plan.trusted.as_slice());
        let services: Vec<Rc<Service>> = plan.services.iter().map(|plan| self.service(plan)).collect();
        self.services.borrow_mut().clone_from(&services);
        let mut listeners = self.listeners.borrow_mut();
        listeners.retain(|address, listener| {
            let kept = plan.listeners.iter().any(|plan| plan.address == *address);
            if !kept {
                listener.close();
            }
            kept
        });
        let named =
            |name: &String| plan.listeners.iter().flat_map(|plan| &plan.routes).any(|route| route.name == *name);
        self.routes.borrow_mut().retain(|name, _| named(name));
        let mut sockets: BTreeMap<_, _> = sockets.into_iter().collect();
        for plan in &plan.listeners {
            let routes = Rc::new(Routes::new(plan, &services, |name| self.route_stats(name)));
            if let Some(listener) = listeners.get(&plan.address) {
                listener.set_routes(routes);
            } else if let Some(socket) = sockets.remove(&plan.address) {
                let listener = Rc::new(Listener::new(routes));
                listeners.insert(plan.address.clone(), Rc::clone(&listener));
                self.accepting.set(self.accepting.get() + 1);
                tokio::task::spawn_local(listener::accept(Rc::clone(self), listener, socket));
            }
        }
    }

    /// The counts of a route, the same from plan to plan while one names it.
    fn route_stats(&self, name: &str) -> Rc<RouteStats> {
        Rc::clone(self.routes.borrow_mut().entry(name.to_owned()).or_default())
    }

    fn service(&self, plan: &crate::plan::ServicePlan) -> Rc<Service> {
        let services = self.services.borrow();
        if let Some(known) = services.iter().find(|known| Arc::ptr_eq(&known.shared, &plan.shared)) {
            known.apply(plan);
            return Rc::clone(known);
        }
        let seed = self.ids.get() ^ (self.index as u64) << 32;
        Rc::new(Service::new(plan, Arc::clone(&self.shared), self.index, seed))
    }

    fn collect(&self) -> WorkerReport {
        let now_us = self.shared.now_us();
        let services = self.services.borrow();
        let counts = services.iter().map(|service| {
            let (totals, latency, area) = service.stats.collect(now_us);
            (service.shared.name.clone(), ServiceCounts { totals, latency, area, targets: service.collect_targets() })
        });
        let routes = self.routes.borrow().iter().map(|(name, stats)| (name.clone(), stats.get())).collect();
        WorkerReport { services: counts.collect(), routes, refused: self.refused.borrow().clone() }
    }

    pub(crate) fn drain(&self, drained: oneshot::Sender<()>) {
        self.draining.set(true);
        *self.drained.borrow_mut() = Some(drained);
        std::mem::take(&mut *self.listeners.borrow_mut()).values().for_each(|listener| listener.close());
        self.slots.end_idle();
        self.something_ended();
    }

    fn tick(&self) {
        let now_ms = self.shared.now_us() / 1_000;
        self.now_ms.set(now_ms);
        crate::date::refresh();
        self.slots.sweep(now_ms);
        self.services.borrow().iter().for_each(|service| service.tick(now_ms));
    }

    /// Time goes on by so much at once.
    #[cfg(test)]
    pub(crate) fn jump(&self, by_ms: u64) {
        let now_ms = self.now_ms.get() + by_ms;
        self.now_ms.set(now_ms);
        self.slots.sweep(now_ms);
        self.services.borrow().iter().for_each(|service| service.tick(now_ms));
    }

    /// Time is counted in turns.
    #[cfg(test)]
    pub(crate) fn is_simulated(&self) -> bool {
        self.simulated.get()
    }

    /// What it counted of routes.
    #[cfg(test)]
    pub(crate) fn routes_now(&self) -> Vec<RouteTotals> {
        self.routes.borrow().values().map(|stats| stats.get()).collect()
    }

    /// Its services.
    #[cfg(test)]
    pub(crate) fn services_now(&self) -> Vec<Rc<Service>> {
        self.services.borrow().clone()
    }

    fn room_freed_elsewhere(&self) {
        self.services.borrow().iter().for_each(|service| service.grant_first());
    }
}

/// Runs a worker until it is told to stop or the supervisor is gone. `seed` makes its random choices its own.
///
/// # Errors
/// When no runtime can be built.
pub fn run(
    index: usize,
    shared: Arc<Shared>,
    seed: u64,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
    runtime.block_on(async move {
        let worker = Rc::new(Worker::new(index, shared, seed));
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => worker.tick(),
                () = worker.shared.room[index].notified() => worker.room_freed_elsewhere(),
                command = commands.recv() => match command {
                    Some(Command::Apply { plan, log, tracer, sockets, done }) => {
                        *worker.log.borrow_mut() = log;
                        *worker.tracer.borrow_mut() = tracer;
                        worker.apply(&plan, sockets);
                        let _ = done.send(());
                    }
                    // Who asked may have stopped waiting; then the interval goes on, and its latencies come with the next.
                    Some(Command::Collect(reply)) => if !reply.is_closed() {
                        let _ = reply.send(worker.collect());
                    },
                    Some(Command::Drain(drained)) => worker.drain(drained),
                    Some(Command::Stop) | None => return,
                }
            }
        }
    });
    // Connections that are still open end here, with the runtime and its tasks.
    Ok(())
}
