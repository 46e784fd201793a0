//! The service as it goes from slot to slot: a table of rows, and the backlog that an overloaded slot leaves to the next.
//!
//! The backlog is a fluid: it grows by what arrives beyond the capacity and drains by what is left of it. A request that
//! arrives behind a backlog waits for it on top of the steady state. Nobody waits longer than `patience`: what would is
//! lost and counted.
//!
//! # Source
//! Fluid between slots, steady state within: L. Green, P. Kolesar, W. Whitt, "Coping with Time-Varying Demand When
//! Setting Staffing Requirements for a Service System", Production and Operations Management 16(1), 2007.

use super::rows::{Formulas, Latency, Row};
use crate::service::{ModelError, ServiceModel};

/// Most replicas that are ever tried.
pub const REPLICAS_MAX: u32 = 100_000;

/// What users are promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// This share of requests, above 0 and below 1,
    pub quantile: f64,
    /// takes at most so long, seconds, above 0.
    pub latency_s: f64,
    /// And replicas are busy at most this share of the time, above 0 to 1; 1 leaves it to the latency.
    pub utilization_max: f64,
}

/// Why there is no plant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlantError {
    /// The model makes no sense.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The objective, or the slot, makes no sense.
    #[error("the {field} is {value}, and must be {range}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What was given.
        value: f64,
        /// What may be.
        range: &'static str,
    },
    /// No number of replicas holds the objective, because a request that is alone already misses it.
    #[error(
        "no number of replicas brings {quantile} of requests under {latency_s} s: alone, that share takes {alone_s} s"
    )]
    Unreachable {
        /// The share.
        quantile: f64,
        /// The objective.
        latency_s: f64,
        /// What is possible.
        alone_s: f64,
    },
}

/// One slot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slot {
    /// The fewest replicas that hold the objective at this load, [`REPLICAS_MAX`] where more would be needed.
    pub need: u32,
    /// Share of the capacity that was used; 1 without replicas under load.
    pub utilization: f64,
    /// Latencies of what arrived.
    pub latency: Latency,
    /// Share of arrivals later than the objective, lost ones included.
    pub late: f64,
    /// Requests finished per second.
    pub served: f64,
    /// Requests lost per second.
    pub lost: f64,
    /// Requests in line at the end.
    pub backlog: f64,
}

/// A service under load, slot by slot.
#[derive(Debug, Clone)]
pub struct Plant {
    formulas: Formulas,
    objective: Objective,
    slot_s: f64,
    patience_s: f64,
    /// Row `c − 1` is of `c` replicas; made when it is first asked for.
    rows: Vec<Option<Row>>,
    last_need: u32,
    backlog: f64,
}

impl Objective {
    /// A latency alone.
    #[must_use]
    pub const fn latency(quantile: f64, latency_s: f64) -> Self {
        Self { quantile, latency_s, utilization_max: 1.0 }
    }

    fn check(&self) -> Result<(), PlantError> {
        let checks = [
            ("objective's quantile", self.quantile, self.quantile > 0.0 && self.quantile < 1.0, "above 0 and below 1"),
            ("objective's latency", self.latency_s, self.latency_s > 0.0 && self.latency_s < 1e9, "above 0 s"),
            (
                "objective's utilisation",
                self.utilization_max,
                self.utilization_max > 0.0 && self.utilization_max <= 1.0,
                "above 0 to 1",
            ),
        ];
        let wrong = checks.into_iter().find(|(_, _, holds, _)| !holds);
        wrong.map_or(Ok(()), |(field, value, _, range)| Err(PlantError::Setting { field, value, range }))
    }
}

