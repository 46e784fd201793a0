//! Losses of every model at every origin, per stretch of the horizon: what weights and evidence are made of.

use super::weights::Past;
use crate::Levels;
use crate::score::pinball;

/// What a loss is of.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    /// Pinball loss of the quantiles.
    Quantiles(&'a Levels),
    /// Absolute error of the point.
    Points,
}

/// Sums of losses by origin, stretch and model, and how many steps each sum is of.
pub(super) struct Losses {
    models: usize,
    stretches: usize,
    sums: Vec<f64>,
    counts: Vec<u32>,
}

impl Losses {
    /// Of `pasts` over the stretches that end at `ends`; infinite where a model said nothing of a step that was measured.
    pub(super) fn new(pasts: &[Past<'_>], of: Of<'_>, models: usize, ends: &[usize]) -> Self {
        let mut found = Self { models, stretches: ends.len(), sums: Vec::new(), counts: Vec::new() };
        for past in pasts {
            let mut from = 0;
            for &to in ends {
                let measured = |step: &usize| past.actual.get(*step).is_some_and(|actual| actual.is_finite());
                let steps: Vec<usize> = (from..to).filter(measured).collect();
                let sum = |model: usize| steps.iter().map(|step| loss(past, of, model, *step)).sum::<f64>();
                found.sums.extend((0..models).map(sum));
                found.counts.push(u32::try_from(steps.len()).unwrap_or(u32::MAX));
                from = to;
            }
        }
        found
    }

    /// Every model's mean loss over the origins that `counts` says yes to, in one stretch or in all; infinite where there is
    /// nothing to go by.
    pub(super) fn mean(&self, counts: &dyn Fn(usize) -> bool, stretch: Option<usize>) -> Vec<f64> {
        let (mut sums, mut steps) = (vec![0.0; self.models], 0.0);
        for (cell, count) in self.counts.iter().enumerate() {
            let (origin, own) = (cell / self.stretches, cell % self.stretches);
            if !counts(origin) || stretch.is_some_and(|stretch| stretch != own) {
                continue;
            }
            steps += f64::from(*count);
            let row = &self.sums[cell * self.models..(cell + 1) * self.models];
            sums.iter_mut().zip(row).for_each(|(sum, loss)| *sum += loss);
        }
        sums.into_iter().map(|sum| if steps > 0.0 { sum / steps } else { f64::INFINITY }).collect()
    }
}

fn loss(past: &Past<'_>, of: Of<'_>, model: usize, step: usize) -> f64 {
    let actual = past.actual[step];
    let found = match of {
        Of::Points => past.points[model].map(|points| (actual - points[step]).abs()),
        Of::Quantiles(levels) => past.said[model].map(|said| {
            let row = said[step * levels.len()..(step + 1) * levels.len()].iter().zip(levels.as_slice());
            row.map(|(said, level)| pinball(actual, *said, *level)).sum::<f64>() / levels.len() as f64
        }),
    };
    found.unwrap_or(f64::INFINITY)
}
