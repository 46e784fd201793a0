//! The gateway's side: a picker per worker over the ready replicas, a line while none has room, and a budget of retries.

use super::Nanos;
use super::options::Options;
use super::request::RequestId;
use crate::kernel::stream;
use plimsoll_balance::{Endpoint, PickContext, Picker, Pool};
use plimsoll_model::spec::Algorithm;
use plimsoll_stats::Random;
use std::collections::VecDeque;
use std::sync::Arc;

/// Retries per second that are always allowed, and for how many seconds they are saved.
const FLOOR_PER_S: f64 = 10.0;
const FLOOR_S: f64 = 10.0;
/// Purposes of random streams.
const PICKERS: u64 = 0x5e71;
const WORKERS: u64 = 0x5e72;

#[derive(Debug)]
pub(super) struct Gateway {
    pickers: Vec<Picker>,
    /// Which replica each member of the pool is.
    members: Vec<u32>,
    pub(super) line: VecDeque<RequestId>,
    workers: Random,
    hashes: bool,
    in_flight_max: Option<u32>,
    share: f64,
    floor: f64,
    touched: Nanos,
    budget: f64,
    slow_start_us: u64,
    algorithm: Algorithm,
}

impl Gateway {
    pub(super) fn new(options: &Options) -> Self {
        let algorithm = options.balance.algorithm;
        let pool = Arc::new(Pool::new(algorithm, Vec::new()));
        let mut seeds = stream(options.seed, PICKERS);
        Self {
            pickers: (0..options.pickers).map(|_| Picker::new(Arc::clone(&pool), seeds.bits())).collect(),
            members: Vec::new(),
            line: VecDeque::new(),
            workers: stream(options.seed, WORKERS),
            hashes: matches!(algorithm, Algorithm::SourceHash | Algorithm::RingHash),
            in_flight_max: options.balance.in_flight_max,
            share: 0.0,
            floor: FLOOR_PER_S * FLOOR_S,
            touched: Nanos(0),
            budget: options.clients.retry_budget.0 as f64 / 1_000.0,
            slow_start_us: options.balance.slow_start.0.saturating_mul(1_000),
            algorithm,
        }
    }

    /// The replicas that take requests are now these, by number.
    pub(super) fn replace(&mut self, ready: Vec<(u32, Arc<Endpoint>)>) {
        let (members, endpoints) = ready.into_iter().unzip();
        self.members = members;
        let pool = Arc::new(Pool::with_slow_start(self.algorithm, self.slow_start_us, endpoints));
        for picker in &mut self.pickers {
            picker.replace(Arc::clone(&pool));
        }
    }

    /// A replica for a request: its place in the pool and its number; none when there is none with room.
    #[inline]
    pub(super) fn pick(&mut self, now: Nanos, exclude: Option<u32>) -> Option<(u32, u32)> {
        let worker = if self.pickers.len() == 1 { 0 } else { self.workers.below(self.pickers.len() as u64) as usize };
        let context = PickContext {
            now: now.micros(),
            // A client of its own for each request: hashes then spread by weight.
            key: if self.hashes { Some(self.workers.bits()) } else { None },
            exclude: exclude.map(|member| member as usize),
            in_flight_max: self.in_flight_max,
        };
        let member = self.pickers[worker].pick(context)?;
        Some((member as u32, self.members[member]))
    }

    /// A request came.
    #[inline]
    pub(super) fn deposit(&mut self) {
        self.share += self.budget;
    }

    /// Whether one retry can be afforded; it is then paid for. The gateway's own rule: a share of the requests of about the
    /// last ten seconds, and ten a second whatever happens.
    pub(super) fn withdraw(&mut self, now: Nanos) -> bool {
        let elapsed = ((now.0 - self.touched.0) as f64 / super::SECOND).min(FLOOR_S);
        self.touched = now;
        self.floor = (self.floor + elapsed * FLOOR_PER_S).min(FLOOR_PER_S * FLOOR_S);
        self.share -= self.share / FLOOR_S * elapsed;
        for tokens in [&mut self.share, &mut self.floor] {
            if *tokens >= 1.0 {
                *tokens -= 1.0;
                return true;
            }
        }
        false
    }
}
