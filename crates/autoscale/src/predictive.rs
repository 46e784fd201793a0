//! The forecast's vote, and the quantile that the price of a missing replica asks for.
//!
//! A forecast votes like any other policy and the highest vote wins, so it can only add: what it foresees too low is
//! outvoted by what is measured.
//!
//! # Source
//! The newsvendor problem (Arrow, Harris and Marschak, 1951): with a price u per unit short and o per unit over, the
//! cheapest stock is the u / (u + o) quantile of the demand.

use crate::inputs::Demand;
use crate::need::ceil_div;
use plimsoll_model::Term;
use plimsoll_model::quantity::Permille;
use plimsoll_model::rationale::Basis;
use std::sync::Arc;

/// Lowest and highest quantile that a forecast can be asked for.
const QUANTILES: (u64, u64) = (500, 999);

/// The quantile of the demand that is cheapest to cover when a missing replica costs `missing_price` thousandths of an
/// idle one: r / (1 + r), rounded up to a thousandth and kept within 50 % and 99.9 %.
#[must_use]
pub fn newsvendor(missing_price: Permille) -> Permille {
    let ratio = u128::from(missing_price.0);
    let quantile = (ratio * 1_000).div_ceil(ratio + 1_000);
    Permille(u64::try_from(quantile).unwrap_or(QUANTILES.1).clamp(QUANTILES.0, QUANTILES.1))
}

/// The replicas that the foreseen demand needs.
pub(crate) fn vote(demand: &Demand) -> Term {
    Term {
        replicas: ceil_div(demand.demand.0, demand.per_replica.0),
        basis: Basis::Forecast {
            forecast: Arc::clone(&demand.forecast),
            quantile: demand.quantile,
            demand: demand.demand,
            per_replica: demand.per_replica,
            missing_price: demand.missing_price,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_follows_from_the_price_of_a_missing_replica() {
        for (price, quantile) in [(1_000, 500), (3_000, 750), (9_000, 900), (19_000, 950), (99_000, 990)] {
            assert_eq!(newsvendor(Permille(price)), Permille(quantile), "{price}");
        }
        assert_eq!(newsvendor(Permille(0)), Permille(500));
        assert_eq!(newsvendor(Permille(u64::MAX)), Permille(999));
    }

    #[test]
    fn no_other_quantile_is_cheaper_on_a_uniform_demand() {
        let price = |ratio: u64, stock: u64| -> u64 {
            (0..1_000_u64)
                .map(|demand| ratio * demand.saturating_sub(stock) + 1_000 * stock.saturating_sub(demand))
                .sum()
        };
        for ratio in [1_000, 2_500, 4_000, 10_000, 50_000] {
            let best = (0..1_000).min_by_key(|stock| price(ratio, *stock)).unwrap_or(0);
            assert!(newsvendor(Permille(ratio)).0.abs_diff(best) <= 1, "{ratio}: {best}");
        }
    }
}
