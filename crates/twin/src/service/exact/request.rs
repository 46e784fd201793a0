//! Requests in flight, in a slab whose places are used again.
//!
//! A place has a generation, and whoever remembers a request (a replica's heap, a line, a deadline) remembers that too:
//! what was given up is then skipped when it is met, and nobody has to search for it.

use super::Nanos;
use plimsoll_balance::Started;

/// A request as lists remember it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RequestId {
    pub(super) place: u32,
    generation: u32,
}

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// Waits at the gateway for a replica with room.
    Gateway,
    /// Stands in line at its replica.
    Line,
    /// Is worked on.
    Work,
    /// Its work is done; its delay is not over.
    Delay,
}

#[derive(Debug)]
pub(super) struct Request {
    /// When its user sent it first.
    pub(super) arrived: Nanos,
    /// When this try was given to its replica.
    pub(super) sent: Nanos,
    /// Work in nanoseconds of a lone request.
    pub(super) work: f64,
    pub(super) started: Option<Started>,
    pub(super) replica: u32,
    /// Its place in the pool, to leave it out of a retry.
    pub(super) member: u32,
    pub(super) tries: u32,
    pub(super) at: At,
    /// Its client has given up; the replica works on.
    pub(super) abandoned: bool,
    generation: u32,
}

#[derive(Debug, Default)]
pub(super) struct Requests {
    places: Vec<Request>,
    unused: Vec<u32>,
}

impl Requests {
    /// A request that has just arrived.
    #[inline]
    pub(super) fn add(&mut self, arrived: Nanos, work: f64) -> RequestId {
        if let Some(place) = self.unused.pop() {
            let request = &mut self.places[place as usize];
            (request.arrived, request.sent, request.work) = (arrived, arrived, work);
            (request.tries, request.at, request.abandoned) = (0, At::Gateway, false);
            return RequestId { place, generation: request.generation };
        }
        let place = self.places.len() as u32;
        self.places.push(Request {
            arrived,
            sent: arrived,
            work,
            started: None,
            replica: 0,
            member: 0,
            tries: 0,
            at: At::Gateway,
            abandoned: false,
            generation: 0,
        });
        RequestId { place, generation: 0 }
    }

    /// The request, if it is still there.
    #[inline]
    pub(super) fn get(&mut self, id: RequestId) -> Option<&mut Request> {
        self.places.get_mut(id.place as usize).filter(|request| request.generation == id.generation)
    }

    /// Whether it is still there.
    #[inline]
    pub(super) fn has(&self, id: RequestId) -> bool {
        self.places.get(id.place as usize).is_some_and(|request| request.generation == id.generation)
    }

    /// Another try of a request: whoever remembers the one before, no longer means anything.
    pub(super) fn renew(&mut self, id: RequestId) -> RequestId {
        let request = &mut self.places[id.place as usize];
        request.generation = request.generation.wrapping_add(1);
        RequestId { generation: request.generation, ..id }
    }

    /// It is over.
    #[inline]
    pub(super) fn remove(&mut self, id: RequestId) {
        self.renew(id);
        self.unused.push(id.place);
    }
}
