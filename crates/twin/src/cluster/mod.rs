//! A simulated cluster.

mod amounts;
mod faults;
mod fragmentation;
mod inflation;
mod meter;
pub mod speed;
mod spread;
mod workload;

pub use amounts::{Amounts, GPU, RESOURCES};
pub use faults::{Fault, Faults};
pub use fragmentation::{COVER_PERMILLE, Fragments, FreeNode, Shape, fragments, typical};
pub use inflation::Inflated;
pub use meter::{Meter, Point, Use};
pub use spread::{Spread, bounded_slowdown, jain};
pub use workload::{Arrivals, Job, Listed, Workload};
