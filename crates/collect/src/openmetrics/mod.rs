//! The OpenMetrics text format: a writer for `/metrics`, and a strict parser.
//!
//! The parser accepts what the specification allows and nothing else: a document that breaks a rule is refused whole,
//! with the line and the rule, because half a scrape is a gap that looks like data. It is checked against the
//! format's own test suite. The older Prometheus text format (no `# EOF`, counters without `_total`) is another
//! format and is not read here.
//!
//! Values are floats because the format's are; they are for people and other tools and never enter a decision as such.
//!
//! # Source
//! OpenMetrics 1.0, "the Cloud-native metrics transport format", sections "Text format" and "Metric types".

mod check;
mod line;
mod parser;
mod writer;

pub use parser::{ParseError, TEXT_BYTES_MAX, parse};
pub use writer::{WriteError, Writer};

/// The media type of the text, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the samples of a family mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FamilyKind {
    /// A number that goes up and down.
    Gauge,
    /// A number that only grows: sample `_total`.
    Counter,
    /// Facts as labels of a sample `_info` that is always 1.
    Info,
    /// Which of several states hold, one sample of 0 or 1 each.
    StateSet,
    /// Cumulative counts of events by an upper bound `le`.
    Histogram,
    /// Counts by an upper bound that are a snapshot and may fall.
    GaugeHistogram,
    /// Quantiles that the source has computed.
    Summary,
    /// The source does not say.
    Unknown,
}

impl FamilyKind {
    /// The kind by its name in the format.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const ALL: [Self; 8] = [
        Self::Gauge,
        Self::Counter,
        Self::Info,
        Self::StateSet,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Unknown,
    ];

    /// Its name in the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }

    /// What a family of this kind appends to its name for its samples.
    pub(crate) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Gauge | Self::StateSet | Self::Unknown => &[""],
            Self::Counter => &["_total", "_created"],
            Self::Info => &["_info"],
            Self::Histogram => &["_bucket", "_count", "_sum", "_created"],
            Self::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
            Self::Summary => &["", "_count", "_sum", "_created"],
        }
    }
}

/// Labels in the order they are written. No name occurs twice.
pub type Labels = Vec<(String, String)>;

/// A family: metadata and every sample under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, without a sample's suffix.
    pub name: String,
    /// What its samples mean; `Unknown` where the text does not say.
    pub kind: FamilyKind,
    /// What it is, for people.
    pub help: Option<String>,
    /// Its unit, which its name ends with; may be empty.
    pub unit: Option<String>,
    /// Its samples as they were written.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The whole name, suffix included.
    pub name: String,
    /// What tells it from its neighbours.
    pub labels: Labels,
    /// The value; may be infinite or not a number where the kind allows it.
    pub value: f64,
    /// Seconds since 1970, where the source states it.
    pub timestamp_s: Option<f64>,
    /// One event that the sample counted.
    pub exemplar: Option<Exemplar>,
}

/// One event that a sample counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Where to find it, such as a trace's id: at most 128 characters, names and values together.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// Seconds since 1970.
    pub timestamp_s: Option<f64>,
}

/// Whether a text may name a family or a sample: a letter, `_` or `:` first, then also digits.
#[must_use]
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| byte == b':')
}

/// Whether a text may name a label: a letter or `_` first, then also digits.
#[must_use]
pub fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false)
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || also(byte);
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_first) && bytes.all(|byte| is_first(byte) || byte.is_ascii_digit())
}
