//! Tables: one description, printed to a terminal, to HTML and to JSON.
//!
//! Cells keep the value they were made of, so that a program reads `12345` under `latency_p99_us` where a person reads
//! `12.3ms` under `p99`. In a narrow terminal wrapping columns give way first, then names are cut; numbers never are.

use crate::html::escape;
use crate::style::{Style, Tone};
use crate::text::{clean, truncate, width, wrap};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Display;

/// Columns between two columns.
const GAP: usize = 2;
/// A column of sentences stays at least this wide.
const WRAP_MIN: usize = 16;
/// A column of names stays at least this wide.
const CUT_MIN: usize = 6;

/// Which side a column leans to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    key: String,
    title: String,
    align: Align,
    wraps: bool,
}

impl Column {
    /// A column of words. `key` names it in JSON and carries the unit there (`latency_p99_us`).
    #[must_use]
    pub fn left(key: &str, title: &str) -> Self {
        Self { key: key.to_owned(), title: title.to_owned(), align: Align::Left, wraps: false }
    }

    /// A column of numbers.
    #[must_use]
    pub fn right(key: &str, title: &str) -> Self {
        Self { align: Align::Right, ..Self::left(key, title) }
    }

    /// A column of sentences, which may go over several lines.
    #[must_use]
    pub fn wrapping(key: &str, title: &str) -> Self {
        Self { wraps: true, ..Self::left(key, title) }
    }
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    text: String,
    value: Value,
    tone: Tone,
}

impl Cell {
    /// A typed value: what it displays as, and what it serialises as.
    #[must_use]
    pub fn of(value: impl Display + Serialize) -> Self {
        let text = clean(&value.to_string());
        let value = serde_json::to_value(&value).unwrap_or_else(|_| Value::String(text.clone()));
        Self { text, value, tone: Tone::Plain }
    }

    /// A value that may be absent: `–` (or `-`) to a person, `null` to a program.
    #[must_use]
    pub fn maybe(value: Option<impl Display + Serialize>) -> Self {
        value.map_or_else(Self::absent, Self::of)
    }

    /// No value.
    #[must_use]
    pub const fn absent() -> Self {
        Self { text: String::new(), value: Value::Null, tone: Tone::Dim }
    }

    /// The cell in this tone.
    #[must_use]
    pub const fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    fn shown(&self, style: &Style) -> &str {
        if self.value.is_null() { style.pick("–", "-") } else { &self.text }
    }
}

