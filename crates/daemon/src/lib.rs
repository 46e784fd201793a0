//! The live loop and everything around it that is not a rule: clock, journal, driver, gateway link, API, dashboard.
//!
//! [`open`] puts the parts together, adopting whatever an earlier daemon left running; [`Daemon::run`] runs until a
//! shutdown is complete. Everything runs on one thread (a `LocalSet`): a daemon that levels one machine has little to do,
//! and a single thread needs no locks and no reasoning about order.
//!
//! It must hold no rule: what to do is decided by `plimsoll-controller`, which gets the time handed in.

mod analyst;
pub mod api;
pub mod audit;
pub mod audited;
mod clock;
mod engine;
mod execute;
mod fits;
pub mod forget;
pub mod gateway_link;
pub mod history_warmup;
mod history_writer;
mod kept_sockets;
pub mod ledger;
pub mod metering;
mod metrics;
mod metrics_in;
mod notify;
mod open;
mod otlp;
pub mod past;
pub mod record;
mod retention;
pub mod scorecard;
mod snapshot;
mod state_dir;
mod traffic;
pub mod view;

pub use engine::publish::short_id;
pub use engine::reload::refusal as reload_refusal;
pub use open::{Daemon, Handle, OpenError, Options, open};
pub use state_dir::{DaemonFile, StateDir, StateDirError};
