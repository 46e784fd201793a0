//! One replica: requests at work share it evenly, by a clock that runs as fast as each of them gets on.
//!
//! The virtual clock `V` says how much work each request at work has been given since the replica was last empty. A request
//! that comes at `V` with work `x` ends at `V + x`, whoever comes or goes meanwhile; only how fast `V` runs changes. So the
//! heap of ends is never rebuilt, and an event costs `O(log n)` of the requests at work.
//!
//! # Source
//! L. Kleinrock, "Queueing Systems", vol. 2, 1976 (processor sharing); virtual time: A. Parekh, R. Gallager, 1993, the
//! fluid reference of weighted fair queueing.

use super::Nanos;
use super::request::RequestId;
use crate::kernel::Timer;
use plimsoll_balance::Endpoint;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Not ready yet.
    Starting,
    /// Takes requests.
    Ready,
    /// Finishes what it holds and takes no more.
    Draining,
    /// Gone because it was told to.
    Stopped,
    /// Gone because its memory ran out.
    OutOfMemory,
}

impl Life {
    /// It exists.
    #[must_use]
    pub const fn is_there(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Draining)
    }
}

/// A replica as a driver reports it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// Its number, in order of start from 0.
    pub number: u32,
    /// Where it is.
    pub life: Life,
    /// When it was started.
    pub started_at: Nanos,
    /// When it became ready.
    pub ready_at: Option<Nanos>,
    /// When it was gone.
    pub gone_at: Option<Nanos>,
    /// Requests it holds.
    pub held: u32,
    /// Millicores it used on average since the last [`super::Service::take_window`].
    pub cpu_millicores: f64,
    /// Memory it holds, MiB; 0 where the model has none.
    pub memory_mib: f64,
    /// Share of the time since the last window in which it had work, to its last event.
    pub busy: f64,
    /// Share of the time since the last window in which its work was held back by its cores, to its last event.
    pub capped: f64,
    /// Requests answered per second since the last window.
    pub answered_per_s: f64,
}

#[derive(Debug)]
pub(super) struct Replica {
    pub(super) life: Life,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) started_at: Nanos,
    pub(super) ready_at: Option<Nanos>,
    pub(super) gone_at: Option<Nanos>,
    /// Work done per nanosecond by a lone request: 1 when warm.
    pub(super) speed: f64,
    /// Requests at work.
    pub(super) active: u32,
    /// Requests in line, at work, and in their delay.
    pub(super) held: u32,
    pub(super) line: VecDeque<RequestId>,
    pub(super) timer: Option<Timer>,
    /// Work done since the last window, nanoseconds of a lone request.
    pub(super) worked: f64,
    /// Nanoseconds since the last window with work, and with more of it than its cores take.
    pub(super) busy: f64,
    pub(super) capped: f64,
    /// Requests that it has answered.
    pub(super) answered: u64,
    /// Of those, before the last window.
    pub(super) answered_before: u64,
    clock: f64,
    updated: Nanos,
    ends: BinaryHeap<Reverse<(u64, RequestId)>>,
}

impl Replica {
    pub(super) const fn new(endpoint: Arc<Endpoint>, at: Nanos) -> Self {
        Self {
            life: Life::Starting,
            endpoint,
            started_at: at,
            ready_at: None,
            gone_at: None,
            speed: 1.0,
            active: 0,
            held: 0,
            line: VecDeque::new(),
            timer: None,
            worked: 0.0,
            busy: 0.0,
            capped: 0.0,
            answered: 0,
            answered_before: 0,
            clock: 0.0,
            updated: at,
            ends: BinaryHeap::new(),
        }
    }

    /// Brings the virtual clock to `at`; `pace` is the work done per nanosecond of a lone request by each request at work, and
    /// more than `uncapped` of them are held back by the cores.
    #[inline]
    pub(super) fn advance(&mut self, at: Nanos, pace: f64, uncapped: u32) {
        let passed = (at.0 - self.updated.0) as f64;
        let given = passed * pace * self.speed;
        self.updated = at;
        if self.active > 0 {
            self.clock += given;
            self.worked += given * f64::from(self.active);
            self.busy += passed;
            if self.active > uncapped {
                self.capped += passed;
            }
        } else {
            // Empty, it may start anew: a clock that only grew would lose digits.
            self.clock = 0.0;
        }
    }

    /// Takes a request to work. The clock has to be at this moment.
    #[inline]
    pub(super) fn begin(&mut self, request: RequestId, work: f64) {
        if self.active == 0 {
            self.clock = 0.0;
            self.ends.clear();
        }
        self.active += 1;
        // A positive float orders as its bits do.
        self.ends.push(Reverse(((self.clock + work).to_bits(), request)));
    }

    /// When the next end comes at this pace; `lives` tells requests that are still there.
    #[inline]
    pub(super) fn next_end(&mut self, at: Nanos, pace: f64, lives: impl Fn(RequestId) -> bool) -> Option<Nanos> {
        while let Some(Reverse((end, request))) = self.ends.peek() {
            if lives(*request) {
                let left = (f64::from_bits(*end) - self.clock).max(0.0);
                return Some(at.after(left / (pace * self.speed)));
            }
            self.ends.pop();
        }
        None
    }

    /// The request whose end is now.
    #[inline]
    pub(super) fn end(&mut self) -> Option<RequestId> {
        let Reverse((end, request)) = self.ends.pop()?;
        // The moment was rounded up to a nanosecond: nobody has more than they came for.
        self.clock = self.clock.max(f64::from_bits(end));
        self.active -= 1;
        Some(request)
    }

    /// Takes out everything it holds.
    pub(super) fn drop_all(&mut self) -> Vec<RequestId> {
        let working = std::mem::take(&mut self.ends).into_sorted_vec();
        let line = std::mem::take(&mut self.line);
        (self.active, self.held) = (0, 0);
        working.into_iter().rev().map(|Reverse((_, request))| request).chain(line).collect()
    }
}
