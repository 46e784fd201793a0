//! Pipes for bodies that are moved within the kernel, lent per worker.
//!
//! A pipe is held only while there is something in it: a body that waits for its sender holds none. One that still has
//! bytes in it when its exchange ends is closed, so that no byte can reach another body.

use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::AsFd;

/// Pipes kept for later. Each is two descriptors and no memory while it is empty.
const KEPT_MAX: usize = 32;

/// Bytes that a pipe takes where they come in whole pages: a body of 256 KiB then takes one system call each way.
const CAPACITY: usize = 256 * 1024;

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// The pipes of one worker that nobody uses right now.
#[derive(Debug, Default)]
pub struct Pipes {
    kept: RefCell<Vec<Ends>>,
}

/// A pipe that is lent; goes back when it is dropped empty.
#[derive(Debug)]
pub struct Pipe<'p> {
    pipes: &'p Pipes,
    ends: Option<Ends>,
    held: usize,
}

impl Pipes {
    /// An empty pipe, or none when the process has no descriptors left.
    pub fn lend(&self) -> Option<Pipe<'_>> {
        let kept = self.kept.borrow_mut().pop();
        let ends = kept.or_else(|| {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            // Where the system's limit on pipes is reached it stays at the 64 KiB that it has.
            let _ = fcntl_setpipe_size(&write, CAPACITY);
            Some(Ends { read, write })
        })?;
        Some(Pipe { pipes: self, ends: Some(ends), held: 0 })
    }
}

impl Pipe<'_> {
    /// Bytes in it.
    pub const fn held(&self) -> usize {
        self.held
    }

    fn ends(&self) -> &Ends {
        self.ends.as_ref().expect("invariant: a pipe has its ends until it is dropped")
    }

    /// Takes at most `most` bytes from `source` into the pipe, which must be empty: a full one and a source without bytes
    /// look the same. Zero is the source's end.
    ///
    /// # Errors
    /// `WouldBlock` when the source has nothing.
    pub fn fill(&mut self, source: impl AsFd, most: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let count = splice(source, None, &self.ends().write, None, most, flags)?;
        self.held += count;
        Ok(count)
    }

    /// Gives what is in the pipe to `sink`, as far as it has room.
    ///
    /// # Errors
    /// `WouldBlock` when it has none.
    pub fn drain(&mut self, sink: impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        let count = splice(&self.ends().read, None, sink, None, self.held, flags)?;
        self.held -= count.min(self.held);
        Ok(count)
    }
}

impl Drop for Pipe<'_> {
    fn drop(&mut self) {
        let mut kept = self.pipes.kept.borrow_mut();
        if self.held == 0
            && kept.len() < KEPT_MAX
            && let Some(ends) = self.ends.take()
        {
            kept.push(ends);
        }
    }
}
