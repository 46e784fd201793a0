//! Spending a given amount of CPU time.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::Duration;

/// CPU time spent before other requests get their turn.
const SLICE: Duration = Duration::from_micros(200);
/// Rounds of arithmetic between two looks at the clock: a few microseconds, against a call of about 0.3.
const ROUNDS: u64 = 2_000;

/// CPU time that this thread has used.
pub(crate) fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Uses `amount` of this thread's CPU time, yielding to the runtime after every slice. Time that the thread is not
/// running, or that others use while this one yields, does not count.
pub(crate) async fn spend(amount: Duration) {
    let mut left = amount;
    while !left.is_zero() {
        let slice = left.min(SLICE);
        let used = spend_slice(slice);
        left = left.saturating_sub(used);
        if !left.is_zero() {
            tokio::task::yield_now().await;
        }
    }
}

fn spend_slice(slice: Duration) -> Duration {
    let start = thread_time();
    let mut value = 1_u64;
    loop {
        for _ in 0..ROUNDS {
            value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        let used = thread_time().saturating_sub(start);
        if used >= slice {
            return used;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_milliseconds_of_cpu_are_two_milliseconds_of_cpu() {
        let start = thread_time();
        for _ in 0..20 {
            spend(Duration::from_millis(2)).await;
        }
        let used = (thread_time() - start).as_secs_f64();
        assert!((0.040..0.048).contains(&used), "{used}");
    }
}
