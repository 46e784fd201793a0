//! Charts of block and box-drawing characters.
//!
//! An area is filled in eighths of a line, so that a small load is still seen; lines are drawn over it. Every column
//! shows the largest value that falls on it, so that no peak is lost. In ASCII the shapes are coarser, never absent.

use crate::axis::round_ticks;
use crate::chart::{Chart, Kind, Series};
use crate::style::{Charset, Style, Tone};
use crate::text::{clean, pad_left, truncate, width};

const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character and its colour.
type Glyph = (char, Tone);

/// A grid of characters, the first row at the top.
struct Grid {
    rows: Vec<Vec<Glyph>>,
}

impl Grid {
    fn put(&mut self, column: usize, from_bottom: usize, glyph: Glyph) {
        let row = self.rows.len().checked_sub(from_bottom + 1);
        if let Some(cell) = row.and_then(|row| self.rows.get_mut(row)).and_then(|row| row.get_mut(column)) {
            *cell = glyph;
        }
    }
}

/// The chart as lines of text: title, `height` rows of plot, axis, legend.
#[must_use]
pub fn render(chart: &Chart, height: usize, style: &Style) -> String {
    let height = height.max(3);
    let mut out = style.paint(&truncate(&clean(&chart.title), style.width, style), Tone::Strong) + "\n";
    let Some(span) = chart.span() else {
        out.push_str("no samples\n");
        return out;
    };
    let (low, high) = chart.range();
    let ticks = round_ticks(low, high, height / 3 + 1);
    let labels: Vec<(usize, String)> =
        ticks.iter().map(|tick| (cell(*tick, low, high, height), (chart.y)(*tick))).collect();
    let margin = labels.iter().map(|(_, label)| width(label)).max().unwrap_or(0);
    let columns = style.width.saturating_sub(margin + 2).max(8);
    let mut grid = Grid { rows: vec![vec![(' ', Tone::Plain); columns]; height] };
    for (index, series) in chart.series.iter().enumerate() {
        let values = resample(series, span, columns);
        draw(&mut grid, series.kind, &values, (low, high), Tone::Series(index), style);
    }
    for (index, row) in grid.rows.iter().enumerate() {
        let label = labels.iter().find(|(at, _)| *at == height - 1 - index).map_or("", |(_, label)| label.as_str());
        let edge = if label.is_empty() { style.pick("│", "|") } else { style.pick("┤", "+") };
        out.push_str(&style.paint(&format!("{} {edge}", pad_left(label, margin)), Tone::Dim));
        out.push_str(paint_row(row, style).trim_end());
        out.push('\n');
    }
    out.push_str(&x_axis(chart, span, margin, columns, style));
    out.push_str(&legend(chart, margin, style));
    out
}

/// The row of a value, from the bottom: the one that an area of this value would end in, so that a line on top of an
/// area and the labels all agree.
fn cell(value: f64, low: f64, high: f64, height: usize) -> usize {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    // At most `height`, a small number.
    ((share * height as f64).ceil() as usize).saturating_sub(1)
}

/// The column of a moment.
fn column_of(x: f64, from: f64, to: f64, columns: usize) -> usize {
    let share = ((x - from) / (to - from)).clamp(0.0, 1.0);
    (share * (columns - 1) as f64).round() as usize
}

/// The range of the series on each column; between two points of a line what lies between them.
fn resample(series: &Series, (from, to): (f64, f64), columns: usize) -> Vec<Option<(f64, f64)>> {
    let step = (to - from) / columns as f64;
    let points = &series.points;
    let on_column = |column: usize| {
        let (left, right) = (from + step * column as f64, from + step * (column + 1) as f64);
        let first = points.partition_point(|point| point.x < left);
        let end = points.partition_point(|point| point.x < right || (column + 1 == columns && point.x <= right));
        if first < end {
            let inside = points[first..end].iter().filter_map(|point| point.range);
            return inside.reduce(
                |(a, b), (c, d)| if series.kind == Kind::Band { (a.min(c), b.max(d)) } else { (a.max(c), b.max(d)) },
            );
        }
        let before = points.get(first.checked_sub(1)?)?;
        let after = points.get(first)?;
        if series.kind == Kind::Step {
            return before.range;
        }
        let share = ((left + right) / 2.0 - before.x) / (after.x - before.x);
        let between = |a: f64, b: f64| a + (b - a) * share;
        before.range.zip(after.range).map(|((a, b), (c, d))| (between(a, c), between(b, d)))
    };
    (0..columns).map(on_column).collect()
}

