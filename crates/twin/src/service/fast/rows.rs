//! One row per number of replicas: latency over utilisation, worked out once.
//!
//! A row holds its figures at 65 utilisations, closer together towards 1 (`ρ = 1 − (1−z)²`, z even), as latency times
//! `1−ρ`: that stays finite where latency does not, and is nearly straight in between, so linear interpolation is
//! within one part in a hundred of the formula (a test says so).

use super::erlang::erlang_c;
use super::sojourn::{Discipline, Slices, Steady};
use crate::service::ServiceModel;

/// Cells of a row.
const CELLS: usize = 64;
/// Quantiles that a row holds, besides the mean.
pub const QUANTILES: [f64; 3] = [0.50, 0.95, 0.99];
/// Mean, three quantiles, and the share that is late.
const FIGURES: usize = 5;
/// The largest utilisation of a row: the lower end of the last cell.
const TOP: f64 = 1.0 - 1.0 / ((CELLS * CELLS) as f64);

/// What every row of one service shares.
#[derive(Debug, Clone)]
pub struct Formulas {
    slices: Slices,
    /// Servers per replica.
    servers: u32,
    /// Seconds that a request alone takes at a server.
    pub unit_s: f64,
    /// Seconds on top.
    pub delay_s: f64,
    /// Requests per second of one replica.
    pub capacity: f64,
    /// (Ca² + Cs²)/2 as the wait sees it.
    spread: f64,
    discipline: Discipline,
}

/// Latencies of one slot, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Latency {
    /// Mean.
    pub mean_s: f64,
    /// Median.
    pub p50_s: f64,
    /// 95 % were faster.
    pub p95_s: f64,
    /// 99 % were faster.
    pub p99_s: f64,
}

/// Figures of one number of replicas.
#[derive(Debug, Clone)]
pub struct Row {
    cells: Box<[[f64; FIGURES]; CELLS]>,
    /// Requests per second that these replicas can finish.
    pub capacity: f64,
    /// The most requests per second at which the objective holds.
    pub rate_max: f64,
    /// The utilisation beyond which a slot is too short for its steady state to be reached.
    pub turn: f64,
}

impl Formulas {
    /// For a model whose arrivals have the squared coefficient of variation `arrivals` (1 is Poisson).
    #[must_use]
    pub fn new(model: &ServiceModel, arrivals: f64) -> Self {
        let peak = model.law.peak();
        // Whole servers, at least one; their speed keeps the capacity what it is.
        let servers = (libm::round(peak).max(1.0)) as u32;
        let discipline = if model.law.slots > servers { Discipline::Sharing } else { Discipline::InOrder };
        let spread = match discipline {
            Discipline::InOrder => f64::midpoint(arrivals, model.work.squared_variation()),
            // Insensitive to the work; bursts of arrivals still queue.
            Discipline::Sharing => f64::midpoint(arrivals, 1.0),
        };
        Self {
            slices: Slices::new(&model.work, discipline),
            servers,
            unit_s: f64::from(servers) * model.work.mean_ms / 1_000.0 / peak,
            delay_s: model.delay_ms / 1_000.0,
            capacity: model.capacity(),
            spread: spread.max(1e-6),
            discipline,
        }
    }

    /// The steady state of `replicas` (at least 1) at utilisation `rho`, 0 to below 1.
    #[must_use]
    pub fn steady(&self, replicas: u32, rho: f64) -> Steady {
        let servers = replicas.saturating_mul(self.servers);
        let waits = erlang_c(servers, rho * f64::from(servers));
        Steady { waits, rate: f64::from(servers) * (1.0 - rho) / self.spread }
    }

    /// The chance that a request takes longer than `seconds`.
    #[must_use]
    pub fn late(&self, replicas: u32, rho: f64, seconds: f64) -> f64 {
        let time = (seconds - self.delay_s) / self.unit_s;
        if time <= 0.0 { 1.0 } else { self.slices.exceeds(self.steady(replicas, rho), time) }
    }

    /// Mean and quantiles, seconds, by formula.
    #[must_use]
    pub fn latency(&self, replicas: u32, rho: f64) -> Latency {
        let steady = self.steady(replicas, rho);
        let seconds = |time: f64| self.delay_s + self.unit_s * time;
        let mut guess = 1.0;
        let quantiles = QUANTILES.map(|p| {
            guess = self.slices.quantile(steady, p, guess);
            seconds(guess)
        });
        let [p50_s, p95_s, p99_s] = quantiles;
        Latency { mean_s: seconds(Slices::mean(steady)), p50_s, p95_s, p99_s }
    }

