//! Reports of the gateway, added up between two ticks into what the controller observes.
//!
//! The gateway reports several times per tick, with counters since its start; what counts here is their growth from one
//! report to the next, so a report that was missed loses nothing. The first report after a connection only sets the base.
//! Nothing is smoothed or filled: a service without a report in the window is absent, and the age of the last report
//! travels with the figures.

use hdrhistogram::Histogram;
use plimsoll_gateway::control::{Report, ServiceReport};
use plimsoll_model::{Micros, MilliRps, Quality, ServiceName, ServiceObservation, TrafficObservation, WorkloadId};
use std::collections::BTreeMap;
use std::time::Instant;

/// Latencies above this are counted as this: a minute is longer than any time-out that makes sense for a request.
const LATENCY_US_MAX: u64 = 60_000_000;

/// Requests of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests that arrived.
    pub arrived: u64,
    /// Requests that finished.
    pub finished: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Of those, shed.
    pub shed: u64,
    /// Attempts beyond a request's first.
    pub retried: u64,
}

impl Totals {
    const fn of(report: &ServiceReport) -> Self {
        Self {
            arrived: report.arrived,
            finished: report.finished,
            failed: report.failed,
            shed: report.shed,
            retried: report.retried,
        }
    }

    /// Growth since `base`; a counter that went backwards has grown by nothing.
    const fn since(self, base: Self) -> Self {
        Self {
            arrived: self.arrived.saturating_sub(base.arrived),
            finished: self.finished.saturating_sub(base.finished),
            failed: self.failed.saturating_sub(base.failed),
            shed: self.shed.saturating_sub(base.shed),
            retried: self.retried.saturating_sub(base.retried),
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            arrived: self.arrived.saturating_add(other.arrived),
            finished: self.finished.saturating_add(other.finished),
            failed: self.failed.saturating_add(other.failed),
            shed: self.shed.saturating_add(other.shed),
            retried: self.retried.saturating_add(other.retried),
        }
    }
}

#[derive(Debug, Default)]
struct Window {
    counts: Totals,
    /// Requests in flight × microseconds, in thousandths.
    in_flight_milli_us: u128,
    /// None until something finished: a histogram takes 140 KB, which an idle service does not need at every tick.
    latency: Option<Histogram<u64>>,
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_US_MAX, 3).expect("invariant: a maximum over 1 and 3 digits are accepted")
}

/// What was reported since the last tick.
#[derive(Debug, Default)]
pub struct TrafficWindow {
    interval_us: u64,
    windows: BTreeMap<ServiceName, Window>,
    totals: BTreeMap<ServiceName, Totals>,
    /// Counters of the last report of the gateway now connected; none before its first.
    base: Option<BTreeMap<ServiceName, Totals>>,
    endpoints: BTreeMap<WorkloadId, EndpointState>,
    last_report: Option<Instant>,
    gaps: u64,
    resets: u64,
}

/// One endpoint as last reported.
#[derive(Debug, Clone, Default)]
pub struct EndpointState {
    /// Requests in flight.
    pub in_flight: u64,
    /// Why it gets no requests for a while.
    pub ejected: Option<String>,
}

impl TrafficWindow {
    /// Adds a report.
    pub fn add(&mut self, report: Report) {
        self.last_report = Some(Instant::now());
        let known = self.base.is_some();
        let base = self.base.take().unwrap_or_default();
        self.base = Some(report.services.iter().map(|(name, service)| (name.clone(), Totals::of(service))).collect());
        if known {
            self.interval_us = self.interval_us.saturating_add(report.interval_us);
        }
        for (name, service) in report.services {
            for endpoint in &service.endpoints {
                let state = EndpointState {
                    in_flight: u64::from(endpoint.in_flight),
                    ejected: endpoint.ejected.as_ref().map(|ejected| ejected.reason.clone()),
                };
                self.endpoints.insert(WorkloadId::Replica(endpoint.id.clone()), state);
            }
            if !known {
                continue;
            }
            let grown = Totals::of(&service).since(base.get(&name).copied().unwrap_or_default());
            let totals = self.totals.entry(name.clone()).or_default();
            *totals = totals.plus(grown);
            let window = self.windows.entry(name).or_default();
            window.counts = window.counts.plus(grown);
            window.in_flight_milli_us += u128::from(service.in_flight_milli) * u128::from(report.interval_us);
            for (upper_us, count) in service.latency {
                // Saturating: a latency over the maximum counts as the maximum.
                window.latency.get_or_insert_with(histogram).saturating_record_n(upper_us, count);
            }
        }
    }