/// Rows under columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row, its cells in the order of the columns; a missing cell is absent, and the cells of a row that has too
    /// many are joined into the last column rather than lost.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        let wanted = self.columns.len();
        while row.len() > wanted.max(1) {
            let Some(extra) = row.pop() else { break };
            if let Some(last) = row.last_mut() {
                last.text = format!("{} {}", last.text, extra.text);
                last.value = Value::String(last.text.clone());
            }
        }
        row.resize_with(wanted, Cell::absent);
        self.rows.push(row);
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines of text, each ending in a line end.
    #[must_use]
    pub fn render(&self, style: &Style) -> String {
        let widths = self.widths(style);
        let mut out = String::new();
        let titles: Vec<Cell> = self.columns.iter().map(|c| Cell::of(&c.title).tone(Tone::Strong)).collect();
        self.render_row(&titles, &widths, style, &mut out);
        let rule: Vec<String> = widths.iter().map(|width| style.pick("─", "-").repeat(*width)).collect();
        out.push_str(&style.paint(&rule.join(&" ".repeat(GAP)), Tone::Dim));
        out.push('\n');
        for row in &self.rows {
            self.render_row(row, &widths, style, &mut out);
        }
        out
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], style: &Style, out: &mut String) {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&self.columns)
            .zip(widths)
            .map(|((cell, column), width)| {
                let text = cell.shown(style);
                if column.wraps { wrap(text, *width) } else { vec![truncate(text, *width, style)] }
            })
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            let mut pending = 0;
            for (((cell, lines), column), width_of) in row.iter().zip(&cells).zip(&self.columns).zip(widths) {
                let part = lines.get(line).map_or("", String::as_str);
                let space = width_of.saturating_sub(width(part));
                let (before, after) = if column.align == Align::Right { (space, 0) } else { (0, space) };
                // Spaces are owed until something follows, so that no line ends in blanks.
                pending += before;
                if !part.is_empty() {
                    text.push_str(&" ".repeat(std::mem::take(&mut pending)));
                    text.push_str(&style.paint(part, cell.tone));
                }
                pending += after + GAP;
            }
            out.push_str(&text);
            out.push('\n');
        }
    }

    /// Widths that fit the style where that is possible.
    fn widths(&self, style: &Style) -> Vec<usize> {
        let natural = |index: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| width(cell.shown(style)));
            cells.max().unwrap_or(0).max(width(&clean(&column.title)))
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(|(i, c)| natural(i, c)).collect();
        self.shrink(&mut widths, style.width, WRAP_MIN, |column| column.wraps);
        self.shrink(&mut widths, style.width, CUT_MIN, |column| column.align == Align::Left);
        widths
    }

    /// Takes columns away from the widest of those that give way, one at a time, until the table fits.
    fn shrink(&self, widths: &mut [usize], width: usize, least: usize, gives_way: impl Fn(&Column) -> bool) {
        loop {
            let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            let candidates = widths.iter_mut().zip(&self.columns).filter(|(_, column)| gives_way(column));
            let widest = candidates.map(|(width, _)| width).filter(|width| **width > least).max_by_key(|w| **w);
            match widest {
                Some(widest) if total > width => *widest -= 1,
                _ => return,
            }
        }
    }

    /// An array of one object per row, by the columns' keys.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let pairs = self.columns.iter().zip(row).map(|(column, cell)| (column.key.clone(), cell.value.clone()));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }

    /// A `<table>`.
    #[must_use]
    pub fn to_html(&self) -> String {
        let style = Style::unicode(usize::MAX);
        let side = |column: &Column| if column.align == Align::Right { " class=\"num\"" } else { "" };
        let heads = self.columns.iter().map(|c| format!("<th scope=\"col\"{}>{}</th>", side(c), escape(&c.title)));
        let mut out = format!("<div class=\"scroll\"><table>\n<thead><tr>{}</tr></thead>\n", heads.collect::<String>());
        out.push_str("<tbody>\n");
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).map(|(cell, column)| {
                let text = escape(cell.shown(&style));
                let text =
                    cell.tone.class().map_or(text.clone(), |class| format!("<span class=\"{class}\">{text}</span>"));
                format!("<td{}>{text}</td>", side(column))
            });
            out.push_str(&format!("<tr>{}</tr>\n", cells.collect::<String>()));
        }
        out.push_str("</tbody>\n</table></div>\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use plimsoll_model::{Bytes, Micros, MilliRps};

    fn services() -> Table {
        let mut table = Table::new([
            Column::left("service", "service"),
            Column::right("rate_milli_rps", "load"),
            Column::right("latency_p99_us", "p99"),
            Column::right("memory_bytes", "memory"),
            Column::wrapping("reason", "reason"),
        ]);
        table.row([
            Cell::of("shop"),
            Cell::of(MilliRps(250_500)),
            Cell::of(Micros(12_345)),
            Cell::of(Bytes(64 << 20)),
            Cell::of("6 replicas cover 300/s at the 95 % quantile of the forecast for 12:05"),
        ]);
        table.row([Cell::of("search").tone(Tone::Bad), Cell::of(MilliRps(0)), Cell::maybe(None::<Micros>)]);
        table
    }

    #[test]
    fn numbers_lean_right_and_absent_values_are_dashes() {
        expect![[r"
            service     load     p99   memory  reason
            ───────  ───────  ──────  ───────  ─────────────────────────────────────────────────────────────────────
            shop     250.5/s  12.3ms  64.0MiB  6 replicas cover 300/s at the 95 % quantile of the forecast for 12:05
            search       0/s       –        –  –
        "]]
        .assert_eq(&services().render(&Style::unicode(120)));
    }

    #[test]
    fn in_a_narrow_terminal_sentences_wrap() {
        expect![[r"
            service     load     p99   memory  reason
            -------  -------  ------  -------  -----------------------
            shop     250.5/s  12.3ms  64.0MiB  6 replicas cover 300/s
                                               at the 95 % quantile of
                                               the forecast for 12:05
            search       0/s       -        -  -
        "]]
        .assert_eq(&services().render(&Style::ascii(58)));
    }

    #[test]
    fn in_a_very_narrow_one_names_are_cut_and_numbers_are_not() {
        let mut table = Table::new([Column::left("name", "name"), Column::right("n", "requests")]);
        table.row([Cell::of("a-service-with-a-long-name"), Cell::of(1_234_567)]);
        expect![[r"
            name          requests
            ────────────  ────────
            a-service-w…   1234567
        "]]
        .assert_eq(&table.render(&Style::unicode(22)));
    }

    #[test]
    fn a_program_reads_plain_numbers_in_the_unit_of_the_key() {
        let json = services().to_json();
        assert_eq!(json[0]["latency_p99_us"], 12_345);
        assert_eq!(json[0]["memory_bytes"], 64 << 20);
        assert_eq!(json[1]["latency_p99_us"], Value::Null);
    }

    #[test]
    fn html_is_escaped_and_keeps_the_tone() {
        let mut table = Table::new([Column::left("name", "name"), Column::right("n", "n")]);
        table.row([Cell::of("<b>&").tone(Tone::Warn), Cell::of(3)]);
        expect![[r#"
            <div class="scroll"><table>
            <thead><tr><th scope="col">name</th><th scope="col" class="num">n</th></tr></thead>
            <tbody>
            <tr><td><span class="warn">&lt;b&gt;&amp;</span></td><td class="num">3</td></tr>
            </tbody>
            </table></div>
        "#]]
        .assert_eq(&table.to_html());
    }

    #[test]
    fn colour_does_not_disturb_the_alignment() {
        let plain = services().render(&Style::unicode(80));
        let coloured = services().render(&Style { colour: true, ..Style::unicode(80) });
        let mut stripped = coloured.clone();
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, plain);
        assert!(coloured.contains("\x1b[31msearch\x1b[0m"));
    }

    #[test]
    fn a_row_of_another_length_loses_nothing() {
        let mut table = Table::new([Column::left("a", "a"), Column::left("b", "b")]);
        table.row([Cell::of("1"), Cell::of("2"), Cell::of("3")]);
        table.row([Cell::of("4")]);
        assert_eq!(table.to_json()[0]["b"], "2 3");
        assert_eq!(table.to_json()[1]["b"], Value::Null);
    }
}