impl Plant {
    /// An idle service. Slots are `slot_s` seconds long; nobody waits longer than `patience_s` in a backlog; `arrivals` is
    /// the squared coefficient of variation of the time between arrivals (1 is Poisson).
    ///
    /// # Errors
    /// [`PlantError`] for figures out of range, or an objective that no number of replicas can hold.
    pub fn new(
        model: &ServiceModel,
        objective: Objective,
        slot_s: f64,
        patience_s: f64,
        arrivals: f64,
    ) -> Result<Self, PlantError> {
        model.check()?;
        objective.check()?;
        for (field, value) in [("slot's length", slot_s), ("patience", patience_s), ("arrivals' variation", arrivals)] {
            if !(value > 0.0 && value < 1e9) {
                return Err(PlantError::Setting { field, value, range: "above 0" });
            }
        }
        let formulas = Formulas::new(model, arrivals);
        if formulas.late(1, 0.0, objective.latency_s) > 1.0 - objective.quantile + 1e-9 {
            let alone_s = formulas.delay_s + formulas.unit_s * model.work.quantile(objective.quantile);
            let Objective { quantile, latency_s, .. } = objective;
            return Err(PlantError::Unreachable { quantile, latency_s, alone_s });
        }
        Ok(Self { formulas, objective, slot_s, patience_s, rows: Vec::new(), last_need: 0, backlog: 0.0 })
    }

    /// The fewest replicas that hold the objective in a steady state of `rate` requests per second; [`REPLICAS_MAX`] where
    /// more would be needed. A slot that is like the one before costs two comparisons.
    pub fn need(&mut self, rate: f64) -> u32 {
        if rate.is_nan() || rate <= 0.0 {
            self.last_need = 0;
            return 0;
        }
        let mut need = self.last_need.max(1);
        while need < REPLICAS_MAX && self.row(need).rate_max < rate {
            // Never fewer than capacity alone asks for, so a jump is not walked.
            let least = rate / self.formulas.capacity;
            need = (need + 1).max(least.min(f64::from(REPLICAS_MAX)) as u32);
        }
        while need > 1 && self.row(need - 1).rate_max >= rate {
            need -= 1;
        }
        self.last_need = need;
        need
    }

    /// One slot at `rate` requests per second with `ready` replicas.
    pub fn step(&mut self, rate: f64, ready: u32) -> Slot {
        let rate = if rate > 0.0 { rate } else { 0.0 };
        let need = self.need(rate);
        let ready = ready.min(REPLICAS_MAX);
        if ready == 0 {
            return self.without_replicas(rate, need);
        }
        let (slot_s, before, patience_s, bound_s) =
            (self.slot_s, self.backlog, self.patience_s, self.objective.latency_s);
        let row = self.row(ready);
        let capacity = row.capacity;
        let (mut latency, steady_late) = row.at(rate / capacity);
        let unbounded = before + (rate - capacity) * slot_s;
        if before <= 0.0 && unbounded <= 0.0 {
            let utilization = rate / capacity;
            return Slot { need, utilization, latency, late: steady_late, served: rate, lost: 0.0, backlog: 0.0 };
        }
        let after = unbounded.clamp(0.0, capacity * patience_s);
        let lost = (unbounded - after).max(0.0) / slot_s;
        let line = Line::new(before, after, rate, capacity, slot_s);
        latency.mean_s += line.mean();
        latency.p50_s += line.quantile(0.50);
        latency.p95_s += line.quantile(0.95);
        latency.p99_s += line.quantile(0.99);
        let behind = line.longer_than(bound_s - row.at(rate / capacity).0.mean_s);
        let late = behind + (1.0 - behind) * steady_late;
        let lost_share = if rate > 0.0 { (lost / rate).min(1.0) } else { 0.0 };
        let served = (rate - lost + (before - after) / slot_s).max(0.0);
        self.backlog = after;
        Slot {
            need,
            utilization: served / capacity,
            latency,
            late: lost_share + (1.0 - lost_share) * late,
            served,
            lost,
            backlog: after,
        }
    }

    /// Requests in line.
    #[must_use]
    pub const fn backlog(&self) -> f64 {
        self.backlog
    }

