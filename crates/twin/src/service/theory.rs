//! What queueing theory says exactly of two systems, to hold the exact tier against.
//!
//! M/M/c, first come first served: closed forms. M/G/1 processor sharing: the mean is `1/(1−ρ)` whatever the work; the tail is
//! computed for exponential and hyper-exponential work from the Markov chain of a tagged request among others of either
//! kind, by uniformisation. No simulation, no approximation but the cut of the chain where its weight is under 1e-9.
//!
//! Time is in units of the mean work throughout.
//!
//! # Source
//! L. Kleinrock, "Queueing Systems", vol. 1 and 2; the tagged request: E. G. Coffman, R. R. Muntz, H. Trotter, "Waiting Time
//! Distributions for Processor-Sharing Systems", JACM 17(1), 1970; uniformisation: A. Jensen, 1953.

use super::distribution::Distribution;
use super::fast::erlang::erlang_c;

/// Weight of the chain's states that are cut off.
const CUT: f64 = 1e-9;
/// A tail is worked out until it is as small as this.
const TAIL: f64 = 1e-4;

/// Mean time at `servers` servers of M/M/c with utilisation `rho` below 1.
#[must_use]
pub fn mean_in_order(servers: u32, rho: f64) -> f64 {
    let c = f64::from(servers);
    1.0 + erlang_c(servers, rho * c) / (c * (1.0 - rho))
}

/// The time at M/M/c that a share `p` of requests stays within.
#[must_use]
pub fn quantile_in_order(servers: u32, rho: f64, p: f64) -> f64 {
    let c = f64::from(servers);
    let (waits, rate) = (erlang_c(servers, rho * c), c * (1.0 - rho));
    let tail = |t: f64| {
        let alone = libm::exp(-t);
        if (rate - 1.0).abs() < 1e-9 {
            alone * (1.0 + waits * t)
        } else {
            alone + waits * (alone - libm::exp(-rate * t)) / (rate - 1.0)
        }
    };
    solve(tail, p)
}

/// Mean time at one processor-sharing server: the same for every distribution of the work.
#[must_use]
pub fn mean_sharing(rho: f64) -> f64 {
    1.0 / (1.0 - rho)
}

/// The distribution of the time at one processor-sharing server.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// Jumps per time of the uniformised chain.
    rate: f64,
    /// The chance that a request is still there after so many jumps.
    there: Vec<f64>,
}

impl Sharing {
    /// For exponential or hyper-exponential `work` at utilisation `rho`, above 0 and below 1.
    #[must_use]
    pub fn new(work: &Distribution, rho: f64) -> Self {
        let (often, short, long) = work.kinds();
        let (chances, speeds) = ([often, 1.0 - often], [1.0 / short, 1.0 / long]);
        let most = libm::ceil(libm::log(CUT) / libm::log(rho)) as usize + 1;
        let rate = rho + speeds[0].max(speeds[1]);
        let chain = Chain { rho, chances, speeds, most, rate };
        let mut there = vec![0.0];
        for (kind, weight) in chances.iter().enumerate() {
            let survived = chain.survive(kind);
            if there.len() < survived.len() {
                there.resize(survived.len(), 0.0);
            }
            there.iter_mut().zip(survived).for_each(|(sum, chance)| *sum += weight * chance);
        }
        Self { rate, there }
    }

    /// The chance that a request is there longer than `time`.
    #[must_use]
    pub fn tail(&self, time: f64) -> f64 {
        // Poisson weights from the mode outwards would save little; logarithms keep them in range.
        let jumps = self.rate * time;
        let weight = |k: usize| {
            let k = k as f64;
            if jumps == 0.0 {
                if k == 0.0 { 1.0 } else { 0.0 }
            } else {
                libm::exp(k * libm::log(jumps) - jumps - libm::lgamma(k + 1.0))
            }
        };
        self.there.iter().enumerate().map(|(k, there)| weight(k) * there).sum()
    }

    /// The time that a share `p` (at most 0.99) stays within.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        solve(|time| self.tail(time), p)
    }
}

struct Chain {
    rho: f64,
    chances: [f64; 2],
    speeds: [f64; 2],
    most: usize,
    rate: f64,
}

