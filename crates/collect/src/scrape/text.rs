//! A `/metrics` page in either format: OpenMetrics, which ends with `# EOF`, or the older Prometheus text.
//!
//! The older format is what most programs still write: comments of any kind, spaces and tabs between parts, times in
//! milliseconds, counters whose names need no suffix. A line that is no sample refuses the page as a whole, with its number:
//! half a page would be a gap that looks like data.
//!
//! # Source
//! Prometheus, "Exposition formats", text-based format version 0.0.4.

use super::Series;
use crate::openmetrics::{self, FamilyKind, Labels, TEXT_BYTES_MAX, is_label_name, is_metric_name};
use plimsoll_model::Timestamp;
use std::collections::BTreeMap;

/// Why a page was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Every series of a page, in its order.
///
/// # Errors
/// [`TextError`] with the first line that breaks the format.
pub fn read(page: &str) -> Result<Vec<Series>, TextError> {
    let end = page.trim_end_matches('\n').rsplit('\n').next();
    if end == Some("# EOF") { modern(page) } else { classic(page) }
}

fn modern(page: &str) -> Result<Vec<Series>, TextError> {
    let families = openmetrics::parse(page).map_err(|error| TextError { line: error.line, problem: error.rule })?;
    let of_family = |family: openmetrics::Family| {
        let kind = family.kind;
        family.samples.into_iter().map(move |sample| Series {
            is_counter: grows(kind, &sample.name),
            at: sample.timestamp_s.and_then(|seconds| moment(seconds * 1_000.0)),
            name: sample.name,
            labels: sample.labels,
            value: sample.value,
        })
    };
    Ok(families.into_iter().flat_map(of_family).collect())
}

/// Whether samples of this name only grow in a family of this kind.
fn grows(kind: FamilyKind, name: &str) -> bool {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| name.ends_with(suffix));
    match kind {
        FamilyKind::Counter => !ends(&["_created"]),
        FamilyKind::Histogram => ends(&["_bucket", "_count", "_sum"]),
        FamilyKind::Summary => ends(&["_count", "_sum"]),
        // Nobody said: a name that ends as a counter's has to is one.
        FamilyKind::Unknown => ends(&["_total"]),
        FamilyKind::Gauge | FamilyKind::Info | FamilyKind::StateSet | FamilyKind::GaugeHistogram => false,
    }
}

/// Milliseconds since the epoch; none beyond what a time can be.
fn moment(milliseconds: f64) -> Option<Timestamp> {
    (milliseconds.is_finite() && milliseconds.abs() < 1e16).then_some(Timestamp(milliseconds as i64))
}

fn classic(page: &str) -> Result<Vec<Series>, TextError> {
    if page.len() > TEXT_BYTES_MAX {
        return Err(TextError { line: 0, problem: "the page is longer than 64 MiB" });
    }
    let mut kinds: BTreeMap<&str, FamilyKind> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, line) in page.split('\n').enumerate() {
        let fail = |problem| TextError { line: index + 1, problem };
        let line = line.trim_matches([' ', '\t', '\r']);
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            if let (Some("TYPE"), Some(name), Some(kind)) = (words.next(), words.next(), words.next()) {
                // `untyped` is what the older format calls the unknown.
                kinds.insert(name, FamilyKind::from_name(kind).unwrap_or(FamilyKind::Unknown));
            }
        } else if !line.is_empty() {
            found.push(sample(line, &kinds).map_err(fail)?);
        }
    }
    Ok(found)
}

fn sample(line: &str, kinds: &BTreeMap<&str, FamilyKind>) -> Result<Series, &'static str> {
    let end = line.find(['{', ' ', '\t']).ok_or("a sample needs a value")?;
    let (name, rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err("a sample begins with a metric name");
    }
    let (labels, rest) = match rest.trim_start().strip_prefix('{') {
        Some(inside) => label_set(inside)?,
        None => (Labels::new(), rest),
    };
    let mut parts = rest.split_ascii_whitespace();
    let value: f64 = parts.next().and_then(|text| text.parse().ok()).ok_or("the value is no number")?;
    let at = match parts.next() {
        Some(text) => Some(text.parse::<i64>().map_err(|_| "the time is no whole number of milliseconds")?),
        None => None,
    };
    if parts.next().is_some() {
        return Err("something stands behind the time");
    }
    let is_counter = grows(kind_of(name, kinds), name);
    Ok(Series { name: name.to_owned(), labels, value, at: at.map(Timestamp), is_counter })
}

