//! The stage: a worker, two replicas, a few clients, and the checks at the end.

use super::client::{self, Seen};
use super::client_http2;
use super::replica::{self, Ledger};
use super::replica_http2;
use crate::control::{EndpointSnapshot, PoolSnapshot, Snapshot};
use crate::plan;
use crate::shared::Shared;
use crate::worker::Worker;
use plimsoll_model::gateway::{ListenerRules, RouteRules, UpstreamProtocol, UpstreamSpec};
use plimsoll_model::route::{HedgeAfter, HedgeSpec};
use plimsoll_model::spec::{Algorithm, BalanceSpec, EjectionSpec, GatewayLimits, GatewaySpec, ListenerSpec, RouteSpec};
use plimsoll_model::{Millis, Permille, ReplicaId, ServiceName};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of its own for somebody else.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A body's length: mostly small, sometimes around the sizes of buffers and pipes, seldom large.
    pub fn length(&mut self) -> usize {
        match self.below(10) {
            0 => 0,
            1..=5 => self.below(200),
            6 => 4_000 + self.below(300),
            7 => 16_300 + self.below(200),
            8 => 65_400 + self.below(300),
            _ => self.below(400_000),
        }
    }
}

/// Lets everybody else go on.
pub async fn pass(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// What came of many seeds: shows that the simulation reaches what it is about.
#[derive(Debug, Default)]
pub struct Tally {
    pub seen: Seen,
    pub reused: u64,
    pub drained: u64,
    pub kept_idle: u64,
    pub streams: u64,
    pub unread: u64,
    pub hedged: u64,
    pub hedges_won: u64,
}

pub struct Scene {
    worker: Rc<Worker>,
    ledger: Rc<Ledger>,
    clients_left: Rc<Cell<usize>>,
    results: Rc<RefCell<Vec<Result<Seen, String>>>>,
    drained: Cell<bool>,
}

fn snapshot(rng: &mut Rng, replicas: &[SocketAddr], protocol: UpstreamProtocol, takes_http2: bool) -> Snapshot {
    let shop = ServiceName::try_new("shop").unwrap();
    let algorithm = if rng.chance(50) { Algorithm::RoundRobin } else { Algorithm::LeastConnections };
    let ejection = EjectionSpec {
        consecutive_errors: 0,
        success_rate_min: Permille(0),
        latency_ratio_max: Permille(0),
        duration: Millis(10_000),
        duration_max: Millis(60_000),
        share_max: Permille(500),
    };
    let in_flight_max = rng.chance(50).then(|| 1 + rng.below(2) as u32);
    let (slow_start, queue_timeout) = (Millis(0), Millis(2_000));
    let balance = BalanceSpec {
        algorithm,
        slow_start,
        ejection,
        in_flight_max,
        queue_max: 2,
        queue_timeout,
        breaker: Default::default(),
        load: Default::default(),
    };
    let limits = GatewayLimits {
        head_bytes_max: 8 * 1024,
        headers_max: 64,
        body_bytes_max: None,
        connections_max: 1_000,
        head_timeout: Millis(5_000),
        idle_timeout: Millis(30_000),
        connect_timeout: Millis(2_000),
        body_timeout: Millis(5_000),
        retry_budget: Permille(200),
        idle_upstream_max: 3,
        drain: Millis(5_000),
        source: Default::default(),
    };
    let (host, path_prefix, timeout) = (None, "/".to_owned(), Millis(3_000));
    let after = HedgeAfter::Time(Millis([0, rng.below(10), rng.below(60)][rng.below(3)] as u64));
    let hedge = rng.chance(60).then_some(HedgeSpec { after, budget: Permille(1_000) });
    let route = RouteSpec {
        host,
        path_prefix,
        service: shop.clone(),
        timeout,
        retry: rng.chance(70),
        rules: RouteRules { hedge, ..RouteRules::default() },
    };
    let endpoints = replicas.iter().zip(1..).map(|(address, ordinal)| EndpointSnapshot {
        id: ReplicaId { service: shop.clone(), ordinal },
        address: *address,
        weight: 1_000,
        draining: false,
        zone: None,
    });
    let upstream = UpstreamSpec { protocol, ..UpstreamSpec::default() };
    let pool = PoolSnapshot { balance, endpoints: endpoints.collect(), upstream };
    let rules = ListenerRules { http2: takes_http2, ..ListenerRules::default() };
    let listeners = vec![ListenerSpec { address: "one".to_owned(), routes: vec![route], rules }];
    Snapshot {
        version: 1,
        gateway: GatewaySpec {
            listeners,
            workers: Some(1),
            limits,
            trusted_proxies: Vec::new(),
            observe: Default::default(),
        },
        pools: BTreeMap::from([(shop, pool)]),
    }
}

impl Scene {
    pub async fn start(rng: &mut Rng) -> Self {
        let ledger = Rc::new(Ledger::default());
        let is_http2 = rng.chance(40);
        let start: fn(&Rc<Ledger>, Rng) -> SocketAddr = if is_http2 { replica_http2::start } else { replica::start };
        let replicas: Vec<SocketAddr> = (0..2).map(|_| start(&ledger, rng.fork())).collect();
        let protocol = if is_http2 { UpstreamProtocol::H2 } else { UpstreamProtocol::Http1 };
        let shared = Arc::new(Shared::new(1));
        let takes_http2 = rng.chance(50);
        let snapshot = snapshot(rng, &replicas, protocol, takes_http2);
        let plan = plan::compile(&snapshot, None, plan::Extent::Whole, 1, 0).unwrap();
        let worker = Rc::new(Worker::new(0, shared, rng.next()));
        worker.simulated.set(true);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        worker.apply(&plan, vec![("one".to_owned(), socket)]);
        let clients = 1 + rng.below(3);
        let clients_left = Rc::new(Cell::new(clients));
        let results: Rc<RefCell<Vec<Result<Seen, String>>>> = Rc::default();
        for number in 0..clients {
            let (left, results) = (Rc::clone(&clients_left), Rc::clone(&results));
            let mut rng = rng.fork();
            let ledger = Rc::clone(&ledger);
            let speaks_http2 = takes_http2 && rng.chance(70);
            tokio::task::spawn_local(async move {
                let seen = if speaks_http2 {
                    client_http2::converse(address, number, &mut rng, &ledger).await
                } else {
                    client::converse(address, number, &mut rng, &ledger).await
                };
                RefCell::borrow_mut(&results).push(seen);
                left.set(left.get() - 1);
            });
        }
        Self { worker, ledger, clients_left, results, drained: Cell::new(false) }
    }

    /// Lets everything go on, with jumps of time and perhaps a drain, until all clients and their connections are gone.
    pub async fn play(&self, rng: &mut Rng) {
        let jumps_percent = [0, 0, 1, 10][rng.below(4)];
        let drains_at = rng.chance(15).then(|| rng.below(60));
        for round in 0..5_000 {
            if self.clients_left.get() == 0 && self.worker.slots.len() == 0 {
                // Replicas may still be on their way to the next boundary.
                pass(400).await;
                return;
            }
            pass(8).await;
            if drains_at == Some(round) {
                self.drained.set(true);
                self.worker.drain(tokio::sync::oneshot::channel().0);
            }
            if round > 400 || rng.chance(jumps_percent) {
                self.worker.jump(100 + rng.below(3_000) as u64);
            }
        }
        let left = (self.clients_left.get(), self.worker.slots.len());
        self.ledger.wrong(format!("after 5000 rounds (clients, connections) {left:?} are left"));
    }

    pub fn check(&self, tally: &mut Tally) -> Result<(), String> {
        if let Some(why) = self.ledger.violations.borrow().first() {
            return Err(why.clone());
        }
        for seen in self.results.take() {
            tally.seen.add(seen?);
        }
        tally.reused += self.ledger.reused.get();
        tally.streams += self.ledger.streams.get();
        tally.unread += self.ledger.unread.get();
        tally.drained += u64::from(self.drained.get());
        for route in self.worker.routes_now() {
            tally.hedged += route.hedged;
            tally.hedges_won += route.hedges_won;
        }
        for service in self.worker.services_now() {
            let waiting = service.shared.waiting_total.load(Ordering::Relaxed);
            if (service.stats.in_flight(), waiting) != (0, 0) {
                return Err(format!("{} in flight and {waiting} waiting at the end", service.stats.in_flight()));
            }
            for target in service.targets_now() {
                let in_flight = target.target.endpoint.in_flight();
                if in_flight != 0 {
                    return Err(format!("{in_flight} in flight at an endpoint at the end"));
                }
                for port in target.idle_ports() {
                    tally.kept_idle += 1;
                    self.ledger.may_be_idle(port)?;
                }
            }
        }
        let open = self.worker.shared.connections_open.load(Ordering::Relaxed);
        if open == 0 { Ok(()) } else { Err(format!("{open} connections open at the end")) }
    }
}
