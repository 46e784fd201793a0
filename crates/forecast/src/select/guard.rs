//! The other side's case: where the fusion was clearly worse than simple forecasts, these speak for the point.
//!
//! Weights are chosen on the few origins that costly models can be tried at, and the best of a dozen candidates there is
//! partly luck: on a load that is on or off at random, a model of its seasons may look good at some of them. Simple models
//! (the last value, medians of the last few, the same time a season ago) cost next to nothing, so they are compared at many
//! origins, and their weighted median is the reference. The fusion is scored with the weights that the *other* origins give
//! (those left out whose windows overlap, where any remain) against that reference, in absolute error and paired by origin;
//! its share falls smoothly with that evidence. Quantiles are left alone: they have weights and a spread of their own.
//!
//! # Source
//! The paired comparison of two forecasts' losses: F. X. Diebold, R. S. Mariano, "Comparing predictive accuracy", *Journal of
//! Business & Economic Statistics* 13 (1995), 253-263; here with as many independent windows as fit between the first and
//! the last origin.

use super::losses::Losses;
use super::weights::{Past, relative, weigh, weighted_median, weights};
use plimsoll_stats::normal;

/// Standard errors by which the fusion has to be behind for the reference to have an equal say: the fusion holds the field,
/// because it is mostly better. On 167 VMs of Bitbrains at three times earlier in July than those of the bench, the geometric
/// mean of its error over the last value's is 0.782, 0.739 and 0.826 without any reference, 0.770, 0.726 and 0.816 with 1, and
/// 0.770, 0.725 and 0.819 with 0, which loses on traffic; with −1 (it has to be ahead) VMs and traffic both lose.
/// Since analogues are among the simple models, 0 gains 0.5 % on VMs and loses 9 % on the training parts of M4 Hourly.
const BENEFIT: f64 = 1.0;
/// Origins below which there is no test.
const ORIGINS_LEAST: usize = 3;

/// The simple forecast to beat, as weights of all models, and the share of the fusion beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Guard {
    reference: Vec<f64>,
    share: f64,
}

