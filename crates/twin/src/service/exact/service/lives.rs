//! Replicas become ready and warm, are hampered by what is around them, and go: what that does to requests.

use super::{Arrivals, Conditions, Endpoint, Event, Life, MILLI, Nanos, Outcome, Queue, Replica, Service};
use crate::service::ModelError;
use std::sync::Arc;

impl<A: Arrivals> Service<A> {
    /// From now on these conditions hold. To be called right after [`Service::take_window`], for CPU used is reckoned by what
    /// holds at the end of a window.
    ///
    /// # Errors
    /// [`ModelError`] for a figure out of range; nothing has changed then.
    pub fn set_conditions(&mut self, conditions: Conditions) -> Result<(), ModelError> {
        conditions.check()?;
        let at = self.now();
        for number in self.present.clone() {
            self.advance(number, at);
        }
        self.conditions = conditions;
        self.with_queue(|service, queue| {
            for number in service.present.clone() {
                service.plan(number, at, queue);
            }
        });
        Ok(())
    }

    pub(super) fn ready(&mut self, at: Nanos, number: u32, queue: &mut Queue) {
        let warm_up = self.options.model.warm_up;
        let replica = &mut self.replicas[number as usize];
        if replica.life != Life::Starting {
            return;
        }
        (replica.life, replica.ready_at) = (Life::Ready, Some(at));
        replica.endpoint.set_ready_since(at.micros());
        if warm_up.duration_ms > 0.0 {
            replica.speed = warm_up.speed;
            let event = Event::Warm(number);
            queue.schedule(at.after(warm_up.duration_ms * MILLI), event.rank(), event);
        }
        self.members_changed();
        self.serve_line(at, queue);
    }

    pub(super) fn warm(&mut self, at: Nanos, number: u32, queue: &mut Queue) {
        if self.replicas[number as usize].life.is_there() {
            self.advance(number, at);
            self.replicas[number as usize].speed = 1.0;
            self.plan(number, at, queue);
        }
    }

    pub(super) fn restart(&mut self, at: Nanos, queue: &mut Queue) {
        let startup = self.options.model.startup;
        let takes = startup.mean_ms * startup.draw(&mut self.startup) * MILLI;
        let number = self.replicas.len() as u32;
        let endpoint = Arc::new(Endpoint::new(u64::from(number) + 1, 1, at.micros()));
        self.replicas.push(Replica::new(endpoint, at));
        self.present.push(number);
        queue.schedule(at.after(takes), Event::Ready(number).rank(), Event::Ready(number));
    }

    /// A replica is not there any more; what it held fails.
    pub(super) fn gone(&mut self, at: Nanos, number: u32, life: Life, queue: &mut Queue) {
        let replica = &mut self.replicas[number as usize];
        (replica.life, replica.gone_at) = (life, Some(at));
        if let Some(timer) = replica.timer.take() {
            queue.cancel(timer);
        }
        let held_any = replica.held > 0;
        let mut held = replica.drop_all();
        self.present.retain(|present| *present != number);
        self.members_changed();
        if held_any {
            let requests = &mut self.requests;
            let in_delay = self.delayed.iter();
            held.extend(in_delay.filter(|id| requests.get(*id).is_some_and(|request| request.replica == number)));
        }
        for id in held {
            let Some(request) = self.requests.get(id) else { continue };
            let abandoned = request.abandoned;
            if let Some(started) = request.started.take() {
                let latency = at.micros().saturating_sub(started.started_at());
                started.finish(at.micros(), latency, Outcome::Failure);
            }
            let id = self.requests.renew(id);
            if abandoned {
                self.requests.remove(id);
            } else {
                self.failed(at, id, None, queue);
            }
        }
    }
}
