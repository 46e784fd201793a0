//! What to send: the shape of the load, its scale, its spacing, its mix of requests and its bounds.

use crate::arrivals::{Arrivals, Spacing};
use crate::shape::Shape;
use plimsoll_model::Permille;
use plimsoll_stats::Random;
use std::time::Duration;

/// A run's load. Everything random in it comes from `seed`.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// The arrival rate over time.
    pub shape: Shape,
    /// Factor on every rate of the shape, above 0.
    pub scale: f64,
    /// Poisson or even gaps.
    pub spacing: Spacing,
    /// Seed of the arrivals and of the mix.
    pub seed: u64,
    /// Which requests.
    pub mix: Mix,
    /// The run ends after this many requests, 1 to 10^9.
    pub requests_max: u64,
    /// The run ends after this time even where the shape goes on, up to 7 days.
    pub duration_max: Duration,
}

/// Which requests are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Share of POST requests, which no proxy may retry; the rest are GET. 0 to 1,000.
    pub post_share: Permille,
    /// Bytes in the body of a POST, at most 16 MiB.
    pub post_body_bytes: usize,
    /// Paths with their query, each starting with `/`, drawn with equal chance; at least one.
    pub paths: Vec<String>,
}

/// Longest run accepted.
pub const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Most requests accepted in one run.
pub const REQUESTS_MAX: u64 = 1_000_000_000;
/// Shortest period of a sine accepted.
pub const PERIOD_MIN: Duration = Duration::from_millis(10);
/// Highest rate accepted, per second; one thread can not send more.
pub const RPS_MAX: f64 = 1_000_000.0;
/// Largest POST body accepted, in bytes.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Why a plan was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A number outside its range.
    #[error("{field} is {value}, and must be {range}")]
    Range {
        /// The field of the plan.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it may hold.
        range: &'static str,
    },
    /// A path that can not be asked for.
    #[error("path {0:?} must start with '/' and hold only printable ASCII without spaces")]
    Path(String),
    /// No path at all.
    #[error("the mix names no path")]
    NoPath,
}

impl Default for Mix {
    fn default() -> Self {
        Self { post_share: Permille(0), post_body_bytes: 256, paths: vec!["/".into()] }
    }
}

/// One request to send: which path of the mix, and whether it is a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) path: usize,
    pub(crate) post: bool,
}

impl LoadPlan {
    /// A plan of `shape` as it stands: scale 1, Poisson, GET `/`, seed 1, no bound but the shape's own end.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            scale: 1.0,
            spacing: Spacing::Poisson,
            seed: 1,
            mix: Mix::default(),
            requests_max: REQUESTS_MAX,
            duration_max: DURATION_MAX,
        }
    }

    /// How long sending lasts unless it is stopped.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.shape.duration().min(self.duration_max)
    }

    /// Checks every number.
    ///
    /// # Errors
    /// [`PlanError`], naming the first field that is out of range.
    pub fn check(&self) -> Result<(), PlanError> {
        let range = |field, value: String, range| Err(PlanError::Range { field, value, range });
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return range("scale", self.scale.to_string(), "finite and above 0");
        }
        for (field, rps) in self.shape_rates() {
            let rate = rps * self.scale;
            if !(rate.is_finite() && (0.0..=RPS_MAX).contains(&rate)) {
                return range(field, rate.to_string(), "0 to 1,000,000 requests per second after scaling");
            }
        }
        match &self.shape {
            Shape::Trace { speed, .. } if !(1..=3_600).contains(speed) => {
                return range("speed", speed.to_string(), "1 to 3,600");
            }
            Shape::Sine { period, .. } if *period < PERIOD_MIN => {
                return range("period", format!("{period:?}"), "at least 10 ms");
            }
            _ => {}
        }
        let (duration, requests) = (self.shape.duration(), self.requests_max);
        if duration.is_zero() || self.duration_max.is_zero() || self.duration() > DURATION_MAX {
            return range("duration", format!("{:?}", self.duration()), "above 0 and at most 7 days");
        }
        if !(1..=REQUESTS_MAX).contains(&requests) {
            return range("requests_max", requests.to_string(), "1 to 1,000,000,000");
        }
        self.mix.check()
    }

    fn shape_rates(&self) -> Vec<(&'static str, f64)> {
        match &self.shape {
            Shape::Constant { rps, .. } => vec![("rps", *rps)],
            Shape::Step { rps_before, rps_after, .. } => vec![("rps_before", *rps_before), ("rps_after", *rps_after)],
            Shape::Spike { rps_base, rps_peak, .. } => vec![("rps_base", *rps_base), ("rps_peak", *rps_peak)],
            Shape::Sine { rps_mean, rps_amplitude, .. } => {
                vec![
                    ("rps_mean", *rps_mean),
                    ("rps_amplitude", *rps_amplitude),
                    ("rps_mean + rps_amplitude", rps_mean + rps_amplitude),
                ]
            }
            Shape::Trace { series, .. } => vec![("peak of the trace", series.peak())],
        }
    }

    /// The due moments, from the start of the run.
    pub(crate) fn arrivals(&self) -> impl Iterator<Item = Duration> + '_ {
        let end = self.duration();
        Arrivals::new(&self.shape, self.scale, self.spacing, self.seed).take_while(move |due| *due <= end)
    }

    /// The requests in the order in which they are due; a stream of its own, so that a change of mix moves no arrival.
    pub(crate) fn choices(&self) -> impl Iterator<Item = Choice> + '_ {
        let mut random = Random::new(self.seed ^ 0x6d69_785f_6f66_5f72);
        let share = self.mix.post_share.0 as f64 / 1_000.0;
        std::iter::repeat_with(move || Choice {
            post: random.unit() < share,
            path: random.below(self.mix.paths.len() as u64) as usize,
        })
    }
}

