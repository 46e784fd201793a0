//! A simulated cluster: nodes that fail, tasks with true run times, and the scheduler that runs, unchanged.
//!
//! [`Simulation`] goes from the first arrival to the last event; [`World`] is what it drives through the event kernel, and
//! [`Books`] are what the figures ([`Metrics`]) are computed from.

mod amounts;
mod books;
mod diary;
mod faults;
mod foresight;
mod fragmentation;
mod meter;
mod metrics;
mod options;
mod pools;
mod progress;
mod refusals;
mod simulation;
pub mod speed;
mod spread;
mod workload;
mod world;

pub use amounts::{Amounts, GPU, RESOURCES};
pub use books::{Allocation, AuditError, Books, Fate, Life, Names, Refused};
pub use faults::{Fault, Faults};
pub use fragmentation::{COVER_PERMILLE, Fragments, FreeNode, Shape, fragments, typical};
pub use meter::{Meter, Point, Use};
pub use metrics::{ClassRow, Counts, Metrics, TAU};
pub use options::Options;
pub use pools::{PoolBooks, PoolOptions, ShapeBooks};
pub use simulation::{Cluster, Outcome, SetupError, Simulation};
pub use spread::{Spread, bounded_slowdown, jain};
pub use workload::{Arrivals, Job, Listed, Workload};
pub use world::{Event, Queue, World};
