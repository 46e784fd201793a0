//! Writes the text, one family after another. It refuses what would not be valid names or would give one name to two
//! families, and cannot write metadata in the wrong place; what remains, such as the order of buckets, is up to the
//! type of each call.

use crate::openmetrics::{FamilyKind, is_label_name, is_metric_name};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Why a family or sample was not written. The text is as it was before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The name is not one of the format's.
    #[error("{0:?} cannot name a metric")]
    MetricName(String),
    /// The label's name is not one of the format's, or occurs twice, or is one that the kind uses itself.
    #[error("{0:?} cannot name a label here")]
    LabelName(String),
    /// Another family has the name, or a sample of another has.
    #[error("{0:?} is already the name of another family or of one of its samples")]
    Taken(String),
    /// The name does not end with `_` and the unit.
    #[error("{name:?} does not end with its unit {unit:?}")]
    Unit {
        /// The family's name.
        name: String,
        /// The unit.
        unit: String,
    },
    /// The family is of another kind than the sample, or there is no family yet.
    #[error("a sample of a {wanted} in a family that is not one")]
    Kind {
        /// What the sample needs.
        wanted: &'static str,
    },
    /// The value is not one that the kind allows.
    #[error("{value} is not a value of a {kind}")]
    Value {
        /// The value as text.
        value: String,
        /// The kind.
        kind: &'static str,
    },
    /// Bounds of buckets do not rise, or counts fall.
    #[error("buckets do not rise")]
    Buckets,
}

/// Labels as they are given to the writer.
pub type LabelSlice<'l> = &'l [(&'l str, &'l str)];

/// Builds one document.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    taken: BTreeSet<String>,
    family: String,
    kind: Option<FamilyKind>,
}

impl Writer {
    /// An empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a family; the samples that follow are its own. A unit is the last word of the name, such as `seconds`
    /// in `plimsoll_step_seconds`; none where there is no unit.
    ///
    /// # Errors
    /// [`WriteError`] when the name or the unit does not fit the format, or the name is taken.
    pub fn family(&mut self, name: &str, kind: FamilyKind, unit: Option<&str>, help: &str) -> Result<(), WriteError> {
        if !is_metric_name(name) {
            return Err(WriteError::MetricName(name.to_owned()));
        }
        if let Some(unit) = unit {
            let fits = name.strip_suffix(unit).is_some_and(|before| before.ends_with('_'));
            let may_have = !matches!(kind, FamilyKind::Info | FamilyKind::StateSet);
            if !fits || unit.is_empty() || !may_have {
                return Err(WriteError::Unit { name: name.to_owned(), unit: unit.to_owned() });
            }
        }
        let mut names: Vec<String> = kind.suffixes().iter().map(|suffix| format!("{name}{suffix}")).collect();
        names.push(name.to_owned());
        if let Some(taken) = names.iter().find(|name| self.taken.contains(*name)) {
            return Err(WriteError::Taken(taken.clone()));
        }
        self.taken.extend(names);
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.name());
        if let Some(unit) = unit {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        escape(&mut self.text, help);
        self.text.push('\n');
        (self.family, self.kind) = (name.to_owned(), Some(kind));
        Ok(())
    }

    /// A counter's value.
    ///
    /// # Errors
    /// [`WriteError`]; also for a negative value or one that is not a number.
    pub fn counter(&mut self, labels: LabelSlice<'_>, value: f64) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::Counter])?;
        if value.is_nan() || value < 0.0 {
            return Err(WriteError::Value { value: value.to_string(), kind: "counter" });
        }
        self.sample("_total", labels, None, value)
    }

