//! Deadlines without a timer per request: each connection has one slot, and the worker's tick sweeps all of them.
//!
//! A wait stores its deadline in the slot; the sweep marks slots that are past theirs and wakes their task. That costs a
//! store per wait and a comparison per connection and tick, and makes time-outs late by up to one tick, never early.
//! A connection is one task and waits for one thing at a time (or for several under one deadline), so one slot is enough.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// No deadline.
pub const NEVER: u64 = u64::MAX;

/// A wait ended by its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

/// What one connection waits for.
#[derive(Debug, Default)]
pub struct Slot {
    deadline_ms: Cell<u64>,
    expired: Cell<bool>,
    granted: Cell<bool>,
    idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    /// Sets the deadline of the wait that follows, in the worker's coarse milliseconds.
    pub fn arm(&self, deadline_ms: u64) {
        self.deadline_ms.set(deadline_ms);
        self.expired.set(false);
    }

    /// Whether the deadline has passed; else the task is woken when it does.
    pub fn poll_expired(&self, context: &Context<'_>) -> bool {
        if self.expired.get() {
            return true;
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        false
    }

    /// Waits for `future` until the deadline.
    ///
    /// # Errors
    /// [`Expired`] when the deadline passed first.
    pub async fn within<F: Future>(&self, deadline_ms: u64, future: F) -> Result<F::Output, Expired> {
        self.arm(deadline_ms);
        let mut future = pin!(future);
        let outcome = poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if self.poll_expired(context) { Poll::Ready(Err(Expired)) } else { Poll::Pending }
        })
        .await;
        self.deadline_ms.set(NEVER);
        outcome
    }

    /// Marks the connection as one without a request.
    pub fn set_idle(&self, idle: bool) {
        self.idle.set(idle);
    }

    /// Tells a waiting request that an endpoint may have room.
    pub fn grant(&self) {
        self.granted.set(true);
        self.wake();
    }

    /// Whether it was told and has not looked yet.
    pub fn is_granted(&self) -> bool {
        self.granted.get()
    }

    /// Takes the grant.
    pub fn take_grant(&self) -> bool {
        self.granted.replace(false)
    }

    fn reset(&self) {
        self.arm(NEVER);
        self.granted.set(false);
        self.idle.set(false);
        *self.waker.borrow_mut() = None;
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// The slots of one worker's connections. One that was given back waits there for the next connection.
#[derive(Debug, Default)]
pub struct Slots {
    slots: RefCell<Vec<Rc<Slot>>>,
    free: RefCell<Vec<usize>>,
}

impl Slots {
    /// A slot for a new connection; give it back with [`Slots::remove`].
    pub fn insert(&self) -> (usize, Rc<Slot>) {
        let mut slots = self.slots.borrow_mut();
        let new = || Rc::new(Slot { deadline_ms: Cell::new(NEVER), ..Slot::default() });
        let Some(index) = self.free.borrow_mut().pop() else {
            slots.push(new());
            return (slots.len() - 1, Rc::clone(&slots[slots.len() - 1]));
        };
        // Whoever had it may still hold it, and would wait for what is not its own.
        if Rc::strong_count(&slots[index]) > 1 {
            slots[index] = new();
        }
        (index, Rc::clone(&slots[index]))
    }

    /// Takes a slot back.
    pub fn remove(&self, index: usize) {
        self.slots.borrow()[index].reset();
        self.free.borrow_mut().push(index);
    }

    /// Ends every wait that is past its deadline.
    pub fn sweep(&self, now_ms: u64) {
        for slot in self.slots.borrow().iter() {
            if slot.deadline_ms.get() <= now_ms {
                slot.deadline_ms.set(NEVER);
                slot.expired.set(true);
                slot.wake();
            }
        }
    }

    /// Ends the wait of every connection without a request, so that it closes.
    pub fn end_idle(&self) {
        for slot in self.slots.borrow().iter().filter(|slot| slot.idle.get()) {
            slot.expired.set(true);
            slot.wake();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.borrow().len() - self.free.borrow().len()
    }
}
