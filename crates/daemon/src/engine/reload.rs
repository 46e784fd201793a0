//! A changed spec, taken over while everything runs.

use super::Engine;
use plimsoll_controller::Input;
use plimsoll_model::spec::Spec;
use std::rc::Rc;

/// Why `spec` cannot take the place of `running` without an end of the daemon; none where it can.
#[must_use]
pub fn refusal(running: &Spec, spec: &Spec) -> Option<String> {
    let bound = spec.clock != running.clock || spec.name != running.name || spec.api_listen != running.api_listen;
    bound.then(|| {
        "name, clock and api.listen cannot change while running; stop it with `plimsoll down` first".to_owned()
    })
}

impl Engine {
    /// Reads the spec file again. The error is the whole report, for whoever asked.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        let loaded = plimsoll_config::load(&self.spec_path).map_err(|report| report.to_string())?;
        self.take_over(loaded.spec, loaded.warnings.lines())
    }

    /// Takes over the text of a spec, as if it stood in the spec file.
    pub(super) fn take_over_text(&mut self, text: &str) -> Result<String, String> {
        let loaded = plimsoll_config::parse(text, &self.spec_path).map_err(|report| report.to_string())?;
        self.take_over(loaded.spec, loaded.warnings.lines())
    }

    fn take_over(&mut self, spec: Spec, warnings: Vec<String>) -> Result<String, String> {
        if let Some(why) = refusal(&self.spec, &spec) {
            return Err(why);
        }
        let changes = plimsoll_config::diff(&self.spec, &spec);
        self.spec_warnings = warnings;
        if changes.is_empty() {
            return Ok("nothing changed".to_owned());
        }
        self.adopt_spec(spec);
        Ok(changes.to_string())
    }

    /// Makes `spec` the policy of the next generation.
    pub(crate) fn adopt_spec(&mut self, spec: Spec) {
        self.generation.0 += 1;
        self.spec = Rc::new(spec);
        self.desk.configure(&self.spec);
        *self.shared.policy.borrow_mut() = serde_json::to_value(&*self.spec).unwrap_or_default();
        self.decide(vec![Input::Policy { generation: self.generation, spec: Box::new((*self.spec).clone()) }]);
        self.send_snapshot();
    }
}
