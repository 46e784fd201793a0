//! Recorded demand from before, handed to the controller once so that a first forecast has a season behind it.

use plimsoll_controller::Input;
use plimsoll_model::spec::Spec;
use plimsoll_model::{MilliRps, ServiceName, Timestamp};
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

fn shifted(start: Timestamp, at: Timestamp) -> Option<Timestamp> {
    start.get().checked_add(at.get()).map(Timestamp)
}

/// Requests per second to thousandths; a rate that is no number is zero, and `as` saturates.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range just before")]
fn milli(rate: f64) -> u64 {
    (rate * 1_000.0).round().clamp(0.0, 1e15) as u64
}
