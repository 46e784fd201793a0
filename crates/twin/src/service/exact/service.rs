//! The world of one service: what each event does.

mod lives;

use super::arrivals::Arrivals;
use super::conditions::Conditions;
use super::deadlines::Deadlines;
use super::gateway::Gateway;
use super::options::{Options, OptionsError};
use super::replica::{Life, Replica, Status};
use super::request::{At, RequestId, Requests};
use super::window::Window;
use super::{Nanos, SECOND};
use crate::kernel::{self, EventQueue, World, stream};
use crate::service::model::MemoryUse;
use plimsoll_balance::{Endpoint, Outcome};
use plimsoll_model::Millis;
use plimsoll_stats::Random;
use std::sync::Arc;

/// Purposes of random streams; arrivals have their own source.
const WORK: u64 = 0x5e73;
const STARTUP: u64 = 0x5e74;
/// Paces are tabulated up to so many requests at work.
const PACES: u32 = 4_096;
/// Nanoseconds per millisecond.
const MILLI: f64 = 1e6;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A request at work at this replica is done.
    End(u32),
    /// The delay of the request that is first in it is over.
    Delayed,
    /// A replica becomes ready.
    Ready(u32),
    /// A replica is warm.
    Warm(u32),
    /// A draining replica's grace is over.
    Grace(u32),
    /// The oldest try's time is up.
    Timeout,
    /// The longest wait at the gateway is over.
    LineTimeout,
    /// The next request arrives.
    Arrival,
}

impl Event {
    /// Ends free room before arrivals ask for it.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::End(_) => 0,
            Self::Delayed => 1,
            Self::Ready(_) => 2,
            Self::Warm(_) => 3,
            Self::Grace(_) => 4,
            Self::Timeout => 5,
            Self::LineTimeout => 6,
            Self::Arrival => 7,
        }
    }
}

/// Pending events of a service.
pub type Queue = EventQueue<Nanos, Event>;

/// One service: clients, gateway and replicas.
#[derive(Debug)]
pub struct Service<A> {
    arrivals: A,
    options: Options,
    queue: Option<Queue>,
    gateway: Gateway,
    requests: Requests,
    replicas: Vec<Replica>,
    /// Replicas that are there, by number.
    present: Vec<u32>,
    paces: Vec<f64>,
    work: Random,
    startup: Random,
    /// Requests in their delay, with its end.
    delayed: Deadlines,
    /// Tries with their time-outs.
    timeouts: Deadlines,
    /// Requests at the gateway with the end of their wait there.
    line_timeouts: Deadlines,
    window: Window,
    conditions: Conditions,
    /// Most requests at work that the cores do not hold back.
    uncapped: u32,
    in_flight: u64,
    counted: Nanos,
}

impl<A: Arrivals> Service<A> {
    /// A service without replicas, at moment 0.
    ///
    /// # Errors
    /// [`OptionsError`] when a figure makes no sense.
    pub fn new(options: Options, mut arrivals: A) -> Result<Self, OptionsError> {
        options.check()?;
        let mut queue = Queue::new(Nanos(0));
        if let Some(first) = arrivals.next_arrival() {
            queue.schedule(first, Event::Arrival.rank(), Event::Arrival);
        }
        let law = options.model.law;
        let pace = |n: u32| if n == 0 { 1.0 } else { law.speed_up(n) / f64::from(n) };
        Ok(Self {
            arrivals,
            gateway: Gateway::new(&options),
            requests: Requests::default(),
            replicas: Vec::new(),
            present: Vec::new(),
            paces: (0..=law.slots.min(PACES)).map(pace).collect(),
            work: stream(options.seed, WORK),
            startup: stream(options.seed, STARTUP),
            delayed: Deadlines::new(Event::Delayed),
            timeouts: Deadlines::new(Event::Timeout),
            line_timeouts: Deadlines::new(Event::LineTimeout),
            window: Window::default(),
            conditions: Conditions::of(&options.model),
            uncapped: law.uncapped(),
            in_flight: 0,
            counted: Nanos(0),
            queue: Some(queue),
            options,
        })
    }

