//! A simulated cluster.

mod amounts;
mod books;
mod faults;
mod fragmentation;
mod meter;
mod metrics;
pub mod speed;
mod spread;
mod workload;

pub use amounts::{Amounts, GPU, RESOURCES};
pub use books::{Allocation, AuditError, Books, Fate, Life, Names};
pub use faults::{Fault, Faults};
pub use fragmentation::{COVER_PERMILLE, Fragments, FreeNode, Shape, fragments, typical};
pub use meter::{Meter, Point, Use};
pub use metrics::{ClassRow, Counts, Metrics, TAU};
pub use spread::{Spread, bounded_slowdown, jain};
pub use workload::{Arrivals, Job, Listed, Workload};