    /// The row of `replicas` (at least 1) for slots of `slot_s` seconds.
    #[must_use]
    pub fn row(&self, replicas: u32, slot_s: f64, objective: &super::Objective) -> Row {
        let cell = |z: usize| {
            let free = 1.0 - z as f64 / CELLS as f64;
            let rho = 1.0 - free * free;
            let latency = self.latency(replicas, rho);
            let scaled = [latency.mean_s, latency.p50_s, latency.p95_s, latency.p99_s].map(|s| s * (1.0 - rho));
            let [mean, p50, p95, p99] = scaled;
            [mean, p50, p95, p99, self.late(replicas, rho, objective.latency_s)]
        };
        let mut cells = Box::new([[0.0; FIGURES]; CELLS]);
        cells.iter_mut().enumerate().for_each(|(z, to)| *to = cell(z));
        let capacity = self.capacity * f64::from(replicas);
        let rate_max = capacity * self.utilization_max(replicas, objective);
        Row { cells, capacity, rate_max, turn: self.turn(replicas, slot_s) }
    }

    /// The highest utilisation at which the objective holds; 0 when it never does.
    fn utilization_max(&self, replicas: u32, objective: &super::Objective) -> f64 {
        let holds = |rho: f64| self.late(replicas, rho, objective.latency_s) <= 1.0 - objective.quantile + 1e-12;
        let highest = objective.utilization_max.min(TOP);
        if holds(highest) {
            return highest;
        }
        let (mut low, mut high) = (0.0, highest);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if holds(middle) { low = middle } else { high = middle }
        }
        low
    }

    /// Where a slot ends before its steady state: there, the mean of the reflected Brownian motion that the work in line
    /// follows (`√(2vt/π)`, two thirds of it on average over the slot) is less than its steady mean `v/(2(1−ρ))`, with
    /// `v = 2·spread/(servers·μ)`.
    fn turn(&self, replicas: u32, slot_s: f64) -> f64 {
        let servers = f64::from(replicas.saturating_mul(self.servers));
        let v = 2.0 * self.spread * self.unit_s / servers;
        let free = 0.75 * libm::sqrt(std::f64::consts::PI * v / (2.0 * slot_s));
        (1.0 - free).clamp(0.5, TOP)
    }

    /// How a replica is shared.
    #[must_use]
    pub const fn discipline(&self) -> Discipline {
        self.discipline
    }
}

impl Row {
    /// Latencies at utilisation `rho`, and the share that is late; beyond the row's turn as at it.
    #[must_use]
    #[inline]
    pub fn at(&self, rho: f64) -> (Latency, f64) {
        let rho = rho.clamp(0.0, self.turn);
        let free = 1.0 - rho;
        let place = (1.0 - free.sqrt()) * CELLS as f64;
        let cell = (place as usize).min(CELLS - 2);
        // Linear in ρ and not in z: what lies in between is nearly straight in it.
        let end = |z: usize| {
            let free = 1.0 - z as f64 / CELLS as f64;
            1.0 - free * free
        };
        let (low, high) = (end(cell), end(cell + 1));
        let share = ((rho - low) / (high - low)).clamp(0.0, 1.0);
        let (from, to) = (&self.cells[cell], &self.cells[cell + 1]);
        let figure = |n: usize| from[n] + (to[n] - from[n]) * share;
        let latency = Latency {
            mean_s: figure(0) / free,
            p50_s: figure(1) / free,
            p95_s: figure(2) / free,
            p99_s: figure(3) / free,
        };
        (latency, figure(4))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Objective;
    use super::*;
    use crate::service::Distribution;

    #[test]
    fn a_row_is_within_a_hundredth_of_the_formula() {
        for work in [Distribution::exponential(20.0), Distribution::log_normal(20.0, 1.5)] {
            for model in [ServiceModel::sharing(work, 0.0), ServiceModel::worker(work, 0.0)] {
                let formulas = Formulas::new(&model, 1.0);
                for replicas in [1, 20, 200] {
                    let row = formulas.row(replicas, 1e9, &Objective::latency(0.95, 0.2));
                    for step in 0..66 {
                        let rho = f64::from(step) * 0.015 + 0.002;
                        let (said, exact) = (row.at(rho).0, formulas.latency(replicas, rho));
                        for (said, exact) in [
                            (said.mean_s, exact.mean_s),
                            (said.p50_s, exact.p50_s),
                            (said.p95_s, exact.p95_s),
                            (said.p99_s, exact.p99_s),
                        ] {
                            assert!((said / exact - 1.0).abs() < 0.01, "{model:?} {replicas} {rho}: {said} {exact}");
                        }
                    }
                }
            }
        }
    }
}