    /// The share of requests that is late in a steady state of `rate` with `ready` replicas, no backlog carried over: the
    /// price of a slot in the soft optimum.
    pub fn late_share(&mut self, rate: f64, ready: u32) -> f64 {
        if rate.is_nan() || rate <= 0.0 {
            return 0.0;
        }
        if ready == 0 {
            return 1.0;
        }
        let slot_s = self.slot_s;
        let patience_s = self.patience_s;
        let bound_s = self.objective.latency_s;
        let row = self.row(ready.min(REPLICAS_MAX));
        let (latency, late) = row.at(rate / row.capacity);
        if rate <= row.capacity {
            return late;
        }
        let after = ((rate - row.capacity) * slot_s).min(row.capacity * patience_s);
        let behind = Line::new(0.0, after, rate, row.capacity, slot_s).longer_than(bound_s - latency.mean_s);
        behind + (1.0 - behind) * late
    }

    fn without_replicas(&mut self, rate: f64, need: u32) -> Slot {
        // What was in line is lost with the last replica: there is nobody to hold it.
        let lost = rate + self.backlog / self.slot_s;
        self.backlog = 0.0;
        if lost <= 0.0 {
            return Slot { need, ..Slot::default() };
        }
        let never = self.patience_s;
        let latency = Latency { mean_s: never, p50_s: never, p95_s: never, p99_s: never };
        Slot { need, utilization: 1.0, latency, late: 1.0, served: 0.0, lost, backlog: 0.0 }
    }

    /// The row of `replicas`, at least 1, made when it is first asked for.
    #[inline]
    fn row(&mut self, replicas: u32) -> &Row {
        let index = replicas as usize - 1;
        if self.rows.len() <= index {
            self.rows.resize(index + 1, None);
        }
        let (formulas, slot_s, objective) = (&self.formulas, self.slot_s, &self.objective);
        self.rows[index].get_or_insert_with(|| formulas.row(replicas, slot_s, objective))
    }
}

/// What arrivals of one slot wait for a fluid backlog: over a share of them evenly between two times, else not at all.
struct Line {
    share: f64,
    low: f64,
    high: f64,
}

impl Line {
    fn new(before: f64, after: f64, rate: f64, capacity: f64, slot_s: f64) -> Self {
        let (first, last) = (before / capacity, after / capacity);
        if after > 0.0 {
            return Self { share: 1.0, low: first.min(last), high: first.max(last) };
        }
        let drained = before / (capacity - rate).max(1e-9);
        Self { share: (drained / slot_s).clamp(0.0, 1.0), low: 0.0, high: first }
    }

    fn mean(&self) -> f64 {
        self.share * f64::midpoint(self.low, self.high)
    }

    fn quantile(&self, p: f64) -> f64 {
        let within = (p - (1.0 - self.share)) / self.share.max(1e-12);
        if within <= 0.0 { 0.0 } else { self.low + (self.high - self.low) * within }
    }

