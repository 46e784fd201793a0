//! The testbed: a small HTTP/1.1 service whose cost, latency, memory and faults are dials.
//!
//! It stands in for somebody's service when the loop is tried: one thread, real CPU time, real memory, real sockets. A
//! request costs CPU time that is *measured* as CPU time of the serving thread, in slices between which other requests
//! get their turn, so 2 ms of CPU are 2 ms however busy the machine is, and an overloaded replica serves all its
//! requests slowly instead of one after the other (processor sharing).
//!
//! `/healthz` answers 200 when ready; every other path outside `/control/` does the work. The `/control/` paths break it
//! on purpose; they exist only where `control` is set, and answer loopback peers only.

mod control;
mod cpu;
mod options;
mod serve;
mod service;

pub use options::{LatencyModel, OptionError, Options};
pub use serve::{ServeError, Served, serve, serve_until};