    /// Lets everything up to and including `until` happen.
    pub fn run_until(&mut self, until: Nanos) {
        let Some(mut queue) = self.queue.take() else { return };
        while queue.next_at().is_some_and(|at| at <= until) {
            if let Some((_, events)) = kernel::step(self, &mut queue) {
                self.window.events += events;
            }
        }
        self.queue = Some(queue);
        self.count(until.max(self.counted));
    }

    /// Lets everything happen: arrivals to their end, and what they left.
    pub fn run(&mut self) {
        while let Some(next) = self.queue.as_ref().and_then(EventQueue::next_at) {
            self.run_until(next);
        }
    }

    /// Starts a replica; its start-up time is drawn. Returns its number.
    pub fn start(&mut self) -> u32 {
        let startup = self.options.model.startup;
        let takes = startup.mean_ms * startup.draw(&mut self.startup) * MILLI;
        self.start_in(takes)
    }

    /// A replica that is ready and warm at once, for a run that begins in the middle of life.
    pub fn start_ready(&mut self) -> u32 {
        let number = self.start_in(f64::INFINITY);
        let at = self.now();
        self.with_queue(|service, queue| {
            service.ready(at, number, queue);
            service.replicas[number as usize].speed = 1.0;
        });
        number
    }

    /// Tells a replica to finish what it holds and go; what it holds after `grace` fails. False when it is not there.
    pub fn stop(&mut self, number: u32, grace: Millis) -> bool {
        let at = self.now();
        let Some(replica) = self.replicas.get_mut(number as usize).filter(|replica| replica.life.is_there()) else {
            return false;
        };
        if replica.life == Life::Draining {
            return true;
        }
        replica.life = Life::Draining;
        let is_idle = replica.held == 0;
        self.members_changed();
        self.with_queue(|service, queue| {
            if is_idle {
                service.gone(at, number, Life::Stopped, queue);
            } else {
                let event = Event::Grace(number);
                queue.schedule(at.after(grace.0 as f64 * MILLI), event.rank(), event);
            }
        });
        true
    }

    /// The moment up to which everything has happened.
    #[must_use]
    pub const fn now(&self) -> Nanos {
        self.counted
    }

