//! One stream of a client's connection as the exchange uses a socket.
//!
//! What is read of it is the request's body and what is written to it is the response, both in the words of HTTP/1.1, so
//! that there is one exchange and one codec for both protocols. Nothing waits in between: a read takes from `h2`'s frames
//! and a write gives to them.

use super::answer::Answer;
use super::body::Body;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// One stream.
#[derive(Debug)]
pub struct Frames {
    body: RefCell<Body>,
    answer: RefCell<Answer>,
    /// Where its connection came to.
    pub local: Option<SocketAddr>,
}

impl Frames {
    /// A stream whose request has this body, and whose response goes there.
    pub fn new(body: Body, answer: Answer, local: Option<SocketAddr>) -> Self {
        Self { body: RefCell::new(body), answer: RefCell::new(answer), local }
    }

    /// Reads what is there of the body; zero is its end.
    ///
    /// # Errors
    /// See [`Body::try_read`].
    pub fn try_read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        self.body.borrow_mut().try_read(bytes)
    }

    /// Writes what there is room for.
    ///
    /// # Errors
    /// See [`Answer::try_write`].
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut answer = self.answer.borrow_mut();
        let mut count = 0;
        for slice in slices {
            match answer.try_write(slice) {
                Ok(taken) if taken == slice.len() => count += taken,
                Ok(taken) => return Ok(count + taken),
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Whether a read would find something.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.body.borrow_mut().poll_readable(context)
    }

    /// Whether a write would find room.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.answer.borrow_mut().poll_writable(context)
    }

    /// Whether the client gave the stream up. Its request being whole is no end: the response is still wanted.
    pub fn poll_gone(&self, context: &mut Context<'_>) -> bool {
        self.answer.borrow_mut().poll_gone(context)
    }
}
