//! The closed loop: the machine's observations into the controller, its decisions into the machine.

use super::node::Node;
use super::outcome::Outcome;
use crate::service::exact::Nanos;
use plimsoll_controller::{Input, State, step};
use plimsoll_model::Observation;
use plimsoll_model::id::Generation;
use plimsoll_model::spec::Spec;

/// Physical seconds between two looks at what became ready or went: the daemon is told at once.
const LOOK_S: f64 = 0.02;

/// What is run, and for how long.
pub struct Setting<'a> {
    /// The policy; its clock tells how trace time goes.
    pub spec: &'a Spec,
    /// What the controller is given before the first observation besides the policy: history, mostly.
    pub before: Vec<Input>,
    /// Whether the first replicas are ready when the load begins.
    pub is_warm: bool,
    /// Physical seconds.
    pub seconds: f64,
}

/// Runs the controller over a machine.
pub fn run(mut node: Node, setting: Setting<'_>) -> Outcome {
    let spec = setting.spec;
    let mut controller = Controller { state: State::new(), inputs: Vec::new() };
    controller.inputs.push(Input::Policy { generation: Generation(1), spec: Box::new(spec.clone()) });
    controller.inputs.extend(setting.before);
    node.starts_ready(setting.is_warm);
    let first = node.inventory();
    controller.turn(&mut node, first);
    node.starts_ready(false);
    let tick_s = spec.tick.get() as f64 / 1_000.0 / f64::from(spec.clock.speed.max(1));
    let (mut looks, mut ticks) = (0_u32, 0_u32);
    while f64::from(looks) * LOOK_S < setting.seconds {
        looks += 1;
        let now = f64::from(looks) * LOOK_S;
        let is_changed = node.run_until(Nanos::from_seconds(now));
        if now >= f64::from(ticks + 1) * tick_s {
            ticks += 1;
            let seen = node.observe();
            controller.turn(&mut node, seen);
        } else if is_changed {
            let seen = node.inventory();
            controller.turn(&mut node, seen);
        }
    }
    Outcome { steps: controller.state.step, ..node.finish() }
}

struct Controller {
    state: State,
    /// Inputs of the next step.
    inputs: Vec<Input>,
}

impl Controller {
    fn turn(&mut self, node: &mut Node, seen: Observation) {
        let mut inputs = std::mem::take(&mut self.inputs);
        inputs.push(Input::Observed(Box::new(seen)));
        let decision = step(&mut self.state, node.now(), &inputs);
        node.obey(&decision);
    }
}