impl Mix {
    fn check(&self) -> Result<(), PlanError> {
        let range = |field, value: String, range| Err(PlanError::Range { field, value, range });
        if self.post_share > Permille(1_000) {
            return range("post_share", self.post_share.to_string(), "0 to 100%");
        }
        if self.post_body_bytes > BODY_BYTES_MAX {
            return range("post_body_bytes", self.post_body_bytes.to_string(), "at most 16,777,216");
        }
        if self.paths.is_empty() {
            return Err(PlanError::NoPath);
        }
        let valid = |path: &&String| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        match self.paths.iter().find(|path| !valid(path)) {
            Some(path) => Err(PlanError::Path(path.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(rps: f64) -> LoadPlan {
        LoadPlan::new(Shape::Constant { rps, duration: Duration::from_secs(10) })
    }

    #[test]
    fn a_plan_out_of_range_names_its_field() {
        type Change = fn(&mut LoadPlan);
        let cases: [(Change, &str); 8] = [
            (|plan| plan.scale = 0.0, "scale is 0, and must be finite and above 0"),
            (|plan| plan.scale = f64::NAN, "scale is NaN, and must be finite and above 0"),
            (
                |plan| plan.scale = 1e9,
                "rps is 5000000000, and must be 0 to 1,000,000 requests per second after scaling",
            ),
            (|plan| plan.requests_max = 0, "requests_max is 0, and must be 1 to 1,000,000,000"),
            (|plan| plan.duration_max = Duration::ZERO, "duration is 0ns, and must be above 0 and at most 7 days"),
            (|plan| plan.mix.post_share = Permille(1_001), "post_share is 100.1%, and must be 0 to 100%"),
            (|plan| plan.mix.paths.clear(), "the mix names no path"),
            (
                |plan| plan.mix.paths = vec!["/a b".into()],
                "path \"/a b\" must start with '/' and hold only printable ASCII without spaces",
            ),
        ];
        for (change, message) in cases {
            let mut plan = constant(5.0);
            change(&mut plan);
            assert_eq!(plan.check().unwrap_err().to_string(), message);
        }
        assert_eq!(constant(5.0).check(), Ok(()));
        assert!(constant(-1.0).check().is_err());
    }

    #[test]
    fn the_mix_has_its_share_of_posts_and_every_path() {
        let mut plan = constant(5.0);
        plan.mix.post_share = Permille(250);
        plan.mix.paths = vec!["/a".into(), "/b".into()];
        let choices: Vec<Choice> = plan.choices().take(10_000).collect();
        let posts = choices.iter().filter(|choice| choice.post).count();
        let second = choices.iter().filter(|choice| choice.path == 1).count();
        assert!((2_300..2_700).contains(&posts), "{posts}");
        assert!((4_700..5_300).contains(&second), "{second}");
    }

    #[test]
    fn the_bound_in_time_cuts_the_shape() {
        let mut plan = constant(100.0);
        plan.spacing = Spacing::Even;
        plan.duration_max = Duration::from_secs(2);
        assert_eq!(plan.arrivals().count(), 200);
    }
}
