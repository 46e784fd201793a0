//! Moves a run of a body from one socket to another within the kernel, where both are plain and the run is long.
//!
//! Reading and writing costs two copies of every byte; `splice` through a pipe moves pages. It costs more system calls,
//! so short runs are copied. What is in the pipe is the only thing held, so a slow reader slows its sender down.

use super::respond::await_source;
use crate::io::{IoEnd, Pace};
use crate::stream::Stream;
use std::io::ErrorKind;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Shorter runs are copied: a read and a write then cost less than two times `splice`.
pub const RUN_MIN: u64 = 16 * 1024;
/// Asked of the kernel at once; what fits the pipe is less.
const AT_ONCE: usize = 1 << 20;
/// Fills between two yields.
const TURNS: u32 = 16;

/// Why a run was not moved whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The sender ended, or nothing came.
    Source(IoEnd),
    /// The receiver is gone, or takes nothing.
    Sink(IoEnd),
    /// The receiver left while the sender was silent.
    SinkGone,
    /// There is no pipe, or these sockets cannot be spliced; the rest has to be copied.
    Unable,
}

/// The sockets, where bytes can be moved between these streams within the kernel.
pub fn sockets<'s>(from: &'s Stream, to: &'s Stream) -> Option<(&'s TcpStream, &'s TcpStream)> {
    Some((from.plain()?, to.plain()?))
}

/// Moves `left` bytes from one stream to the other and counts `left` down by what the receiver's kernel took. `watch` asks
/// to look whether the receiver leaves while the sender is silent.
pub async fn relay(pace: Pace<'_>, from: &Stream, to: &Stream, left: &mut u64, watch: &mut bool) -> Result<(), Halt> {
    let (source, sink) = sockets(from, to).ok_or(Halt::Unable)?;
    let mut turns: u32 = 0;
    while *left > 0 {
        let most = usize::try_from(*left).unwrap_or(AT_ONCE).min(AT_ONCE);
        let mut pipe = pace.worker.buffers.pipes.lend().ok_or(Halt::Unable)?;
        match source.try_io(Interest::READABLE, || pipe.fill(source, most)) {
            Ok(0) => return Err(Halt::Source(IoEnd::Gone)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                drop(pipe);
                let wait = pace.wait(await_source(from, to, watch)).await;
                if !wait.map_err(Halt::Source)? {
                    return Err(Halt::SinkGone);
                }
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(Halt::Unable),
            Err(_) => return Err(Halt::Source(IoEnd::Gone)),
        }
        while pipe.held() > 0 {
            match sink.try_io(Interest::WRITABLE, || pipe.drain(sink)) {
                Ok(count) => *left -= (count as u64).min(*left),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let ready = pace.wait(sink.writable()).await.map_err(Halt::Sink)?;
                    ready.map_err(|_| Halt::Sink(IoEnd::Gone))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Halt::Sink(IoEnd::Gone)),
            }
        }
        turns += 1;
        if turns.is_multiple_of(TURNS) {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
