//! The scalability law from measured points: so many requests at once got so much done.
//!
//! # Source
//! N. Gunther, "Guerrilla Capacity Planning", 2007, chapter 5. The law is a straight line in `(n−1)` and `n(n−1)` once turned
//! over: `n/X = (1 + σ(n−1) + κn(n−1))/γ`. Here its logarithmic errors are made small in absolute value, not its squares, so
//! that one bad point bends nothing.

use super::minimize::minimize;
use crate::service::model::{SLOTS_MAX, ScalabilityLaw};

/// γ (throughput of one request alone) and the law for points of (requests at once, throughput); none for fewer than three
/// points above zero at different numbers.
#[must_use]
pub fn fit_law(points: &[(f64, f64)]) -> Option<(f64, ScalabilityLaw)> {
    let usable: Vec<(f64, f64)> =
        points.iter().copied().filter(|(n, x)| *n >= 1.0 && *x > 0.0 && x.is_finite()).collect();
    let mut numbers: Vec<u64> = usable.iter().map(|(n, _)| n.to_bits()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < 3 {
        return None;
    }
    let law = |at: &[f64]| (libm::exp(at[0]), libm::exp(at[1]).min(1.0), libm::exp(at[2]).min(1.0));
    let error = |at: &[f64]| {
        let (gamma, contention, coherency) = law(at);
        let off = |(n, x): &(f64, f64)| {
            let said = gamma * n / (1.0 + contention * (n - 1.0) + coherency * n * (n - 1.0));
            libm::log(said / x).abs()
        };
        // Nothing below a hundred-millionth is worth a digit.
        usable.iter().map(off).sum::<f64>() + 1e-6 * (at[1].abs() + at[2].abs())
    };
    let alone = usable.iter().map(|(n, x)| x / n).fold(0.0, f64::max);
    let starts = [[0.05, 1e-4], [0.5, 1e-3], [0.001, 1e-6]];
    let fits = starts.map(|[contention, coherency]| {
        minimize(error, &[libm::log(alone), libm::log(contention), libm::log(coherency)], 600)
    });
    let best = fits.into_iter().reduce(|best, other| if other.1 < best.1 { other } else { best })?;
    let (gamma, contention, coherency) = law(&best.0);
    let small = |share: f64| if share < 1e-7 { 0.0 } else { share };
    Some((
        gamma,
        ScalabilityLaw { slots: SLOTS_MAX, cores: 1e6, contention: small(contention), coherency: small(coherency) },
    ))
}
