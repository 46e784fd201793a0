//! How closely a supply of replicas followed the demand for them.
//!
//! # Source
//! N. Herbst, S. Kounev, R. Reussner, "Elasticity in Cloud Computing", ICAC 2013, with the relative form of A. Bauer et
//! al., "Chameleon", TPDS 2019: with demand `d_t`, supply `s_t`, slots of length `Δt` and duration `T`,
//! `θ_U = 100/T · Σ max(d−s, 0)/d · Δt`, `θ_O = 100/T · Σ max(s−d, 0)/d · Δt`, `τ_U` and `τ_O` the share of time with
//! `s < d` and `s > d`, `υ = 100/(T−Δt) · Σ min(|sgn Δs − sgn Δd|, 1) · Δt`, jitter `(E_S − E_D)/T` with `E` the number of
//! adaptations.

use plimsoll_model::Millis;
use serde::{Deserialize, Serialize};

/// The scores; every percentage is of time. Lower is better, but for `jitter_per_hour`, which is best at 0.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Elasticity {
    /// Mean share of the demand that was missing, in percent (θ_U).
    pub under_accuracy_pct: f64,
    /// Mean supply beyond the demand, in percent of the demand (θ_O).
    pub over_accuracy_pct: f64,
    /// Share of time with too few replicas, in percent (τ_U).
    pub under_time_pct: f64,
    /// Share of time with more replicas than needed, in percent (τ_O).
    pub over_time_pct: f64,
    /// Share of time in which supply and demand did not move the same way, in percent (υ).
    pub instability_pct: f64,
    /// Changes of supply less changes of demand per hour: above 0 it oscillates, below 0 it is sluggish.
    pub jitter_per_hour: f64,
}

/// Scores of `supply` against `demand`, both in replicas per slot of length `slot`. The shorter series sets the length;
/// nothing to compare scores 0 throughout. A slot without demand counts `θ_O` against one replica, since the formula
/// divides by the demand.
#[must_use]
pub fn elasticity(demand: &[u32], supply: &[u32], slot: Millis) -> Elasticity {
    let slots = demand.len().min(supply.len());
    if slots == 0 || slot == Millis::ZERO {
        return Elasticity::default();
    }
    let (demand, supply) = (&demand[..slots], &supply[..slots]);
    let pairs = || demand.iter().copied().zip(supply.iter().copied());
    let share = |part: f64, of: usize| if of == 0 { 0.0 } else { 100.0 * part / of as f64 };
    let under: f64 = pairs().filter(|(d, s)| s < d).map(|(d, s)| f64::from(d - s) / f64::from(d)).sum();
    let over: f64 = pairs().filter(|(d, s)| s > d).map(|(d, s)| f64::from(s - d) / f64::from(d.max(1))).sum();
    let moves = |series: &[u32]| -> Vec<std::cmp::Ordering> { series.windows(2).map(|w| w[1].cmp(&w[0])).collect() };
    let (supply_moves, demand_moves) = (moves(supply), moves(demand));
    let apart = supply_moves.iter().zip(&demand_moves).filter(|(s, d)| s != d).count();
    let adaptations = |moves: &[std::cmp::Ordering]| moves.iter().filter(|step| step.is_ne()).count() as f64;
    let hours = slots as f64 * slot.0 as f64 / 3_600_000.0;
    Elasticity {
        under_accuracy_pct: share(under, slots),
        over_accuracy_pct: share(over, slots),
        under_time_pct: share(pairs().filter(|(d, s)| s < d).count() as f64, slots),
        over_time_pct: share(pairs().filter(|(d, s)| s > d).count() as f64, slots),
        instability_pct: share(apart as f64, slots - 1),
        jitter_per_hour: (adaptations(&supply_moves) - adaptations(&demand_moves)) / hours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scores_of_a_worked_example() {
        let scores = elasticity(&[2, 4, 4, 2], &[2, 2, 5, 5], Millis(900_000));
        // Under: (4-2)/4 in one slot of four. Over: 1/4 + 3/2 in two of four.
        // Steps: demand up, same, down; supply same, up, same: never alike. Adaptations: 1 - 2 in one hour.
        assert_eq!(
            scores,
            Elasticity {
                under_accuracy_pct: 12.5,
                over_accuracy_pct: 43.75,
                under_time_pct: 25.0,
                over_time_pct: 50.0,
                instability_pct: 100.0,
                jitter_per_hour: -1.0,
            }
        );
    }

    #[test]
    fn following_exactly_scores_zero_and_no_demand_divides_by_one() {
        assert_eq!(elasticity(&[1, 3, 2], &[1, 3, 2], Millis(1_000)), Elasticity::default());
        assert_eq!(elasticity(&[], &[], Millis(1_000)), Elasticity::default());
        let scores = elasticity(&[0], &[2], Millis(1_000));
        assert_eq!((scores.over_accuracy_pct, scores.instability_pct), (200.0, 0.0));
    }
}
