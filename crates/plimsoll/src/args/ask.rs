//! What can be typed after `plimsoll ask`.

use super::{HistoryOf, Output};
use clap::Args;

/// `plimsoll ask`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The question, in quotes: "why did web scale to 14 at nine?", "what limits web?", "what would make web cheaper?", "what if
    /// Friday brings three times the load?". Times are UTC.
    pub question: String,
    /// Which history.
    #[command(flatten)]
    pub of: HistoryOf,
    /// Print the facts that the answer rests on, too.
    #[arg(long)]
    pub facts: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