    /// A gauge's value, or one of an unknown kind.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn gauge(&mut self, labels: LabelSlice<'_>, value: f64) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::Gauge, FamilyKind::Unknown])?;
        self.sample("", labels, None, value)
    }

    /// Facts as labels.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn info(&mut self, labels: LabelSlice<'_>) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::Info])?;
        self.sample("_info", labels, None, 1.0)
    }

    /// Which of the states holds.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn state(&mut self, labels: LabelSlice<'_>, states: &[(&str, bool)]) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::StateSet])?;
        let family = self.family.clone();
        for (state, holds) in states {
            self.sample("", labels, Some((&family, state)), f64::from(u8::from(*holds)))?;
        }
        Ok(())
    }

    /// A histogram: cumulative counts by upper bound in rising order, without the last one, then all and their sum.
    /// Bounds and values are not negative.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the histogram is written then.
    pub fn histogram(
        &mut self,
        labels: LabelSlice<'_>,
        buckets: &[(f64, u64)],
        count: u64,
        sum: f64,
    ) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::Histogram])?;
        let rise = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let fit = buckets.iter().all(|(bound, below)| bound.is_finite() && *bound >= 0.0 && *below <= count);
        if !rise || !fit {
            return Err(WriteError::Buckets);
        }
        if sum.is_nan() || sum < 0.0 {
            return Err(WriteError::Value { value: sum.to_string(), kind: "histogram" });
        }
        for (bound, below) in buckets {
            self.sample("_bucket", labels, Some(("le", &format!("{bound:?}"))), *below as f64)?;
        }
        self.sample("_bucket", labels, Some(("le", "+Inf")), count as f64)?;
        self.sample("_count", labels, None, count as f64)?;
        self.sample("_sum", labels, None, sum)
    }

    /// A summary: values by quantile (0 to 1) in any order, then how many events and their sum.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the summary is written then.
    pub fn summary(
        &mut self,
        labels: LabelSlice<'_>,
        quantiles: &[(f64, f64)],
        count: u64,
        sum: f64,
    ) -> Result<(), WriteError> {
        self.expect(&[FamilyKind::Summary])?;
        let fits = quantiles
            .iter()
            .all(|(quantile, value)| (0.0..=1.0).contains(quantile) && (value.is_nan() || *value >= 0.0));
        if !fits || sum.is_nan() || sum < 0.0 {
            return Err(WriteError::Value { value: format!("{quantiles:?}, sum {sum}"), kind: "summary" });
        }
        for (quantile, value) in quantiles {
            self.sample("", labels, Some(("quantile", &format!("{quantile:?}"))), *value)?;
        }
        self.sample("_count", labels, None, count as f64)?;
        self.sample("_sum", labels, None, sum)
    }

    /// The finished document.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push_str("# EOF\n");
        self.text
    }

    fn expect(&self, kinds: &[FamilyKind]) -> Result<(), WriteError> {
        if self.kind.is_some_and(|kind| kinds.contains(&kind)) {
            Ok(())
        } else {
            Err(WriteError::Kind { wanted: kinds.first().map_or("", |kind| kind.name()) })
        }
    }

    fn sample(
        &mut self,
        suffix: &str,
        labels: LabelSlice<'_>,
        own: Option<(&str, &str)>,
        value: f64,
    ) -> Result<(), WriteError> {
        let reserved = own.map(|(name, _)| name);
        for (index, (name, _)) in labels.iter().enumerate() {
            let occurs_twice = labels[..index].iter().any(|(known, _)| known == name) || reserved == Some(*name);
            if !is_label_name(name) || occurs_twice {
                return Err(WriteError::LabelName((*name).to_owned()));
            }
        }
        self.text.push_str(&self.family);
        self.text.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(own) {
            self.text.push(separator);
            separator = ',';
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        if separator == ',' {
            self.text.push('}');
        }
        self.text.push(' ');
        number(&mut self.text, value);
        self.text.push('\n');
        Ok(())
    }
}

/// Rust prints the shortest decimal that reads back as the same float; infinities have the format's own names.
fn number(text: &mut String, value: f64) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(text, "{value}");
    }
}

fn escape(text: &mut String, value: &str) {
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
