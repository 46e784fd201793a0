//! Recorded demand from before, handed to the controller once so that a first forecast has a season behind it.

use plimsoll_controller::Input;
use plimsoll_model::spec::Spec;
use plimsoll_model::{MilliRps, Millis, ServiceName, Timestamp};
use plimsoll_traces::RateSeries;
use std::collections::BTreeMap;

/// Reads the history that each service's forecast names. Times in the file count from the clock's start; `scale` multiplies
/// the rates, as it does those of the load that is replayed beside it. A file that cannot be read costs the warm-up, not
/// the start: it becomes a note.
#[must_use]
pub fn read(spec: &Spec, start: Timestamp, scale: f64) -> (Vec<Input>, Vec<String>) {
    let mut inputs = Vec::new();
    let mut notes = Vec::new();
    for (name, service) in &spec.services {
        let Some(forecast) = &service.scaling.forecast else { continue };
        let Some(path) = &forecast.history else { continue };
        match RateSeries::read(path) {
            Ok(series) => {
                let samples = series
                    .iter()
                    .filter_map(|(at, rate)| Some((shifted(start, at)?, MilliRps(milli(rate? * scale)))))
                    .flat_map(|(at, rate)| spread(at, series.slot(), spec.tick).map(move |at| (at, rate)))
                    .filter(|(at, _)| *at < start)
                    .collect();
                inputs.push(Input::History { service: name.clone(), samples });
            }
            Err(error) => notes.push(format!("{name}: its forecast starts without history: {error}")),
        }
    }
    (inputs, notes)
}

/// The samples of such inputs.
pub fn by_service(inputs: Vec<Input>) -> BTreeMap<ServiceName, Vec<(Timestamp, MilliRps)>> {
    let samples = |input| match input {
        Input::History { service, samples } => Some((service, samples)),
        _ => None,
    };
    inputs.into_iter().filter_map(samples).collect()
}

/// The ticks that a slot's mean was measured over: a slot longer than a tick would otherwise look like one tick and a gap.
fn spread(at: Timestamp, slot: Millis, tick: Millis) -> impl Iterator<Item = Timestamp> {
    let ticks = (slot.get() / tick.get().max(1)).max(1);
    (0..ticks).map(move |index| at.plus(tick.saturating_mul(index)))
}

fn shifted(start: Timestamp, at: Timestamp) -> Option<Timestamp> {
    start.get().checked_add(at.get()).map(Timestamp)
}

/// Requests per second to thousandths; a rate that is no number is zero, and `as` saturates.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range just before")]
fn milli(rate: f64) -> u64 {
    (rate * 1_000.0).round().clamp(0.0, 1e15) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_slot_stands_for_each_of_its_ticks_and_a_short_one_for_itself() {
        let at = |slot, tick| spread(Timestamp(1_000), Millis(slot), Millis(tick)).map(|at| at.0).collect::<Vec<_>>();
        assert_eq!(at(300, 100), [1_000, 1_100, 1_200]);
        assert_eq!(at(60, 100), [1_000]);
    }
}
