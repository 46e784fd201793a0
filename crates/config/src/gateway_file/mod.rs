//! Gateway files: TOML in, a checked [`GatewayFile`] or precise errors out, as for a spec.
//!
//! A format of its own and not a spec without services: there are pools with addresses in it and no commands, and a
//! listener that other machines reach is what it is for. Fields, ranges and defaults are in
//! [`crate::table::GATEWAY_FILE`].

mod build;
mod check;

use crate::build::resolve;
use crate::load::{folder, masked, read, syntax_errors, too_large};
use crate::read::Reader;
use crate::report::Report;
use crate::table::GATEWAY_FILE;
use plimsoll_model::gateway::GatewayFile;
use std::path::Path;
use toml::de::DeTable;

/// A gateway file that holds, and what is doubtful about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedGateway {
    /// What it says; its paths are absolute.
    pub file: GatewayFile,
    /// Warnings; empty where there is nothing to say.
    pub warnings: Report,
}

/// Reads and checks a gateway file. Certificates and keys that it names are read by the gateway, not here.
///
/// # Errors
/// A [`Report`] of all that is wrong with it.
pub fn load_gateway(path: &Path) -> Result<LoadedGateway, Report> {
    let file = path.display().to_string();
    let text = read(path, &file)?;
    parse_gateway(&text, path)
}

/// Where the gateway that runs by a file has its control socket. The rest of the file may be wrong: whoever asks a running
/// gateway for something must reach it all the same.
///
/// # Errors
/// A [`Report`] when the file cannot be read, is no TOML, or `control` itself is wrong.
pub fn gateway_control(path: &Path) -> Result<String, Report> {
    let file = path.display().to_string();
    let text = read(path, &file)?;
    let (parsed, syntax) = DeTable::parse_recoverable(&text);
    if !syntax.is_empty() {
        return Err(syntax_errors(&file, &text, &syntax));
    }
    let mut reader = Reader::new(&text);
    let root = reader.table(parsed.get_ref(), 0..0, &GATEWAY_FILE, "");
    match root.text("control") {
        Some(control) => Ok(resolve(&folder(path), control)),
        None => Err(Report::new(&file, &text, reader.diagnostics)),
    }
}

/// Checks the text of a gateway file as if it stood in the file `path`.
///
/// # Errors
/// As [`load_gateway`].
pub fn parse_gateway(text: &str, path: &Path) -> Result<LoadedGateway, Report> {
    let file = path.display().to_string();
    if let Some(report) = too_large(&file, text) {
        return Err(report);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (parsed, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax_errors(&file, text, &syntax));
    }
    let mut reader = Reader::new(text);
    let root = reader.table(parsed.get_ref(), 0..0, &GATEWAY_FILE, "");
    check::all(&mut reader, &root);
    let report = Report::new(&file, &masked(text, &reader.secrets), reader.diagnostics).with_omitted(reader.omitted);
    if report.has_errors() {
        return Err(report);
    }
    let directory = folder(path);
    let built = build::file(&root, &directory).expect("invariant: a table that was read without errors makes a file");
    Ok(LoadedGateway { file: built, warnings: report })
}

#[cfg(test)]
mod tests;
