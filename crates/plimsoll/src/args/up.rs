//! What can be typed after `plimsoll up`, and how recorded load is replayed.

use super::{Foresight, Output};
use crate::bounds;
use clap::Args;
use std::path::PathBuf;

/// `plimsoll up`.
#[derive(Debug, Args)]
pub struct Up {
    /// The spec file.
    pub spec: PathBuf,
    /// State directory; `$XDG_STATE_HOME/plimsoll/NAME` if absent.
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Forget what an earlier run left (journal, history); refused while its replicas or gateway still run.
    #[arg(long)]
    pub fresh: bool,
    /// Replay this recorded load against the first listener, print a scorecard at its end, and stop.
    #[arg(long, value_name = "FILE")]
    pub load: Option<PathBuf>,
    #[command(flatten)]
    pub traffic: Traffic,
    /// On what runs already: take the changes over without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// Only print what would change, and what the twin predicts of it; nothing is started or changed.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the changes of what runs already without predicting what they bring.
    #[arg(long)]
    pub no_effect: bool,
    /// Go on after the load has ended.
    #[arg(long, requires = "load")]
    pub stay: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Up {
    /// What is predicted of a change of what runs.
    pub fn foresight(&self) -> Foresight {
        Foresight { no_effect: self.no_effect, ..Foresight::usual() }
    }
}

/// How recorded load is replayed.
#[derive(Debug, Clone, Args)]
pub struct Traffic {
    /// Multiplies the recorded rate.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, allow_negative_numbers = true, value_parser = bounds::factor)]
    pub scale: f64,
    /// Only this day of the recording, `YYYY-MM-DD`.
    #[arg(long, value_name = "DATE")]
    pub day: Option<String>,
    /// Replays only so much of the recording, in its own time (`6h`, `1d`).
    #[arg(long, value_name = "SPAN")]
    pub span: Option<String>,
    /// Share of requests that are POST, which no proxy may send twice.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = bounds::share)]
    pub post_share: f64,
    /// Seed of the arrival times.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}
