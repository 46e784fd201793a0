//! The wheel of a service in an operator's hand: orders taken, given back, and what they make of a decision.
//!
//! Policies decide as if there were no order, so that the reason says what they want and they go on from where the operator
//! left the service. What removes replicas for want of room, and a shutdown, stand above an order.

use crate::emit::Turn;
use crate::state::{ServiceState, State};
use plimsoll_model::wheel::{BY_LEN_MAX, REPLICAS_MAX};
use plimsoll_model::{
    Finding, Hand, Order, OrderReason, ServiceName, ServiceRationale, ServiceSpec, StandingOrder, WheelTurn,
};

/// Takes what an operator does, or finds out why not.
pub(crate) fn take_hand(state: &mut State, turn: &mut Turn, name: &ServiceName, hand: &Hand) {
    let Some(service) = state.services.get_mut(name) else {
        return turn.bad(format!("an order for service {name}, which is not in the policy"));
    };
    if let Some(why) = why_not(turn, hand) {
        return turn.bad(format!("an order for service {name}: {why}"));
    }
    match hand {
        Hand::Order(standing) => service.order = Some(standing.clone()),
        Hand::Resume { .. } => service.order = None,
        Hand::Restart { .. } => service.replace_all(),
    }
    turn.find(Finding::Wheel { service: name.clone(), turned: hand.turn() });
}

fn why_not(turn: &Turn, hand: &Hand) -> Option<String> {
    let by = hand.by().len();
    if by > BY_LEN_MAX {
        return Some(format!("`by` is {by} bytes long, the most is {BY_LEN_MAX}"));
    }
    let Hand::Order(StandingOrder { order, until, .. }) = hand else { return None };
    if let Some(until) = until.filter(|until| *until <= turn.at) {
        return Some(format!("it would end at {until}, and it is {}", turn.at));
    }
    match order {
        Order::Scale { replicas } if *replicas > REPLICAS_MAX => {
            Some(format!("{replicas} replicas are too many, {REPLICAS_MAX} are the most"))
        }
        _ => None,
    }
}

/// Ends an order whose time is over.
pub(crate) fn expire(turn: &mut Turn, name: &ServiceName, service: &mut ServiceState) {
    let is_over = |standing: &mut StandingOrder| standing.until.is_some_and(|until| until <= turn.at);
    if let Some(ended) = service.order.take_if(is_over) {
        turn.find(Finding::Wheel { service: name.clone(), turned: WheelTurn::Expired(ended) });
    }
}

/// Whether nothing may be done about a service.
pub(crate) fn is_frozen(service: &ServiceState) -> bool {
    service.order.as_ref().is_some_and(|standing| standing.order == Order::Freeze)
}

/// Puts the order that stands above what was decided; `before` is the target before this step.
pub(crate) fn steer(
    service: &mut ServiceState,
    spec: &ServiceSpec,
    before: Option<u32>,
    mut rationale: ServiceRationale,
) -> ServiceRationale {
    // A step without figures tells the last reasons again, and with them the order that stood then.
    let told = rationale.order.take();
    let bounded = |target: u32| target.clamp(spec.replicas_min.min(spec.replicas_max), spec.replicas_max);
    let wanted = told.map_or(rationale.target, |told| bounded(told.wanted));
    let Some(standing) = service.order.clone() else {
        rationale.target = wanted;
        service.target = Some(wanted);
        return rationale;
    };
    let before = match standing.order {
        Order::Freeze => service.live(),
        _ => before.unwrap_or(wanted),
    };
    let target = standing.order.target(wanted, before);
    rationale.target = match standing.order {
        Order::Pause { .. } => bounded(target),
        _ => target,
    };
    service.target = Some(rationale.target);
    rationale.order = Some(Box::new(OrderReason { standing, wanted }));
    rationale
}
