//! Announced events: the load that somebody expects, covered from one start-up time before it begins until it ends.
//!
//! An event's factor is of the load as it would be without the event. Once it has begun, what is measured holds the event
//! already, so the usual load is what was remembered from before, or what the season memory says; otherwise a factor of
//! 2 would double what has doubled, over and over.

use crate::inputs::{Inputs, Reading};
use crate::need::{as_load, ceil_div};
use crate::seasonal::SeasonMemory;
use plimsoll_model::Term;
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{EventSpec, Expected};
use serde::{Deserialize, Serialize};

/// What is remembered of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventState {
    /// The load as it was, or was foreseen to be, before the event began.
    #[serde(default)]
    usual: Option<MilliRps>,
}

impl EventState {
    /// The event's vote. `by` is who announced it, `season` what was needed one season ago.
    pub(crate) fn vote(
        &self,
        (spec, by): (&EventSpec, &str),
        season: Option<&SeasonMemory>,
        inputs: &Inputs<'_>,
    ) -> Term {
        let lead = inputs.startup.saturating_add(inputs.tick);
        let until = inputs.at.plus(lead);
        if spec.end <= inputs.at || spec.start > until {
            let from = (spec.end > inputs.at).then(|| spec.start.minus(lead));
            return Term { replicas: 0, basis: Basis::NotDue { policy: format!("event {}", spec.name), from } };
        }
        let usual = self.usual(spec, season, inputs);
        let highest = expected(spec, inputs.at, until)
            .filter_map(|expected| load(expected, usual).map(|demand| (demand, expected)))
            .max_by_key(|(demand, _)| *demand);
        let per_replica = inputs.per_replica.filter(|per_replica| per_replica.0 > 0);
        let (Some((demand, expected)), Some(per_replica)) = (highest, per_replica) else {
            let metric = format!("the usual load and one replica's capacity, for event {}", spec.name);
            return Term { replicas: inputs.base(), basis: Basis::NoData { metric, age_ms: None } };
        };
        let factor = match expected {
            Expected::Factor(factor) => Some(factor),
            Expected::Rate(_) => None,
        };
        Term {
            replicas: ceil_div(demand.0, per_replica.0),
            basis: Basis::Event {
                name: spec.name.clone(),
                by: by.to_owned(),
                factor,
                usual: usual.filter(|_| factor.is_some()),
                demand,
                per_replica,
                start: spec.start,
                end: spec.end,
            },
        }
    }

    /// Remembers the usual load until the event begins; of one that began when it was announced, the first seen.
    pub(crate) fn record(&mut self, spec: &EventSpec, season: Option<&SeasonMemory>, inputs: &Inputs<'_>) {
        if inputs.at < spec.start || self.usual.is_none() {
            self.usual = before(season, inputs).or(self.usual);
        }
    }

    fn usual(&self, spec: &EventSpec, season: Option<&SeasonMemory>, inputs: &Inputs<'_>) -> Option<MilliRps> {
        if inputs.at < spec.start {
            return before(season, inputs).or(self.usual);
        }
        seasonal(season, inputs).or(self.usual).or_else(|| before(season, inputs))
    }
}

/// The usual load while no event has begun: foreseen, or of one season ago, or measured.
fn before(season: Option<&SeasonMemory>, inputs: &Inputs<'_>) -> Option<MilliRps> {
    let measured = || match inputs.rate {
        Reading::Fresh(rate) => Some(rate),
        Reading::Stale { .. } | Reading::Absent => None,
    };
    let foreseen = inputs.demand.as_ref().map(|demand| demand.demand);
    foreseen.or_else(|| seasonal(season, inputs)).or_else(measured)
}

fn seasonal(season: Option<&SeasonMemory>, inputs: &Inputs<'_>) -> Option<MilliRps> {
    let (needed, _) = season?.needed(inputs)?;
    Some(as_load(needed, inputs.per_replica?))
}

/// What is expected at any moment of `from..until`.
fn expected(spec: &EventSpec, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Expected> + '_ {
    let begins = move |index: usize| spec.curve.get(index).map(|point| spec.start.plus(point.at));
    spec.curve.iter().enumerate().filter_map(move |(index, point)| {
        // The first point holds from the start, whatever it says.
        let begin = if index == 0 { spec.start } else { begins(index)? };
        let end = begins(index + 1).unwrap_or(spec.end).min(spec.end);
        (begin < end && begin <= until && end > from).then_some(point.expected)
    })
}

fn load(expected: Expected, usual: Option<MilliRps>) -> Option<MilliRps> {
    match expected {
        Expected::Rate(rate) => Some(rate),
        Expected::Factor(factor) => {
            let load = u128::from(usual?.0) * u128::from(factor.0) / 1_000;
            Some(MilliRps(u64::try_from(load).unwrap_or(u64::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::{Millis, Permille};
    use plimsoll_model::scaling::CurvePoint;

    fn point(at: u64, factor: u64) -> CurvePoint {
        CurvePoint { at: Millis(at), expected: Expected::Factor(Permille(factor)) }
    }

    fn event(curve: Vec<CurvePoint>) -> EventSpec {
        EventSpec { name: "sale".to_owned(), start: Timestamp(100), end: Timestamp(200), curve }
    }

    #[test]
    fn a_curve_holds_from_the_start_to_the_end_and_each_point_up_to_the_next() {
        let sale = event(vec![point(10, 2_000), point(50, 3_000), point(80, 1_500)]);
        let factors = |from, until| -> Vec<u64> {
            expected(&sale, Timestamp(from), Timestamp(until))
                .map(|it| if let Expected::Factor(factor) = it { factor.0 } else { 0 })
                .collect()
        };
        assert_eq!(factors(0, 99), [0; 0]);
        assert_eq!(factors(0, 100), [2_000], "the first point holds from the start on");
        assert_eq!(factors(120, 149), [2_000]);
        assert_eq!(factors(120, 150), [2_000, 3_000]);
        assert_eq!(factors(150, 150), [3_000]);
        assert_eq!(factors(199, 500), [1_500]);
        assert_eq!(factors(200, 500), [0; 0]);
    }
}
