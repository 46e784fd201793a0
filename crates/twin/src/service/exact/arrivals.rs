//! When requests come.

use super::{Nanos, SECOND};
use plimsoll_stats::Random;

/// A source of arrivals in order of time.
pub trait Arrivals {
    /// The next arrival, not before the one that came last; none when there are no more.
    fn next_arrival(&mut self) -> Option<Nanos>;
}

/// A Poisson stream whose rate changes by steps: independent users, as many as a recorded load says.
#[derive(Debug, Clone)]
pub struct Poisson {
    random: Random,
    /// Mean nanoseconds between arrivals per step; infinite where nobody comes.
    gaps: Vec<f64>,
    step: i64,
    index: usize,
    /// Nanoseconds into the step.
    into: f64,
}

impl Poisson {
    /// `rates` are requests per second, one per step of `step_s` seconds (above 0); what is no positive number is nobody.
    #[must_use]
    pub fn new(rates: &[f64], step_s: f64, random: Random) -> Self {
        let gap = |rate: &f64| if *rate > 0.0 { SECOND / rate } else { f64::INFINITY };
        Self {
            random,
            gaps: rates.iter().map(gap).collect(),
            step: Nanos::from_seconds(step_s).0.max(1),
            index: 0,
            into: 0.0,
        }
    }

    /// One rate for so long.
    #[must_use]
    pub fn steady(rate: f64, seconds: f64, random: Random) -> Self {
        Self::new(&[rate], seconds, random)
    }
}

impl Arrivals for Poisson {
    #[inline]
    fn next_arrival(&mut self) -> Option<Nanos> {
        while let Some(gap) = self.gaps.get(self.index) {
            if gap.is_finite() {
                // Having no memory, a stream may be drawn anew at the end of a step.
                self.into += self.random.exponential(*gap);
                if self.into < self.step as f64 {
                    return Some(Nanos(self.index as i64 * self.step + self.into as i64));
                }
            }
            self.index += 1;
            self.into = 0.0;
        }
        None
    }
}

/// Recorded arrivals.
#[derive(Debug, Clone)]
pub struct Listed(std::vec::IntoIter<Nanos>);

impl Listed {
    /// These moments, put in order.
    #[must_use]
    pub fn new(mut moments: Vec<Nanos>) -> Self {
        moments.sort_unstable();
        Self(moments.into_iter())
    }
}

impl Arrivals for Listed {
    fn next_arrival(&mut self) -> Option<Nanos> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_rate_and_time_never_goes_back() {
        let mut stream = Poisson::new(&[100.0, 0.0, f64::NAN, 400.0], 100.0, Random::new(1));
        let moments: Vec<Nanos> = std::iter::from_fn(|| stream.next_arrival()).collect();
        assert!(moments.is_sorted());
        let count = |from: f64, to: f64| moments.iter().filter(|at| (from..to).contains(&at.seconds())).count();
        // Five standard deviations.
        assert!(count(0.0, 100.0).abs_diff(10_000) < 500 && count(300.0, 400.0).abs_diff(40_000) < 1_000);
        assert_eq!(count(100.0, 300.0), 0);
    }
}
