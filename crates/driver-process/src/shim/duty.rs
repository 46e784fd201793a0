//! Holds a CPU quota by stopping and continuing the workload, where no cgroup can and the user asked for it.
//!
//! CPU time is credit: it accrues at the quota, at most 100 ms worth of it is kept, and what the workload uses is taken
//! from it. In debt, the workload is stopped until the debt is paid. The clock of each process is read every 10 ms, so
//! it overdraws by at most 10 ms per running thread, which the stop that follows makes up.
//!
//! Source: clock_getcpuclockid(3); the bucket is the token bucket of RFC 2697, section 3, with one rate.

use super::family::Family;
use crate::record;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(10);
/// Credit is kept for this long.
const KEPT: Duration = Duration::from_millis(100);
/// What is counted in: the period of the kernel's own quotas.
const PERIOD: Duration = Duration::from_millis(100);
/// Between two walks over all processes.
const WALK: Duration = Duration::from_secs(2);

/// What to do with the workload now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Stop it.
    Stop,
    /// Let it go on.
    Continue,
}

/// The credit of one workload.
#[derive(Debug)]
struct Bucket {
    /// Thousandths of a core.
    quota: u64,
    /// Nanoseconds of CPU time; negative is debt.
    credit: i128,
    is_stopped: bool,
}

impl Bucket {
    const fn new(millicores: u64) -> Self {
        Self { quota: millicores, credit: 0, is_stopped: false }
    }

    fn earned(&self, elapsed: Duration) -> i128 {
        let nanoseconds = elapsed.as_nanos().saturating_mul(u128::from(self.quota)) / 1_000;
        i128::try_from(nanoseconds).unwrap_or(i128::MAX)
    }

    fn turn(&mut self, elapsed: Duration, used: Duration) -> Option<Step> {
        let used = i128::try_from(used.as_nanos()).unwrap_or(i128::MAX);
        let credit = self.credit.saturating_add(self.earned(elapsed)).saturating_sub(used);
        self.credit = credit.min(self.earned(KEPT));
        let is_in_debt = self.credit < 0;
        let step = if is_in_debt { Step::Stop } else { Step::Continue };
        (std::mem::replace(&mut self.is_stopped, is_in_debt) != is_in_debt).then_some(step)
    }
}

/// In how many periods the workload was stopped, kept in a file with the words of a cgroup's `cpu.stat`, so that the
/// collector reads it like one.
#[derive(Debug)]
struct Periods {
    file: Option<File>,
    began: Instant,
    was_stopped: bool,
    all: u64,
    throttled: u64,
}

impl Periods {
    fn new(directory: &Path, now: Instant) -> Self {
        // Without the file (the disk is full) the quota is held and only not counted.
        let file = File::create(directory.join(record::THROTTLING)).ok();
        let periods = Self { file, began: now, was_stopped: false, all: 0, throttled: 0 };
        periods.write();
        periods
    }

    fn turn(&mut self, now: Instant, is_stopped: bool) {
        self.was_stopped |= is_stopped;
        if now.duration_since(self.began) < PERIOD {
            return;
        }
        self.all += 1;
        self.throttled += u64::from(self.was_stopped);
        (self.began, self.was_stopped) = (now, is_stopped);
        self.write();
    }

    /// Always the same length, so that a reader never sees the rest of a longer text.
    fn write(&self) {
        let text = format!("nr_periods {:020}\nnr_throttled {:020}\n", self.all, self.throttled);
        let _disk_full = self.file.as_ref().map(|file| file.write_all_at(text.as_bytes(), 0));
    }
}

/// The duty cycle of one workload.
#[derive(Debug)]
pub struct Duty {
    bucket: Bucket,
    periods: Periods,
    family: Family,
    used: BTreeMap<i32, Duration>,
    walked: Instant,
    turned: Instant,
}

