//! Charts as SVG: inline in a page, or a file of their own.
//!
//! Colours are CSS variables with a light and a dark value, so the same drawing fits both and a page may set its own.
//! The hues are those of Okabe and Ito ("Color Universal Design", 2008), which people with any kind of colour vision
//! tell apart, darkened for a light ground and lightened for a dark one. Every chart has a title and a description for
//! a screen reader. There is no script and nothing is loaded.

use crate::axis::round_ticks;
use crate::chart::{Chart, Kind, Point, Series};
use crate::html::escape;
use crate::svg_spans::{lane_names, lanes, shades};
use crate::text::width;
use std::fmt::Write;

/// Size of the drawing in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 250.0;
/// Room around the plot: labels at the left, title and legend above, moments below.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 26.0;
/// About what a letter of the legend takes.
pub(crate) const LETTER: f64 = 6.4;
/// Height of one line of the legend, and of a lane.
const LINE: f64 = 16.0;
pub(crate) const LANE: f64 = 7.0;
/// Hues there are; series beyond have them again with broken lines.
const HUES: usize = 6;

/// The style sheet that charts need: once per page, or within a file of its own.
pub const STYLE: &str = "\
.plot{--plot-bg:#fff;--plot-ink:#1c2430;--plot-dim:#5b6675;--plot-grid:#e3e7ec;--plot-0:#0066a8;--plot-1:#b85c00;\
--plot-2:#00795a;--plot-3:#a0447f;--plot-4:#7a6a00;--plot-5:#b3261e;width:100%;height:auto;\
font:12px system-ui,-apple-system,'Segoe UI',sans-serif}
@media (prefers-color-scheme:dark){.plot{--plot-bg:#12161c;--plot-ink:#e6eaf0;--plot-dim:#9aa5b4;--plot-grid:#2a313b;\
--plot-0:#56b4e9;--plot-1:#f0a030;--plot-2:#2fc79a;--plot-3:#e08cc0;--plot-4:#e8d84a;--plot-5:#ff8a7a}}
.plot text{fill:var(--plot-dim)}.plot .plot-title{fill:var(--plot-ink);font-size:14px;font-weight:600}
.plot .grid{stroke:var(--plot-grid);stroke-width:1}.plot .mark{stroke:var(--plot-5);stroke-dasharray:3 3}
.plot .line{fill:none;stroke-width:1.8;stroke-linejoin:round}.plot .area{fill-opacity:.2}.plot .band{fill-opacity:.16}
.plot .name{fill:var(--plot-ink);paint-order:stroke;stroke:var(--plot-bg);stroke-width:3px}
.plot .again{stroke-dasharray:5 3}.plot .shade{fill:var(--plot-4);fill-opacity:.16}.plot .lane{fill-opacity:.85}
";

/// Where values lie in the drawing.
pub(crate) struct Scale {
    x: (f64, f64),
    y: (f64, f64),
    /// Room taken above the plot beyond a legend of one line.
    more: f64,
}

impl Scale {
    pub(crate) fn x(&self, value: f64) -> f64 {
        LEFT + (value.clamp(self.x.0, self.x.1) - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = ((value - self.y.0) / (self.y.1 - self.y.0)).clamp(0.0, 1.0);
        self.bottom() - share * (HEIGHT - TOP - BOTTOM)
    }

    /// Upper end of the plot.
    pub(crate) const fn top(&self) -> f64 {
        TOP + self.more
    }

    /// Lower end of the plot.
    pub(crate) const fn bottom(&self) -> f64 {
        HEIGHT + self.more - BOTTOM
    }
}

/// The chart as an `<svg>` element for a page that carries [`STYLE`].
#[must_use]
pub fn svg(chart: &Chart) -> String {
    draw(chart, "")
}

/// The chart as a file of its own, which a README can show.
#[must_use]
pub fn standalone(chart: &Chart) -> String {
    let height = short(HEIGHT + more(chart));
    let ground =
        format!("<style>{STYLE}</style>\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--plot-bg)\"/>\n");
    draw(chart, &ground)
}

/// Room that further lines of the legend and lanes take.
fn more(chart: &Chart) -> f64 {
    let lines = legend_places(chart).last().map_or(0, |(_, line)| *line);
    LINE * lines as f64 + LANE * lane_names(chart).len() as f64
}

fn draw(chart: &Chart, before: &str) -> String {
    let title = escape(&chart.title);
    let names: Vec<String> = chart.series.iter().map(|series| escape(&series.name)).collect();
    let more = more(chart);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" viewBox=\"0 0 {WIDTH} {}\">\n\
         <title>{title}</title>\n<desc>{}</desc>\n{before}\
         <text class=\"plot-title\" x=\"10\" y=\"18\">{title}</text>\n",
        short(HEIGHT + more),
        names.join(", ")
    );
    match chart.span() {
        None => out.push_str(&text(LEFT, HEIGHT / 2.0, "start", "no samples")),
        Some(x) => {
            let scale = Scale { x, y: chart.range(), more };
            out.push_str(&legend(chart));
            let (behind, names) = shades(chart, &scale);
            out.push_str(&behind);
            out.push_str(&axes(chart, &scale));
            for (index, series) in chart.series.iter().enumerate() {
                out.push_str(&shape(series, index, &scale));
            }
            out.push_str(&lanes(chart, &scale));
            out.push_str(&marks(chart, &scale));
            out.push_str(&names);
        }
    }
    out.push_str("</svg>\n");
    out
}

pub(crate) fn text(x: f64, y: f64, anchor: &str, content: &str) -> String {
    format!("<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>\n", short(x), short(y), escape(content))
}

/// One decimal is a tenth of a pixel; more only makes the page longer.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// Where each entry of the legend begins, and on which line: the series, then what has a lane.
fn legend_places(chart: &Chart) -> Vec<(f64, usize)> {
    let (mut x, mut line) = (10.0, 0);
    let names =
        chart.series.iter().map(|series| series.name.clone()).chain(lane_names(chart).into_iter().map(|it| it.1));
    let place = |name: String| {
        let room = 37.0 + LETTER * width(&name) as f64;
        if x > 10.0 && x + room > WIDTH {
            (x, line) = (10.0, line + 1);
        }
        let place = (x, line);
        x += room;
        place
    };
    names.map(place).collect()
}

fn legend(chart: &Chart) -> String {
    let mut out = String::new();
    let places = legend_places(chart);
    for (index, (series, (x, line))) in chart.series.iter().zip(&places).enumerate() {
        let down = LINE * *line as f64;
        let (height, y) = if matches!(series.kind, Kind::Line | Kind::Step) { (3.0, 31.0) } else { (10.0, 27.0) };
        let opacity = if series.kind == Kind::Band { ".4" } else { "1" };
        let (from, y) = (short(*x), short(y + down));
        if index >= HUES && height < 4.0 {
            let hue = index % HUES;
            let (to, at) = (short(x + 14.0), short(32.5 + down));
            let _ = writeln!(
                out,
                "<line class=\"line again\" x1=\"{from}\" x2=\"{to}\" y1=\"{at}\" y2=\"{at}\" stroke=\"var(--plot-{hue})\"/>"
            );
        } else {
            let _ = writeln!(
                out,
                "<rect x=\"{from}\" y=\"{y}\" width=\"14\" height=\"{height}\" rx=\"1.5\" fill=\"var(--plot-{})\" opacity=\"{opacity}\"/>",
                index % HUES,
            );
        }
        out.push_str(&text(x + 19.0, 36.5 + down, "start", &series.name));
    }
    for ((series, name), (x, line)) in lane_names(chart).into_iter().zip(places.iter().skip(chart.series.len())) {
        let (x_at, y) = (short(*x), short(29.0 + LINE * *line as f64));
        let hue = series % HUES;
        let _ = writeln!(
            out,
            "<rect class=\"lane\" x=\"{x_at}\" y=\"{y}\" width=\"14\" height=\"5\" fill=\"var(--plot-{hue})\"/>"
        );
        out.push_str(&text(x + 19.0, 36.5 + LINE * *line as f64, "start", &name));
    }
    out
}

fn axes(chart: &Chart, scale: &Scale) -> String {
    let mut out = String::new();
    for tick in round_ticks(scale.y.0, scale.y.1, 5) {
        let y = scale.y(tick);
        let (from, to, at) = (short(LEFT), short(WIDTH - RIGHT), short(y));
        let _ = writeln!(out, "<line class=\"grid\" x1=\"{from}\" x2=\"{to}\" y1=\"{at}\" y2=\"{at}\"/>");
        out.push_str(&text(LEFT - 7.0, y + 4.0, "end", &(chart.y)(tick)));
    }
    for (at, label) in chart.x.ticks(scale.x.0, scale.x.1, 8) {
        let x = scale.x(at);
        let anchor = if x > WIDTH - 40.0 { "end" } else { "middle" };
        let x = if anchor == "end" { WIDTH - RIGHT } else { x };
        out.push_str(&text(x, scale.bottom() + BOTTOM - 8.0, anchor, &label));
    }
    out
}

fn marks(chart: &Chart, scale: &Scale) -> String {
    let mut out = String::new();
    for mark in chart.marks.iter().filter(|mark| mark.x >= scale.x.0 && mark.x <= scale.x.1) {
        let (x, top, bottom) = (short(scale.x(mark.x)), short(scale.top()), short(scale.bottom()));
        let _ = writeln!(
            out,
            "<line class=\"mark\" x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{bottom}\"><title>{}</title></line>",
            escape(&mark.label)
        );
    }
    out
}

/// The paths of one series: one per stretch without a gap.
fn shape(series: &Series, index: usize, scale: &Scale) -> String {
    let points = thin(&series.points, scale);
    let mut out = String::new();
    let colour = format!("var(--plot-{})", index % HUES);
    let again = if index >= HUES { " again" } else { "" };
    for stretch in points.split(|point| point.range.is_none()).filter(|stretch| !stretch.is_empty()) {
        let along = |pick: fn((f64, f64)) -> f64| {
            stretch.iter().filter_map(move |p| p.range.map(|range| (scale.x(p.x), scale.y(pick(range)))))
        };
        let upper: Vec<(f64, f64)> = steps(along(|range| range.1).collect(), series.kind);
        let is_filled = matches!(series.kind, Kind::Area | Kind::Band);
        if is_filled {
            let lower = along(|range| range.0).collect::<Vec<_>>();
            let outline: Vec<(f64, f64)> = upper.iter().copied().chain(lower.into_iter().rev()).collect();
            let class = if series.kind == Kind::Area { "area" } else { "band" };
            let _ = writeln!(out, "<path class=\"{class}\" fill=\"{colour}\" d=\"{}Z\"/>", path(&outline));
        }
        if series.kind != Kind::Band {
            let _ = writeln!(out, "<path class=\"line{again}\" stroke=\"{colour}\" d=\"{}\"/>", path(&upper));
        }
    }
    out
}

/// A step holds its value until the next point.
fn steps(points: Vec<(f64, f64)>, kind: Kind) -> Vec<(f64, f64)> {
    if kind != Kind::Step {
        return points;
    }
    let corners = points.windows(2).flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
    corners.chain(points.last().copied()).collect()
}

fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if index == 0 { 'M' } else { 'L' }, short(*x), short(*y));
    }
    // A single point is drawn as a dot rather than as nothing.
    if points.len() == 1 { out + "h.1" } else { out }
}

