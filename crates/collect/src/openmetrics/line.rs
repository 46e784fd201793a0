//! One line of the text: metadata, a sample, or the end.

use crate::openmetrics::{Exemplar, Labels, Sample, is_label_name, is_metric_name};

/// Longest exemplar, names and values of its labels together, in characters.
const EXEMPLAR_CHARS_MAX: usize = 128;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line<'t> {
    Type { name: &'t str, kind: &'t str },
    Help { name: &'t str, text: String },
    Unit { name: &'t str, unit: &'t str },
    Sample(Sample),
    End,
}

/// Reads a line without its line feed; the error is the rule it breaks.
pub(crate) fn read(line: &str) -> Result<Line<'_>, &'static str> {
    match line.strip_prefix('#') {
        Some(" EOF") => Ok(Line::End),
        Some(rest) => metadata(rest),
        None => sample(line).map(Line::Sample),
    }
}

fn metadata(rest: &str) -> Result<Line<'_>, &'static str> {
    let mut parts = rest.strip_prefix(' ').ok_or("a comment is `# `, then TYPE, HELP, UNIT or EOF")?.splitn(3, ' ');
    let (keyword, name, text) = (parts.next(), parts.next(), parts.next());
    let (Some(name), Some(text)) = (name, text) else { return Err("metadata needs a name and a text") };
    if !is_metric_name(name) {
        return Err("the name in the metadata is no metric name");
    }
    match keyword {
        Some("TYPE") => Ok(Line::Type { name, kind: text }),
        Some("HELP") => Ok(Line::Help { name, text: unescape(text) }),
        Some("UNIT") => Ok(Line::Unit { name, unit: text }),
        _ => Err("a comment is `# `, then TYPE, HELP, UNIT or EOF"),
    }
}

fn sample(line: &str) -> Result<Sample, &'static str> {
    let end = line.find(['{', ' ']).ok_or("a sample needs a value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_metric_name(name) {
        return Err("a sample begins with a metric name");
    }
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        (labels, rest) = label_set(inside)?;
    }
    let rest = rest.strip_prefix(' ').ok_or("one space comes before the value")?;
    let (numbers, exemplar) = match rest.split_once(" # ") {
        Some((numbers, exemplar)) => (numbers, Some(read_exemplar(exemplar)?)),
        None => (rest, None),
    };
    let (value, timestamp_s) = value_and_time(numbers)?;
    Ok(Sample { name: name.to_owned(), labels, value, timestamp_s, exemplar })
}

fn read_exemplar(text: &str) -> Result<Exemplar, &'static str> {
    let inside = text.strip_prefix('{').ok_or("an exemplar begins with its labels")?;
    let (labels, rest) = label_set(inside)?;
    let length: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if length > EXEMPLAR_CHARS_MAX {
        return Err("an exemplar's labels are longer than 128 characters");
    }
    let numbers = rest.strip_prefix(' ').ok_or("one space comes before an exemplar's value")?;
    let (value, timestamp_s) = value_and_time(numbers)?;
    Ok(Exemplar { labels, value, timestamp_s })
}

/// `VALUE` or `VALUE TIME`, with single spaces and none at the end.
fn value_and_time(text: &str) -> Result<(f64, Option<f64>), &'static str> {
    let (value, time) = text.split_once(' ').map_or((text, None), |(value, time)| (value, Some(time)));
    let value = number(value).ok_or("the value is no number")?;
    let time = time.map(|time| number(time).filter(|time| time.is_finite()).ok_or("the timestamp is no finite number"));
    Ok((value, time.transpose()?))
}

/// A decimal number, `NaN` or an infinity in any case. Rust's own parser takes just these forms.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// `NAME="VALUE",…}` and what follows it.
fn label_set(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Labels::new();
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((labels, rest));
    }
    loop {
        let (name, after) = rest.split_once('=').ok_or("a label needs `=` and a value")?;
        if !is_label_name(name) {
            return Err("a label begins with a label name");
        }
        if labels.iter().any(|(known, _)| known == name) {
            return Err("a label occurs twice");
        }
        let quoted = after.strip_prefix('"').ok_or("a label's value is quoted")?;
        let end = closing_quote(quoted).ok_or("a label's value has no closing quote")?;
        labels.push((name.to_owned(), unescape(&quoted[..end])));
        rest = &quoted[end + 1..];
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        rest = rest.strip_prefix(',').ok_or("labels are divided by commas")?;
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}

/// `\\`, `\"` and `\n` stand for what they escape; any other backslash for itself.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.clone().next() {
            Some('n') => out.push('\n'),
            Some(escaped @ ('\\' | '"')) => out.push(escaped),
            _ => {
                out.push('\\');
                continue;
            }
        }
        chars.next();
    }
    out
}
