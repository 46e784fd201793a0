//! `--backtest`: each model is fitted at several moments of each series' past and scored on what followed.
//!
//! Origins lie one horizon apart and the last one a horizon before the end, so that no value is forecast twice. MASE is
//! scaled on what came before the first origin. Quantile scores are pooled over the series, as competitions do, so that a
//! unit of demand weighs the same wherever it comes from.

use super::Task;
use super::print::figure;
use crate::Verdict;
use crate::args::{Forecast, ForecastOutput};
use crate::commands::work;
use anyhow::bail;
use plimsoll_forecast::score::{QuantileTally, mase, provision, seasonal_scale, smape};
use plimsoll_forecast::{Ahead, Events, Fit, Forecaster, Levels};
use plimsoll_report::{Cell, Column, Style, Table, sparkline};
use std::time::Instant;

/// Compares models.
pub fn run(
    typed: &Forecast,
    tasks: &[Task],
    models: &[Box<dyn Fit>],
    levels: &Levels,
    events: &Events,
) -> anyhow::Result<Verdict> {
    if typed.origins == 0 {
        bail!("--origins 0: at least one moment is needed");
    }
    let pairs: Vec<(usize, usize)> =
        (0..models.len()).flat_map(|model| (0..tasks.len()).map(move |task| (model, task))).collect();
    let results = work::each(&pairs, typed.threads, typed.is_quiet(), |(model, task)| {
        score(&tasks[*task], models[*model].as_ref(), levels, events, typed)
    });
    let mut results = results.into_iter();
    let rows: Vec<Row> = models
        .iter()
        .map(|model| Row::new(model.name(), results.by_ref().take(tasks.len()).collect(), levels))
        .collect();
    match typed.output {
        ForecastOutput::Table => print!("{}", table(&rows, levels, &Style::of_stdout()).render(&Style::of_stdout())),
        ForecastOutput::Csv => csv(&rows),
        ForecastOutput::Json => {
            print!("{}", plimsoll_report::pretty(&table(&rows, levels, &Style::unicode(80)).to_json())?)
        }
    }
    for row in rows.iter().filter(|row| row.failed > 0) {
        let why = row.why.as_deref().unwrap_or_default();
        eprintln!("{}: {} of {} series could not be scored ({why})", row.model, row.failed, tasks.len());
    }
    Ok(if rows.iter().all(|row| row.scored == 0) { Verdict::No } else { Verdict::Done })
}

/// What one model did on one series.
struct Score {
    mase: f64,
    smape: f64,
    tally: QuantileTally,
    demand: Vec<f64>,
    capacity: Vec<f64>,
    seconds: f64,
    fits: usize,
}

fn score(task: &Task, model: &dyn Fit, levels: &Levels, events: &Events, typed: &Forecast) -> Result<Score, String> {
    let values = &task.recorded.values;
    let tested = typed.origins * task.horizon;
    let Some(first) = values.len().checked_sub(tested).filter(|first| *first > 0) else {
        return Err(format!(
            "{} values are not more than {} origins of {} steps",
            values.len(),
            typed.origins,
            task.horizon
        ));
    };
    let season = task.seasons.first().copied().unwrap_or(1);
    let scale = seasonal_scale(&values[..first], season);
    let (mut actual, mut points) = (Vec::with_capacity(tested), Vec::with_capacity(tested));
    let (mut tally, mut capacity) = (QuantileTally::new(levels), Vec::with_capacity(tested));
    let started = Instant::now();
    for origin in (first..values.len()).step_by(task.horizon) {
        let fitted = model
            .fit(&task.data(origin, &task.covariates(origin), events), typed.seed)
            .map_err(|error| error.to_string())?;
        let said = task.floored(fitted.predict(&Ahead { horizon: task.horizon, events }, levels));
        let came = &values[origin..origin + task.horizon];
        tally.add(came, &said);
        actual.extend_from_slice(came);
        points.extend_from_slice(said.points());
        capacity.extend(said.values().chunks(levels.len()).filter_map(|row| row.last().copied()));
    }
    let seconds = started.elapsed().as_secs_f64();
    let (mase, smape) = (mase(&actual, &points, scale), smape(&actual, &points));
    Ok(Score { mase, smape, tally, demand: actual, capacity, seconds, fits: typed.origins })
}

