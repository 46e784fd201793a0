//! One step: inputs in their order, then one decision.

use crate::announce::announce;
use crate::decide::decide;
use crate::emit::Turn;
use crate::fit::take_fits;
use crate::input::Input;
use crate::observe::observe;
use crate::policy::{adopt, warm_up};
use crate::proposed::{take_proposal, watch};
use crate::queue::submit;
use crate::state::State;
use crate::stop::stop_all;
use crate::wheel::take_hand;
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::{Decision, Finding, Observation};

/// Takes what happened and decides. Total: whatever comes in, a decision comes out.
///
/// `at` is trace time and must not go back; where it does, that is a finding and the later time is kept.
pub fn step(state: &mut State, at: Timestamp, inputs: &[Input]) -> Decision {
    let kept = state.at.map_or(at, |last| last.max(at));
    let mut turn = Turn::new(kept);
    if kept > at {
        turn.find(Finding::ClockBackwards { at, kept });
    }
    state.at = Some(kept);
    state.step = state.step.saturating_add(1);
    // The last one taken; borrowed, because a fleet's is a megabyte.
    let mut observation = None;
    for input in inputs {
        observation = take(state, &mut turn, input).or(observation);
    }
    watch(state, &mut turn, observation);
    if state.shutdown {
        stop_all(state, &mut turn);
    } else if let Some(why) = state.frozen.clone() {
        turn.find(Finding::Frozen { why });
    } else if let Some(spec) = state.spec.take() {
        decide(state, &mut turn, &spec, observation);
        state.spec = Some(spec);
    }
    turn.decision(state)
}

fn take<'a>(state: &mut State, turn: &mut Turn, input: &'a Input) -> Option<&'a Observation> {
    match input {
        Input::Policy { generation, spec } => adopt(state, turn, *generation, spec),
        Input::Observed(observation) => {
            if state.frozen.is_none() || state.shutdown {
                observe(state, turn, observation);
                return Some(observation);
            }
        }
        Input::History { service, samples } => warm_up(state, turn, service, samples),
        Input::Fitted { service, until, data_hash, fits } => take_fits(state, turn, service, *until, *data_hash, fits),
        Input::RunJob { job } => match state.spec.take() {
            Some(spec) => {
                submit(state, turn, &spec, job);
                state.spec = Some(spec);
            }
            None => turn.bad(format!("job {job} was asked for before there is a policy")),
        },
        Input::Event { service, event } => announce(state, turn, service, event),
        Input::Operator { service, hand } => take_hand(state, turn, service, hand),
        Input::Proposal { service, hand } => take_proposal(state, turn, service, hand),
        Input::Shutdown => state.shutdown = true,
        Input::Frozen { why } => state.frozen = Some(why.clone()),
        Input::Thawed => state.frozen = None,
    }
    None
}