impl Guard {
    /// `simple` holds each simple model's mean absolute error over many origins, and infinity for the others; `table` absolute
    /// errors at the origins of `pasts`, which start at `origins`. None where nothing simple is known or there is no test.
    pub(super) fn new(
        pasts: &[Past<'_>],
        origins: &[usize],
        table: &Losses,
        simple: &[f64],
        ends: &[usize],
    ) -> Option<Self> {
        if pasts.len() < ORIGINS_LEAST || simple.iter().all(|error| !error.is_finite()) {
            return None;
        }
        let reference = weights(&relative(simple), f64::INFINITY);
        let horizon = *ends.last()?;
        let ahead = |run: usize| -> Option<f64> {
            let apart = |other: usize| origins[other].abs_diff(origins[run]) >= horizon;
            let apart: &dyn Fn(usize) -> bool =
                if (0..pasts.len()).any(apart) { &apart } else { &|other| other != run };
            let weights: Vec<Vec<f64>> =
                (0..ends.len()).map(|stretch| weigh(table, apart, pasts.len(), stretch)).collect();
            lead(&pasts[run], &weights, ends, &reference)
        };
        let leads: Vec<f64> = (0..pasts.len()).filter_map(ahead).collect();
        let independent = 1.0 + (origins.last()? - origins.first()?) as f64 / horizon as f64;
        Some(Self { reference, share: share(&leads, independent.min(leads.len() as f64)) })
    }

    /// Weights with the reference's part in them.
    pub(super) fn applied(&self, weights: &[f64]) -> Vec<f64> {
        let both = weights.iter().zip(&self.reference);
        both.map(|(weight, simple)| weight * self.share + simple * (1.0 - self.share)).collect()
    }
}

/// By how much less the fusion was off than the reference at one origin, on average over its steps.
fn lead(past: &Past<'_>, weights: &[Vec<f64>], ends: &[usize], reference: &[f64]) -> Option<f64> {
    let said = |step: usize, weights: &[f64]| {
        let known = past.points.iter().zip(weights);
        let known = known.filter_map(|(points, weight)| Some((&(*points)?[step..=step], *weight)));
        let (rows, weights): (Vec<&[f64]>, Vec<f64>) = known.unzip();
        weighted_median(&rows, &weights, 0)
    };
    let (mut sum, mut count) = (0.0, 0.0);
    for (step, actual) in past.actual.iter().enumerate().take(*ends.last()?).filter(|(_, actual)| actual.is_finite()) {
        let fused = said(step, &weights[ends.iter().position(|end| step < *end)?]);
        sum += (actual - said(step, reference)).abs() - (actual - fused).abs();
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}

/// The fusion's share: the probability that it is behind by less than [`BENEFIT`] standard errors.
fn share(leads: &[f64], independent: f64) -> f64 {
    let count = leads.len() as f64;
    if leads.len() < ORIGINS_LEAST || independent <= 1.0 {
        return 1.0;
    }
    let mean = leads.iter().sum::<f64>() / count;
    let variance = leads.iter().map(|lead| (lead - mean) * (lead - mean)).sum::<f64>() / (count - 1.0);
    let error = libm::sqrt(variance / independent);
    if error > 0.0 { normal::probability(mean / error + BENEFIT) } else { f64::from(u8::from(mean >= 0.0)) }
}

#[cfg(test)]
mod tests {
    use super::super::losses::Of;
    use super::*;

    /// At five origins ten steps apart 0, 1, 0, 1, 0 comes; the simple model says 0, the other one what `clever` gives.
    fn guard(clever: impl Fn(usize) -> f64) -> Guard {
        let came: Vec<Vec<f64>> = (0..5).map(|run| vec![f64::from(run % 2); 8]).collect();
        let (simple, clever): (Vec<f64>, Vec<Vec<f64>>) =
            (vec![0.0; 8], (0..5).map(|run| vec![clever(run); 8]).collect());
        let past = |run: usize| Past {
            said: vec![None, None],
            points: vec![Some(simple.as_slice()), Some(clever[run].as_slice())],
            actual: &came[run],
        };
        let pasts: Vec<Past<'_>> = (0..5).map(past).collect();
        let ends = [4, 8];
        let table = Losses::new(&pasts, Of::Points, 2, &ends);
        Guard::new(&pasts, &[10, 20, 30, 40, 50], &table, &[0.4, f64::INFINITY], &ends).unwrap()
    }

    #[test]
    fn a_fusion_that_was_ahead_keeps_its_say_and_one_that_was_behind_loses_it() {
        let ahead = guard(|run| f64::from(u8::from(run % 2 == 1)) * 0.9);
        assert!(ahead.share > 0.9, "{ahead:?}");
        // Right at three of five origins, far off at the two others: weights at each origin come from the others alone.
        let behind = guard(|run| if run % 2 == 0 { 0.6 } else { 0.5 });
        assert!(behind.share < 0.9 && behind.share < ahead.share, "{behind:?}");
    }

    #[test]
    fn the_share_falls_smoothly_with_the_evidence() {
        assert_eq!(share(&[-5.0, -4.0], 2.0), 1.0, "too few origins to tell");
        assert_eq!((share(&[0.0; 4], 4.0), share(&[-1.0; 4], 4.0)), (1.0, 0.0));
        // Mean −1, standard error √(4 / 3 / 4): 1.73 errors behind, 0.73 more than it is given.
        let behind = share(&[-2.0, 0.0, -2.0, 0.0], 4.0);
        assert!((behind - normal::probability(1.0 - 3.0_f64.sqrt())).abs() < 1e-12, "{behind}");
        assert!(share(&[-3.0, -1.0, -3.0, -1.0], 4.0) < behind && behind < share(&[1.0, -1.0, 1.0, -1.0], 4.0));
    }

    #[test]
    fn weights_still_sum_to_one() {
        let guard = Guard { reference: vec![1.0, 0.0], share: 0.25 };
        assert_eq!(guard.applied(&[0.0, 1.0]), [0.75, 0.25]);
    }
}
