//! What the policy did: how often it turned, and how long it stood at a bound.

use super::math;
use crate::history::History;
use serde::Serialize;

/// A change taken back within so many samples is a turn.
const TURN: usize = 4;

/// What the policy did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Scaling {
    /// Median of replicas wanted.
    pub typical: f64,
    /// Most replicas wanted.
    pub most: f64,
    /// Changes per hundred samples.
    pub changes: f64,
    /// Changes taken back within a few samples, per hundred samples.
    pub turns: f64,
    /// Share of samples at the most that may run.
    pub at_max: f64,
    /// Share of samples at the fewest that may run.
    pub at_min: f64,
    /// Share of samples in which fewer were ready than wanted.
    pub lagging: f64,
}

/// Looks at the numbers of replicas; none where they are not known.
pub(super) fn of(history: &History) -> Option<Scaling> {
    let wanted = history.column(|sample| sample.wanted.or(sample.ready));
    let ready = history.column(|sample| sample.ready);
    let measured = math::finite(&wanted);
    let (typical, most) = (math::at(&wanted, 0.5)?, math::at(&wanted, 1.0)?);
    let changes: Vec<(usize, f64)> = (1..measured.len())
        .map(|at| (at, measured[at] - measured[at - 1]))
        .filter(|(_, change)| *change != 0.0)
        .collect();
    let is_turn = |pair: &&[(usize, f64)]| pair[0].1 * pair[1].1 < 0.0 && pair[1].0 - pair[0].0 <= TURN;
    let turns = changes.windows(2).filter(is_turn).count();
    let hundreds = measured.len() as f64 / 100.0;
    let bound = |bound: Option<u32>, holds: fn(f64, f64) -> bool| {
        bound.map_or(0.0, |bound| math::share(&wanted, |wanted| holds(wanted, f64::from(bound))))
    };
    let behind: Vec<f64> = wanted.iter().zip(&ready).map(|(wanted, ready)| wanted - ready).collect();
    Some(Scaling {
        typical,
        most,
        changes: changes.len() as f64 / hundreds,
        turns: turns as f64 / hundreds,
        at_max: bound(history.configured.replicas_max, |wanted, max| wanted >= max),
        at_min: bound(history.configured.replicas_min, |wanted, min| wanted <= min),
        lagging: math::share(&behind, |behind| behind > 0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Configured, Sample};

    fn scaling(of: impl Fn(u32) -> f64) -> Scaling {
        let sample = |at| Sample { wanted: Some(of(at)), ready: Some(4.0), ..Sample::default() };
        super::of(&History {
            service: "web".into(),
            start_ms: 0,
            step_ms: 1_000,
            configured: Configured { replicas_min: Some(2), replicas_max: Some(6), ..Configured::default() },
            samples: (0..200).map(sample).collect(),
            events: Vec::new(),
            decisions: Vec::new(),
            forecasts: Vec::new(),
        })
        .unwrap()
    }

    #[test]
    fn a_turn_is_a_change_that_is_soon_taken_back() {
        assert_eq!(scaling(|at| if at % 10 < 5 { 4.0 } else { 5.0 }).turns, 0.0);
        let nervous = scaling(|at| if at % 2 == 0 { 4.0 } else { 5.0 });
        assert!(nervous.turns > 90.0 && nervous.changes > 90.0);
        assert_eq!(nervous.lagging, 0.5);
    }

    #[test]
    fn time_at_a_bound_is_a_share() {
        let scaling = scaling(|at| if at < 50 { 6.0 } else { 2.0 });
        assert_eq!((scaling.at_max, scaling.at_min, scaling.most, scaling.typical), (0.25, 0.75, 6.0, 2.0));
    }
}