    /// A gateway is connected. One that was `adopted` has counted before this daemon; a new one counts from zero.
    pub fn connected(&mut self, adopted: bool) {
        if self.last_report.is_some() {
            self.resets += 1;
        }
        self.base = (!adopted).then(BTreeMap::new);
        self.endpoints.clear();
    }

    /// Requests in flight on an endpoint, as last reported.
    #[must_use]
    pub fn in_flight(&self, id: &WorkloadId) -> Option<u64> {
        self.endpoints.get(id).map(|endpoint| endpoint.in_flight)
    }

    /// An endpoint as last reported.
    #[must_use]
    pub fn endpoint(&self, id: &WorkloadId) -> Option<&EndpointState> {
        self.endpoints.get(id)
    }

    /// Totals by service since the daemon started.
    #[must_use]
    pub const fn totals(&self) -> &BTreeMap<ServiceName, Totals> {
        &self.totals
    }

    /// Ends the window: what was seen in it, by service.
    pub fn take(&mut self, services: impl Iterator<Item = ServiceName>) -> BTreeMap<ServiceName, ServiceObservation> {
        let windows = std::mem::take(&mut self.windows);
        let interval_us = std::mem::take(&mut self.interval_us);
        if interval_us == 0 {
            self.gaps += 1;
        }
        let age_ms =
            self.last_report.map_or(u64::MAX, |at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
        let quality = Quality { age_ms, gaps: self.gaps, resets: self.resets };
        services
            .map(|name| {
                let traffic =
                    windows.get(&name).filter(|_| interval_us > 0).map(|window| observe(window, interval_us, quality));
                (name, ServiceObservation { traffic, ..ServiceObservation::default() })
            })
            .collect()
    }

    /// Forgets endpoints that are no more.
    pub fn retain(&mut self, keep: impl Fn(&WorkloadId) -> bool) {
        self.endpoints.retain(|id, _| keep(id));
    }
}

fn observe(window: &Window, interval_us: u64, quality: Quality) -> TrafficObservation {
    let per_second = |count: u64| u128::from(count) * 1_000_000_000 / u128::from(interval_us);
    let quantile = |q| window.latency.as_ref().map_or(0, |latency| latency.value_at_quantile(q));
    TrafficObservation {
        rate: MilliRps(u64::try_from(per_second(window.counts.arrived)).unwrap_or(u64::MAX)),
        in_flight_milli: u64::try_from(window.in_flight_milli_us / u128::from(interval_us)).unwrap_or(u64::MAX),
        finished: window.counts.finished,
        failed: window.counts.failed,
        shed: window.counts.shed,
        latency_p50: Micros(quantile(0.5)),
        latency_p99: Micros(quantile(0.99)),
        quality,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(arrived: u64, latency: Vec<(u64, u64)>) -> Report {
        let service =
            ServiceReport { arrived, finished: arrived, in_flight_milli: 2_000, latency, ..ServiceReport::default() };
        let name = ServiceName::try_new("shop").unwrap();
        Report { interval_us: 500_000, services: [(name, service)].into(), ..Report::default() }
    }

    fn take(window: &mut TrafficWindow) -> Option<TrafficObservation> {
        let name = ServiceName::try_new("shop").unwrap();
        window.take([name.clone()].into_iter()).remove(&name).unwrap().traffic
    }

    #[test]
    fn counters_become_rates_over_the_window() {
        let mut window = TrafficWindow::default();
        window.connected(false);
        window.add(report(100, vec![(1_000, 99), (50_000, 1)]));
        window.add(report(150, vec![(1_000, 50)]));
        let seen = take(&mut window).unwrap();
        assert_eq!((seen.rate, seen.finished, seen.in_flight_milli), (MilliRps(150_000), 150, 2_000));
        assert!(seen.latency_p50.get().abs_diff(1_000) < 5, "{seen:?}");
        assert_eq!(take(&mut window), None, "an empty window is absent, not zero");
    }

    #[test]
    fn an_adopted_gateways_past_is_not_counted() {
        let mut window = TrafficWindow::default();
        window.connected(true);
        window.add(report(1_000_000, Vec::new()));
        assert_eq!(take(&mut window), None);
        window.add(report(1_000_010, Vec::new()));
        assert_eq!(take(&mut window).unwrap().rate, MilliRps(20_000));
    }

    #[test]
    fn a_gateway_that_was_started_again_counts_from_zero() {
        let mut window = TrafficWindow::default();
        window.connected(false);
        window.add(report(100, Vec::new()));
        window.connected(false);
        window.add(report(5, Vec::new()));
        let seen = take(&mut window).unwrap();
        assert_eq!((seen.finished, seen.quality.resets), (105, 1));
    }
}
