//! An open-loop HTTP load generator, and the testbed service it is tried on.
//!
//! Open loop: requests leave at the moments that the plan says, whether earlier ones were answered or not, as the users
//! of a service do. Every latency counts from that intended moment. A generator that waits for answers before it sends
//! more would measure a stalled server by the one request that met the stall and forget the hundreds that would have
//! come during it (coordinated omission). When this machine is too slow to send on time, the late sends are counted and
//! shown; they are never dropped from the figures.
//!
//! It runs on one thread (`tokio` current-thread) and holds `!Send` state; [`run_blocking`] makes that thread's runtime.
//!
//! # Source
//! G. Tene, "How NOT to Measure Latency" (coordinated omission); B. Schroeder, A. Wierman, M. Harchol-Balter, "Open
//! Versus Closed: A Cautionary Tale", NSDI 2006.

mod alarm;
mod arrivals;
mod client;
mod options;
mod plan;
mod random;
mod report;
mod requests;
mod run;
mod shape;
mod shape_text;
mod stop;
mod tally;
mod target;
pub mod testbed;

pub use arrivals::{Arrivals, Spacing};
pub use options::{Options, RunError};
pub use plan::{LoadPlan, Mix, PlanError};
pub use report::{Ended, FailureCounts, FailureKind, FailureSeen, LatencySummary, LoadReport, Progress, Second};
pub use run::{run, run_blocking};
pub use shape::{Shape, Stretch};
pub use shape_text::ShapeError;
pub use stop::{Stop, StopHandle};
pub use target::{Target, TargetError};
