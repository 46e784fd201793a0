//! One series prepared for training: what the encoder gave at every step, and what each step is compared with.

use super::encoder::Encoder;
use super::output::Targets;
use std::ops::Range;

/// A series with features. A step is a measured value; times count from the series' start.
#[derive(Debug, Clone)]
pub struct Track {
    values: Vec<f64>,
    /// Steps of each slot's season.
    periods: Vec<usize>,
    /// Time of every step.
    times: Vec<usize>,
    /// Features of every step.
    features: Vec<Vec<f32>>,
    /// The unit after every step.
    units: Vec<f64>,
    /// By anchor and time: the anchor's newest value for the season's place of that time.
    anchors: Vec<Vec<f64>>,
}

impl Track {
    /// Runs an encoder over the values. None when nothing was measured.
    #[must_use]
    pub fn new(values: &[f64], periods: &[usize]) -> Option<Self> {
        let first = values.iter().position(|value| value.is_finite())?;
        let values = values[first..].to_vec();
        let mut encoder = Encoder::new(periods, values[0]);
        let anchors = vec![Vec::with_capacity(values.len()); 2 * periods.len()];
        let (times, features, units) = (vec![0], vec![encoder.first_features()], vec![0.0]);
        let mut track = Self { values, periods: periods.to_vec(), times, features, units, anchors };
        track.note(0, &encoder, true);
        for time in 1..track.values.len() {
            let features = encoder.take(track.values[time]);
            track.note(time, &encoder, features.is_some());
            if let Some(features) = features {
                track.times.push(time);
                track.features.push(features);
                track.units.push(encoder.unit());
            }
        }
        Some(track)
    }

    fn note(&mut self, time: usize, encoder: &Encoder, measured: bool) {
        let periods = self.periods.iter().flat_map(|period| [*period; 2]);
        for ((anchor, value), period) in self.anchors.iter_mut().zip(encoder.values()).zip(periods) {
            let before = if time >= period { anchor[time - period] } else { encoder.last() };
            anchor.push(if measured { value } else { before });
        }
    }

    /// Steps in all.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.times.len()
    }

    /// Steps before a time.
    #[must_use]
    pub fn steps_before(&self, time: usize) -> usize {
        self.times.partition_point(|at| *at < time)
    }

    /// Values and gaps in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Features of a step.
    #[must_use]
    pub fn features(&self, step: usize) -> &[f32] {
        &self.features[step]
    }

    /// The first step whose anchors have seen a whole season.
    #[must_use]
    pub fn first_whole(&self) -> usize {
        self.steps_before(self.periods.iter().copied().max().unwrap_or(1))
    }

    /// What the outputs of `step` are compared with: the values of the next `horizon` times that lie within `times`.
    pub fn targets(&self, step: usize, horizon: usize, times: &Range<usize>, to: &mut Targets) {
        to.clear();
        let (time, unit) = (self.times[step], self.units[step]);
        let (last, whole) = (self.values[time], step >= self.first_whole() && unit > 0.0);
        for ahead in 1..=horizon {
            let at = time + ahead;
            let counts = whole && times.contains(&at) && at < self.values.len();
            let value = if counts { (self.values[at] - last) / unit } else { f64::NAN };
            let anchors = self.anchors.iter().zip(self.periods.iter().flat_map(|period| [*period; 2]));
            let anchor = |(anchor, period): (&Vec<f64>, usize)| {
                let seasons = ahead.div_ceil(period);
                anchor.get((time + ahead).wrapping_sub(seasons * period)).map_or(0.0, |value| (value - last) / unit)
            };
            to.push(value, anchors.map(anchor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_anchors_are_those_that_the_encoder_gives_at_that_moment() {
        let noisy = |time: usize| (time * 37 % 11) as f64 + 10.0 * ((time % 6) as f64);
        let gap = |time: usize| matches!(time, 0 | 9 | 20..=23 | 31);
        let values: Vec<f64> = (0..60).map(|time| if gap(time) { f64::NAN } else { noisy(time) }).collect();
        let track = Track::new(&values, &[1, 3, 6]).unwrap();
        let mut encoder = Encoder::new(&[1, 3, 6], values[1]);
        let (mut step, mut targets, mut anchors) = (0, Targets::default(), Vec::new());
        for value in &values[2..] {
            if encoder.take(*value).is_none() {
                continue;
            }
            step += 1;
            if step < track.first_whole() {
                continue;
            }
            track.targets(step, 13, &(0..1_000), &mut targets);
            for ahead in 1..=13 {
                encoder.anchors(ahead, &mut anchors);
                let exact = anchors.iter().map(|anchor| (anchor - encoder.last()) / encoder.unit());
                let found = &targets.anchors[(ahead - 1) * 6..ahead * 6];
                assert!(exact.zip(found).all(|(a, b)| (a - b).abs() < 1e-9), "step {step} ahead {ahead}");
            }
        }
        assert_eq!((track.len(), track.steps()), (59, step + 1));
    }
}
