//! The twin judges a policy: against a simulated world ([`kernel`], [`cluster`]), and against recorded history by its
//! yardstick: how few replicas a clairvoyant would have needed, what a constant peak would have cost, and how closely
//! supply followed demand.
//!
//! Nothing here reads a clock, a file or a socket, and nothing special-cases the code it judges: the simulated world
//! drives the very scheduler that runs, one simulated machine ([`machine`]) the very controller, and a yardstick takes two
//! series of replicas and knows nothing of who chose them.

pub mod backtest;
pub mod cluster;
pub mod elasticity;
pub mod kernel;
pub mod machine;
pub mod optimum;
pub mod rehearsal;
pub mod service;
pub mod yardstick;

pub use elasticity::{Elasticity, elasticity};
pub use optimum::{Bounds, Optimum, optimum};
pub use yardstick::{Yardstick, YardstickError, replicas_needed, scorecard};
