//! The distribution of the time that a request spends at a service in steady state.
//!
//! A request waits with chance `C` (Erlang C) and else not. Under first come, first served it waits an exponential time of
//! rate `θ = 2(cμ−λ)/(Ca²+Cs²)` before its own work `S`: Allen-Cunneen for the mean, the heavy-traffic exponential for the
//! tail. Under processor sharing it is stretched instead: `T = S·(1 + Y)`, `Y` zero with chance `1−C` and else
//! exponential with mean `1/(c(1−ρ))`, drawn in towards its mean the longer the work is, as the variance of M/M/1-PS is. That
//! has the mean of M/G/1-PS for every distribution of `S` (insensitivity), and in heavy traffic its tail.
//!
//! `S` is cut into slices by its quantiles, finer towards the tail, so that any distribution will do; one probability costs
//! about sixty slices.
//!
//! # Source
//! A. O. Allen, "Probability, Statistics, and Queueing Theory", 2nd ed. 1990 (Allen-Cunneen); J. F. C. Kingman, "The Single
//! Server Queue in Heavy Traffic", 1961; B. Sengupta, "An Approximation for the Sojourn-Time Distribution for the GI/G/1
//! Processor-Sharing Queue", Stochastic Models 8(1), 1992; insensitivity: M. Sakata, S. Noguchi, J. Oizumi, 1971; the
//! variance by work: T. J. Ott, "The Sojourn-Time Distribution in the M/G/1 Queue with Processor Sharing", J. Applied Probability 21, 1984.

use crate::service::distribution::{Distribution, Shape};

/// Where slices of the work's distribution end: step and end of each stretch of probability.
const STRETCHES: [(f64, f64); 5] =
    [(0.03, 0.9), (0.006, 0.99), (0.000_9, 0.999), (0.000_225, 0.999_9), (0.000_05, 0.999_95)];
/// The last slice ends here.
const LAST: f64 = 0.999_999_5;

/// How requests at one replica share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// One after the other.
    InOrder,
    /// All at once, evenly.
    Sharing,
}

/// Work cut into slices, as multiples of its mean.
#[derive(Debug, Clone)]
pub struct Slices {
    /// Probability, lower and upper end.
    slices: Vec<(f64, f64, f64)>,
    discipline: Discipline,
}

/// A steady state: chance of waiting, and the rate of the exponential part in units of the mean work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steady {
    /// `C`.
    pub waits: f64,
    /// `θ` times the mean work under [`Discipline::InOrder`]; `1/E[Y | Y > 0]` under [`Discipline::Sharing`].
    pub rate: f64,
}

impl Steady {
    /// Under sharing, for work `x`: how much one is stretched who met nobody at first, and how far (in units of the
    /// exponential) the stretch must reach for the time to be `time`.
    ///
    /// Whoever stays long meets many others one after the other, and their number averages out: the variance of the stretch
    /// falls with `x` as `f(z) = 2(1 − (1−e^{−z})/z)/z`, `z = c(1−ρ)x`, from that of the number met at first.
    fn stretched(self, x: f64, time: f64) -> (f64, f64) {
        let z = self.rate * x;
        let falls = if z < 1e-3 { 1.0 - z / 3.0 } else { 2.0 * (1.0 + libm::expm1(-z) / z) / z };
        let spread = libm::sqrt(falls / (2.0 - self.waits));
        let mean = self.waits / self.rate;
        (1.0 + mean * (1.0 - spread), self.rate * (mean + (time / x - 1.0 - mean) / spread))
    }
}

impl Slices {
    /// Slices of `work` under `discipline`.
    #[must_use]
    pub fn new(work: &Distribution, discipline: Discipline) -> Self {
        if work.shape == Shape::Constant || work.squared_variation() == 0.0 {
            return Self { slices: vec![(1.0, 1.0, 1.0)], discipline };
        }
        let mut ends = vec![0.0];
        for (step, end) in STRETCHES {
            let (from, count) =
                (ends.last().copied().unwrap_or(0.0), ((end - ends[ends.len() - 1]) / step + 0.5) as u32);
            ends.extend((1..=count).map(|n| from + (end - from) * f64::from(n) / f64::from(count)));
        }
        ends.push(LAST);
        let slice = |pair: &[f64]| (pair[1] - pair[0], work.quantile(pair[0]), work.quantile(pair[1]));
        Self { slices: ends.windows(2).map(slice).collect(), discipline }
    }

    /// The chance that a request takes longer than `time` (in units of the mean work, ≥ 0).
    #[must_use]
    pub fn exceeds(&self, steady: Steady, time: f64) -> f64 {
        let slice = |(chance, low, high): &(f64, f64, f64)| {
            let middle = f64::midpoint(*low, *high);
            let (stretch, held) = match self.discipline {
                Discipline::InOrder => (1.0, steady.rate * (time - middle)),
                Discipline::Sharing => steady.stretched(middle, time),
            };
            // Who met nobody: the share of the slice whose own work is longer. Who met others: the slice's middle speaks.
            let alone = if high > low {
                ((high - time / stretch) / (high - low)).clamp(0.0, 1.0)
            } else {
                if time < low * stretch { 1.0 } else { 0.0 }
            };
            let others = if held > 0.0 { libm::exp(-held) } else { 1.0 };
            chance * ((1.0 - steady.waits) * alone + steady.waits * others)
        };
        self.slices.iter().map(slice).sum()
    }

