//! Who is told of what, by a request of the daemon to them.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};

/// What somebody may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A service fails so many requests that its error budget is used up many times too fast.
    SloBurn,
    /// A replica of a service ends again and again.
    CrashLoop,
    /// Nothing is decided, because the journal cannot be written.
    Frozen,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SloBurn, Self::CrashLoop, Self::Frozen];

    /// As in spec files and payloads.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SloBurn => "slo_burn",
            Self::CrashLoop => "crash_loop",
            Self::Frozen => "frozen",
        }
    }

    /// The occasion of that name.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|occasion| occasion.word() == word)
    }
}

/// One receiver. Physical times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSpec {
    /// Where it listens, an absolute URL.
    pub url: String,
    /// The file with the secret that messages are signed with; none is unsigned.
    pub secret: Option<String>,
    /// What it is told of.
    pub events: Vec<Occasion>,
    /// Share of the requests that may fail; ten times as many and more are a burn.
    pub errors_max: Permille,
    /// Longest wait for its answer.
    pub timeout: Millis,
    /// Tries of one message, at least 1.
    pub tries: u32,
    /// Wait before the second try; doubles with each further one.
    pub backoff: Millis,
    /// Most messages that wait, at least 1; further ones are dropped and counted.
    pub queue_max: u32,
}
