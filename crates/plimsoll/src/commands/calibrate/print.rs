//! The model as a TOML file, and what was found in words.

use super::input::Recording;
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_twin::service::calibrate::{Calibration, Errors, FigureError, Reason};
use plimsoll_twin::service::distribution::Shape;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Moments named per reason in the text.
const NAMED: usize = 3;

/// The model file: the model, and beside it the error that says how far it may be trusted. The error travels with the
/// model, so that whoever uses it can refuse to.
pub fn file(found: &Calibration, source: &Path) -> String {
    let model = &found.model;
    let mut out = format!(
        "# Fitted by `plimsoll calibrate` to {} rows of {}; [error] is on {} others.\n\n[model]\ndelay_ms = {}\n",
        found.fitted,
        source.display(),
        found.held,
        number(model.delay_ms)
    );
    for (name, time) in [("work", model.work), ("startup", model.startup)] {
        let shape = match time.shape {
            Shape::Constant => "constant",
            Shape::Exponential => "exponential",
            Shape::LogNormal => "log_normal",
            Shape::HyperExponential => "hyper_exponential",
        };
        let (mean, variation) = (number(time.mean_ms), number(time.variation));
        let _ = writeln!(out, "\n[model.{name}]\nmean_ms = {mean}\nvariation = {variation}\nshape = \"{shape}\"");
    }
    let law = model.law;
    let _ = writeln!(
        out,
        "\n[model.law]\nslots = {}\ncores = {}\ncontention = {}\ncoherency = {}",
        law.slots,
        number(law.cores),
        number(law.contention),
        number(law.coherency)
    );
    let (fixed, each) = (number(model.cpu.fixed_millicores), number(model.cpu.per_request_ms));
    let _ = writeln!(out, "\n[model.cpu]\nfixed_millicores = {fixed}\nper_request_ms = {each}");
    for (name, error) in figures(&found.errors) {
        if let Some(error) = error {
            let (median, p90, bias) = (number(error.median), number(error.p90), number(error.bias));
            let _ =
                writeln!(out, "\n[error.{name}]\nmedian = {median}\np90 = {p90}\nbias = {bias}\nrows = {}", error.rows);
        }
    }
    out
}

fn figures(errors: &Errors) -> [(&'static str, Option<FigureError>); 4] {
    [("p50", errors.p50), ("p95", errors.p95), ("p99", errors.p99), ("cpu", errors.cpu)]
}

/// Six digits, always with a point, as TOML wants a float.
fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// The same for machines.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    model: &'a plimsoll_twin::service::ServiceModel,
    capacity_rps: f64,
    error: &'a Errors,
    verdict: String,
    fitted_rows: usize,
    held_rows: usize,
    left_out: BTreeMap<&'static str, Vec<String>>,
}

/// What is printed as JSON.
pub fn view<'a>(found: &'a Calibration, recording: &Recording) -> View<'a> {
    View {
        model: &found.model,
        capacity_rps: found.model.capacity(),
        error: &found.errors,
        verdict: found.errors.verdict().map_or_else(|error| error.to_string(), |()| "may judge".to_owned()),
        fitted_rows: found.fitted,
        held_rows: found.held,
        left_out: left_out(found, recording).into_iter().map(|(reason, rows)| (reason.words(), rows)).collect(),
    }
}

fn left_out(found: &Calibration, recording: &Recording) -> BTreeMap<Reason, Vec<String>> {
    let mut rows: BTreeMap<Reason, Vec<String>> = BTreeMap::new();
    for row in &found.clipped {
        rows.entry(row.reason).or_default().push(recording.at(row.row).to_string());
    }
    rows
}

/// What is printed for people.
pub fn text(found: &Calibration, recording: &Recording) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut out = format!(
        "one replica carries {:.1} requests per second; fitted to {} rows of {} s, tried on {} others\n",
        found.model.capacity(),
        found.fitted,
        found.step_s,
        found.held
    );
    let mut table = Table::new([
        Column::left("figure", "FIGURE"),
        Column::right("median", "MEDIAN ERROR"),
        Column::right("p90", "P90 OF ERRORS"),
        Column::right("bias", "BIAS"),
        Column::right("rows", "ROWS"),
    ]);
    for (name, error) in figures(&found.errors) {
        let cells = error.map_or_else(
            || ["-".to_owned(), "-".to_owned(), "-".to_owned(), "0".to_owned()],
            |error| [percent(error.median), percent(error.p90), percent(error.bias), error.rows.to_string()],
        );
        table.row([name.to_owned()].into_iter().chain(cells).map(Cell::of));
    }
    let _ = writeln!(out, "{}", table.render(&Style::of_stdout()));
    for (reason, rows) in left_out(found, recording) {
        let more = if rows.len() > NAMED { ", …" } else { "" };
        let named = rows.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "left out: {} rows because {}: {named}{more}", rows.len(), reason.words());
    }
    match found.errors.verdict() {
        Ok(()) => out.push_str("verdict: this twin may judge a policy"),
        Err(error) => {
            let _ = write!(out, "verdict: refused; {error}");
        }
    }
    out
}