/// The kind of the family that a sample of this name belongs to.
fn kind_of(name: &str, kinds: &BTreeMap<&str, FamilyKind>) -> FamilyKind {
    let short = ["_bucket", "_count", "_sum", "_total"].into_iter().filter_map(|suffix| name.strip_suffix(suffix));
    let found = std::iter::once(name).chain(short).find_map(|family| kinds.get(family));
    found.copied().unwrap_or(FamilyKind::Unknown)
}

/// `NAME="VALUE",…}` and what follows it; spaces and a last comma are allowed.
fn label_set(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = rest.split_once('=').ok_or("a label needs `=` and a value")?;
        let name = name.trim();
        if !is_label_name(name) {
            return Err("a label begins with a label name");
        }
        let quoted = after.trim_start().strip_prefix('"').ok_or("a label's value is quoted")?;
        let (value, after) = closed(quoted).ok_or("a label's value has no closing quote")?;
        labels.push((name.to_owned(), value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None => return Err("labels are divided by commas"),
        }
    }
}

/// A value up to its closing quote, and what follows it. `\\`, `\"` and `\n` stand for what they escape.
fn closed(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_of_the_older_format_is_read_with_its_kinds() {
        let page = "# HELP a_total things\n# TYPE a_total counter\na_total{x=\"1\", y=\"q\\\"\",} 3 1700000000000\n\n\
                    # TYPE b gauge\nb\t-1.5e3\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 4\nh_count 4\nfree 1\nc_total 2\n# odd\n";
        let series = read(page).unwrap();
        let shown: Vec<(String, f64, bool)> =
            series.iter().map(|it| (super::super::shown(&it.name, &it.labels), it.value, it.is_counter)).collect();
        assert_eq!(
            shown,
            [
                ("a_total{x=\"1\",y=\"q\\\"\"}".to_owned(), 3.0, true),
                ("b".to_owned(), -1_500.0, false),
                ("h_bucket{le=\"+Inf\"}".to_owned(), 4.0, true),
                ("h_count".to_owned(), 4.0, true),
                ("free".to_owned(), 1.0, false),
                ("c_total".to_owned(), 2.0, true),
            ]
        );
        assert_eq!((series[0].at, series[1].at), (Some(Timestamp(1_700_000_000_000)), None));
    }

    #[test]
    fn a_page_of_openmetrics_is_read_by_its_own_rules() {
        let page = "# TYPE a counter\na_total{x=\"1\"} 3 1.5\n# EOF\n";
        let series = read(page).unwrap();
        assert_eq!((series[0].is_counter, series[0].at), (true, Some(Timestamp(1_500))));
        assert!(read("a  1\n# EOF\n").is_err(), "two spaces are none of OpenMetrics");
    }

    #[test]
    fn a_line_that_is_no_sample_refuses_the_page_with_its_number() {
        for (page, line, problem) in [
            ("a 1\nb\n", 2, "a sample needs a value"),
            ("a x\n", 1, "the value is no number"),
            ("1a 2\n", 1, "a sample begins with a metric name"),
            ("a{b=\"c\" 2\n", 1, "labels are divided by commas"),
            ("a{b=c} 2\n", 1, "a label's value is quoted"),
            ("a 1 2 3\n", 1, "something stands behind the time"),
            ("<html>\n", 1, "a sample needs a value"),
        ] {
            assert_eq!(read(page), Err(TextError { line, problem }), "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", near in "[a{}=\"\\\\, 0-9\n#]{0,60}") {
            let _ = (read(&text), read(&near));
        }
    }
}
