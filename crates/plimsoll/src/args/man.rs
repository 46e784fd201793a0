//! What can be typed after `plimsoll man`.

use clap::Args;
use std::path::PathBuf;

/// `plimsoll man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write `plimsoll.1`, `plimsoll-up.1` and so on into this folder; without it the main page is printed.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
