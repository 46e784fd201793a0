//! Bytes between two tasks of one thread: how a stream of a replica's HTTP/2 meets an exchange that reads and writes bytes.
//!
//! Bounded both ways, so that back-pressure passes through: who writes more than the other reads waits. The exchange's end
//! behaves like a socket; the other end can also say that the stream was given up, which a socket says by a reset.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes that wait to be read, each way.
const ROOM: usize = 64 * 1024;

#[derive(Debug, Default)]
struct Way {
    bytes: Vec<u8>,
    start: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Way {
    fn wake(waker: &mut Option<Waker>) {
        if let Some(waker) = waker.take() {
            waker.wake();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        Self::wake(&mut self.reader);
        Self::wake(&mut self.writer);
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let unread = &self.bytes[self.start..];
        if unread.is_empty() {
            return if self.ended { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let count = unread.len().min(into.len());
        into[..count].copy_from_slice(&unread[..count]);
        self.start += count;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
        Self::wake(&mut self.writer);
        Ok(count)
    }

    /// Appends all there is; none where that is nothing and more may come.
    fn take(&mut self, into: &mut Vec<u8>) -> Option<usize> {
        let count = self.bytes.len() - self.start;
        if count == 0 {
            return self.ended.then_some(0);
        }
        if into.is_empty() && self.start == 0 {
            // Nothing is copied, and the room of one becomes the other's.
            std::mem::swap(into, &mut self.bytes);
        } else {
            into.extend_from_slice(&self.bytes[self.start..]);
        }
        self.bytes.clear();
        self.start = 0;
        Self::wake(&mut self.writer);
        Some(count)
    }

    fn room(&self) -> usize {
        ROOM - (self.bytes.len() - self.start)
    }

    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        if self.ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = from.len().min(self.room());
        if count == 0 && !from.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(&from[..count]);
        Self::wake(&mut self.reader);
        Ok(count)
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// To the exchange.
    up: RefCell<Way>,
    /// From the exchange.
    down: RefCell<Way>,
    /// The stream was given up.
    gone: Cell<bool>,
    /// By a replica that has not looked at the request.
    refused: Cell<bool>,
    /// By a replica whose connection goes on.
    broken: Cell<bool>,
    /// All that will come was written.
    finished: Cell<bool>,
    watcher: RefCell<Option<Waker>>,
}

impl Shared {
    fn give_up(&self) {
        self.gone.set(!self.finished.get());
        self.up.borrow_mut().end();
        self.down.borrow_mut().end();
        Way::wake(&mut self.watcher.borrow_mut());
    }
}

/// The exchange's end.
#[derive(Debug)]
pub struct Pipe(Rc<Shared>);

/// The stream's end. Dropped, it gives the stream up.
#[derive(Debug)]
pub struct Far(Rc<Shared>);

/// Both ends of a new pipe.
pub fn pipe() -> (Pipe, Far) {
    let shared = Rc::new(Shared::default());
    (Pipe(Rc::clone(&shared)), Far(shared))
}

fn wait(waker: &mut Option<Waker>, context: &Context<'_>) {
    if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
        *waker = Some(context.waker().clone());
    }
}

fn poll_readable(way: &RefCell<Way>, context: &Context<'_>) -> Poll<()> {
    let mut way = way.borrow_mut();
    if way.start < way.bytes.len() || way.ended {
        return Poll::Ready(());
    }
    wait(&mut way.reader, context);
    Poll::Pending
}

fn poll_writable(way: &RefCell<Way>, context: &Context<'_>) -> Poll<()> {
    let mut way = way.borrow_mut();
    if way.ended || way.room() > 0 {
        return Poll::Ready(());
    }
    wait(&mut way.writer, context);
    Poll::Pending
}

impl Pipe {
    /// Reads what there is; zero is the end of the request.
    ///
    /// # Errors
    /// `WouldBlock`, or `ConnectionReset` when the stream was given up.
    pub fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.0.gone.get() {
            return Err(ErrorKind::ConnectionReset.into());
        }
        self.0.up.borrow_mut().read(bytes)
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// `WouldBlock`, or `BrokenPipe` when the stream was given up.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.down.borrow_mut().write(bytes)
    }

    /// Whether a read would find something.
    pub fn poll_readable(&self, context: &Context<'_>) -> Poll<()> {
        poll_readable(&self.0.up, context)
    }

    /// Whether a write would find room.
    pub fn poll_writable(&self, context: &Context<'_>) -> Poll<()> {
        poll_writable(&self.0.down, context)
    }

    /// Whether the stream was given up. Its request being whole is no end: the response is still wanted.
    pub fn poll_gone(&self, context: &Context<'_>) -> bool {
        if !self.0.gone.get() {
            wait(&mut self.0.watcher.borrow_mut(), context);
        }
        self.0.gone.get()
    }

    /// Whether the other side is a replica that has not looked at the request.
    pub fn was_refused(&self) -> bool {
        self.0.refused.get()
    }

    /// Whether the stream ended early and not its connection.
    pub fn was_broken_off(&self) -> bool {
        self.0.broken.get()
    }

    /// Ends the response.
    pub fn end(&self) {
        self.0.down.borrow_mut().end();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.down.borrow_mut().end();
        self.0.up.borrow_mut().end();
    }
}

impl Far {
    /// Writes all, waiting for room. False when the exchange reads no more.
    pub async fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let written = self.0.up.borrow_mut().write(bytes);
            match written {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::future::poll_fn(|context| poll_writable(&self.0.up, context)).await;
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// All that will come was written, and is read before the end.
    pub fn finish(self) {
        self.0.finished.set(true);
    }

    /// Gives the stream up for a replica that has not looked at the request.
    pub fn refuse(self) {
        self.0.refused.set(true);
    }

    /// Gives the stream up, but not its connection.
    pub fn break_off(self) {
        self.0.broken.set(true);
    }

    /// Whether the exchange has left; else the task is woken when it does.
    pub fn poll_left(&self, context: &Context<'_>) -> bool {
        let mut way = self.0.down.borrow_mut();
        if !way.ended {
            wait(&mut way.reader, context);
        }
        way.ended
    }

    /// Appends what there is, waiting for something; zero is the end.
    pub async fn read(&self, into: &mut Vec<u8>) -> usize {
        std::future::poll_fn(|context| poll_readable(&self.0.down, context)).await;
        self.0.down.borrow_mut().take(into).unwrap_or(0)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
