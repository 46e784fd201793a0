//! Waking at a moment with the precision that a request's due time needs.
//!
//! The runtime's own timer counts in milliseconds, which would make every send up to one millisecond late and add that
//! to every latency. A timer file descriptor in the same poll wakes within tens of microseconds.

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A one-shot timer; one waiter at a time.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// # Errors
    /// What the system says when it has no descriptor left.
    pub(crate) fn try_new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the descriptor is owned by the `OwnedFd` that moves in, whose number never changes while it lives; it
        // is closed only when the `AsyncFd`, and with it the registration, is dropped.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) };
        Ok(Self { timer: timer.map_err(io::Error::from)? })
    }

    /// Returns at `deadline` or at once when it has passed. May be dropped and called again.
    ///
    /// # Errors
    /// What the system says; never in practice once the timer exists.
    pub(crate) async fn sleep_until(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.arm(left)?;
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0_u8; 8];
            // Nothing to read means that the readiness belonged to an earlier, abandoned wait; the loop arms again.
            let _ = rustix::io::read(self.timer.get_ref(), &mut expirations);
            ready.clear_ready();
        }
    }

    fn arm(&self, left: Duration) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let once = Itimerspec { it_interval: zero, it_value: value };
        rustix::time::timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_abandoned_wait_does_not_shorten_the_next() {
        let mut alarm = Alarm::try_new().unwrap();
        let start = Instant::now();
        tokio::select! {
            biased;
            _ = std::future::ready(()) => {}
            _ = alarm.sleep_until(start + Duration::from_millis(1)) => {}
        }
        let short =
            tokio::time::timeout(Duration::from_micros(100), alarm.sleep_until(start + Duration::from_millis(4)));
        let _ = short.await;
        alarm.sleep_until(start + Duration::from_millis(20)).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        alarm.sleep_until(start).await.unwrap();
    }
}
