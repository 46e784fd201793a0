//! Events that are announced as they happen: taken into the service's memory, so that they survive a restart.

use crate::emit::Turn;
use crate::state::State;
use plimsoll_autoscale::EVENTS_MAX;
use plimsoll_model::{Event, ServiceName};

/// Takes an event, or finds out why not.
pub(crate) fn announce(state: &mut State, turn: &mut Turn, service: &ServiceName, event: &Event) {
    let (at, name) = (turn.at, &event.spec.name);
    let Some(known) = state.services.get_mut(service) else {
        turn.bad(format!("event {name} is for service {service}, which is not in the policy"));
        return;
    };
    if event.spec.end <= event.spec.start {
        let (start, end) = (event.spec.start, event.spec.end);
        turn.bad(format!("event {name} of {service}: `end` {end} is not after `start` {start}"));
    } else if event.spec.end <= at {
        turn.bad(format!("event {name} of {service}: `end` {} is over already, it is {at}", event.spec.end));
    } else if !known.scaler.announce(at, event) {
        turn.bad(format!("event {name} of {service}: {EVENTS_MAX} events are announced already, no more are kept"));
    }
}