/// What one model did on all of them.
struct Row {
    model: &'static str,
    scored: usize,
    failed: usize,
    why: Option<String>,
    mase: f64,
    smape: f64,
    wql: f64,
    coverage: Vec<f64>,
    above: f64,
    unserved: f64,
    spare: f64,
    seconds_per_fit: f64,
    mases: Vec<Option<f64>>,
}

impl Row {
    fn new(model: &'static str, results: Vec<Result<Score, String>>, levels: &Levels) -> Self {
        let why = results.iter().find_map(|result| result.as_ref().err().cloned());
        let failed = results.iter().filter(|result| result.is_err()).count();
        let mases = results.iter().map(|result| result.as_ref().ok().map(|score| score.mase)).collect();
        let scores: Vec<Score> = results.into_iter().flatten().collect();
        let mut tally = QuantileTally::new(levels);
        scores.iter().for_each(|score| tally.merge(&score.tally));
        let mean = |value: fn(&Score) -> f64| {
            let finite: Vec<f64> = scores.iter().map(value).filter(|value| value.is_finite()).collect();
            finite.iter().sum::<f64>() / finite.len() as f64
        };
        let highest = levels.as_slice().last().copied().unwrap_or(0.5);
        let costs: Vec<_> = scores.iter().map(|score| provision(&score.demand, &score.capacity, highest)).collect();
        let cost = |value: &dyn Fn(usize) -> f64| (0..costs.len()).map(value).sum::<f64>() / costs.len() as f64;
        let fits: usize = scores.iter().map(|score| score.fits).sum();
        Self {
            model,
            scored: scores.len(),
            failed,
            why,
            mase: mean(|score| score.mase),
            smape: mean(|score| score.smape),
            wql: tally.weighted_quantile_loss(),
            coverage: tally.coverage(),
            above: cost(&|index| costs[index].violations),
            unserved: cost(&|index| costs[index].unserved),
            spare: cost(&|index| costs[index].headroom),
            seconds_per_fit: scores.iter().map(|score| score.seconds).sum::<f64>() / fits as f64,
            mases,
        }
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        let mut cells =
            vec![Cell::of(self.model), Cell::of(self.scored), figure(self.mase), figure(self.smape), figure(self.wql)];
        cells.extend(self.coverage.iter().map(|share| figure(share * 100.0)));
        cells.extend(
            [self.above * 100.0, self.unserved * 100.0, self.spare * 100.0, self.seconds_per_fit * 1e3].map(figure),
        );
        cells.push(Cell::of(sparkline(&self.mases, 16, None, style)));
        cells
    }
}

fn table(rows: &[Row], levels: &Levels, style: &Style) -> Table {
    let coverage =
        levels.as_slice().iter().map(|level| Column::right(&format!("covered_{level}"), &format!("% ≤ q{level}")));
    let first = [
        Column::left("model", "model"),
        Column::right("series", "series"),
        Column::right("mase", "MASE"),
        Column::right("smape", "sMAPE"),
        Column::right("wql", "WQL"),
    ];
    let last = [
        Column::right("violations_percent", "V %"),
        Column::right("unserved_percent", "U %"),
        Column::right("spare_percent", "H %"),
        Column::right("ms_per_fit", "ms/fit"),
        Column::left("mase_by_series", "MASE by series"),
    ];
    let mut table = Table::new(first.into_iter().chain(coverage).chain(last));
    let mut order: Vec<&Row> = rows.iter().filter(|row| row.scored > 0).collect();
    order.sort_by(|a, b| a.wql.total_cmp(&b.wql));
    order.iter().for_each(|row| table.row(row.cells(style)));
    table
}

fn csv(rows: &[Row]) {
    println!("model,series,mase,smape,wql,violations_percent,unserved_percent,spare_percent,ms_per_fit");
    for row in rows.iter().filter(|row| row.scored > 0) {
        let percent = [row.above, row.unserved, row.spare].map(|share| (share * 100.0).to_string()).join(",");
        println!(
            "{},{},{},{},{},{percent},{}",
            row.model,
            row.scored,
            row.mase,
            row.smape,
            row.wql,
            row.seconds_per_fit * 1e3
        );
    }
}
