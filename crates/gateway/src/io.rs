//! Reading and writing sockets under a deadline, trying first and waiting only when the kernel has nothing.
//!
//! Two ways to wait. Alone, a wait owns the connection's slot. Where both directions of an exchange are under way at
//! once, each wait only moves the shared deadline on, and who polls both ends them when it passes.

use crate::stream::Stream;
use crate::worker::Worker;
use crate::worker::buffer::Buffer;
use crate::worker::slot::{Expired, Slot};
use std::io::{ErrorKind, IoSlice};

/// Reads and writes between two yields, so that one busy connection cannot hold up the others.
const TURNS: u32 = 32;

/// Why reading or writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoEnd {
    /// The deadline passed.
    TimedOut,
    /// The other side is gone: reset, broken pipe, or the end in the middle.
    Gone,
}

impl From<Expired> for IoEnd {
    fn from(_: Expired) -> Self {
        Self::TimedOut
    }
}

/// How waits are bounded.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// The worker, for its clock.
    pub worker: &'a Worker,
    /// The connection's slot.
    pub slot: &'a Slot,
    /// Longest wait, ms.
    pub wait_ms: u64,
    /// Somebody else ends waits that are past the slot's deadline.
    pub is_shared: bool,
}

impl Pace<'_> {
    /// Waits for `future`.
    ///
    /// # Errors
    /// [`IoEnd::TimedOut`] when it took longer than allowed.
    pub async fn wait<F: Future>(&self, future: F) -> Result<F::Output, IoEnd> {
        let deadline_ms = self.worker.now_ms().saturating_add(self.wait_ms);
        if self.is_shared {
            self.slot.arm(deadline_ms);
            return Ok(future.await);
        }
        Ok(self.slot.within(deadline_ms, future).await?)
    }

    /// Reads what is there, waiting for the first byte; zero is the end.
    ///
    /// # Errors
    /// [`IoEnd`].
    pub async fn read(&self, stream: &Stream, buffer: &mut Buffer, size_max: usize) -> Result<usize, IoEnd> {
        loop {
            match stream.try_read(buffer.room(size_max)) {
                Ok(count) => {
                    buffer.filled(count);
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(stream.readable()).await?.map_err(|_| IoEnd::Gone)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(IoEnd::Gone),
            }
        }
    }

    /// Writes both slices whole, in one system call where the socket's buffer has room.
    ///
    /// # Errors
    /// [`IoEnd`], with how many bytes the kernel had taken.
    pub async fn write(&self, stream: &Stream, first: &[u8], second: &[u8]) -> Result<(), (IoEnd, usize)> {
        let mut sent = 0;
        let whole = first.len() + second.len();
        let mut turns = 0;
        while sent < whole {
            let tried = if second.is_empty() {
                stream.try_write(&first[sent..])
            } else if sent >= first.len() {
                stream.try_write(&second[sent - first.len()..])
            } else {
                stream.try_write_vectored(&[IoSlice::new(&first[sent..]), IoSlice::new(second)])
            };
            match tried {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let ready = self.wait(stream.writable()).await.map_err(|end| (end, sent))?;
                    ready.map_err(|_| (IoEnd::Gone, sent))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err((IoEnd::Gone, sent)),
            }
            turns += 1;
            if turns % TURNS == 0 {
                tokio::task::yield_now().await;
            }
        }
        match stream.unsent() {
            None => Ok(()),
            Some(session) => session.drain(*self).await.map_err(|end| (end, sent)),
        }
    }
}
