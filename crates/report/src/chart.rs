//! What a chart shows: series over one axis. How it looks is the business of `terminal_chart` and `svg`.

use crate::axis::XAxis;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Straight from point to point: a measured quantity.
    Line,
    /// Each value holds until the next point: a count that is set, such as replicas.
    Step,
    /// A line with the room below it filled down to zero.
    Area,
    /// The room between two quantiles.
    Band,
}

/// One point; a gap has no range. Lines have `low == high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where, in the unit of the axis.
    pub x: f64,
    /// From where to where.
    pub range: Option<(f64, f64)>,
}

/// Named points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// How it is drawn.
    pub kind: Kind,
    /// Points in rising order of `x`.
    pub points: Vec<Point>,
}

impl Series {
    /// A series of single values, `None` where there was no sample: a gap is drawn as a gap.
    pub fn new(name: &str, kind: Kind, points: impl IntoIterator<Item = (f64, Option<f64>)>) -> Self {
        let range = |y: f64| if kind == Kind::Area { (y.min(0.0), y) } else { (y, y) };
        let points = points.into_iter().map(|(x, y)| (x, y.map(range)));
        Self::from_ranges(name, kind, points)
    }

    /// A band between two values.
    pub fn band(name: &str, points: impl IntoIterator<Item = (f64, Option<(f64, f64)>)>) -> Self {
        Self::from_ranges(name, Kind::Band, points.into_iter())
    }

    /// Points with numbers that cannot be drawn become gaps; points without a place are dropped.
    fn from_ranges(name: &str, kind: Kind, points: impl Iterator<Item = (f64, Option<(f64, f64)>)>) -> Self {
        let finite = |(low, high): &(f64, f64)| low.is_finite() && high.is_finite();
        let mut points: Vec<Point> = points
            .filter(|(x, _)| x.is_finite())
            .map(|(x, range)| Point { x, range: range.filter(finite).map(|(a, b)| (a.min(b), a.max(b))) })
            .collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Self { name: name.to_owned(), kind, points }
    }
}

/// Something that happened at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where, in the unit of the axis.
    pub x: f64,
    /// What.
    pub label: String,
}

/// A stretch of the axis in which something was in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its first moment, in the unit of the axis.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// What.
    pub label: String,
    /// The series that it is about, by its place; none is about all of them.
    pub series: Option<usize>,
}

/// Series over one axis.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The axis from left to right.
    pub x: XAxis,
    /// How a value on the upright axis is written, with its unit.
    pub y: fn(f64) -> String,
    /// What is drawn, the first at the back.
    pub series: Vec<Series>,
    /// What happened.
    pub marks: Vec<Mark>,
    /// What was in force for a while: shaded over the whole height, or, where it is about one series, in a lane above.
    pub spans: Vec<Span>,
    /// The top of the upright axis, where it shall not follow the largest value.
    pub top: Option<f64>,
}

impl Chart {
    /// An empty chart over trace time.
    #[must_use]
    pub fn over_time(title: &str, y: fn(f64) -> String) -> Self {
        let title = title.to_owned();
        Self { title, x: XAxis::TraceTime, y, series: Vec::new(), marks: Vec::new(), spans: Vec::new(), top: None }
    }

    /// The chart with one more series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The chart with one more mark.
    #[must_use]
    pub fn mark(mut self, x: f64, label: &str) -> Self {
        self.marks.push(Mark { x, label: label.to_owned() });
        self
    }

    /// The chart with one more stretch.
    #[must_use]
    pub fn span_of(mut self, (from, to): (f64, f64), label: &str, series: Option<usize>) -> Self {
        if from.is_finite() && to.is_finite() && from < to {
            self.spans.push(Span { from, to, label: label.to_owned(), series });
        }
        self
    }

    /// From where to where the points reach, if there are any.
    pub(crate) fn span(&self) -> Option<(f64, f64)> {
        let xs = self.series.iter().flat_map(|series| &series.points).map(|point| point.x);
        let (low, high) = xs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        (low <= high).then_some(if low < high { (low, high) } else { (low - 0.5, high + 0.5) })
    }

    /// Lowest and highest value of the upright axis. Zero is always on it: a cut axis makes a ripple look like a flood.
    pub(crate) fn range(&self) -> (f64, f64) {
        let ranges = self.series.iter().flat_map(|series| &series.points).filter_map(|point| point.range);
        let (low, high) = ranges.fold((0.0_f64, 0.0_f64), |(low, high), (l, h)| (low.min(l), high.max(h)));
        let high = self.top.filter(|top| top.is_finite() && *top > low).unwrap_or(high);
        if low < high { (low, high) } else { (low, low + 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::number;

    #[test]
    fn numbers_that_cannot_be_drawn_are_gaps_and_points_are_put_in_order() {
        let points = [(2.0, Some(f64::NAN)), (1.0, Some(3.0)), (f64::INFINITY, Some(1.0)), (3.0, None)];
        let series = Series::new("load", Kind::Area, points);
        let ranges: Vec<_> = series.points.iter().map(|point| (point.x, point.range)).collect();
        assert_eq!(ranges, [(1.0, Some((0.0, 3.0))), (2.0, None), (3.0, None)]);
    }

    #[test]
    fn an_axis_always_has_zero_and_a_height() {
        let chart = Chart::over_time("t", number);
        assert_eq!((chart.span(), chart.range()), (None, (0.0, 1.0)));
        let chart = chart.with(Series::new("a", Kind::Line, [(7.0, Some(40.0))]));
        assert_eq!((chart.span(), chart.range()), (Some((6.5, 7.5)), (0.0, 40.0)));
    }
}
