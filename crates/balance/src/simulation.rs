//! What an algorithm does to latency: requests, endpoints with queues, and the real pickers, in virtual time.
//!
//! Poisson arrivals at a fixed share of the capacity; a few workers, each with its own picker over shared endpoints, as
//! in a gateway; each endpoint serves a fixed number of requests at once and queues the rest first in, first out;
//! service times are log-normal, divided by the endpoint's speed, which may change once on the way. The network takes no
//! time and nothing fails: what is left is the choice of endpoint.
//!
//! The same seed draws the same arrivals, clients and service times for every algorithm, so runs differ by their
//! choices alone. Open loop: a slow answer holds no later arrival back.
//!
//! # Source
//! Event-driven simulation with one heap ordered by time, then by order of creation.

use crate::ejector::Ejector;
use crate::endpoint::{Endpoint, Outcome};
use crate::key::bytes_key;
use crate::picker::{PickContext, Picker};
use crate::pool::Pool;
use crate::started::Started;
use plimsoll_model::spec::{Algorithm, EjectionSpec};
use plimsoll_stats::{Random, nearest_rank_sorted};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// Mean service time at speed 1, µs.
pub const SERVICE_US: f64 = 10_000.0;

/// Time of an answer from a sink hole, µs.
const ERROR_US: u64 = 200;

/// Time between two evaluations of the ejector, µs.
const EVALUATE_US: u64 = 100_000;

/// One simulated endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Server {
    /// 1 serves in [`SERVICE_US`] on average, 0.25 in four times that.
    pub speed: f64,
    /// Its speed in the second half of the run.
    pub speed_later: f64,
    /// In the second half it answers at once, with an error, and serves nobody.
    pub fails_later: bool,
    /// Requests served at once; more wait.
    pub slots: u32,
    /// The weight its endpoint is given.
    pub weight: u32,
}

/// What is simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The endpoints.
    pub servers: Vec<Server>,
    /// Workers with a picker each.
    pub workers: usize,
    /// Arrivals per time as a share of what all servers together can serve in the second half.
    pub load: f64,
    /// Coefficient of variation of the log-normal service times.
    pub variation: f64,
    /// Distinct clients, for the hashes.
    pub clients: u64,
    /// Requests in all; the first tenth is not measured.
    pub requests: u64,
    /// Outlier ejection, evaluated every 100 ms.
    pub ejection: Option<EjectionSpec>,
    /// Draws everything.
    pub seed: u64,
}

impl Scenario {
    /// Ten endpoints of four slots, all alike.
    #[must_use]
    pub fn alike(load: f64, requests: u64, seed: u64) -> Self {
        let server = Server { speed: 1.0, speed_later: 1.0, fails_later: false, slots: 4, weight: 1 };
        let servers = vec![server; 10];
        Self { servers, workers: 4, load, variation: 1.0, clients: 10_000, requests, ejection: None, seed }
    }

    /// Ten endpoints of four slots, all alike until one turns into a sink hole midway.
    #[must_use]
    pub fn sink_hole(load: f64, requests: u64, seed: u64) -> Self {
        let mut scenario = Self::alike(load, requests, seed);
        scenario.servers[4].fails_later = true;
        scenario
    }

    /// Ten endpoints of four slots that differ: two are a quarter faster, one a fifth slower, one four times slower, and
    /// one becomes four times slower midway. All weights are equal: nobody told the balancer.
    #[must_use]
    pub fn mixed(load: f64, requests: u64, seed: u64) -> Self {
        let mut scenario = Self::alike(load, requests, seed);
        for (server, speed) in scenario.servers.iter_mut().zip([1.25, 1.25, 0.8, 0.25]) {
            (server.speed, server.speed_later) = (speed, speed);
        }
        scenario.servers[4].speed_later = 0.25;
        scenario
    }

    /// The same with weights that match the speeds of the first half, as a diligent operator would set them.
    #[must_use]
    pub fn with_true_weights(mut self) -> Self {
        for server in &mut self.servers {
            server.weight = (server.speed * f64::from(server.slots) * 20.0) as u32;
        }
        self
    }

    /// Mean time between arrivals, µs.
    fn gap(&self) -> f64 {
        let serving = self.servers.iter().filter(|server| !server.fails_later);
        let capacity: f64 = serving.map(|server| server.speed_later * f64::from(server.slots)).sum();
        SERVICE_US / (capacity * self.load)
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Latencies of the measured requests that succeeded, µs, ascending.
    pub latencies: Vec<u64>,
    /// Requests each endpoint got.
    pub picked: Vec<u64>,
    /// Measured requests that failed.
    pub failed: u64,
    /// Ejections.
    pub ejections: u64,
}

impl Report {
    /// The latency that a share `q` of the requests did not exceed, µs.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        nearest_rank_sorted(&self.latencies, q).unwrap_or(0)
    }
}

/// A request that waits or is served.
struct Request {
    arrived: u64,
    work: f64,
    fails: bool,
    is_measured: bool,
    started: Started,
}

