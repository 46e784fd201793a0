//! Axes: round tick marks, and how numbers and moments are written at them.

use plimsoll_model::Timestamp;

/// What runs from left to right.
#[derive(Debug, Clone, Copy)]
pub enum XAxis {
    /// Milliseconds since the Unix epoch, trace time, written in UTC.
    TraceTime,
    /// A number, written so.
    Number(fn(f64) -> String),
}

impl XAxis {
    /// At most about `wanted` round places with their labels, within the span.
    #[must_use]
    pub(crate) fn ticks(self, from: f64, to: f64, wanted: usize) -> Vec<(f64, String)> {
        match self {
            Self::Number(write) => round_ticks(from, to, wanted).into_iter().map(|x| (x, write(x))).collect(),
            Self::TraceTime => time_ticks(from, to, wanted),
        }
    }
}

/// Steps that a clock's face has, in milliseconds.
const CLOCK_STEPS: &[i64] = &[
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    2 * 60_000,
    5 * 60_000,
    10 * 60_000,
    15 * 60_000,
    30 * 60_000,
    3_600_000,
    2 * 3_600_000,
    3 * 3_600_000,
    6 * 3_600_000,
    12 * 3_600_000,
    86_400_000,
    2 * 86_400_000,
    7 * 86_400_000,
    14 * 86_400_000,
    28 * 86_400_000,
    364 * 86_400_000,
];

fn time_ticks(from: f64, to: f64, wanted: usize) -> Vec<(f64, String)> {
    let wanted = i64::try_from(wanted.max(1)).unwrap_or(i64::MAX);
    // `as` saturates, and a span beyond the range of milliseconds in i64 has no date to write anyway.
    let (from, to) = (from.ceil() as i64, to.floor() as i64);
    let span = to.saturating_sub(from).max(1);
    let longest = CLOCK_STEPS[CLOCK_STEPS.len() - 1];
    let step = CLOCK_STEPS
        .iter()
        .copied()
        .find(|step| span / step <= wanted)
        .unwrap_or(longest * (span / longest / wanted + 1));
    let first = from.saturating_sub(from.rem_euclid(step));
    let places = (0..=wanted + 1).map(|n| first.saturating_add(n.saturating_mul(step)));
    places.filter(|at| *at >= from && *at <= to).map(|at| (at as f64, time_label(at, step))).collect()
}

/// `13:05`, with seconds or the date where the step asks for it.
fn time_label(at: i64, step: i64) -> String {
    let text = Timestamp(at).to_string();
    let midnight = at.rem_euclid(86_400_000) == 0;
    let part = match step {
        86_400_000.. => text.get(..10),
        _ if midnight && step >= 3_600_000 => text.get(5..10),
        60_000.. => text.get(11..16),
        _ => text.get(11..19),
    };
    part.unwrap_or(&text).to_owned()
}

/// Round places within the span: multiples of 1, 2 or 5 times a power of ten.
///
/// # Source
/// P. Heckbert, "Nice Numbers for Graph Labels", Graphics Gems, 1990, with the step rounded up so that there are never
/// more than `wanted` + 1.
#[must_use]
pub(crate) fn round_ticks(from: f64, to: f64, wanted: usize) -> Vec<f64> {
    let span = to - from;
    if !span.is_finite() || span <= 0.0 {
        return vec![from];
    }
    let raw = span / wanted.max(1) as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999_999);
    let step = step.unwrap_or(10.0 * power);
    let first = (from / step - 1e-9).ceil();
    let places = (0..=wanted + 1).map(|n| (first + n as f64) * step);
    places.filter(|place| *place <= to + step * 1e-9).map(|place| if place == 0.0 { 0.0 } else { place }).collect()
}

/// `0`, `0.25`, `12`, `1.5k`, `2M`: a plain number.
#[must_use]
pub fn number(value: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = units.into_iter().find(|(size, _)| value.abs() >= *size);
    unit.map_or_else(|| digits(value), |(size, unit)| digits(value / size) + unit)
}

/// `850 µs`, `12 ms`, `1.5 s`: a latency in microseconds.
#[must_use]
pub fn latency_us(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => digits(value / 1e6) + " s",
        size if size >= 1e3 => digits(value / 1e3) + " ms",
        0.0 => "0".to_owned(),
        _ => digits(value) + " µs",
    }
}

/// `512 B`, `64 MiB`: a size in bytes.
#[must_use]
pub fn size_bytes(value: f64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().map(|(size, unit)| (size as f64, unit)).find(|(size, _)| value.abs() >= *size);
    unit.map_or_else(|| digits(value) + " B", |(size, unit)| format!("{} {unit}", digits(value / size)))
}

/// `63.5 %`: a share in thousandths.
#[must_use]
pub fn share_permille(value: f64) -> String {
    digits(value / 10.0) + " %"
}

/// At most three digits that matter, without trailing zeros.
fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_span() {
        assert_eq!(round_ticks(0.0, 100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(round_ticks(0.0, 7.3, 4), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(round_ticks(-3.0, 3.0, 3), [-2.0, 0.0, 2.0]);
        assert_eq!(round_ticks(0.0, 0.003, 3), [0.0, 0.001, 0.002, 0.003]);
        assert_eq!(round_ticks(5.0, 5.0, 3), [5.0]);
    }

    #[test]
    fn moments_are_those_of_a_clock_and_midnight_shows_the_date() {
        let day = 1_515_283_200_000.0;
        let labels = |hours: f64| {
            let ticks = XAxis::TraceTime.ticks(day, day + hours * 3_600_000.0, 5);
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(24.0), ["01-07", "06:00", "12:00", "18:00", "01-08"]);
        assert_eq!(labels(0.05), ["00:00", "00:01", "00:02", "00:03"]);
        assert_eq!(labels(0.005), ["00:00:00", "00:00:05", "00:00:10", "00:00:15"]);
        assert_eq!(labels(24.0 * 9.0), ["2018-01-07", "2018-01-09", "2018-01-11", "2018-01-13", "2018-01-15"]);
    }

    #[test]
    fn values_are_written_with_their_unit() {
        assert_eq!([0.0, 0.25, 12.0, 1_500.0, 2e6].map(number), ["0", "0.25", "12", "1.5k", "2M"]);
        assert_eq!([0.0, 850.0, 12_340.0, 1.5e6].map(latency_us), ["0", "850 µs", "12.3 ms", "1.5 s"]);
        assert_eq!([512.0, 67_108_864.0].map(size_bytes), ["512 B", "64 MiB"]);
        assert_eq!(share_permille(635.0), "63.5 %");
    }
}
