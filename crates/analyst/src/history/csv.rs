//! A history as CSV: a head that names the columns, a row per sample.
//!
//! The first column is `time_ms` (milliseconds since the epoch, rising by equal steps); the others are the figures of a
//! [`Sample`] in any order, an empty cell for what was not measured. Rows that are missing between two times are samples
//! without figures. CSV carries no policy, events or decisions; JSON does.

use super::{Configured, History, HistoryError, SAMPLES_MAX, Sample};

/// Why a CSV text is no history.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CsvError {
    /// No head, or no rows.
    #[error("line {line}: {what}")]
    Shape {
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A cell that is no number.
    #[error("line {line}, column {column}: \"{value}\" is not a number")]
    Cell {
        /// From 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What stands there.
        value: String,
    },
    /// A time that does not fit.
    #[error("line {line}: time_ms is {value}, and must rise by multiples of {step} ms")]
    Time {
        /// From 1.
        line: usize,
        /// What stands there.
        value: i64,
        /// The step of the first two rows.
        step: i64,
    },
    /// Figures that cannot be.
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Reads a history of `service`.
///
/// # Errors
/// [`CsvError`] naming line, column and value.
pub fn read(service: &str, text: &str) -> Result<History, CsvError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let shape = |line: usize, what: &str| CsvError::Shape { line, what: what.to_owned() };
    let (_, head) = lines.next().ok_or_else(|| shape(1, "the file is empty"))?;
    let columns: Vec<&str> = head.split(',').map(str::trim).collect();
    if columns.first() != Some(&"time_ms") {
        return Err(shape(1, "the first column must be time_ms"));
    }
    if let Some(unknown) = columns[1..].iter().find(|name| Sample::default().figure_mut(name).is_none()) {
        return Err(shape(1, &format!("\"{unknown}\" is no figure of a history")));
    }
    let mut rows = Vec::new();
    for (index, line) in lines {
        rows.push(row(index + 1, line, &columns)?);
    }
    let (Some((first, start, _)), Some((_, second, _))) = (rows.first(), rows.get(1)) else {
        return Err(shape(2, "at least two rows are needed"));
    };
    let (start, step) = (*start, second.saturating_sub(*start));
    if step <= 0 {
        return Err(CsvError::Time { line: first + 1, value: *second, step });
    }
    let mut history = History {
        service: service.to_owned(),
        start_ms: start,
        step_ms: step.unsigned_abs(),
        configured: Configured::default(),
        samples: Vec::new(),
        events: Vec::new(),
        decisions: Vec::new(),
        forecasts: Vec::new(),
    };
    for (line, time, sample) in rows {
        let place = time.checked_sub(start).filter(|since| since % step == 0).map(|since| since / step);
        let place = place.and_then(|place| usize::try_from(place).ok()).filter(|place| *place < SAMPLES_MAX);
        let place = place.filter(|place| *place >= history.samples.len());
        let place = place.ok_or(CsvError::Time { line, value: time, step })?;
        history.samples.resize(place, Sample::default());
        history.samples.push(sample);
    }
    history.check()?;
    Ok(history)
}

fn row(line: usize, text: &str, columns: &[&str]) -> Result<(usize, i64, Sample), CsvError> {
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    if cells.len() != columns.len() {
        let what = format!("{} cells, and the head has {} columns", cells.len(), columns.len());
        return Err(CsvError::Shape { line, what });
    }
    let wrong = |column: &str, value: &str| CsvError::Cell { line, column: column.into(), value: value.into() };
    let time = cells[0].parse().map_err(|_| wrong("time_ms", cells[0]))?;
    let mut sample = Sample::default();
    for (column, cell) in columns.iter().zip(&cells).skip(1).filter(|(_, cell)| !cell.is_empty()) {
        let value: f64 = cell.parse().map_err(|_| wrong(column, cell))?;
        if let Some(figure) = sample.figure_mut(column) {
            *figure = Some(value);
        }
    }
    Ok((line, time, sample))
}

/// Writes the samples of a history, every figure a column.
#[must_use]
pub fn write(history: &History) -> String {
    let mut text = String::from("time_ms");
    for (name, _) in Sample::default().figures() {
        text.push(',');
        text.push_str(name);
    }
    text.push('\n');
    for (index, sample) in history.samples.iter().enumerate() {
        let at = i128::from(history.start_ms) + index as i128 * i128::from(history.step_ms);
        text.push_str(&at.to_string());
        for (_, value) in sample.figures() {
            text.push(',');
            if let Some(value) = value {
                text.push_str(&value.to_string());
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: usize) -> String {
        let rows: String = (0..rows).map(|row| format!("{},{row}.5,\n", 1_000 + row * 500)).collect();
        format!("time_ms, rate_per_s, cpu_cores\n{rows}")
    }

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        let history = read("web", &text(30)).unwrap();
        assert_eq!((history.samples.len(), history.step_ms, history.start_ms), (30, 500, 1_000));
        assert_eq!((history.samples[2].rate_per_s, history.samples[2].cpu_cores), (Some(2.5), None));
        assert_eq!(read("web", &write(&history)).unwrap(), history);
    }

    #[test]
    fn a_missing_row_is_a_sample_without_figures() {
        let text = text(40).replace("3000,4.5,\n", "");
        let history = read("web", &text).unwrap();
        assert_eq!((history.samples.len(), history.samples[4]), (40, Sample::default()));
    }

    #[test]
    fn every_mistake_names_its_place() {
        let said = |text: &str| read("web", text).unwrap_err().to_string();
        assert!(said("").contains("empty"));
        assert!(said("rate_per_s\n1\n").contains("first column must be time_ms"));
        assert!(said("time_ms,colour\n1,2\n").contains("\"colour\" is no figure"));
        assert_eq!(said("time_ms,rate_per_s\n1,x\n"), "line 2, column rate_per_s: \"x\" is not a number");
        assert!(said("time_ms,rate_per_s\n1,2,3\n").contains("3 cells, and the head has 2 columns"));
        assert!(said("time_ms,rate_per_s\n5,1\n5,1\n").contains("must rise"));
        assert!(said("time_ms,rate_per_s\n0,1\n10,1\n15,1\n").contains("multiples of 10 ms"));
        assert!(said("time_ms,rate_per_s\n-9223372036854775808,1\n9223372036854775807,1\n").contains("must rise"));
        assert!(said(&text(3)).contains("24"));
    }
}
