//! How the arrival rate moves over the physical time of a run, as stretches of constant rate.
//!
//! Every shape is cut into stretches, because arrivals of a Poisson process with a piecewise constant rate can be drawn
//! exactly, and because a recorded trace is such a thing already. A sine is cut into [`SINE_STRETCHES`] per period.
//!
//! A trace runs on the clock of its replay: at speed N its slots pass N times faster, and requests arrive at the
//! recorded rate, not at N times that. So the shape is the recorded day and the load is one that a machine can carry.

use plimsoll_model::Timestamp;
use plimsoll_traces::RateSeries;
use std::sync::Arc;
use std::time::Duration;

/// Stretches that one period of a sine is cut into; the step between two is at most 2.6 % of the amplitude.
pub const SINE_STRETCHES: u64 = 240;

/// The arrival rate over a run, in requests per second of physical time.
#[derive(Debug, Clone)]
pub enum Shape {
    /// The same rate throughout.
    Constant {
        /// Requests per second.
        rps: f64,
        /// How long.
        duration: Duration,
    },
    /// One rate, then another.
    Step {
        /// Requests per second before the step.
        rps_before: f64,
        /// Requests per second after it.
        rps_after: f64,
        /// When it happens, from the start.
        at: Duration,
        /// How long the whole run is.
        duration: Duration,
    },
    /// A base rate with one burst.
    Spike {
        /// Requests per second outside the burst.
        rps_base: f64,
        /// Requests per second in the burst.
        rps_peak: f64,
        /// When the burst begins, from the start.
        at: Duration,
        /// How long the burst is.
        width: Duration,
        /// How long the whole run is.
        duration: Duration,
    },
    /// `mean + amplitude × sin(2π t / period)`, never below 0.
    Sine {
        /// Requests per second in the middle.
        rps_mean: f64,
        /// Requests per second from the middle to the top.
        rps_amplitude: f64,
        /// One full swing.
        period: Duration,
        /// How long the whole run is.
        duration: Duration,
    },
    /// A recorded load.
    Trace {
        /// The record; a gap in it sends nothing and is counted in the report.
        series: Arc<RateSeries>,
        /// Trace seconds per physical second, 1 to 3,600.
        speed: u32,
    },
}

/// A part of the run with one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its start in seconds from the start of the run.
    pub start_s: f64,
    /// Its end in seconds; greater than `start_s`.
    pub end_s: f64,
    /// Requests per second, `None` where the trace was not recorded.
    pub rps: Option<f64>,
}

impl Shape {
    /// How long the run is in physical time.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Self::Constant { duration, .. }
            | Self::Step { duration, .. }
            | Self::Spike { duration, .. }
            | Self::Sine { duration, .. } => *duration,
            Self::Trace { series, speed } => {
                Duration::from_secs_f64(series.span().0 as f64 / 1_000.0 / f64::from((*speed).max(1)))
            }
        }
    }

    /// The stretch number `index` from 0, or `None` past the end. Stretches follow each other without a hole; one may
    /// be empty (`start_s == end_s`).
    #[must_use]
    pub fn stretch(&self, index: u64) -> Option<Stretch> {
        let end = self.duration().as_secs_f64();
        let (start_s, end_s, rps) = match self {
            Self::Constant { rps, .. } => pieces(index, &[(end, *rps)])?,
            Self::Step { rps_before, rps_after, at, .. } => {
                pieces(index, &[(at.as_secs_f64(), *rps_before), (end, *rps_after)])?
            }
            Self::Spike { rps_base, rps_peak, at, width, .. } => {
                let (from, to) = (at.as_secs_f64(), at.saturating_add(*width).as_secs_f64());
                pieces(index, &[(from, *rps_base), (to, *rps_peak), (end, *rps_base)])?
            }
            Self::Sine { rps_mean, rps_amplitude, period, .. } => {
                let step = period.as_secs_f64() / SINE_STRETCHES as f64;
                let angle = std::f64::consts::TAU * (index as f64 + 0.5) / SINE_STRETCHES as f64;
                let rps = (rps_mean + rps_amplitude * angle.sin()).max(0.0);
                (index as f64 * step, (index + 1) as f64 * step, rps)
            }
            Self::Trace { series, speed } => {
                let slot = usize::try_from(index).ok().filter(|slot| *slot < series.len())?;
                let step = series.slot().0 as f64 / 1_000.0 / f64::from((*speed).max(1));
                let rps = series.rate(slot);
                return Some(Stretch { start_s: index as f64 * step, end_s: (index + 1) as f64 * step, rps });
            }
        };
        (start_s < end || index == 0).then_some(Stretch {
            start_s: start_s.min(end),
            end_s: end_s.min(end),
            rps: Some(rps),
        })
    }

    /// Requests per second at a moment of the run; `None` in a gap and past the end.
    #[must_use]
    pub fn rate_at(&self, at_s: f64) -> Option<f64> {
        if at_s < 0.0 || at_s >= self.duration().as_secs_f64() {
            return None;
        }
        let index = match self {
            Self::Trace { series, speed } => at_s * f64::from(*speed) * 1_000.0 / series.slot().0 as f64,
            Self::Sine { period, .. } => at_s * SINE_STRETCHES as f64 / period.as_secs_f64(),
            _ => 0.0,
        };
        (index as u64..)
            .map_while(|index| self.stretch(index))
            .find(|stretch| at_s < stretch.end_s)
            .and_then(|stretch| stretch.rps)
    }

    /// Requests expected over the whole run, at `scale` 1.
    #[must_use]
    pub fn requests(&self) -> f64 {
        (0..)
            .map_while(|index| self.stretch(index))
            .map(|stretch| stretch.rps.unwrap_or(0.0) * (stretch.end_s - stretch.start_s))
            .sum()
    }

    /// The trace's own time at a moment of the run; `None` for shapes without one.
    #[must_use]
    pub fn trace_time(&self, elapsed: Duration) -> Option<Timestamp> {
        match self {
            Self::Trace { series, speed } => {
                let ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).saturating_mul(i64::from(*speed));
                Some(Timestamp(series.start().0.saturating_add(ms)))
            }
            _ => None,
        }
    }

    /// One line for a report: the shape and its numbers.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Constant { rps, duration } => format!("constant {rps}/s for {duration:?}"),
            Self::Step { rps_before, rps_after, at, duration } => {
                format!("step from {rps_before}/s to {rps_after}/s at {at:?}, {duration:?} in all")
            }
            Self::Spike { rps_base, rps_peak, at, width, duration } => {
                format!("spike to {rps_peak}/s for {width:?} at {at:?} over {rps_base}/s, {duration:?} in all")
            }
            Self::Sine { rps_mean, rps_amplitude, period, duration } => {
                format!("sine {rps_mean} ± {rps_amplitude}/s, period {period:?}, {duration:?} in all")
            }
            Self::Trace { series, speed } => {
                format!("trace {}, {} of record at speed {speed}", series.name(), series.span())
            }
        }
    }
}

