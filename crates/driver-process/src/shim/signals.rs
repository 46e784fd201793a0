//! Signals as something to poll: the shim blocks the ones it answers to and reads them from a descriptor, so that
//! nothing runs in a signal handler.
//!
//! Source: signalfd(2).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Stop gracefully (`SIGTERM`, `SIGINT`, `SIGHUP`), kill at once (`SIGUSR1`), a child changed (`SIGCHLD`).
const SIGNALS: [libc::c_int; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGCHLD];

/// What came in since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// Somebody wants the workload stopped.
    pub stop: bool,
    /// Somebody wants the workload killed.
    pub kill: bool,
}

/// The blocked signals.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks the signals; from here on they wait to be read.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn block() -> io::Result<Self> {
        let set = set_of(&SIGNALS);
        // SAFETY: `set` is initialised and outlives the call; the old mask is not asked for.
        if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `set` is initialised and outlives the call; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just made and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The descriptor to poll.
    #[must_use]
    pub fn fd(&self) -> &OwnedFd {
        &self.0
    }

    /// Everything that came in; never blocks.
    #[must_use]
    pub fn drain(&self) -> Received {
        let mut received = Received::default();
        let mut one = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as long as stated; a read gives whole structures only.
        while unsafe { libc::read(self.0.as_raw_fd(), one.as_mut_ptr().cast(), size) } == size.cast_signed() {
            // SAFETY: the kernel filled the whole structure.
            match unsafe { one.assume_init_ref() }.ssi_signo.cast_signed() {
                libc::SIGUSR1 => received.kill = true,
                libc::SIGCHLD => {}
                _ => received.stop = true,
            }
        }
        received
    }
}

/// Gives a forked child the signals of a fresh process: none blocked, and `SIGPIPE`, which the Rust run-time ignores,
/// back at its default.
pub fn reset() {
    let set = set_of(&[]);
    // SAFETY: `set` is initialised and outlives the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
    // SAFETY: the default disposition runs no code of this program.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the whole set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set is initialised and the numbers are valid signals.
        unsafe { libc::sigaddset(set.as_mut_ptr(), *signal) };
    }
    // SAFETY: initialised above.
    unsafe { set.assume_init() }
}
