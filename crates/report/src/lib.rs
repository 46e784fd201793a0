//! One plotting room for the command line, reports and the dashboard: tables, sparklines, terminal charts, SVG charts,
//! self-contained HTML pages and JSON.
//!
//! Values come in already computed and typed (anything that can be displayed and serialised, such as the quantities of
//! `plimsoll-model`); a [`Table`] therefore prints `12.3ms` to a person and `12345` to a program from the same cell.
//! What a terminal can show is one value, [`Style`], handed in: the same input and style give the same bytes.
//!
//! This crate must never compute a figure. The two liberties it takes are a plotter's own: choosing round tick marks,
//! and leaving out points that fall on the same column of pixels (extremes are always kept).

mod axis;
mod chart;
mod html;
mod json;
mod spark;
mod style;
mod svg;
mod svg_spans;
mod table;
mod terminal_chart;
mod text;

pub use axis::{XAxis, latency_us, number, share_permille, size_bytes};
pub use chart::{Chart, Kind, Mark, Point, Series, Span};
pub use html::{Page, escape};
pub use json::{compact, line, pretty};
pub use spark::sparkline;
pub use style::{Charset, Style, Terminal, Tone};
pub use svg::{STYLE as CHART_STYLE, standalone as svg_file, svg};
pub use table::{Align, Cell, Column, Table};
pub use terminal_chart::render as terminal_chart;
pub use text::{clean, pad_left, pad_right, truncate, width, wrap};
