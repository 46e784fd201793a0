//! `plimsoll train`: one recurrent network over all series of a file, saved for `plimsoll forecast --weights`.

use super::season;
use crate::Verdict;
use crate::args::{Network, Train};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use plimsoll_forecast::neural::recurrent::{Cell, Loss, Recurrent};
use plimsoll_forecast::{Data, Series};
use plimsoll_traces::{Recorded, table};
use std::time::Duration;

/// Trains and saves.
pub fn run(typed: &Train) -> anyhow::Result<Verdict> {
    let all = table::read(&typed.file.to_string_lossy(), table::Options::default())?;
    let seasons: Vec<Vec<usize>> =
        all.iter().map(|series| Ok(season::of(series, &typed.season)?.0)).collect::<anyhow::Result<_>>()?;
    let data: Vec<Data<'_>> = all.iter().zip(&seasons).map(|(series, seasons)| data(series, seasons)).collect();
    let network = network(typed);
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} training on {msg} series, {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(all.len().to_string());
    bar.enable_steady_tick(Duration::from_millis(200));
    let trained = network.train(&data, typed.seed);
    bar.finish_and_clear();
    let (trained, report) = trained.with_context(|| typed.file.display().to_string())?;
    let bytes = trained.to_weights().to_bytes();
    std::fs::write(&typed.save, &bytes).with_context(|| format!("--save {}", typed.save.display()))?;
    println!(
        "{}: {} bytes, {} updates, held-out loss {:.4} at the start and {:.4} after update {}",
        typed.save.display(),
        bytes.len(),
        report.updates,
        report.loss_start,
        report.loss_best,
        report.best_at
    );
    Ok(Verdict::Done)
}

fn data<'a>(series: &'a Recorded, seasons: &'a [usize]) -> Data<'a> {
    Data::alone(Series { start: series.start, step: series.step, values: &series.values }, seasons)
}

fn network(typed: &Train) -> Recurrent {
    let (cell, mut network) = match typed.model {
        Network::Rnn => (Cell::Rnn, Recurrent::rnn()),
        Network::Lstm => (Cell::Lstm, Recurrent::lstm()),
    };
    network.cell = cell;
    network.widths.clone_from(&typed.widths);
    network.horizon = typed.horizon;
    network.training.updates = typed.updates;
    if typed.squared {
        network.loss = Loss::Squared;
    }
    network
}
