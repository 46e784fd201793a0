//! Moments that requests are due at, where all wait equally long: the first in is the first out, and one timer is enough.
//! Where the wait has just become shorter, nobody overtakes.
//!
//! Cheaper than a timer per request, most of which would be cancelled by the answer.

use super::Nanos;
use super::request::RequestId;
use super::service::{Event, Queue};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Deadlines {
    list: VecDeque<(Nanos, RequestId)>,
    event: Event,
    /// The event is pending, or is being dealt with.
    planned: bool,
}

impl Deadlines {
    pub(super) const fn new(event: Event) -> Self {
        Self { list: VecDeque::new(), event, planned: false }
    }

    /// `request` is due `at`, or with the last one here if that is later.
    #[inline]
    pub(super) fn push(&mut self, at: Nanos, request: RequestId, queue: &mut Queue) {
        let at = self.list.back().map_or(at, |(last, _)| at.max(*last));
        self.list.push_back((at, request));
        if !std::mem::replace(&mut self.planned, true) {
            queue.schedule(at, self.event.rank(), self.event);
        }
    }

    /// The next that is due by `at`.
    #[inline]
    pub(super) fn pop(&mut self, at: Nanos) -> Option<RequestId> {
        self.list.pop_front_if(|(until, _)| *until <= at).map(|(_, request)| request)
    }

    /// To be called once the event has been dealt with: puts in the next one.
    #[inline]
    pub(super) fn plan(&mut self, queue: &mut Queue) {
        match self.list.front() {
            Some((at, _)) => {
                queue.schedule(*at, self.event.rank(), self.event);
            }
            None => self.planned = false,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.list.iter().map(|(_, request)| *request)
    }
}
