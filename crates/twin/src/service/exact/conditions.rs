//! What the world around the replicas is like just now: how much of their speed others leave them, what a request costs in
//! CPU time, how long what they call takes.
//!
//! A model says what a service is; this says what befalls it: a neighbour on the same host, a release that made requests
//! dearer, a database that became slow. Whoever drives a service changes it between two windows; nothing here decides when.

use crate::service::{ModelError, ServiceModel};

/// Conditions in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Share of every replica's speed that is left to it, above 0 to 1.
    pub speed: f64,
    /// CPU time of a request as a multiple of the model's, above 0. The time that a request takes is not changed by it.
    pub cpu_cost: f64,
    /// Delay of a request in ms, in place of the model's. A delay that shrinks lets no later request overtake.
    pub delay_ms: f64,
}

impl Conditions {
    /// As the model says.
    #[must_use]
    pub const fn of(model: &ServiceModel) -> Self {
        Self { speed: 1.0, cpu_cost: 1.0, delay_ms: model.delay_ms }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// [`ModelError`] naming the first that is out of range.
    pub fn check(&self) -> Result<(), ModelError> {
        let checks = [
            ("conditions.speed", self.speed, self.speed > 0.0 && self.speed <= 1.0, "above 0 to 1"),
            ("conditions.cpu_cost", self.cpu_cost, self.cpu_cost > 0.0 && self.cpu_cost <= 1e6, "above 0"),
            ("conditions.delay_ms", self.delay_ms, (0.0..=1e9).contains(&self.delay_ms), "at least 0"),
        ];
        let wrong = checks.into_iter().find(|(_, _, holds, _)| !holds);
        wrong.map_or(Ok(()), |(field, value, _, range)| Err(ModelError { field, value, range }))
    }
}
