//! What a forecast costs when it is the capacity: the score that autoscaling is judged by.
//!
//! It knows neither replicas nor money: demand and capacity are in one unit, whatever that is.

/// Spare and unserved capacity of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Provision {
    /// Steps that were scored.
    pub steps: usize,
    /// V: share of the steps in which demand was above capacity.
    pub violations: f64,
    /// U: demand above capacity, as a share of all demand.
    pub unserved: f64,
    /// H: capacity above demand, mean over steps, as a share of the mean demand.
    pub headroom: f64,
    /// Pinball loss of the capacity as a quantile of demand, over mean demand: unserved costs q / (1 − q) times spare.
    pub pinball: f64,
}

/// Scores `capacity[i]`, which was decided before, against `demand[i]` at quantile `level`. A step is left out where either is
/// not finite. All NaN when nothing is left or there was no demand at all.
///
/// # Source
/// The definition of this project's research (provisioning cost): V, U, H and pinball over mean demand.
#[must_use]
pub fn provision(demand: &[f64], capacity: &[f64], level: f64) -> Provision {
    let (mut steps, mut above) = (0_usize, 0_usize);
    let (mut total, mut unserved, mut spare) = (0.0, 0.0, 0.0);
    for (demand, capacity) in demand.iter().zip(capacity) {
        if !(demand.is_finite() && capacity.is_finite()) {
            continue;
        }
        steps += 1;
        above += usize::from(demand > capacity);
        total += demand;
        unserved += (demand - capacity).max(0.0);
        spare += (capacity - demand).max(0.0);
    }
    let per_demand = |sum: f64| if total > 0.0 { sum / total } else { f64::NAN };
    Provision {
        steps,
        violations: above as f64 / steps as f64,
        unserved: per_demand(unserved),
        headroom: per_demand(spare),
        pinball: per_demand(level * unserved + (1.0 - level) * spare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_figures_equal_the_sums_done_by_hand() {
        let demand = [10.0, 20.0, f64::NAN, 30.0, 40.0];
        let capacity = [15.0, 18.0, 50.0, 30.0, f64::NAN];
        let score = provision(&demand, &capacity, 0.99);
        // Spare 5, unserved 2, demand 60 over 3 steps.
        assert_eq!((score.steps, score.violations), (3, 1.0 / 3.0));
        assert!((score.unserved - 2.0 / 60.0).abs() < 1e-12 && (score.headroom - 5.0 / 60.0).abs() < 1e-12);
        assert!((score.pinball - (0.99 * 2.0 + 0.01 * 5.0) / 60.0).abs() < 1e-12);
    }

    #[test]
    fn capacity_at_seven_tenths_use_is_three_sevenths_of_headroom() {
        let demand = [7.0, 14.0];
        let capacity = demand.map(|demand| demand / 0.7);
        assert!((provision(&demand, &capacity, 0.99).headroom - 3.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_score_is_not_zero() {
        assert!(provision(&[], &[], 0.9).violations.is_nan());
        assert!(provision(&[0.0], &[1.0], 0.9).headroom.is_nan());
    }
}
