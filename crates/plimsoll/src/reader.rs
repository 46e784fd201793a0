//! What happens when nobody reads standard output any more, as in `plimsoll status | head -1`.
//!
//! The Rust run-time ignores SIGPIPE, so that the next `println!` fails and panics. A command that only prints should end
//! there and then without a word, as every other filter does. It must not be so where the process carries work that
//! outlives the reader, or writes to sockets with `write`, which would raise the signal too.
//!
//! Source: POSIX.1-2024, `write`, EPIPE; `signal(7)`.

/// From here on the process ends by SIGPIPE when it prints and nobody reads.
pub fn end_with_it() {
    // SAFETY: the default disposition runs no code of this program, and `signal` may be called while threads run.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
