//! The backtest: a recorded load, a policy, and what would have happened, judged against the clairvoyant optimum.
//!
//! A [`Course`] is one load under one [`Protocol`]: the load of every tick, the replicas it needed and the cheapest supply
//! that always had them. [`Course::run`] drives [`plimsoll_controller::step`], the very function that runs live, through a
//! plant that answers as a driver does: observations in, actions out, replicas that take their start-up time to become
//! ready and are paid for from the decision to start them. [`Course::judge`] scores any supply on the same terms, so that
//! a constant peak or the optimum itself stands in the same table.
//!
//! [`run_together`] has several courses at once in one controller, on a node that need not have room for all of them.
//!
//! The controller sees the load as it was [`Protocol::metric_lag`] ago, and nothing in a gap of the record. Who scores in a
//! gap: the need stays what it was before (nobody may start again for free), and the gap counts in no share of time.
//!
//! Nothing here reads a clock or a file, or knows which policy it judges; threads belong to the caller.
//!
//! # Source
//! The protocol of the project's research on autoscaling (3.3): load scaled so that its 99th percentile needs 40 replicas,
//! need = ⌈load / 0.8⌉, a loop of 15 s, metrics 30 s late, the first day not scored.

mod card;
mod course;
mod load;
mod plant;
mod queue;
mod response;
mod run;
mod sharing;
mod soft;

pub use card::Card;
pub use course::{Course, CourseError, Supply};
pub use load::{Between, Load, LoadError};
pub use plant::NODE;
pub use response::{PATIENCE_S, Response};
pub use run::{Explained, Held, Run, Turn, Watch, run_together};
pub use sharing::{Shared, Sharing, jain, sharing};
pub use soft::{Allowed, Soft};

use plimsoll_model::{MilliRps, Millis, Permille};

/// The terms on which policies are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocol {
    /// Time between two decisions, and the length of a scored slot.
    pub tick: Millis,
    /// Time from the decision to start a replica to its being ready.
    pub startup: Millis,
    /// Age of the figures that the controller gets.
    pub metric_lag: Millis,
    /// What one replica carries at 100 %.
    pub capacity: MilliRps,
    /// The share of it that a replica may carry within its objective: need = ⌈load / (usable · capacity)⌉.
    pub usable: Permille,
    /// The part at the start that is run and not scored: everything learns there.
    pub skip: Millis,
    /// What one more start costs besides its start-up time, in replica time.
    pub switching: Millis,
    /// Fewest replicas that anybody may run.
    pub replicas_min: u32,
    /// Most replicas that anybody may run.
    pub replicas_max: u32,
    /// Requests in flight at one replica at 100 %, none of them in a line, in thousandths: what a policy of concurrency is
    /// told. One is a worker that has one at a time.
    pub in_flight_milli: u64,
}

impl Protocol {
    /// Replicas that the 99th percentile of a load is scaled to need.
    pub const REPLICAS_P99: u32 = 40;

    /// The research's protocol with this start-up time.
    #[must_use]
    pub const fn research(startup: Millis) -> Self {
        Self {
            tick: Millis(15_000),
            startup,
            metric_lag: Millis(30_000),
            capacity: MilliRps(1_000_000),
            usable: Permille(800),
            skip: Millis(86_400_000),
            switching: Millis(0),
            replicas_min: 1,
            replicas_max: 10_000,
            in_flight_milli: 1_000,
        }
    }

    /// What one replica may carry.
    #[must_use]
    pub fn usable_capacity(&self) -> MilliRps {
        MilliRps(self.capacity.0.saturating_mul(self.usable.0) / 1_000)
    }
}
