//! What can be typed after `plimsoll gateway`.

use super::Output;
use clap::{Args, Subcommand};
use plimsoll_gateway::ListeningSockets;
use std::path::PathBuf;

/// `plimsoll gateway`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: plimsoll gateway --config examples/gateway/gateway.toml\n\
    A reload is a SIGHUP, or: plimsoll gateway reload --config FILE")]
pub struct Gateway {
    #[command(subcommand)]
    pub verb: Option<GatewayVerb>,
    /// The gateway file to run by (docs/gateway.md).
    #[arg(long, value_name = "FILE", required_unless_present = "control", conflicts_with = "control")]
    pub config: Option<PathBuf>,
    /// Take the listening sockets over from the gateway that runs by this file, which then drains: no connection is
    /// refused. Without one it just starts.
    #[arg(long, requires = "config")]
    pub takeover: bool,
    /// Path of the control socket, where a daemon says what to do.
    #[arg(long, value_name = "PATH", hide = true)]
    pub control: Option<PathBuf>,
    /// Time between two reports, milliseconds, 10 to 60000.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pub report_interval_ms: u64,
    /// Listening sockets of a predecessor, as descriptors of this process.
    #[arg(long, value_name = "ADDRESS=FD,FD", value_parser = inherited, hide = true)]
    pub inherit: Vec<ListeningSockets>,
}

/// What is asked of a gateway file, or of the gateway that runs by it.
#[derive(Debug, Subcommand)]
pub enum GatewayVerb {
    /// Read the file and say everything that is wrong with it; nothing is run.
    Check(GatewayFileArgs),
    /// Make the running gateway use the file as it is now, as a whole or not at all.
    Reload(GatewayFileArgs),
    /// Make the running gateway finish what it has and end.
    Drain(GatewayFileArgs),
    /// Show what the running gateway does: pools, endpoints, refusals.
    Top(GatewayTop),
}

/// A gateway file.
#[derive(Debug, Args)]
pub struct GatewayFileArgs {
    /// The gateway file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `plimsoll gateway top`.
#[derive(Debug, Args)]
pub struct GatewayTop {
    #[command(flatten)]
    pub file: GatewayFileArgs,
    /// Show one interval and end.
    #[arg(long)]
    pub once: bool,
    /// Seconds between two pictures, 0.25 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub interval: f64,
    /// How results are printed; `json` is one report a line, as the gateway sends it.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

fn inherited(text: &str) -> Result<ListeningSockets, String> {
    let wrong = || format!("{text} is not ADDRESS=FD,FD");
    let (address, list) = text.rsplit_once('=').ok_or_else(wrong)?;
    let descriptors = list.split(',').map(|number| number.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    Ok(ListeningSockets { address: address.to_owned(), descriptors })
}
