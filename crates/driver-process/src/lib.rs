//! Runs workloads as real processes of this host: each under a [`shim`](shim_main) of its own, held by whatever the
//! host can enforce, watched by health checks, adopted again when the daemon comes back.
//!
//! The driver decides nothing: it starts, stops and reports what it is told to. It never restarts a workload, waits
//! before a try, or chooses which one to stop; that is the controller's.

pub mod cgroup;
mod driver;
mod isolation;
pub mod probe;
mod procfs;
pub mod record;
mod shim;

pub use cgroup::{CgroupChoice, CgroupPaths};
pub use driver::{
    DriverEvent, DriverOptions, LaunchRequest, LockError, OpenError, ProcessDriver, ResizeOutcome, StartOutcome,
    Target, logs,
};
pub use shim::shim_main;
