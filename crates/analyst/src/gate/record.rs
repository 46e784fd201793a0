//! A history as a load that the twin can run: rates, what one replica carries, and where the proposer's knowledge ends.

use super::refusal::Refusal;
use super::terms::Terms;
use crate::history::{History, Sample};
use plimsoll_model::spec::{ScalingPolicy, ServiceSpec};
use plimsoll_model::{MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_twin::backtest::{Load, Protocol};

/// Fewest samples in each part.
pub const PART_MIN: usize = 36;
/// The proposer's part where nobody says, per cent.
const SEEN_PCT: usize = 60;
/// The share of a replica that is usable within its objective, thousandths: the research's protocol.
const USABLE: u64 = 800;

/// What one replica carries, thousandths of a request per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carries {
    /// At all its CPU, or as the policy says.
    pub work: u64,
    /// Its CPU then, millicores.
    pub request: u64,
    /// With all its places taken, where the gateway bounds them: a service that waits for others is full long before its CPU is.
    pub places: Option<u64>,
}

impl Carries {
    /// The less of the two, of a replica with this CPU; more CPU gives it no further place.
    pub fn with_cpu(self, request: u64) -> u64 {
        let work = self.work_with(request);
        self.places.map_or(work, |places| work.min(places))
    }

    /// The CPU that it uses at that, where its places are what fills it: a policy that looks at CPU must not be told that it is full.
    pub fn busy(self, request: u64) -> Option<Millicores> {
        let places = self.places.filter(|places| *places < self.work_with(request))?;
        let busy = u128::from(places) * u128::from(self.request) / u128::from(self.work.max(1));
        Some(Millicores(u64::try_from(busy).unwrap_or(u64::MAX)))
    }

    fn work_with(self, request: u64) -> u64 {
        if request == self.request {
            return self.work;
        }
        let work = u128::from(self.work) * u128::from(request) / u128::from(self.request.max(1));
        u64::try_from(work).unwrap_or(u64::MAX).max(1)
    }
}

/// A load with its terms.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Rates, thousandths of a request per second.
    pub load: Load,
    /// Samples that the proposer may have seen.
    pub seen: usize,
    /// What one replica carries, and why.
    pub carries: Carries,
    /// Terms for the twin; `skip` is what was seen.
    pub protocol: Protocol,
}

impl Record {
    /// Reads a history; `speed` is trace time per physical time.
    pub fn of(history: &History, service: &ServiceSpec, speed: u32, terms: &Terms) -> Result<Self, Refusal> {
        history.check().map_err(|error| Refusal::History { why: error.to_string() })?;
        let skipped = history.samples.len().saturating_sub(terms.samples_max);
        let samples = &history.samples[skipped..];
        let start = history.start_ms.saturating_add_unsigned(history.step_ms.saturating_mul(skipped as u64));
        let is_seen = |until: i64| {
            let after = u64::try_from(until.saturating_sub(start)).unwrap_or(0);
            usize::try_from(after / history.step_ms).unwrap_or(usize::MAX)
        };
        let seen = terms.seen_until_ms.map_or(samples.len() * SEEN_PCT / 100, is_seen);
        let unseen = samples.len().saturating_sub(seen);
        if seen < PART_MIN || unseen < PART_MIN {
            let why = format!(
                "{seen} samples that the proposer saw and {unseen} that it did not; {PART_MIN} are needed of each"
            );
            return Err(Refusal::History { why });
        }
        let request = service.requests.cpu.0;
        let carries = Carries { work: work(samples, service)?, request, places: places(samples, service) };
        let capacity = carries.with_cpu(request);
        let rate = |sample: &Sample| sample.rate_per_s.map(|rate| MilliRps((rate * 1_000.0 + 0.5) as u64));
        let rate: Vec<Option<MilliRps>> = samples.iter().map(rate).collect();
        let told = |part: &[Option<MilliRps>]| part.iter().flatten().filter(|rate| rate.0 > 0).count();
        if told(&rate[..seen]) < PART_MIN / 2 || told(&rate[seen..]) < PART_MIN / 2 {
            return Err(Refusal::History { why: "hardly any load was measured".to_owned() });
        }
        let tick = Millis(history.step_ms);
        let startup = service.startup.saturating_mul(u64::from(speed));
        let protocol = Protocol {
            tick,
            startup,
            metric_lag: tick,
            capacity: MilliRps(capacity),
            usable: Permille(USABLE),
            skip: tick.saturating_mul(seen as u64),
            switching: Millis(0),
            replicas_min: 0,
            replicas_max: 100_000,
            in_flight_milli: in_flight(samples, capacity).unwrap_or(1_000),
        };
        let load = Load { start: Timestamp(start), step: tick, rate, memory: Vec::new() };
        Ok(Self { load, seen, carries, protocol })
    }

