//! Everything that holds *between* tasks: whom a task wants near or far, how evenly its kind is spread, whom it shares
//! a node with, which volumes bind it, how far it may be from its data; and what follows from such rules.
//!
//! What a single node can say alone (room, labels, taints) belongs to the fleet. A rule that needs to know what runs
//! elsewhere belongs here, one file per rule. [`Relations`] keeps the counts that the rules need, changed with every
//! placement and release, so that asking costs the number of a task's rules and not the number of tasks.
//!
//! Nothing here gives out room: the fleet does, after the rules agreed.

mod affinity;
pub mod audit;
pub mod budget;
pub mod class;
pub mod class_found;
pub mod drain;
pub mod explain;
pub mod gang;
pub mod guarantee;
mod isolation;
pub mod labels;
pub mod preempt;
mod relations;
mod sites;
mod spread;
mod topology;
mod volumes;

pub use relations::{Home, RelationError, RelationRefusal, Relations, WEIGHT_MAX};
pub use sites::{SiteError, Sites, Way};
