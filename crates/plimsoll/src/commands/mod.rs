//! One verb, one file.

mod agree;
pub mod analyst;
pub mod ask;
pub mod audit;
pub mod backtest;
pub mod calibrate;
pub mod capacity;
pub mod check;
pub mod decide;
pub mod decisions;
pub mod doctor;
pub mod down;
mod dry_run;
pub mod event;
pub mod evolve;
pub mod explain;
pub mod export;
pub mod forecast;
pub mod forget;
pub mod gate;
pub mod gateway;
pub mod import;
pub mod load;
pub mod logs;
pub mod man;
pub mod mcp;
pub mod order;
pub mod plan;
pub mod policies;
mod pool_file;
mod reach;
pub mod rebalance;
pub mod replay;
mod scorecard;
pub mod simulate;
pub mod status;
pub mod testbed;
pub mod token;
pub mod top;
pub mod tune;
pub mod up;
pub mod usage;
pub mod watch;
pub mod wheel;
mod work;

use crate::Verdict;
use crate::args::Cli;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io;

/// `plimsoll completions SHELL`.
pub fn completions(shell: Shell) -> anyhow::Result<Verdict> {
    clap_complete::generate(shell, &mut Cli::command(), "plimsoll", &mut io::stdout());
    Ok(Verdict::Done)
}