fn draw(grid: &mut Grid, kind: Kind, values: &[Option<(f64, f64)>], axis: (f64, f64), tone: Tone, style: &Style) {
    match kind {
        Kind::Area => draw_area(grid, values, axis, tone, style),
        Kind::Band => draw_band(grid, values, axis, tone, style),
        Kind::Line | Kind::Step => draw_line(grid, values, axis, tone, style),
    }
}

fn draw_area(grid: &mut Grid, values: &[Option<(f64, f64)>], (low, high): (f64, f64), tone: Tone, style: &Style) {
    let height = grid.rows.len();
    for (column, value) in values.iter().enumerate() {
        let Some((_, value)) = value else { continue };
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let eighths = (share * height as f64 * 8.0).round() as usize;
        for row in 0..eighths / 8 {
            grid.put(column, row, (style.pick('█', '#'), tone));
        }
        match (eighths % 8, style.charset) {
            (0, _) => {}
            (part, Charset::Unicode) => grid.put(column, eighths / 8, (EIGHTHS[part - 1], tone)),
            (part, Charset::Ascii) => grid.put(column, eighths / 8, (if part > 4 { ':' } else { '.' }, tone)),
        }
    }
}

fn draw_band(grid: &mut Grid, values: &[Option<(f64, f64)>], (low, high): (f64, f64), tone: Tone, style: &Style) {
    let height = grid.rows.len();
    for (column, value) in values.iter().enumerate() {
        let Some((bottom, top)) = value else { continue };
        for row in cell(*bottom, low, high, height)..=cell(*top, low, high, height) {
            grid.put(column, row, (style.pick('░', '%'), tone));
        }
    }
}

fn draw_line(grid: &mut Grid, values: &[Option<(f64, f64)>], (low, high): (f64, f64), tone: Tone, style: &Style) {
    let height = grid.rows.len();
    let mut last: Option<usize> = None;
    for (column, value) in values.iter().enumerate() {
        let row = value.map(|(_, value)| cell(value, low, high, height));
        match (last, row) {
            (Some(from), Some(to)) if from != to => {
                let (at_from, at_to) = if to > from { ('╯', '╭') } else { ('╮', '╰') };
                for between in from.min(to) + 1..from.max(to) {
                    grid.put(column, between, (style.pick('│', '|'), tone));
                }
                grid.put(column, from, (style.pick(at_from, '+'), tone));
                grid.put(column, to, (style.pick(at_to, '+'), tone));
            }
            (_, Some(to)) => grid.put(column, to, (style.pick('─', '-'), tone)),
            (_, None) => {}
        }
        last = row;
    }
}

/// The row's characters, each run of one colour painted at once.
fn paint_row(row: &[Glyph], style: &Style) -> String {
    let runs = row.chunk_by(|(a, tone), (b, other)| tone == other || (*a == ' ' && *b == ' '));
    runs.map(|run| style.paint(&run.iter().map(|(glyph, _)| *glyph).collect::<String>(), run[0].1)).collect()
}

fn x_axis(chart: &Chart, (from, to): (f64, f64), margin: usize, columns: usize, style: &Style) -> String {
    let mut rule: Vec<char> = vec![style.pick('─', '-'); columns];
    let mut labels = String::new();
    for (at, label) in chart.x.ticks(from, to, (columns / 14).max(1)) {
        let column = column_of(at, from, to, columns);
        let start = column.saturating_sub(width(&label) / 2).min(columns.saturating_sub(width(&label)));
        // A label that would touch the last one is left out; its tick is too.
        if !labels.is_empty() && start < width(&labels) + 1 {
            continue;
        }
        rule[column] = style.pick('┬', '+');
        labels.push_str(&" ".repeat(start.saturating_sub(width(&labels))));
        labels.push_str(&label);
    }
    let corner = style.pick('└', '+');
    let rule: String = rule.into_iter().collect();
    let indent = " ".repeat(margin + 1);
    style.paint(&format!("{indent}{corner}{rule}"), Tone::Dim)
        + "\n"
        + &style.paint(&format!("{indent} {labels}"), Tone::Dim)
        + "\n"
}

