//! An operator's hand on a service: checked here, obeyed by the controller, and so in the journal.

use super::Engine;
use crate::api::Handed;
use plimsoll_controller::Input;
use plimsoll_model::ServiceName;

impl Engine {
    /// Takes what an operator does, or says which field is wrong.
    pub(super) fn take_hand(&mut self, service: &ServiceName, handed: &Handed) -> Result<String, String> {
        if !self.spec.services.contains_key(service) {
            return Err(format!("the spec has no service {service}"));
        }
        let hand = handed.hand(self.clock.now()).map_err(|error| error.to_string())?;
        let said = format!("{service}: {}", hand.turn());
        self.decide(vec![Input::Operator { service: service.clone(), hand }]);
        Ok(said)
    }
}
