//! What a step would have decided had the load been another.
//!
//! The state before the step and the step's inputs are all that a decision depends on, so the step is made again with what
//! was measured of one service's load multiplied: arrivals, requests in flight, CPU, work that waits. Memory and the figures
//! of others are what they were. What is learnt from figures is learnt from the multiplied ones in that step only.

use crate::input::Input;
use crate::state::State;
use crate::step::step;
use plimsoll_autoscale::{WhatIf, at_load, what_if};
use plimsoll_model::id::{ServiceName, WorkloadId};
use plimsoll_model::quantity::{MilliRps, Millicores, Timestamp};
use plimsoll_model::{Observation, QueueObservation};

/// The nearest loads at which `service` would have got another target in the step that turned `before` with `inputs` at
/// `at`. None where the service is not decided on.
#[must_use]
pub fn what_if_load(before: &State, at: Timestamp, inputs: &[Input], service: &ServiceName) -> Option<WhatIf> {
    let decided = |load: u64| {
        let mut state = before.clone();
        let inputs: Vec<Input> = inputs.iter().map(|input| at_other_load(input, service, load)).collect();
        let _ = step(&mut state, at, &inputs);
        state.services.get(service).and_then(|service| service.target)
    };
    let base = decided(1_000)?;
    Some(what_if(base, |load| decided(load).unwrap_or(base)))
}

fn at_other_load(input: &Input, service: &ServiceName, load: u64) -> Input {
    match input {
        Input::Observed(observation) => {
            let mut observation = observation.clone();
            multiply(&mut observation, service, load);
            Input::Observed(observation)
        }
        other => other.clone(),
    }
}

fn multiply(observation: &mut Observation, service: &ServiceName, load: u64) {
    let cpu = |cpu: &mut Millicores| cpu.0 = at_load(cpu.0, load);
    for (id, usage) in &mut observation.usage {
        if matches!(id, WorkloadId::Replica(replica) if replica.service == *service) {
            usage.cpu.iter_mut().for_each(cpu);
            usage.in_flight_milli.iter_mut().for_each(|milli| *milli = at_load(*milli, load));
        }
    }
    let Some(seen) = observation.services.get_mut(service) else { return };
    if let Some(traffic) = &mut seen.traffic {
        traffic.rate = MilliRps(at_load(traffic.rate.0, load));
        traffic.in_flight_milli = at_load(traffic.in_flight_milli, load);
    }
    if let Some(QueueObservation { waiting, remaining_work_ms, .. }) = &mut seen.queue {
        *waiting = at_load(*waiting, load);
        remaining_work_ms.iter_mut().for_each(|ms| *ms = at_load(*ms, load));
    }
    if let Some(usage) = &mut seen.usage {
        usage.cpu.iter_mut().for_each(cpu);
    }
}
