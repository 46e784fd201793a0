//! Events that somebody announces: checked here, kept in the controller's memory, and so in the journal.

use super::Engine;
use crate::api::Announcement;
use plimsoll_controller::{EVENTS_MAX, Input};

impl Engine {
    /// Takes an event, or says which field is wrong.
    pub(super) fn announce(&mut self, announcement: &Announcement) -> Result<String, String> {
        let service = &announcement.service;
        if !self.spec.services.contains_key(service) {
            return Err(format!("`service`: the spec has no service {service}"));
        }
        let now = self.clock.now();
        let event = announcement.event(now).map_err(|error| error.to_string())?;
        let known = self.recorder.state().services.get(service).map(|service| &service.scaler.events);
        let others = known.into_iter().flatten();
        let others = others.filter(|it| it.event.spec.end > now && it.event.spec.name != event.spec.name);
        if others.count() >= EVENTS_MAX {
            return Err(format!("`name`: {EVENTS_MAX} events of {service} are announced already, no more are kept"));
        }
        let said = format!("{} of {service}: {} to {}", event.spec.name, event.spec.start, event.spec.end);
        self.decide(vec![Input::Event { service: service.clone(), event }]);
        Ok(said)
    }
}
