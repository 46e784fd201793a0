//! What can be typed after `plimsoll top`.

use super::Installation;
use clap::{Args, ValueEnum};

/// `plimsoll top`.
///
/// Keys: up and down (or k and j) choose, Enter looks into a service, d its decisions with their reasons, r its replicas,
/// Escape goes back, s sorts, / filters, space holds the picture, ? lists the keys, q ends.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Top {
    /// Look into this service at once.
    pub service: Option<String>,
    /// What is shown first.
    #[arg(long, value_enum, value_name = "VIEW")]
    pub view: Option<TopView>,
    /// Ask the daemon every so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub interval: f64,
    /// Print one picture and end: for scripts, and where there is no terminal.
    #[arg(long)]
    pub once: bool,
    /// Columns and rows; those of the terminal if absent, else 80x24.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = size)]
    pub size: Option<(u16, u16)>,
    #[command(flatten)]
    pub installation: Installation,
}

/// What `plimsoll top` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TopView {
    /// A row per service.
    #[default]
    Services,
    /// One service.
    Service,
    /// What was decided of a service, and why.
    Decisions,
    /// The replicas of a service.
    Replicas,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "columns from 40 to 500 and rows from 8 to 300, such as 80x24".to_owned();
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    let (columns, rows) = (columns.parse().map_err(|_| wrong())?, rows.parse().map_err(|_| wrong())?);
    if (40..=500).contains(&columns) && (8..=300).contains(&rows) { Ok((columns, rows)) } else { Err(wrong()) }
}