impl Chain {
    /// The chance that a tagged request of `kind` that comes to the steady state is there after k jumps, for every k until
    /// it is under [`TAIL`].
    fn survive(&self, kind: usize) -> Vec<f64> {
        let width = self.most + 1;
        let at = |a: usize, b: usize| a * width + b;
        let weights = self.weights();
        let mut now = vec![1.0; width * width];
        let mut next = now.clone();
        let mut there = Vec::new();
        // Where only one kind of work exists, states with others have no weight and are not walked.
        let others = if self.chances[1] > 0.0 && self.speeds[0] != self.speeds[1] { self.most } else { 0 };
        loop {
            let chance: f64 = weights.iter().zip(&now).map(|(weight, there)| weight * there).sum();
            there.push(chance);
            if chance < TAIL || there.len() > 100_000 {
                return there;
            }
            for a in 0..=self.most {
                for b in 0..=others.min(self.most - a) {
                    next[at(a, b)] = self.step(kind, (a, b), &now, width);
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
    }

    fn step(&self, kind: usize, (a, b): (usize, usize), now: &[f64], width: usize) -> f64 {
        let at = |a: usize, b: usize| a * width + b;
        let here = now[at(a, b)];
        let share = 1.0 / (a + b + 1) as f64;
        let one = self.speeds[0] == self.speeds[1];
        let (first, second) = if one { (1.0, 0.0) } else { (self.chances[0], self.chances[1]) };
        // Who comes at the cut stays away.
        let comes = |to: Option<f64>| to.unwrap_or(here);
        let room = a + b < self.most;
        let arrivals = self.rho
            * (first * comes(room.then(|| now[at(a + 1, b)]))
                + second * if second > 0.0 { comes(room.then(|| now[at(a, b + 1)])) } else { 0.0 });
        let goes_a = a as f64 * self.speeds[0] * share;
        let goes_b = b as f64 * self.speeds[1] * share;
        let mut sum = arrivals;
        if a > 0 {
            sum += goes_a * now[at(a - 1, b)];
        }
        if b > 0 {
            sum += goes_b * now[at(a, b - 1)];
        }
        let stays = self.rate - self.rho - goes_a - goes_b - self.speeds[kind] * share;
        (sum + stays * here) / self.rate
    }

    /// The steady state: `(1−ρ)·(n choose a)·ρa^a·ρb^b`.
    fn weights(&self) -> Vec<f64> {
        let width = self.most + 1;
        let one = self.speeds[0] == self.speeds[1];
        let (first, second) = if one {
            (self.rho, 0.0)
        } else {
            (self.rho * self.chances[0] / self.speeds[0], self.rho * self.chances[1] / self.speeds[1])
        };
        let mut weights = vec![0.0; width * width];
        weights[0] = 1.0 - self.rho;
        for a in 0..=self.most {
            for b in 0..=self.most - a {
                // Pascal's rule: a state is reached by either kind coming last.
                let from_a = if a > 0 { weights[(a - 1) * width + b] * first } else { 0.0 };
                let from_b = if b > 0 { weights[a * width + b - 1] * second } else { 0.0 };
                if a + b > 0 {
                    weights[a * width + b] = from_a + from_b;
                }
            }
        }
        weights
    }
}

/// Where `tail` falls to `1 − p`.
fn solve(tail: impl Fn(f64) -> f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while tail(high) > 1.0 - p && high < 1e6 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if tail(middle) > 1.0 - p { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_in_order_is_exponential() {
        for rho in [0.2, 0.5, 0.9] {
            assert!((mean_in_order(1, rho) - 1.0 / (1.0 - rho)).abs() < 1e-12);
            let median = std::f64::consts::LN_2 / (1.0 - rho);
            assert!((quantile_in_order(1, rho, 0.5) / median - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_chain_s_tail_has_the_mean_that_insensitivity_says() {
        for work in [Distribution::exponential(1.0), Distribution::hyper_exponential(1.0, 2.0)] {
            let sharing = Sharing::new(&work, 0.6);
            // The mean is the integral of the tail; uniformised, the sum over jumps divided by their rate.
            let mean = sharing.there.iter().sum::<f64>() / sharing.rate;
            assert!((mean / 2.5 - 1.0).abs() < 0.01, "{work:?}: {mean}");
        }
    }
}