fn legend(chart: &Chart, margin: usize, style: &Style) -> String {
    let sample = |kind: Kind| match kind {
        Kind::Area => style.pick("█", "#"),
        Kind::Band => style.pick("░", "%"),
        Kind::Line | Kind::Step => style.pick("─", "-"),
    };
    let entry = |(index, series): (usize, &Series)| {
        format!("{} {}", style.paint(sample(series.kind), Tone::Series(index)), clean(&series.name))
    };
    let entries: Vec<String> = chart.series.iter().enumerate().map(entry).collect();
    format!("{}{}\n", " ".repeat(margin + 2), entries.join("   "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::number;
    use expect_test::expect;

    fn day() -> Chart {
        let start = 1_515_283_200_000.0;
        let load = (0..=48).map(|slot| {
            let hour = f64::from(slot) / 2.0;
            let value = if (20..24).contains(&slot) { None } else { Some(60.0 + 50.0 * ((hour - 14.0) / 3.8).cos()) };
            (start + hour * 3_600_000.0, value)
        });
        let supply = [(0.0, 80.0), (9.0, 120.0), (19.0, 40.0), (24.0, 40.0)];
        let supply = supply.map(|(hour, value)| (start + hour * 3_600_000.0, Some(value)));
        Chart::over_time("shop: load and supply, requests/s", number)
            .with(Series::new("load", Kind::Area, load))
            .with(Series::new("supply", Kind::Step, supply))
    }

    #[test]
    fn a_day_of_load_with_its_supply() {
        expect![[r#"
            shop: load and supply, requests/s
                │                      ╭───────────────────────╮
            100 ┤                      │      ▇█████████▇▅▃▁   │
                │──────────────────────╯▂     ███████████████▅▂│
                │                    ▃▅▇█     █████████████████│▃▂
             50 ┤                 ▁▄█████     █████████████████│███▄▁
                │              ▂▆▇███████     █████████████████╰────────────
                │▁        ▁▂▃▅███████████     ███████████████████████████▅▃▁
              0 ┤██▆▆▅▅▆▆▇███████████████     ██████████████████████████████
                └┬──────────────┬─────────────┬──────────────┬─────────────┬
                 01-07        06:00         12:00          18:00       01-08
                 █ load   ─ supply
        "#]]
        .assert_eq(&render(&day(), 8, &Style::unicode(64)));
    }

    #[test]
    fn the_same_in_ascii() {
        let text = render(&day(), 6, &Style::ascii(48));
        assert!(text.is_ascii());
        expect![[r#"
            shop: load and supply, requests/s
                |                +-----------------+
            100 +                |    #########:.. |
                |----------------+#   #############|
             50 +            .:####   #############|#:.
                |        ..:#######   #############+--------
              0 +::...:::##########   ######################
                ++--------------------+--------------------+
                 01-07              12:00              01-08
                 # load   - supply
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_band_lies_behind_its_line() {
        let band = [(0.0, Some((10.0, 20.0))), (10.0, Some((20.0, 40.0)))];
        let mut chart = Chart::over_time("forecast", number).with(Series::band("p50 to p95", band)).with(Series::new(
            "load",
            Kind::Line,
            [(0.0, Some(15.0)), (10.0, Some(25.0))],
        ));
        chart.x = crate::axis::XAxis::Number(number);
        expect![[r#"
            forecast
            40 ┤                          ░░░░░░░░░░
               │               ░░░░░░░░░░░░░░░░░░░░░
               │     ░░░░░░░░░░░░░░░░░░░░░░░╭───────
            20 ┤░░░░░░░░╭───────────────────╯░░░░░░░
               │────────╯░░░░░░░░░░░░░░░░░
               │░░░░░
             0 ┤
               └┬─────────────────┬────────────────┬
                0                 5               10
                ░ p50 to p95   ─ load
        "#]]
        .assert_eq(&render(&chart, 7, &Style::unicode(40)));
    }

    #[test]
    fn a_peak_of_one_sample_is_seen_and_nothing_says_so() {
        let points = (0..10_000).map(|x| (f64::from(x), Some(if x == 5_003 { 100.0 } else { 1.0 })));
        let chart = Chart::over_time("t", number).with(Series::new("a", Kind::Area, points));
        let text = render(&chart, 4, &Style::unicode(40));
        assert!(text.lines().nth(1).is_some_and(|line| line.contains('█')), "{text}");
        assert!(render(&Chart::over_time("t", number), 4, &Style::unicode(40)).contains("no samples"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [20, 33, 64, 200] {
            let text = render(&day(), 6, &Style::unicode(columns));
            let plot = text.lines().skip(1).take(8);
            assert!(plot.map(width).all(|wide| wide <= columns), "{text}");
        }
    }
}
