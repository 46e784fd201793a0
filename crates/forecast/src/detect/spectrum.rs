//! Which lengths a season might have: peaks of the periodogram and of the autocorrelation.
//!
//! Only proposes; [`super::periods`] confirms or refuses. Gaps count as the mean in the periodogram (they take power
//! from every frequency alike) and as nothing in the autocorrelation (pairs with a gap are left out).

use super::fft::{autocovariance_sums, transform};

/// Most candidates from either source.
const CANDIDATES_MAX: usize = 8;
/// How much more power than the median around it makes a frequency stand out. Of white noise one in 2^8 does by chance.
const STANDS_OUT: f64 = 8.0;

/// The autocorrelation of values around 0 (NaN for a gap) at lags 0 to half their length, each over the pairs measured.
pub(super) fn autocorrelation(values: &[f64]) -> Vec<f64> {
    let lags = values.len() / 2 + 1;
    let filled: Vec<f64> = values.iter().map(|value| if value.is_finite() { *value } else { 0.0 }).collect();
    let measured: Vec<f64> = values.iter().map(|value| if value.is_finite() { 1.0 } else { 0.0 }).collect();
    let (sums, pairs) = (autocovariance_sums(&filled, lags), autocovariance_sums(&measured, lags));
    let variance = sums[0] / pairs[0].max(1.0);
    let at = |(sum, pairs): (&f64, &f64)| if *pairs < 0.5 || variance <= 0.0 { 0.0 } else { sum / pairs / variance };
    sums.iter().zip(&pairs).map(at).collect()
}

/// Periods (in steps, rising) at which `values` (around 0, NaN for a gap) might repeat, with at least two cycles.
pub(super) fn proposals(values: &[f64]) -> Vec<usize> {
    let correlation = autocorrelation(values);
    let mut found = from_periodogram(values, &correlation);
    found.extend(from_autocorrelation(&correlation));
    found.sort_unstable();
    found.dedup();
    found
}

/// The frequencies that stand out, strongest first; each one's period is where the autocorrelation is highest within
/// the frequency's resolution.
fn from_periodogram(values: &[f64], correlation: &[f64]) -> Vec<usize> {
    let len = values.len();
    let filled: Vec<f64> = values.iter().map(|value| if value.is_finite() { *value } else { 0.0 }).collect();
    let power: Vec<f64> = transform(&filled).iter().take(len / 2 + 1).map(|value| value.power()).collect();
    let mut peaks: Vec<usize> =
        (2..power.len().saturating_sub(1)).filter(|k| power[*k] >= power[k - 1] && power[*k] > power[k + 1]).collect();
    peaks.sort_by(|a, b| power[*b].total_cmp(&power[*a]).then(a.cmp(b)));
    peaks.truncate(2 * CANDIDATES_MAX);
    peaks.retain(|k| power[*k] > STANDS_OUT * median_around(&power, *k));
    peaks.truncate(CANDIDATES_MAX);
    let refine = |k: usize| {
        let (from, to) = (2 * len / (2 * k + 1), (2 * len / (2 * k - 1)).min(correlation.len() - 1));
        (from.max(2)..=to).max_by(|a, b| correlation[*a].total_cmp(&correlation[*b]).then(b.cmp(a)))
    };
    peaks.into_iter().filter_map(refine).collect()
}

/// The median power an octave around a frequency: what noise of any colour has there.
fn median_around(power: &[f64], k: usize) -> f64 {
    let (from, to) = ((k / 2).max(1), (2 * k + 8).min(power.len() - 1));
    let mut near = power[from..=to].to_vec();
    plimsoll_stats::quantile::sort(&mut near);
    near.get(near.len() / 2).copied().unwrap_or(0.0)
}

/// The highest hills of the autocorrelation: lags that are above all others up to a quarter away.
fn from_autocorrelation(correlation: &[f64]) -> Vec<usize> {
    let mut hills: Vec<usize> = Vec::new();
    let mut order: Vec<usize> = (2..correlation.len()).filter(|lag| correlation[*lag] > 0.1).collect();
    order.retain(|lag| {
        let reach = (lag / 4).max(1);
        let around = lag - reach..=(lag + reach).min(correlation.len() - 1);
        correlation[*lag] > correlation[lag - 1] && around.into_iter().all(|at| correlation[at] <= correlation[*lag])
    });
    order.sort_by(|a, b| correlation[*b].total_cmp(&correlation[*a]).then(a.cmp(b)));
    hills.extend(order.into_iter().take(CANDIDATES_MAX));
    hills
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_autocorrelation_leaves_gaps_out() {
        let mut values: Vec<f64> = (0..400).map(|i| if i % 8 < 4 { 1.0 } else { -1.0 }).collect();
        values[100..150].fill(f64::NAN);
        let correlation = autocorrelation(&values);
        assert_eq!(correlation.len(), 201);
        for (lag, expected) in [(0, 1.0), (4, -1.0), (8, 1.0), (80, 1.0)] {
            assert!((correlation[lag] - expected).abs() < 1e-9, "{lag}: {}", correlation[lag]);
        }
    }

    #[test]
    fn a_season_is_among_the_proposals_of_its_length() {
        let values: Vec<f64> = (0..1_000).map(|i| libm::sin(std::f64::consts::TAU * f64::from(i) / 37.0)).collect();
        assert!(proposals(&values).contains(&37));
        assert!(proposals(&[]).is_empty() && proposals(&[1.0]).is_empty() && proposals(&[0.0; 50]).is_empty());
    }
}
