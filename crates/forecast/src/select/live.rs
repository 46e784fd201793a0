//! What the members said since the fit, beside what came: weights that go on learning between two fits.
//!
//! A level may shift, or a candidate that was hopeless on little history may have become the best, hours before anybody fits
//! again. So every member's next horizon is kept while it comes true, its losses are added to sums that fade, and the weights
//! of the fit give way to weights from those sums as they gain origins: the same rule, on newer evidence. One horizon is
//! watched at a time, so an update costs what a prediction of every member does, divided by the horizon.
//!
//! # Source
//! Weights from errors that fade: J. M. Bates, C. W. J. Granger, "The combination of forecasts", *Operational Research
//! Quarterly* 20 (1969), 451-468 (its fourth and fifth methods).

use super::weights::from_losses;
use crate::score::pinball;
use crate::{Levels, Prediction};
use serde::{Deserialize, Serialize};

/// What stays of the older losses with every horizon that came true. On the second quarter of the traffic and cluster series,
/// fitted daily, errors fall by 7 % with 0.8, 0.9 and 0.95 alike.
const KEEPS: f64 = 0.9;
/// Live origins at which they weigh as much as the fit. With 1, 2 and 4 those errors fall by 7.3, 6.9 and 5.8 %; with 1 one
/// series is worse than without.
const EQUAL: f64 = 2.0;

/// Losses since the fit, and what is being watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Live {
    /// Horizons that came true, faded; a fraction where values were missing.
    origins: f64,
    /// Faded sums of absolute errors of the points, stretch by stretch, one per member.
    points: Vec<Vec<f64>>,
    /// The same of the pinball losses.
    quantiles: Vec<Vec<f64>>,
    /// Faded steps behind each stretch's sums.
    steps: Vec<f64>,
    watched: Option<Watched>,
}

/// What every member said of the horizon that is coming true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watched {
    /// By member: points.
    points: Vec<Vec<f64>>,
    /// By member: values at [`levels`], step by step.
    values: Vec<Vec<f64>>,
    /// What came so far; none where nothing was measured.
    came: Vec<Option<f64>>,
}

/// Which of the two kinds of weights.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of the points.
    Points,
    /// Of the quantiles.
    Quantiles,
}

/// The probabilities that are watched: the middle and both sides.
pub(super) fn levels() -> Levels {
    Levels::try_new(vec![0.1, 0.5, 0.9]).expect("invariant: they rise within 0 and 1")
}

impl Live {
    /// Whether the next horizon has to be said before the next value is taken.
    pub(super) const fn is_idle(&self) -> bool {
        self.watched.is_none()
    }

    /// Watches what every member says of the horizon to come, at [`levels`].
    pub(super) fn watch(&mut self, said: &[Prediction]) {
        let points = said.iter().map(|one| one.points().to_vec()).collect();
        let values = said.iter().map(|one| one.values().to_vec()).collect();
        self.watched = Some(Watched { points, values, came: Vec::new() });
    }

    /// Takes the next value, NaN where nothing was measured. `ends` are the last steps of the stretches; the last one is the
    /// horizon.
    pub(super) fn take(&mut self, value: f64, ends: &[usize]) {
        let horizon = ends.last().copied().unwrap_or(0);
        let Some(watched) = self.watched.as_mut() else { return };
        watched.came.push(Some(value).filter(|value| value.is_finite()));
        if watched.came.len() >= horizon
            && let Some(watched) = self.watched.take()
        {
            self.add(&watched, ends);
        }
    }

    fn add(&mut self, watched: &Watched, ends: &[usize]) {
        let members = watched.points.len();
        let measured = watched.came.iter().flatten().count();
        if measured == 0 {
            return;
        }
        self.steps.resize(ends.len(), 0.0);
        for sums in [&mut self.points, &mut self.quantiles] {
            sums.resize(ends.len(), Vec::new());
            sums.iter_mut().for_each(|sums| sums.resize(members, 0.0));
            sums.iter_mut().flatten().for_each(|sum| *sum *= KEEPS);
        }
        self.steps.iter_mut().for_each(|steps| *steps *= KEEPS);
        self.origins = KEEPS * self.origins + measured as f64 / watched.came.len() as f64;
        let levels = levels();
        let mut stretch = 0;
        for (step, came) in watched.came.iter().enumerate() {
            while step >= ends[stretch] {
                stretch += 1;
            }
            let Some(came) = came else { continue };
            self.steps[stretch] += 1.0;
            for member in 0..members {
                self.points[stretch][member] += (came - watched.points[member][step]).abs();
                let row = &watched.values[member][step * levels.len()..(step + 1) * levels.len()];
                let pairs = row.iter().zip(levels.as_slice());
                self.quantiles[stretch][member] +=
                    pairs.map(|(said, level)| pinball(*came, *said, *level)).sum::<f64>();
            }
        }
    }