    /// Replicas that are there, and those that went since the last window, by number.
    pub fn replicas(&self) -> impl Iterator<Item = Status> + '_ {
        let from = self.window.from;
        let is_recent = move |replica: &Replica| replica.gone_at.is_none_or(|at| at >= from);
        let all = self.replicas.iter().enumerate().filter(move |(_, replica)| is_recent(replica));
        all.map(|(number, replica)| self.status(number as u32, replica))
    }

    /// Ready replicas.
    #[must_use]
    pub fn ready_count(&self) -> u32 {
        let is_ready = |number: &&u32| self.replicas[**number as usize].life == Life::Ready;
        self.present.iter().filter(is_ready).count() as u32
    }

    /// Replicas that are there and were not told to stop.
    #[must_use]
    pub fn live_count(&self) -> u32 {
        let is_live = |number: &&u32| self.replicas[**number as usize].life != Life::Draining;
        self.present.iter().filter(is_live).count() as u32
    }

    /// Requests in flight.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// What was seen since the last call; begins the next window.
    pub fn take_window(&mut self) -> Window {
        let at = self.counted;
        let mut window = std::mem::replace(&mut self.window, Window { from: at, ..Window::default() });
        window.until = at;
        for number in &self.present {
            let replica = &mut self.replicas[*number as usize];
            (replica.worked, replica.busy, replica.capped) = (0.0, 0.0, 0.0);
            replica.answered_before = replica.answered;
        }
        window
    }

    fn status(&self, number: u32, replica: &Replica) -> Status {
        let model = &self.options.model;
        let seconds = (self.counted.0 - self.window.from.0.max(replica.started_at.0)) as f64 / SECOND;
        // Work in seconds of a lone request, times the CPU time that such a second costs.
        let worked = replica.worked / SECOND / (model.work.mean_ms / 1_000.0) * model.cpu.per_request_ms;
        let worked = worked * self.conditions.cpu_cost;
        let used = if seconds > 0.0 { worked / seconds } else { 0.0 };
        let share = |nanos: f64| if seconds > 0.0 { (nanos / SECOND / seconds).min(1.0) } else { 0.0 };
        Status {
            number,
            life: replica.life,
            started_at: replica.started_at,
            ready_at: replica.ready_at,
            gone_at: replica.gone_at,
            held: replica.held,
            cpu_millicores: if replica.life.is_there() { model.cpu.fixed_millicores + used } else { 0.0 },
            memory_mib: model.memory.map_or(0.0, |memory| self.memory_mib(&memory, replica, self.counted)),
            busy: share(replica.busy),
            capped: share(replica.capped),
            answered_per_s: if seconds > 0.0 {
                (replica.answered - replica.answered_before) as f64 / seconds
            } else {
                0.0
            },
        }
    }

    fn memory_mib(&self, memory: &MemoryUse, replica: &Replica, at: Nanos) -> f64 {
        let age_s = (at.0 - replica.started_at.0) as f64 / SECOND;
        memory.used_mib(replica.held, replica.answered, age_s)
    }

    fn with_queue(&mut self, work: impl FnOnce(&mut Self, &mut Queue)) {
        if let Some(mut queue) = self.queue.take() {
            work(self, &mut queue);
            self.queue = Some(queue);
        }
    }

    fn start_in(&mut self, nanos: f64) -> u32 {
        let (at, number) = (self.now(), self.replicas.len() as u32);
        let endpoint = Arc::new(Endpoint::new(u64::from(number) + 1, 1, at.micros()));
        self.replicas.push(Replica::new(endpoint, at));
        self.present.push(number);
        if nanos.is_finite() {
            self.with_queue(|_, queue| {
                let event = Event::Ready(number);
                queue.schedule(at.after(nanos), event.rank(), event);
            });
        }
        number
    }

    /// Integrates requests in flight up to `at`.
    #[inline]
    fn count(&mut self, at: Nanos) {
        self.window.in_flight_nanos += (at.0 - self.counted.0) as f64 * self.in_flight as f64;
        self.counted = at;
    }

    fn members_changed(&mut self) {
        let is_ready = |number: &&u32| self.replicas[**number as usize].life == Life::Ready;
        let member = |number: &u32| (*number, Arc::clone(&self.replicas[*number as usize].endpoint));
        let ready = self.present.iter().filter(is_ready).map(member).collect();
        self.gateway.replace(ready);
    }

    #[inline]
    fn pace(&self, active: u32) -> f64 {
        let pace = match self.paces.get(active as usize) {
            Some(pace) => *pace,
            None => self.options.model.law.speed_up(active) / f64::from(active),
        };
        pace * self.conditions.speed
    }

    fn arrive(&mut self, at: Nanos, queue: &mut Queue) {
        if let Some(next) = self.arrivals.next_arrival() {
            queue.schedule(next, Event::Arrival.rank(), Event::Arrival);
        }
        self.count(at);
        self.in_flight += 1;
        self.window.arrived += 1;
        self.gateway.deposit();
        let model = &self.options.model;
        let work = model.work.mean_ms * MILLI * model.work.draw(&mut self.work);
        let request = self.requests.add(at, work);
        self.send(at, request, None, queue);
    }

    /// Gives a request to a replica, or lets it wait at the gateway.
    fn send(&mut self, at: Nanos, id: RequestId, exclude: Option<u32>, queue: &mut Queue) {
        match self.gateway.pick(at, exclude) {
            Some((member, number)) => self.hand_over(at, id, member, number, queue),
            None => self.wait(at, id, queue),
        }
    }

    /// Gives a request to this replica.
    fn hand_over(&mut self, at: Nanos, id: RequestId, member: u32, number: u32, queue: &mut Queue) {
        let Some(request) = self.requests.get(id) else { return };
        let replica = &mut self.replicas[number as usize];
        let mut started = replica.endpoint.started(at.micros());
        started.await_answer(at.micros());
        request.started = Some(started);
        (request.replica, request.member, request.sent, request.at) = (number, member, at, At::Line);
        replica.held += 1;
        if let Some(timeout) = self.options.clients.timeout {
            self.timeouts.push(at.after(timeout.0 as f64 * MILLI), id, queue);
        }
        if let Some(memory) = self.options.model.memory
            && memory.used_mib(replica.held, replica.answered, (at.0 - replica.started_at.0) as f64 / SECOND)
                > memory.limit_mib
        {
            replica.line.push_back(id);
            self.window.out_of_memory += 1;
            self.gone(at, number, Life::OutOfMemory, queue);
            if self.options.restarts {
                self.restart(at, queue);
            }
            return;
        }
        if replica.active < self.options.model.law.slots {
            self.advance(number, at);
            self.begin(number, id);
            self.plan(number, at, queue);
        } else {
            replica.line.push_back(id);
        }
    }

    fn wait(&mut self, at: Nanos, id: RequestId, queue: &mut Queue) {
        let balance = self.options.balance;
        if self.gateway.line.len() >= balance.queue_max as usize {
            self.window.shed += 1;
            self.failed(at, id, None, queue);
            return;
        }
        if let Some(request) = self.requests.get(id) {
            request.at = At::Gateway;
        }
        self.gateway.line.push_back(id);
        self.line_timeouts.push(at.after(balance.queue_timeout.0 as f64 * MILLI), id, queue);
    }

    #[inline]
    fn advance(&mut self, number: u32, at: Nanos) {
        let pace = self.pace(self.replicas[number as usize].active);
        self.replicas[number as usize].advance(at, pace, self.uncapped);
    }

    #[inline]
    fn begin(&mut self, number: u32, id: RequestId) {
        let Some(request) = self.requests.get(id) else { return };
        request.at = At::Work;
        let work = request.work;
        self.replicas[number as usize].begin(id, work);
    }

    /// Puts the timer of a replica where its next end is.
    #[inline]
    fn plan(&mut self, number: u32, at: Nanos, queue: &mut Queue) {
        let pace = self.pace(self.replicas[number as usize].active);
        let replica = &mut self.replicas[number as usize];
        let requests = &self.requests;
        match (replica.next_end(at, pace, |id| requests.has(id)), replica.timer) {
            (Some(end), Some(timer)) => {
                queue.reschedule(timer, end);
            }
            (Some(end), None) => {
                replica.timer = Some(queue.schedule(end, Event::End(number).rank(), Event::End(number)));
            }
            (None, Some(timer)) => {
                queue.cancel(timer);
                replica.timer = None;
            }
            (None, None) => {}
        }
    }

    fn end(&mut self, at: Nanos, number: u32, queue: &mut Queue) {
        self.replicas[number as usize].timer = None;
        self.advance(number, at);
        let Some(id) = self.replicas[number as usize].end() else { return };
        self.fill(number);
        self.plan(number, at, queue);
        if self.conditions.delay_ms > 0.0 {
            if let Some(request) = self.requests.get(id) {
                request.at = At::Delay;
            }
            self.delayed.push(at.after(self.conditions.delay_ms * MILLI), id, queue);
        } else {
            self.done(at, id, queue);
        }
    }

    /// Takes requests in line to work while there is a slot.
    #[inline]
    fn fill(&mut self, number: u32) {
        while self.replicas[number as usize].active < self.options.model.law.slots {
            let Some(next) = self.replicas[number as usize].line.pop_front() else { return };
            if self.requests.has(next) {
                self.begin(number, next);
            }
        }
    }

    fn delayed(&mut self, at: Nanos, queue: &mut Queue) {
        while let Some(id) = self.delayed.pop(at) {
            self.done(at, id, queue);
        }
        self.delayed.plan(queue);
    }

    /// The answer is there.
    fn done(&mut self, at: Nanos, id: RequestId, queue: &mut Queue) {
        let Some(request) = self.requests.get(id) else { return };
        let (number, arrived, abandoned) = (request.replica, request.arrived, request.abandoned);
        if let Some(started) = request.started.take() {
            let latency = at.micros().saturating_sub(started.started_at());
            started.finish(at.micros(), latency, Outcome::Success);
        }
        self.requests.remove(id);
        if !abandoned {
            self.count(at);
            self.in_flight -= 1;
            self.window.succeeded += 1;
            self.window.latencies.add((at.0 - arrived.0).unsigned_abs());
        }
        self.left(at, number, queue);
    }

    /// A replica holds one request less.
    #[inline]
    fn left(&mut self, at: Nanos, number: u32, queue: &mut Queue) {
        let replica = &mut self.replicas[number as usize];
        replica.held -= 1;
        replica.answered += 1;
        if replica.life == Life::Draining && replica.held == 0 {
            self.gone(at, number, Life::Stopped, queue);
        }
        if !self.gateway.line.is_empty() {
            self.serve_line(at, queue);
        }
    }

    /// Gives waiting requests to replicas while there is room.
    fn serve_line(&mut self, at: Nanos, queue: &mut Queue) {
        while let Some(id) = self.gateway.line.pop_front() {
            if !self.requests.has(id) {
                continue;
            }
            let Some((member, number)) = self.gateway.pick(at, None) else {
                self.gateway.line.push_front(id);
                return;
            };
            let id = self.requests.renew(id);
            self.hand_over(at, id, member, number, queue);
        }
    }

    /// A try came to nothing: the request is tried again, or has failed.
    fn failed(&mut self, at: Nanos, id: RequestId, exclude: Option<u32>, queue: &mut Queue) {
        let Some(request) = self.requests.get(id) else { return };
        request.tries += 1;
        if request.tries <= self.options.clients.retries && self.gateway.withdraw(at) {
            self.window.retried += 1;
            let again = self.requests.renew(id);
            self.send(at, again, exclude, queue);
            return;
        }
        self.requests.remove(id);
        self.count(at);
        self.in_flight -= 1;
        self.window.failed += 1;
    }

    fn timeouts(&mut self, at: Nanos, queue: &mut Queue) {
        while let Some(id) = self.timeouts.pop(at) {
            self.time_out(at, id, queue);
        }
        self.timeouts.plan(queue);
    }

    fn time_out(&mut self, at: Nanos, id: RequestId, queue: &mut Queue) {
        let Some(request) = self.requests.get(id) else { return };
        let (number, member, place, tries) = (request.replica, request.member, request.at, request.tries);
        let (arrived, work) = (request.arrived, request.work);
        if let Some(started) = request.started.take() {
            let latency = at.micros().saturating_sub(started.started_at());
            started.finish(at.micros(), latency, Outcome::Failure);
        }
        self.window.timed_out += 1;
        if self.options.clients.frees {
            let again = self.requests.renew(id);
            if place == At::Work {
                self.advance(number, at);
                self.replicas[number as usize].active -= 1;
                self.fill(number);
                self.plan(number, at, queue);
            }
            // First, because the next try may be what takes this very replica down.
            self.left(at, number, queue);
            self.failed(at, again, Some(member), queue);
        } else {
            // The replica works on for nobody; the next try is a request of its own.
            request.abandoned = true;
            let again = self.requests.add(arrived, work);
            if let Some(request) = self.requests.get(again) {
                request.tries = tries;
            }
            self.failed(at, again, Some(member), queue);
        }
    }

    fn line_timeouts(&mut self, at: Nanos, queue: &mut Queue) {
        while let Some(id) = self.line_timeouts.pop(at) {
            if self.requests.get(id).is_some_and(|request| request.at == At::Gateway) {
                self.window.shed += 1;
                let id = self.requests.renew(id);
                self.failed(at, id, None, queue);
            }
        }
        self.line_timeouts.plan(queue);
    }
}

impl<A: Arrivals> World for Service<A> {
    type Time = Nanos;
    type Event = Event;

    #[inline]
    fn handle(&mut self, at: Nanos, event: Event, queue: &mut Queue) {
        match event {
            Event::End(number) => self.end(at, number, queue),
            Event::Arrival => self.arrive(at, queue),
            Event::Delayed => self.delayed(at, queue),
            Event::Timeout => self.timeouts(at, queue),
            Event::LineTimeout => self.line_timeouts(at, queue),
            Event::Ready(number) => self.ready(at, number, queue),
            Event::Warm(number) => self.warm(at, number, queue),
            Event::Grace(number) => {
                if self.replicas[number as usize].life == Life::Draining {
                    self.gone(at, number, Life::Stopped, queue);
                }
            }
        }
    }

    fn settle(&mut self, _: Nanos, _: &mut Queue) {}
}
