//! The closed loop: the machine's observations into the controller, its decisions into the machine.

use super::node::Node;
use super::outcome::Outcome;
use crate::service::exact::Nanos;
use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::Generation;
use plimsoll_model::spec::Spec;
use plimsoll_model::{Decision, Observation};

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

/// Somebody who changes the conditions under which a machine runs, or writes down what is seen and decided.
pub trait Watch {
    /// A tick's figures have been taken, and the next one's begin.
    fn conditions(&mut self, node: &mut Node);
    /// These figures (at a tick), or this inventory alone (whenever something became ready or went), led to this decision.
    fn decided(&mut self, seen: &Observation, decision: &Decision);
}

/// Lets things take their course.
struct Nobody;

impl Watch for Nobody {
    fn conditions(&mut self, _: &mut Node) {}
    fn decided(&mut self, _: &Observation, _: &Decision) {}
}

/// Runs the controller over a machine.
pub fn run(node: Node, setting: Setting<'_>) -> Outcome {
    run_watched(node, setting, LOOK_S, &mut Nobody)
}

/// As [`run`], under `watch`; what became ready or went is looked at every `look_s` physical seconds (above 0).
pub fn run_watched(mut node: Node, setting: Setting<'_>, look_s: f64, watch: &mut dyn Watch) -> Outcome {
    let spec = setting.spec;
    let mut controller = Controller { state: State::new(), inputs: Vec::new() };
    controller.inputs.push(Input::Policy { generation: Generation(1), spec: Box::new(spec.clone()) });
    controller.inputs.extend(setting.before);
    node.starts_ready(setting.is_warm);
    let first = node.inventory();
    watch.conditions(&mut node);
    let _ = controller.turn(&mut node, first);
    node.starts_ready(false);
    let tick_s = spec.tick.get() as f64 / 1_000.0 / f64::from(spec.clock.speed.max(1));
    let (mut looks, mut ticks) = (0_u32, 0_u32);
    while f64::from(looks) * look_s < setting.seconds {
        looks += 1;
        let now = f64::from(looks) * look_s;
        let is_changed = node.run_until(Nanos::from_seconds(now));
        if now >= f64::from(ticks + 1) * tick_s {
            ticks += 1;
            let seen = node.observe();
            watch.conditions(&mut node);
            let (seen, decision) = controller.turn(&mut node, seen);
            watch.decided(&seen, &decision);
        } else if is_changed {
            let seen = node.inventory();
            let (seen, decision) = controller.turn(&mut node, seen);
            watch.decided(&seen, &decision);
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
    fn turn(&mut self, node: &mut Node, seen: Observation) -> (Box<Observation>, Decision) {
        let mut inputs = std::mem::take(&mut self.inputs);
        inputs.push(Input::Observed(Box::new(seen)));
        let decision = step(&mut self.state, node.now(), &inputs);
        node.obey(&decision);
        match inputs.pop() {
            Some(Input::Observed(seen)) => (seen, decision),
            _ => unreachable!("invariant: the observation was pushed last"),
        }
    }
}
