//! Health checks: the one source of readiness.
//!
//! [`probe`] asks, [`cadence`] decides when to ask again and what the answers mean, and this drives the two. All times
//! are physical.

mod cadence;
mod probe;

use super::table::Table;
use super::watch::is_checked;
use cadence::{Cadence, Verdict};
use plimsoll_model::spec::HealthSpec;
use plimsoll_model::{Millis, Phase, WorkloadId};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// A replica was not ready in the time allowed.
#[derive(Debug)]
pub struct NeverReady;

/// Checks a replica until it drains; returns at once for a workload without a health check.
///
/// # Errors
/// [`NeverReady`] when `startup_max` passed, counted from the start of its process.
pub async fn check(table: &Rc<Table>, id: &WorkloadId) -> Result<(), NeverReady> {
    let Some((spec, address, age, was_ready)) = target(table, id) else { return Ok(()) };
    let started = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
    let deadline = started + physical(spec.startup_max);
    let mut cadence = Cadence::new(&spec, was_ready);
    loop {
        let answered = timeout(physical(spec.timeout), probe::ask(address, &spec.probe)).await == Ok(true);
        if !is_live(table, id) {
            return Ok(());
        }
        match cadence.observe(answered) {
            Some(Verdict::Healthy) => table.enter(id, Phase::Ready),
            Some(Verdict::Unhealthy) => table.enter(id, Phase::Unready),
            None => {}
        }
        let mut next = Instant::now() + cadence.wait();
        if !cadence.was_ever_ready() {
            if Instant::now() >= deadline {
                return Err(NeverReady);
            }
            next = next.min(deadline);
        }
        sleep_until(next).await;
        if !is_live(table, id) {
            return Ok(());
        }
    }
}

fn target(table: &Table, id: &WorkloadId) -> Option<(HealthSpec, SocketAddr, Duration, bool)> {
    let workloads = table.workloads.borrow();
    let workload = workloads.get(id)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, workload.launch.port?));
    let age = workload.status.as_ref().map(|status| status.child.age()).unwrap_or_default();
    Some((workload.launch.health.clone()?, address, age, workload.ready_at.is_some()))
}

fn is_live(table: &Table, id: &WorkloadId) -> bool {
    table.workloads.borrow().get(id).is_some_and(|workload| is_checked(workload.phase))
}

/// A span of the spec as a physical duration; a year is as good as for ever and cannot overflow a clock.
fn physical(span: Millis) -> Duration {
    Duration::from_millis(span.get().min(365 * 86_400_000))
}