    /// Steps that a start takes, at least one.
    pub fn startup_ticks(&self) -> usize {
        usize::try_from(self.protocol.startup.0.div_ceil(self.protocol.tick.0.max(1)))
            .unwrap_or(usize::MAX)
            .clamp(1, 60)
    }
}

/// What one replica carries at all its CPU, thousandths of a request per second: by CPU per request where that was measured,
/// else by what the policy says that it carries.
fn work(samples: &[Sample], service: &ServiceSpec) -> Result<u64, Refusal> {
    let busy = |sample: &&Sample| {
        sample.rate_per_s.is_some_and(|rate| rate > 0.0) && sample.cpu_cores.is_some_and(|cpu| cpu > 0.0)
    };
    let (rates, cores) = samples.iter().filter(busy).fold((0.0, 0.0), |(rates, cores), sample| {
        (rates + sample.rate_per_s.unwrap_or(0.0), cores + sample.cpu_cores.unwrap_or(0.0))
    });
    let request = service.requests.cpu.0 as f64 / 1_000.0;
    if cores > 0.0 && rates > 0.0 && request > 0.0 {
        let each = rates / cores * request * 1_000.0;
        if (1.0..1e15).contains(&each) {
            return Ok((each + 0.5) as u64);
        }
    }
    let by_rate = service.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::RequestRate { target } => Some(target.0),
        _ => None,
    });
    let usable = service.scaling.capacity.map(|capacity| capacity.0).or(by_rate);
    usable.map(|usable| usable.saturating_mul(1_000) / USABLE).filter(|capacity| *capacity > 0).ok_or_else(|| {
        Refusal::History {
            why: "what one replica carries is not known: no CPU was measured, and the policy names no rate".to_owned(),
        }
    })
}

/// What one replica carries with all its places taken, thousandths of a request per second: the bound on its requests in flight over
/// how long one stays. None without such a bound, or where hardly anything was measured.
///
/// A request that waits in the gateway stays as well, and one that is refused does not stay at all; so the time is that of the calmest
/// quarter of the samples without refusals.
///
/// # Source
/// J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9, 1961.
fn places(samples: &[Sample], service: &ServiceSpec) -> Option<u64> {
    let places = f64::from(service.balance.in_flight_max?);
    let stay = |sample: &Sample| {
        let (flying, rate) = (sample.in_flight?, sample.rate_per_s?);
        (flying > 0.0 && rate > 0.0 && sample.shed_per_s.is_none_or(|shed| shed == 0.0)).then(|| flying / rate)
    };
    let mut stays: Vec<f64> = samples.iter().filter_map(stay).collect();
    stays.sort_by(f64::total_cmp);
    let calm = stays.get(stays.len() / 4).filter(|_| stays.len() >= PART_MIN / 2)?;
    let each = places / calm * 1_000.0;
    (1.0..1e15).contains(&each).then_some((each + 0.5) as u64)
}

/// Requests in flight at one replica at 100 %, thousandths, where they were measured.
fn in_flight(samples: &[Sample], capacity: u64) -> Option<u64> {
    let both = |sample: &Sample| Some((sample.in_flight?, sample.rate_per_s?));
    let (flying, rates) = samples.iter().filter_map(both).fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let replicas = rates * 1_000.0 / capacity as f64;
    (replicas > 0.0 && flying > 0.0).then(|| ((flying / replicas * 1_000.0) as u64).clamp(1, 1_000_000_000))
}
