//! Live figures that somebody else measures: a `/metrics` page, or a query to a Prometheus server.
//!
//! - [`text`] reads a page, whichever of the two formats it is in.
//! - [`select`] chooses series by name and labels.
//! - [`promql`] asks a Prometheus server, for now or for a range of time.
//! - [`figure`] makes one figure of several series: levels as they are, counters as their growth per second.
//! - [`source`] does all of it for one [`MetricSpec`](plimsoll_model::metric::MetricSpec).
//!
//! Only GET requests are ever sent. Nothing is filled in: a source that fails gives no figure, and whoever holds the last
//! one sees it grow old. Half an answer is none.

pub mod figure;
pub mod promql;
mod secret;
pub mod select;
pub mod source;
pub mod text;

pub use secret::{SecretError, read_secret, with_auth};

use crate::openmetrics::Labels;
use plimsoll_http_client::{ExchangeError, UrlError};
use plimsoll_model::Timestamp;

/// One series with its newest value.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name of the sample, suffix included; may be empty where a query computed it.
    pub name: String,
    /// What tells it from its neighbours.
    pub labels: Labels,
    /// The value, as the format has it.
    pub value: f64,
    /// When it was measured, where the source says so.
    pub at: Option<Timestamp>,
    /// Whether its source says that it only grows.
    pub is_counter: bool,
}

/// Why a source gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The exchange.
    #[error("{}", chain(.0))]
    Exchange(#[from] ExchangeError),
    /// Another status than success.
    #[error("it answered {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The page breaks its format.
    #[error("its page: {0}")]
    Text(#[from] text::TextError),
    /// The server refuses the query, or answers in no known way.
    #[error("its answer: {0}")]
    Query(String),
    /// The selector or one of its regular expressions.
    #[error("{0}")]
    Select(String),
    /// No series is selected.
    #[error("no series matches {asked}")]
    Nothing {
        /// What was asked for.
        asked: String,
    },
    /// A value that is no number.
    #[error("{series} is {value}, which is no figure")]
    Value {
        /// Of which series.
        series: String,
        /// The value.
        value: f64,
    },
    /// A rate needs two values.
    #[error("a rate needs two values, and there is one so far")]
    First,
    /// A counter went backwards: the process behind it began anew.
    #[error("{series} went backwards, so there is no rate for this interval")]
    Reset {
        /// Which.
        series: String,
    },
}

/// An error with its causes, because who sees it sees nothing else.
fn chain(error: &ExchangeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// `name{label="value",…}`, for messages.
#[must_use]
pub fn shown(name: &str, labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
    if pairs.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", pairs.join(",")) }
}