/// The piece number `index` of consecutive pieces, each given by its end and rate. A piece that ends before the one
/// before it is empty.
fn pieces(index: u64, pieces: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let index = usize::try_from(index).ok()?;
    let (end, rps) = *pieces.get(index)?;
    let start = if index == 0 { 0.0 } else { pieces[index - 1].0 };
    Some((start, end.max(start), rps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;
    use proptest::prelude::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn trace(rates: &[Option<f64>], speed: u32) -> Shape {
        let series = RateSeries::try_new("x", Timestamp(0), Millis(60_000), rates.iter().copied()).unwrap();
        Shape::Trace { series: Arc::new(series), speed }
    }

    #[test]
    fn the_expected_requests_are_the_area_under_the_shape() {
        for (shape, requests) in [
            (Shape::Constant { rps: 5.0, duration: S(10) }, 50.0),
            (Shape::Step { rps_before: 1.0, rps_after: 3.0, at: S(4), duration: S(10) }, 22.0),
            (Shape::Step { rps_before: 1.0, rps_after: 3.0, at: S(40), duration: S(10) }, 10.0),
            (Shape::Spike { rps_base: 1.0, rps_peak: 11.0, at: S(2), width: S(3), duration: S(10) }, 40.0),
            (Shape::Spike { rps_base: 1.0, rps_peak: 11.0, at: S(9), width: S(30), duration: S(10) }, 20.0),
            (Shape::Sine { rps_mean: 5.0, rps_amplitude: 4.0, period: S(2), duration: S(10) }, 50.0),
            (trace(&[Some(2.0), None, Some(4.0)], 1), 360.0),
            (trace(&[Some(2.0), None, Some(4.0)], 60), 6.0),
        ] {
            assert!((shape.requests() - requests).abs() < 1e-6, "{}: {}", shape.describe(), shape.requests());
        }
    }

    #[test]
    fn speed_shortens_the_record_and_leaves_its_rate() {
        let shape = trace(&[Some(2.0), None, Some(4.0)], 60);
        assert_eq!(shape.duration(), S(3));
        assert_eq!(
            (shape.rate_at(0.5), shape.rate_at(1.5), shape.rate_at(2.5), shape.rate_at(3.0)),
            (Some(2.0), None, Some(4.0), None)
        );
        assert_eq!(shape.trace_time(Duration::from_millis(1_500)), Some(Timestamp(90_000)));
    }

    proptest! {
        #[test]
        fn stretches_follow_each_other_to_the_end(
            at in 0_u64..20, width in 0_u64..20, length in 1_u64..20, period in 1_u64..30, speed in 1_u32..100,
        ) {
            let shapes = [
                Shape::Constant { rps: 1.0, duration: S(length) },
                Shape::Step { rps_before: 1.0, rps_after: 2.0, at: S(at), duration: S(length) },
                Shape::Spike { rps_base: 1.0, rps_peak: 2.0, at: S(at), width: S(width), duration: S(length) },
                Shape::Sine { rps_mean: 1.0, rps_amplitude: 2.0, period: S(period), duration: S(length) },
                trace(&vec![Some(1.0); length as usize], speed),
            ];
            for shape in shapes {
                let mut reached = 0.0;
                for stretch in (0..).map_while(|index| shape.stretch(index)) {
                    prop_assert!((stretch.start_s - reached).abs() < 1e-9, "{shape:?} {stretch:?} {reached}");
                    prop_assert!(stretch.end_s >= stretch.start_s);
                    reached = stretch.end_s;
                }
                prop_assert!((reached - shape.duration().as_secs_f64()).abs() < 1e-6, "{shape:?} {reached}");
            }
        }
    }
}
