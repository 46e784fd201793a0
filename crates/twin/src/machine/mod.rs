//! One machine in the twin, run by the real controller: services request by request, jobs by their run time, on the same
//! room.
//!
//! [`Node`] answers as a driver, a gateway and a collector do: it takes actions and gives observations, and decides
//! nothing. [`run`] closes the loop with [`plimsoll_controller::step`], on the daemon's own rhythm: a look at what became
//! ready or went many times a second, figures once per tick. A service alone is this with a machine that is never full.
//!
//! Times are physical and begin at zero; the controller is told trace time, as the spec's clock says.
//!
//! *Limits.* Limits hold exactly: neighbours share no cache, disk or network. A run of a job uses what it reserved and ends
//! at once when it is told to stop. What a job's process does is not looked at.

mod node;
mod outcome;
mod run;

pub use node::{Measures, Node};
pub use outcome::{JobOutcome, Outcome, ServiceOutcome};
pub use run::{Setting, Watch, run, run_watched};
