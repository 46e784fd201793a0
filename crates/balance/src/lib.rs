//! Which endpoint gets this request.
//!
//! Three parts. An [`Endpoint`] is one place that answers requests, with counters that all workers of a gateway share as
//! atomics. A [`Pool`] is an immutable snapshot of endpoints with the tables its algorithm needs. A [`Picker`] belongs to
//! one worker: it holds that worker's random numbers and rotation state and answers [`Picker::pick`] without a lock, a
//! system call or an allocation. A change of endpoints makes a new pool around the same `Arc<Endpoint>`s, so counters
//! survive.
//!
//! Time is an argument everywhere: microseconds since any origin, the same origin for all calls. Randomness comes from a
//! seed. So a simulation in virtual time runs exactly what a gateway runs.
//!
//! Each algorithm is one file below `algorithm`, with its source. This crate must never allocate or lock on the pick
//! path, and must never decide how many endpoints there are.

mod algorithm;
mod average;
mod breaker;
mod ejector;
mod endpoint;
mod key;
mod load;
mod picker;
mod pool;
mod quantile;
pub mod simulation;
mod started;

pub use breaker::{Admission, Breaker, BreakerState, CircuitOpen};
pub use ejector::{Ejection, EjectionWithheld, Ejector, Rule, Verdicts};
pub use endpoint::{Endpoint, Outcome, Totals};
pub use key::{bytes_key, source_key};
pub use load::LoadReport;
pub use picker::{PickContext, Picker};
pub use pool::Pool;
pub use quantile::LatencyQuantile;
pub use started::Started;