/// At most four points per unit of width: of each column the first, lowest, highest and last. Gaps stay.
fn thin(points: &[Point], scale: &Scale) -> Vec<Point> {
    if points.len() <= 2 * WIDTH as usize {
        return points.to_vec();
    }
    let column = |point: &Point| scale.x(point.x).floor();
    let mut kept = Vec::new();
    for run in points.chunk_by(|a, b| column(a) == column(b) && a.range.is_some() == b.range.is_some()) {
        let key = |at: &usize, pick: fn((f64, f64)) -> f64| run[*at].range.map_or(0.0, pick);
        let lowest = (0..run.len()).min_by(|a, b| key(a, |r| r.0).total_cmp(&key(b, |r| r.0))).unwrap_or(0);
        let highest = (0..run.len()).max_by(|a, b| key(a, |r| r.1).total_cmp(&key(b, |r| r.1))).unwrap_or(0);
        let mut chosen = [0, lowest, highest, run.len() - 1];
        chosen.sort_unstable();
        kept.extend(
            chosen.iter().enumerate().filter(|(n, at)| *n == 0 || chosen[n - 1] != **at).map(|(_, at)| run[*at]),
        );
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{XAxis, number};
    use expect_test::expect;

    fn small() -> Chart {
        let mut chart = Chart::over_time("load < supply", number)
            .with(Series::band("p50–p95", [(0.0, Some((5.0, 8.0))), (2.0, Some((6.0, 10.0)))]))
            .with(Series::new("load", Kind::Area, [(0.0, Some(4.0)), (1.0, None), (2.0, Some(6.0)), (3.0, Some(7.0))]))
            .with(Series::new("supply", Kind::Step, [(0.0, Some(5.0)), (2.0, Some(10.0)), (3.0, Some(10.0))]))
            .mark(1.5, "replica 3 killed");
        chart.x = XAxis::Number(number);
        chart
    }

    #[test]
    fn a_chart_with_a_band_an_area_a_gap_a_step_and_a_mark() {
        expect![[r#"
            <svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" viewBox="0 0 720 250">
            <title>load &lt; supply</title>
            <desc>p50–p95, load, supply</desc>
            <text class="plot-title" x="10" y="18">load &lt; supply</text>
            <rect x="10" y="27" width="14" height="10" rx="1.5" fill="var(--plot-0)" opacity=".4"/>
            <text x="29" y="36.5" text-anchor="start">p50–p95</text>
            <rect x="91.8" y="27" width="14" height="10" rx="1.5" fill="var(--plot-1)" opacity="1"/>
            <text x="110.8" y="36.5" text-anchor="start">load</text>
            <rect x="154.4" y="31" width="14" height="3" rx="1.5" fill="var(--plot-2)" opacity="1"/>
            <text x="173.4" y="36.5" text-anchor="start">supply</text>
            <line class="grid" x1="58" x2="706" y1="224" y2="224"/>
            <text x="51" y="228" text-anchor="end">0</text>
            <line class="grid" x1="58" x2="706" y1="188.8" y2="188.8"/>
            <text x="51" y="192.8" text-anchor="end">2</text>
            <line class="grid" x1="58" x2="706" y1="153.6" y2="153.6"/>
            <text x="51" y="157.6" text-anchor="end">4</text>
            <line class="grid" x1="58" x2="706" y1="118.4" y2="118.4"/>
            <text x="51" y="122.4" text-anchor="end">6</text>
            <line class="grid" x1="58" x2="706" y1="83.2" y2="83.2"/>
            <text x="51" y="87.2" text-anchor="end">8</text>
            <line class="grid" x1="58" x2="706" y1="48" y2="48"/>
            <text x="51" y="52" text-anchor="end">10</text>
            <text x="58" y="242" text-anchor="middle">0</text>
            <text x="166" y="242" text-anchor="middle">0.5</text>
            <text x="274" y="242" text-anchor="middle">1</text>
            <text x="382" y="242" text-anchor="middle">1.5</text>
            <text x="490" y="242" text-anchor="middle">2</text>
            <text x="598" y="242" text-anchor="middle">2.5</text>
            <text x="706" y="242" text-anchor="end">3</text>
            <path class="band" fill="var(--plot-0)" d="M58 83.2L490 48L490 118.4L58 136Z"/>
            <path class="area" fill="var(--plot-1)" d="M58 153.6L58 224Z"/>
            <path class="line" stroke="var(--plot-1)" d="M58 153.6h.1"/>
            <path class="area" fill="var(--plot-1)" d="M490 118.4L706 100.8L706 224L490 224Z"/>
            <path class="line" stroke="var(--plot-1)" d="M490 118.4L706 100.8"/>
            <path class="line" stroke="var(--plot-2)" d="M58 136L490 136L490 48L706 48L706 48"/>
            <line class="mark" x1="382" x2="382" y1="48" y2="224"><title>replica 3 killed</title></line>
            </svg>
        "#]]
        .assert_eq(&svg(&small()));
    }

    #[test]
    fn a_file_of_its_own_carries_its_style_and_loads_nothing() {
        let file = standalone(&small());
        assert!(file.contains("prefers-color-scheme:dark"));
        assert!(!file.replace("http://www.w3.org/2000/svg", "").contains("http"));
        assert!(svg(&Chart::over_time("empty", number)).contains("no samples"));
    }

    #[test]
    fn a_hundred_thousand_points_stay_small_and_keep_their_peak() {
        let points = (0..100_000).map(|x| (f64::from(x), Some(if x == 77_777 { 99.0 } else { f64::from(x % 7) })));
        let chart = Chart::over_time("long", number).with(Series::new("a", Kind::Line, points));
        let drawing = svg(&chart);
        assert!(drawing.len() < 60_000, "{}", drawing.len());
        let top = Scale { x: (0.0, 99_999.0), y: (0.0, 99.0), more: 0.0 };
        assert!(drawing.contains(&format!("{} {}", short(top.x(77_777.0)), short(top.y(99.0)))));
    }
}
