//! The v1 rung: one tree per controller, `cpu.cfs_quota_us`, `memory.limit_in_bytes`, `pids.max`.
//!
//! The quota's period is 20 ms and not the kernel's 100 ms: a workload that has used its quota stands still for the
//! rest of the period, and that wait is the tail latency its users see. Quotas under 100 millicores keep 100 ms,
//! because the kernel takes no quota under 1 ms.
//!
//! Source: Linux Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v1/memory.rst, pids.rst.

use super::group::write;
use super::v2::quota;
use plimsoll_model::{Bytes, Millicores};
use std::fs;
use std::io;
use std::path::Path;

/// Sets the quota, and the shares that count while CPU is scarce; 1,024 shares stand for one core requested.
pub(super) fn limit_cpu(group: &Path, request: Millicores, limit: Option<Millicores>) -> io::Result<()> {
    let shares = (request.get().saturating_mul(1_024) / 1_000).clamp(2, 262_144);
    write(&group.join("cpu.shares"), &shares.to_string())?;
    let Some(limit) = limit else { return Ok(()) };
    let (quota, period) = quota(limit);
    write(&group.join("cpu.cfs_period_us"), &period.to_string())?;
    write(&group.join("cpu.cfs_quota_us"), &quota.to_string())
}

/// Sets the memory limit, and the same for memory and swap together where the kernel counts swap.
pub(super) fn limit_memory(group: &Path, limit: Option<Bytes>) -> io::Result<()> {
    let Some(Bytes(limit)) = limit else { return Ok(()) };
    write(&group.join("memory.limit_in_bytes"), &limit.to_string())?;
    let _no_swap_accounting = write(&group.join("memory.memsw.limit_in_bytes"), &limit.to_string());
    Ok(())
}

/// Sets another memory limit on a group that has one: the joint limit of memory and swap may not lie below the other at
/// any moment, so it goes first on the way up and last on the way down.
pub(super) fn change_memory(group: &Path, limit: Option<Bytes>) -> io::Result<()> {
    let Some(Bytes(bytes)) = limit else { return Ok(()) };
    let _on_the_way_down_or_no_swap_accounting = write(&group.join("memory.memsw.limit_in_bytes"), &bytes.to_string());
    limit_memory(group, limit)
}

/// Sets the highest number of processes and threads.
pub(super) fn limit_pids(group: &Path, limit: Option<u64>) -> io::Result<()> {
    limit.map_or(Ok(()), |limit| write(&group.join("pids.max"), &limit.to_string()))
}

/// Processes of the group the kernel killed for memory.
pub(super) fn oom_kills(group: &Path) -> Option<u64> {
    super::group::field(&fs::read_to_string(group.join("memory.oom_control")).ok()?, "oom_kill")
}
