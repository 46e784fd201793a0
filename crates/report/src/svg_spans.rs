//! Stretches of time in a chart: shaded over the whole height with their names, or in a lane of their own above the plot.
//!
//! A name is written where its stretch has room for it and no other name stands; else it is in the tooltip alone. A lane is of
//! one series, in its colour. Stretches that fall on the same tenth of a pixel are drawn once.

use crate::chart::{Chart, Span};
use crate::html::escape;
use crate::svg::{LANE, LETTER, Scale, short, text};
use crate::text::width;
use std::fmt::Write;

/// Stretches about all series: what lies behind the plot, and their names, which stand before it.
pub(crate) fn shades(chart: &Chart, scale: &Scale) -> (String, String) {
    let (mut out, mut names) = (String::new(), String::new());
    // How far each line of names is written on.
    let mut written = [f64::NEG_INFINITY; 3];
    for span in chart.spans.iter().filter(|span| span.series.is_none()) {
        let (from, to) = (scale.x(span.from), scale.x(span.to));
        if to <= from {
            continue;
        }
        let _ = writeln!(
            out,
            "<rect class=\"shade\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            short(from),
            short(scale.top()),
            short((to - from).max(0.5)),
            short(scale.bottom() - scale.top()),
            escape(&span.label),
        );
        let room = LETTER * width(&span.label) as f64;
        let line = written.iter().position(|end| *end < from + 3.0);
        if let Some(line) = line.filter(|_| from + room < 710.0) {
            written[line] = from + room + 6.0;
            let place = scale.top() + 11.0 + 12.0 * line as f64;
            names.push_str(&text(from + 3.0, place, "start", &span.label).replacen("<text", "<text class=\"name\"", 1));
        }
    }
    (out, names)
}

/// The series that have a lane, and what the legend calls it.
pub(crate) fn lane_names(chart: &Chart) -> Vec<(usize, String)> {
    let has = |index: &usize| chart.spans.iter().any(|span| span.series == Some(*index));
    let what = |index: usize| {
        let mut labels: Vec<&str> = Vec::new();
        for span in chart.spans.iter().filter(|span| span.series == Some(index)) {
            if !labels.contains(&span.label.as_str()) {
                labels.push(&span.label);
            }
        }
        labels.join(", ")
    };
    let named = |index: usize| (index, format!("{}: {}", chart.series[index].name, what(index)));
    (0..chart.series.len()).filter(has).map(named).collect()
}

/// One lane for each series that has stretches of its own, above the plot.
pub(crate) fn lanes(chart: &Chart, scale: &Scale) -> String {
    let mut out = String::new();
    let lanes = lane_names(chart);
    for (lane, (series, _)) in lanes.iter().enumerate() {
        let y = scale.top() - LANE * (lanes.len() - lane) as f64;
        let mut spans: Vec<&Span> = chart.spans.iter().filter(|span| span.series == Some(*series)).collect();
        spans.sort_by(|one, other| one.from.total_cmp(&other.from));
        let mut drawn = f64::NEG_INFINITY;
        for span in spans {
            let (from, to) = (scale.x(span.from).max(drawn), scale.x(span.to));
            if to - from < 0.1 {
                continue;
            }
            drawn = to;
            let _ = writeln!(
                out,
                "<rect class=\"lane\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"5\" fill=\"var(--plot-{})\"><title>{}</title></rect>",
                short(from),
                short(y),
                short((to - from).max(0.2)),
                series % 6,
                escape(&span.label),
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::axis::number;
    use crate::chart::{Chart, Kind, Series};
    use crate::svg::svg;

    fn chart(names: usize) -> Chart {
        let line = |name: usize| {
            Series::new(&format!("a policy of number {name}"), Kind::Step, [(0.0, Some(1.0)), (100.0, Some(2.0))])
        };
        (0..names).fold(Chart::over_time("t", number), |chart, name| chart.with(line(name)))
    }

    #[test]
    fn a_stretch_of_all_is_shaded_and_named_and_one_of_a_series_has_a_lane_in_its_colour() {
        let drawing = svg(&chart(2)
            .span_of((20.0, 60.0), "sale <1>", None)
            .span_of((30.0, 40.0), "no room", Some(1))
            .span_of((5.0, 5.0), "nothing", None));
        assert!(drawing.contains("<rect class=\"shade\" x=\"187.6\"") && drawing.contains(">sale &lt;1&gt;</text>"));
        assert!(drawing.contains("class=\"lane\"") && drawing.contains("a policy of number 1: no room"));
        assert!(drawing.contains("viewBox=\"0 0 720 257\"") && !drawing.contains("nothing"), "{drawing}");
    }

    #[test]
    fn a_long_legend_goes_on_below_and_the_seventh_line_is_broken() {
        let drawing = svg(&chart(8));
        assert!(drawing.contains("viewBox=\"0 0 720 266\"") && drawing.contains("class=\"line again\""), "{drawing}");
        assert!(drawing.contains("y=\"52.5\""), "the second line of the legend");
    }
}
