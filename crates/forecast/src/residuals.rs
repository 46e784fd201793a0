//! The last errors of one model, and their quantiles.
//!
//! A ring in the order of time and the same values in order of size, so that a quantile is one look-up and an update
//! moves at most [`KEPT`] numbers. Only the ring is serialised.

use plimsoll_model::Permille;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Errors kept: enough for five beyond the 99 % quantile.
pub(crate) const KEPT: usize = 512;

/// Errors in millionths of the forecast's scale.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<i32>", into = "Vec<i32>")]
pub(crate) struct Residuals {
    ring: VecDeque<i32>,
    sorted: Vec<i32>,
}

impl Residuals {
    pub fn push(&mut self, residual: i32) {
        if self.ring.len() >= KEPT
            && let Some(oldest) = self.ring.pop_front()
            && let Ok(index) = self.sorted.binary_search(&oldest)
        {
            self.sorted.remove(index);
        }
        self.ring.push_back(residual);
        let index = self.sorted.partition_point(|kept| *kept < residual);
        self.sorted.insert(index, residual);
    }

    /// The error that a share `quantile` of the errors does not exceed: rank ⌈q(n+1)⌉ of n, at most n; zero without any.
    pub fn quantile(&self, quantile: Permille) -> i32 {
        let count = self.sorted.len() as u64;
        let rank = quantile.0.min(1_000).saturating_mul(count + 1).div_ceil(1_000).clamp(1, count.max(1));
        usize::try_from(rank - 1).ok().and_then(|index| self.sorted.get(index)).copied().unwrap_or(0)
    }
}

impl From<Vec<i32>> for Residuals {
    fn from(ring: Vec<i32>) -> Self {
        let skip = ring.len().saturating_sub(KEPT);
        let ring: VecDeque<i32> = ring.into_iter().skip(skip).collect();
        let mut sorted: Vec<i32> = ring.iter().copied().collect();
        sorted.sort_unstable();
        Self { ring, sorted }
    }
}

impl From<Residuals> for Vec<i32> {
    fn from(residuals: Residuals) -> Self {
        residuals.ring.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks_of_what_was_seen_and_old_errors_leave() {
        let mut residuals = Residuals::default();
        assert_eq!(residuals.quantile(Permille(950)), 0);
        for value in 0..1_000 {
            residuals.push(value);
        }
        assert_eq!(residuals.ring.len(), KEPT);
        assert_eq!(residuals.quantile(Permille(0)), 488);
        assert_eq!(residuals.quantile(Permille(500)), 744);
        assert_eq!(residuals.quantile(Permille(990)), 995);
        assert_eq!(residuals.quantile(Permille(1_000)), 999);
        let text = serde_json::to_string(&residuals).unwrap();
        assert_eq!(serde_json::from_str::<Residuals>(&text).unwrap(), residuals);
    }
}
