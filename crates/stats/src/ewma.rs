//! An exponentially weighted moving average over irregular times, with the time as an argument.
//!
//! A sample's weight is what its distance in time deserves, so a burst of samples at one moment does not count as much
//! as the same number spread out. Must not read a clock.

/// A moving average with time constant `tau`: a sample's influence falls to 1/e after `tau`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ewma {
    tau: f64,
    state: Option<(f64, f64)>,
}

impl Ewma {
    /// No sample yet; `tau` > 0 in the unit of the times that follow.
    #[must_use]
    pub const fn new(tau: f64) -> Self {
        Self { tau, state: None }
    }

    /// The average after its last sample; none before the first.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.state.map(|(_, value)| value)
    }

    /// Takes in a sample at `time` and returns the new average. A time before the last one counts as the last one; a
    /// sample that is not finite is left out.
    ///
    /// # Source
    /// value += (1 - e^(-Δt/τ)) (sample - value): the exact response of a first-order low-pass filter to a sample that
    /// held since the last one.
    pub fn add(&mut self, time: f64, sample: f64) -> Option<f64> {
        if sample.is_finite() {
            self.state = Some(match self.state {
                None => (time, sample),
                Some((last, value)) => {
                    let share = -libm::expm1(-(time - last).max(0.0) / self.tau);
                    (time.max(last), value + share * (sample - value))
                }
            });
        }
        self.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_followed_with_the_time_constant_however_it_is_sampled() {
        for steps in [1_u32, 4, 1_000] {
            let mut average = Ewma::new(10.0);
            average.add(0.0, 0.0);
            for step in 1..=steps {
                average.add(10.0 * f64::from(step) / f64::from(steps), 1.0);
            }
            let expected = 1.0 - libm::exp(-1.0);
            assert!((average.value().unwrap() - expected).abs() < 1e-9, "{steps} steps: {average:?}");
        }
    }

    #[test]
    fn bad_samples_and_times_that_run_backwards_do_no_harm() {
        let mut average = Ewma::new(10.0);
        assert_eq!(average.add(0.0, f64::NAN), None);
        assert_eq!(average.add(5.0, 2.0), Some(2.0));
        assert_eq!(average.add(1.0, 100.0), Some(2.0));
        assert_eq!(average.add(2.0, f64::INFINITY), Some(2.0));
    }
}
