//! The service twin: what a load does to replicas, without replicas.
//!
//! One [`ServiceModel`] (fitted by [`calibrate`]) and two ways to run it. [`fast`] takes one slot of load at a time and answers by formula;
//! it serves where millions of slots are tried. [`exact`] lets every request happen in the event kernel, balanced by
//! the very `Picker` that the gateway uses, and is what formulas are checked against.
//!
//! Nothing here decides how many replicas there should be: it says what a number of them would have done.

pub mod calibrate;
pub mod distribution;
pub mod exact;
pub mod fast;
pub mod model;
pub mod theory;

pub use distribution::Distribution;
pub use model::{ModelError, ServiceModel};
