//! What can be typed after `plimsoll doctor`.

use super::Output;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 0 when `plimsoll up` can run here, 1 when something stops it.")]
pub struct Doctor {
    /// A spec: its ports, its state directory and what it requires are looked at too.
    pub spec: Option<PathBuf>,
    /// The state directory; the default one if absent.
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Try one rung on this very process and say what came of it; used by `doctor` itself.
    #[arg(long, value_enum, hide = true, requires = "scratch")]
    pub attempt: Option<Attempt>,
    /// Where an attempt may write.
    #[arg(long, value_name = "DIR", hide = true)]
    pub scratch: Option<PathBuf>,
}

/// What can be tried in a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Attempt {
    Landlock,
    Seccomp,
    UserNamespace,
    NetworkNamespace,
    PidNamespace,
    Cgroups,
}