    /// How many horizons came true since the fit, faded.
    pub(super) const fn origins(&self) -> f64 {
        self.origins
    }

    /// The weights of one stretch: those of the fit, moved towards what the losses since then say.
    pub(super) fn moved(&self, fit: &[f64], kind: Kind, stretch: usize) -> Vec<f64> {
        let sums = if kind == Kind::Points { &self.points } else { &self.quantiles };
        if sums.get(stretch).is_none_or(|sums| sums.len() != fit.len()) || self.origins <= 0.0 {
            return fit.to_vec();
        }
        let mean = |sum: f64, steps: f64| if steps > 0.0 { sum / steps } else { f64::INFINITY };
        let own: Vec<f64> = sums[stretch].iter().map(|sum| mean(*sum, self.steps[stretch])).collect();
        let all: f64 = self.steps.iter().sum();
        let whole: Vec<f64> =
            (0..fit.len()).map(|member| mean(sums.iter().map(|sums| sums[member]).sum(), all)).collect();
        let share = self.origins / (self.origins + EQUAL);
        let live = from_losses(&own, &whole, self.origins);
        fit.iter().zip(live).map(|(fit, live)| (1.0 - share) * fit + share * live).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [usize; 2] = [2, 4];

    /// Members that say 0 and 1; `came` in turn, from the start of a horizon on.
    fn after(came: &[f64]) -> Live {
        let said: Vec<Prediction> =
            [0.0, 1.0].map(|value| Prediction::new(&levels(), vec![value; 4], vec![value; 12])).into();
        let mut live = Live::default();
        for value in came {
            if live.is_idle() {
                live.watch(&said);
            }
            live.take(*value, &ENDS);
        }
        live
    }

    #[test]
    fn weights_follow_what_came_and_start_from_those_of_the_fit() {
        let fit = [0.9, 0.1];
        assert_eq!(after(&[1.0; 3]).moved(&fit, Kind::Points, 0), fit, "nothing came true yet");
        let first = after(&[0.9; 4]);
        for kind in [Kind::Points, Kind::Quantiles] {
            let (one, many) = (first.moved(&fit, kind, 1), after(&[0.9; 40]).moved(&fit, kind, 1));
            assert!(one[1] > 0.3 && many[1] > one[1] && many[1] < 1.0, "{one:?} {many:?}");
            assert!((many[0] + many[1] - 1.0).abs() < 1e-12);
        }
        // One origin against two of the fit: the second member is trimmed from nothing, half of the share is equal.
        let share = 1.0 / 3.0;
        assert!((first.moved(&fit, Kind::Points, 0)[0] - (1.0 - share) * 0.9).abs() < 1e-12);
    }

    #[test]
    fn what_is_long_past_fades() {
        let turned: Vec<f64> = [0.1; 200].into_iter().chain([0.9; 120]).collect();
        assert!(after(&turned).moved(&[0.5, 0.5], Kind::Points, 0)[1] > 0.9);
        assert!(after(&turned).origins() < 10.0);
    }

    #[test]
    fn gaps_count_for_nothing() {
        assert_eq!(after(&[f64::NAN; 8]).origins(), 0.0);
        let half = after(&[0.9, f64::NAN, 0.9, f64::NAN]);
        assert_eq!((half.origins(), half.steps.clone()), (0.5, vec![1.0, 1.0]));
        // A stretch without any measured step goes by the rest.
        let late = after(&[f64::NAN, f64::NAN, 0.9, 0.9]).moved(&[0.5, 0.5], Kind::Points, 0);
        assert!(late[1] > 0.5 && late.iter().all(|weight| weight.is_finite()), "{late:?}");
    }
}
