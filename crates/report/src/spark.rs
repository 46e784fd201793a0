//! Sparklines: a series as one word of text (E. Tufte, "Beautiful Evidence", 2006).

use crate::style::Style;

const UNICODE: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// The values as at most `columns` bars from zero to `top` (the largest value when none). Several values on one column
/// show the largest of them, so that no peak is lost; a gap is a blank.
#[must_use]
pub fn sparkline(values: &[Option<f64>], columns: usize, top: Option<f64>, style: &Style) -> String {
    let bars = style.pick(UNICODE, ASCII);
    let usable = |value: &Option<f64>| value.filter(|value| value.is_finite());
    let top = top.unwrap_or_else(|| values.iter().filter_map(usable).fold(0.0, f64::max));
    let columns = columns.min(values.len());
    let bar = |column: usize| {
        let (from, to) = (column * values.len() / columns, (column + 1) * values.len() / columns);
        let highest = values[from..to.max(from + 1)].iter().filter_map(usable).reduce(f64::max);
        highest.map_or(' ', |value| bars[level(value, top, bars.len())])
    };
    (0..columns).map(bar).collect()
}

/// Which of `levels` bars stands for the value.
fn level(value: f64, top: f64, levels: usize) -> usize {
    if top <= 0.0 {
        return 0;
    }
    let share = (value / top).clamp(0.0, 1.0);
    // At most `levels`, so the conversion is exact.
    ((share * (levels - 1) as f64).round() as usize).min(levels - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64], columns: usize, style: &Style) -> String {
        let values: Vec<Option<f64>> = values.iter().map(|value| Some(*value)).collect();
        sparkline(&values, columns, None, style)
    }

    #[test]
    fn bars_rise_from_zero_to_the_largest_value() {
        let values: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(line(&values, 20, &Style::unicode(80)), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&values, 20, &Style::ascii(80)), "_.,-=+*#");
        assert_eq!(line(&[0.0, 0.0], 20, &Style::unicode(80)), "▁▁");
    }

    #[test]
    fn a_peak_survives_when_there_are_more_values_than_columns() {
        let mut values = vec![1.0; 100];
        values[57] = 50.0;
        assert!(line(&values, 10, &Style::unicode(80)).contains('█'));
    }

    #[test]
    fn gaps_are_blank_and_nothing_is_empty() {
        let values = [Some(1.0), None, Some(f64::NAN), Some(1.0)];
        assert_eq!(sparkline(&values, 4, Some(2.0), &Style::unicode(80)), "▅  ▅");
        assert_eq!(sparkline(&[], 4, None, &Style::unicode(80)), "");
        assert_eq!(sparkline(&values, 0, None, &Style::unicode(80)), "");
    }
}