impl Duty {
    /// Holds the family of `child` to a quota in thousandths of a core, and keeps the count in the workload's `directory`.
    #[must_use]
    pub fn new(millicores: u64, shim: i32, child: i32, directory: &Path) -> Self {
        let now = Instant::now();
        let family = Family::new(shim, child);
        let (bucket, periods) = (Bucket::new(millicores), Periods::new(directory, now));
        Self { bucket, periods, family, used: BTreeMap::new(), walked: now, turned: now }
    }

    /// When to look next.
    #[must_use]
    pub fn next(&self) -> Instant {
        self.turned + INTERVAL
    }

    /// Looks. Returns what is to be done with every member, when that changes.
    pub fn turn(&mut self, now: Instant) -> Option<Step> {
        if now.duration_since(self.walked) >= WALK {
            self.family.walk();
            self.walked = now;
        }
        let elapsed = now.duration_since(std::mem::replace(&mut self.turned, now));
        let used = self.used_since();
        let step = self.bucket.turn(elapsed, used);
        self.periods.turn(now, self.bucket.is_stopped);
        step
    }

    /// The processes concerned.
    pub fn members(&self) -> impl Iterator<Item = i32> {
        self.family.members()
    }

    /// CPU time that the members used since the last look. What a member used before it was first seen counts too, what
    /// one used after its last look and before its end does not.
    fn used_since(&mut self) -> Duration {
        let now: BTreeMap<i32, Duration> =
            self.family.members().filter_map(|pid| Some((pid, cpu_time(pid)?))).collect();
        let before = std::mem::replace(&mut self.used, now);
        let since = |(pid, used): (&i32, &Duration)| used.saturating_sub(before.get(pid).copied().unwrap_or_default());
        self.used.iter().map(since).sum()
    }
}

/// CPU time of a process, all its threads.
fn cpu_time(pid: i32) -> Option<Duration> {
    let mut clock = 0;
    // SAFETY: writes one clock id to a valid place.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one `timespec` to a valid place.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    read.then(|| Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_in_debt_is_stopped_until_it_has_paid() {
        let mut bucket = Bucket::new(200);
        let ten = Duration::from_millis(10);
        // 10 ms used where 2 ms were earned: 8 ms of debt take 40 ms to pay.
        assert_eq!(bucket.turn(ten, ten), Some(Step::Stop));
        let steps: Vec<_> = (0..4).map(|_| bucket.turn(ten, Duration::ZERO)).collect();
        assert_eq!(steps, [None, None, None, Some(Step::Continue)]);
    }

    proptest::proptest! {
        /// Whatever a greedy workload does between looks, over ten seconds it gets its quota, give or take one look and
        /// the kept credit.
        #[test]
        fn over_time_a_greedy_workload_gets_its_quota(quota in 10_u64..3_000, threads in 1_u32..4) {
            let mut bucket = Bucket::new(quota);
            let (mut used, mut runs) = (Duration::ZERO, true);
            for _ in 0..1_000 {
                let now = if runs { INTERVAL * threads } else { Duration::ZERO };
                used += now;
                runs = match bucket.turn(INTERVAL, now) {
                    Some(Step::Stop) => false,
                    Some(Step::Continue) => true,
                    None => runs,
                };
            }
            let quota = Duration::from_secs(10) * u32::try_from(quota).unwrap() / 1_000;
            let most = Duration::from_secs(10) * threads;
            let slack = INTERVAL * threads + KEPT;
            proptest::prop_assert!(used <= quota + slack, "{used:?} of {quota:?}");
            proptest::prop_assert!(used + slack >= quota.min(most), "{used:?} of {quota:?}");
        }
    }

    #[test]
    fn this_process_has_used_cpu_time() {
        assert!(cpu_time(std::process::id().cast_signed()).unwrap() > Duration::ZERO);
        // One more than the highest pid a kernel gives.
        assert_eq!(cpu_time((4 << 20) + 1), None);
    }
}