    /// The time (in units of the mean work) that a share `p` of requests stays within; `guess` is where to begin.
    #[must_use]
    pub fn quantile(&self, steady: Steady, p: f64, guess: f64) -> f64 {
        let above = |time: f64| self.exceeds(steady, time) - (1.0 - p);
        let (mut low, mut high) = (0.0, guess.max(1e-3));
        let mut gap_low = p;
        let mut gap_high = above(high);
        while gap_high > 0.0 && high < 1e9 {
            (low, gap_low) = (high, gap_high);
            high *= 2.0;
            gap_high = above(high);
        }
        // Regula falsi with halving of the stale end (Illinois), held inside the bracket.
        for _ in 0..60 {
            if high - low <= 1e-6 * high {
                break;
            }
            let share = gap_low / (gap_low - gap_high);
            let next = low + (high - low) * share.clamp(0.02, 0.98);
            let gap = above(next);
            if gap > 0.0 {
                (low, gap_low) = (next, gap);
                gap_high *= 0.5;
            } else {
                (high, gap_high) = (next, gap);
                gap_low *= 0.5;
            }
        }
        f64::midpoint(low, high)
    }

    /// Mean time in units of the mean work.
    #[must_use]
    pub fn mean(steady: Steady) -> f64 {
        1.0 + steady.waits / steady.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_worker_has_the_tail_of_m_m_c() {
        let slices = Slices::new(&Distribution::exponential(1.0), Discipline::InOrder);
        for (c, rho) in [(1_u32, 0.3), (1, 0.9), (4, 0.5), (4, 0.8), (20, 0.9)] {
            let servers = f64::from(c);
            let waits = super::super::erlang::erlang_c(c, rho * servers);
            let rate = servers * (1.0 - rho);
            let steady = Steady { waits, rate };
            // P(W + S > t) for M/M/c; the two rates never coincide here.
            let tail = |t: f64| {
                if (rate - 1.0).abs() < 1e-9 {
                    return libm::exp(-t) * (1.0 + waits * t);
                }
                libm::exp(-t) + waits * (libm::exp(-t) - libm::exp(-rate * t)) / (rate - 1.0)
            };
            for p in [0.5, 0.95, 0.99] {
                let time = slices.quantile(steady, p, 1.0);
                assert!((tail(time) / (1.0 - p) - 1.0).abs() < 0.01, "{c} {rho} {p}: {} at {time}", tail(time));
            }
        }
    }

    #[test]
    fn the_mean_of_sharing_is_that_of_m_g_1_ps_whatever_the_work() {
        let steady = Steady { waits: 0.8, rate: 0.2 };
        assert!((Slices::mean(steady) - 5.0).abs() < 1e-12);
        for work in [Distribution::constant(1.0), Distribution::log_normal(1.0, 2.0), Distribution::exponential(1.0)] {
            let slices = Slices::new(&work, Discipline::Sharing);
            // The mean is the integral of the tail.
            let step = 0.01;
            let mean: f64 = (0..60_000).map(|n| slices.exceeds(steady, (f64::from(n) + 0.5) * step) * step).sum();
            assert!((mean / 5.0 - 1.0).abs() < 0.02, "{work:?}: {mean}");
        }
    }

    #[test]
    fn sharing_is_near_the_exact_tail_of_m_g_1_ps() {
        for (work, error) in [(Distribution::exponential(1.0), 0.06), (Distribution::hyper_exponential(1.0, 2.0), 0.12)]
        {
            for rho in [0.3, 0.5, 0.7, 0.85] {
                let exact = crate::service::theory::Sharing::new(&work, rho);
                let slices = Slices::new(&work, Discipline::Sharing);
                let steady = Steady { waits: rho, rate: 1.0 - rho };
                for p in [0.5, 0.9, 0.95, 0.99] {
                    let (said, wanted) = (slices.quantile(steady, p, 1.0), exact.quantile(p));
                    assert!((said / wanted - 1.0).abs() < error, "{work:?} {rho} {p}: {said} {wanted}");
                }
            }
        }
    }

    #[test]
    fn more_time_is_exceeded_less_often() {
        for discipline in [Discipline::InOrder, Discipline::Sharing] {
            let slices = Slices::new(&Distribution::log_normal(1.0, 1.0), discipline);
            let steady = Steady { waits: 0.4, rate: 0.7 };
            let chances: Vec<f64> = (0..400).map(|n| slices.exceeds(steady, f64::from(n) * 0.05)).collect();
            assert!(chances.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
        }
    }
}