    fn longer_than(&self, seconds: f64) -> f64 {
        if seconds <= self.low {
            self.share
        } else if seconds >= self.high {
            0.0
        } else {
            self.share * (self.high - seconds) / (self.high - self.low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Distribution;
    use proptest::prelude::*;

    fn plant() -> Plant {
        let model = ServiceModel::sharing(Distribution::log_normal(20.0, 1.0), 0.0);
        Plant::new(&model, Objective::latency(0.95, 0.1), 15.0, 30.0, 1.0).unwrap()
    }

    #[test]
    fn the_need_is_the_fewest_and_holds() {
        let mut plant = plant();
        for rate in [1.0, 20.0, 45.0, 300.0, 2_000.0, 700.0, 3.0] {
            let need = plant.need(rate);
            let late = |plant: &Plant, c: u32| {
                let rho = rate / (plant.formulas.capacity * f64::from(c));
                if rho >= 1.0 { 1.0 } else { plant.formulas.late(c, rho, 0.1) }
            };
            assert!(late(&plant, need) <= 0.05 + 1e-9, "{rate} {need}");
            assert!(need == 1 || late(&plant, need - 1) > 0.05, "{rate} {need}");
        }
        assert_eq!(plant.need(0.0), 0);
        assert_eq!(plant.need(f64::NAN), 0);
    }

    #[test]
    fn pooling_makes_more_replicas_run_hotter() {
        let mut plant = plant();
        let utilization = |plant: &mut Plant, rate: f64| rate / 50.0 / f64::from(plant.need(rate));
        let (few, many) = (utilization(&mut plant, 100.0), utilization(&mut plant, 5_000.0));
        assert!(few < many && many > 0.95, "{few} {many}");
    }

    #[test]
    fn a_backlog_builds_delays_and_drains() {
        let mut plant = plant();
        // 2 replicas carry 100/s.
        let calm = plant.step(50.0, 2);
        assert_eq!((calm.backlog, calm.lost, calm.served, calm.utilization), (0.0, 0.0, 50.0, 0.5));
        let over = plant.step(140.0, 2);
        assert_eq!((over.backlog, over.served, over.utilization), (600.0, 100.0, 1.0));
        assert!(over.latency.p99_s > 5.9 && over.latency.p50_s > 2.9 && over.late > 0.9, "{over:?}");
        let draining = plant.step(50.0, 2);
        assert_eq!((draining.backlog, draining.served), (0.0, 90.0));
        assert!(draining.latency.p95_s > 5.0 && draining.late > 0.7, "{draining:?}");
        let flood = plant.step(10_000.0, 2);
        assert_eq!((flood.backlog, flood.lost), (3_000.0, 10_000.0 - 100.0 - 200.0));
        let gone = plant.step(10.0, 0);
        assert_eq!((gone.backlog, gone.late, gone.lost), (0.0, 1.0, 210.0));
        assert_eq!(plant.step(0.0, 0), Slot::default());
    }

    #[test]
    fn bad_figures_are_refused_by_name() {
        let model = ServiceModel::sharing(Distribution::constant(200.0), 0.0);
        let error = Plant::new(&model, Objective::latency(0.95, 0.1), 15.0, 30.0, 1.0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no number of replicas brings 0.95 of requests under 0.1 s: alone, that share takes 0.2 s"
        );
        let error = Plant::new(&model, Objective::latency(1.0, 0.5), 15.0, 30.0, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "the objective's quantile is 1, and must be above 0 and below 1");
        assert!(Plant::new(&model, Objective::latency(0.9, 0.5), 0.0, 30.0, 1.0).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn requests_are_neither_made_nor_forgotten(
            slots in prop::collection::vec((0.0_f64..500.0, 0_u32..8), 1..40),
        ) {
            let mut plant = plant();
            let (mut came, mut went) = (0.0, 0.0);
            for (rate, ready) in slots {
                let slot = plant.step(rate, ready);
                came += rate * 15.0;
                went += (slot.served + slot.lost) * 15.0;
                prop_assert!(slot.utilization <= 1.0 + 1e-9 && (0.0..=1.0 + 1e-9).contains(&slot.late), "{:?}", slot);
                prop_assert!(slot.latency.p50_s <= slot.latency.p95_s && slot.latency.p95_s <= slot.latency.p99_s);
            }
            prop_assert!((came - went - plant.backlog()).abs() < 1e-6 * came.max(1.0));
        }

        #[test]
        fn more_load_never_needs_fewer_and_more_replicas_are_never_later(rate in 0.1_f64..2_000.0, more in 1.0_f64..1.5) {
            let mut plant = plant();
            let need = plant.need(rate);
            prop_assert!(plant.need(rate * more) >= need);
            let (few, many) = (plant.late_share(rate, need), plant.late_share(rate, need + 1));
            prop_assert!(many <= few + 1e-9 && few <= 0.051, "{} {}", few, many);
        }
    }
}
