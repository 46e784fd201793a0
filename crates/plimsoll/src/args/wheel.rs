//! What can be typed to take the wheel of a service: `plimsoll scale`, `pause`, `freeze`, `stop`, `resume`, `restart`.

use super::event::duration;
use super::{Installation, Output};
use clap::{Args, ValueEnum};
use plimsoll_model::wheel::REPLICAS_MAX;

/// `plimsoll scale`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll scale shop 8 --for 30m")]
pub struct Scale {
    /// The service.
    pub service: String,
    /// How many replicas; beyond the spec's bounds too, as far as the node has room.
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(REPLICAS_MAX)))]
    pub replicas: u32,
    #[command(flatten)]
    pub stands: Stands,
    #[command(flatten)]
    pub hand: Common,
}

/// `plimsoll pause`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll pause shop --way in --for 2h")]
pub struct Pause {
    /// The service.
    pub service: String,
    /// Which way of scaling.
    #[arg(long, value_enum, default_value_t)]
    pub way: PausedWay,
    #[command(flatten)]
    pub stands: Stands,
    #[command(flatten)]
    pub hand: Common,
}

/// Directions of scaling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PausedWay {
    /// More replicas.
    Out,
    /// Fewer.
    In,
    /// Either.
    #[default]
    Both,
}

/// `plimsoll freeze`, `plimsoll stop`.
#[derive(Debug, Args)]
pub struct Stand {
    /// The service.
    pub service: String,
    #[command(flatten)]
    pub stands: Stands,
    #[command(flatten)]
    pub hand: Common,
}

/// `plimsoll resume`, `plimsoll restart`.
#[derive(Debug, Args)]
pub struct Release {
    /// The service.
    pub service: String,
    #[command(flatten)]
    pub hand: Common,
}

/// How long an order stands.
#[derive(Debug, Clone, Copy, Args)]
pub struct Stands {
    /// How long it stands, trace time (`30m`, `2h`); then the policies decide again.
    #[arg(long = "for", id = "length", value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub length: u64,
    /// It stands until `plimsoll resume`.
    #[arg(long, conflicts_with = "length")]
    pub until_resumed: bool,
}

/// What every order has.
#[derive(Debug, Args)]
pub struct Common {
    /// Who orders; shown with every reason.
    #[arg(long, value_name = "TEXT", env = "USER", default_value = "operator", hide_env_values = true)]
    pub by: String,
    #[command(flatten)]
    pub installation: Installation,
    /// Print what would be sent and what it would do, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