/// One endpoint's queue and free slots.
struct Station {
    free: u32,
    queue: VecDeque<Request>,
}

/// What happens next: time, order of creation, station, and place of the request whose service ends.
type Event = Reverse<(u64, u64, usize, usize)>;

/// All that moves.
struct World<'a> {
    scenario: &'a Scenario,
    half: u64,
    stations: Vec<Station>,
    served: Vec<Option<Request>>,
    free_places: Vec<usize>,
    ends: BinaryHeap<Event>,
    sequence: u64,
    report: Report,
}

/// Runs a scenario with an algorithm.
#[must_use]
pub fn run(scenario: &Scenario, algorithm: Algorithm) -> Report {
    let endpoints: Vec<Arc<Endpoint>> =
        scenario.servers.iter().zip(1..).map(|(server, id)| Arc::new(Endpoint::new(id, server.weight, 0))).collect();
    let pool = Arc::new(Pool::new(algorithm, endpoints.clone()));
    let mut random = Random::new(scenario.seed);
    let mut pickers: Vec<Picker> =
        (0..scenario.workers).map(|_| Picker::new(Arc::clone(&pool), random.bits())).collect();
    let gap = scenario.gap();
    let mut world = World::new(scenario, (gap * scenario.requests as f64 / 2.0) as u64);
    let mut ejector = scenario.ejection.clone().map(Ejector::new);
    let (mut clock, mut evaluate_at) = (0.0, 0);
    for number in 0..scenario.requests {
        clock += random.exponential(gap);
        let (now, work) = (clock as u64, random.log_normal(SERVICE_US, scenario.variation));
        let client = random.below(scenario.clients);
        let worker = random.below(pickers.len() as u64) as usize;
        world.end_until(now);
        if let Some(ejector) = &mut ejector
            && now >= evaluate_at
        {
            evaluate_at = now + EVALUATE_US;
            world.report.ejections += ejector.evaluate(now, &endpoints).ejected.len() as u64;
        }
        let context = PickContext { now, key: Some(bytes_key(&client.to_le_bytes())), ..PickContext::default() };
        let Some(picker) = pickers.get_mut(worker) else { break };
        let Some(index) = picker.pick(context) else { break };
        let is_measured = number >= scenario.requests / 10;
        let fails = scenario.servers[index].fails_later && now >= world.half;
        let mut started = endpoints[index].started(now);
        started.await_answer(now);
        world.arrive(index, Request { arrived: now, work, fails, is_measured, started });
    }
    world.end_until(u64::MAX);
    world.report.latencies.sort_unstable();
    world.report
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, half: u64) -> Self {
        let station = |server: &Server| Station { free: server.slots, queue: VecDeque::new() };
        let report = Report { latencies: Vec::new(), picked: vec![0; scenario.servers.len()], failed: 0, ejections: 0 };
        Self {
            scenario,
            half,
            stations: scenario.servers.iter().map(station).collect(),
            served: Vec::new(),
            free_places: Vec::new(),
            ends: BinaryHeap::new(),
            sequence: 0,
            report,
        }
    }

    fn arrive(&mut self, index: usize, request: Request) {
        self.report.picked[index] += 1;
        if request.fails {
            // It needs no slot: errors do not queue.
            self.push(request.arrived + ERROR_US, index, request);
            return;
        }
        if self.stations[index].free > 0 {
            self.stations[index].free -= 1;
            self.serve(index, request.arrived, request);
        } else {
            self.stations[index].queue.push_back(request);
        }
    }

    fn serve(&mut self, index: usize, now: u64, request: Request) {
        let server = &self.scenario.servers[index];
        let speed = if now < self.half { server.speed } else { server.speed_later };
        self.push(now + ((request.work / speed) as u64).max(1), index, request);
    }

    fn push(&mut self, end: u64, index: usize, request: Request) {
        let place = self.free_places.pop().unwrap_or_else(|| {
            self.served.push(None);
            self.served.len() - 1
        });
        self.served[place] = Some(request);
        self.ends.push(Reverse((end, self.sequence, index, place)));
        self.sequence += 1;
    }

    /// Ends every service that ends by then, and starts what waited for it.
    fn end_until(&mut self, until: u64) {
        while let Some(Reverse((now, _, index, place))) = self.ends.peek().copied().filter(|event| event.0.0 <= until) {
            self.ends.pop();
            self.free_places.push(place);
            let Some(request) = self.served[place].take() else { continue };
            let latency = now - request.arrived;
            request.started.finish(now, latency, if request.fails { Outcome::Failure } else { Outcome::Success });
            if request.is_measured && request.fails {
                self.report.failed += 1;
            } else if request.is_measured {
                self.report.latencies.push(latency);
            }
            if request.fails {
                continue;
            }
            match self.stations[index].queue.pop_front() {
                Some(request) => self.serve(index, now, request),
                None => self.stations[index].free += 1,
            }
        }
    }
}
