//! Why there is no answer of a model. Words of a server are cleaned before they stand in one.

use crate::budget::BudgetError;
use plimsoll_analyst::prompt::AnswerError;
use plimsoll_http_client::ExchangeError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A key would go over the network for everybody to read.
    #[error("{host} is another host and its URL is http: the key would be readable on the way; use https or no key")]
    KeyInClear {
        /// Where it would go.
        host: String,
    },
    /// Too many failures, or the server asked to be left alone.
    #[error("not asked: the model failed or was busy, and is left alone for another {wait_ms} ms")]
    Open {
        /// For so long.
        wait_ms: u64,
    },
    /// No room in the budget.
    #[error("not asked: {0}")]
    Budget(#[from] BudgetError),
    /// No answer came.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// It points elsewhere.
    #[error("the endpoint redirects (status {status}), and no redirect is followed; give the address that it leads to")]
    Redirect {
        /// The status.
        status: u16,
    },
    /// It is busy.
    #[error("the endpoint is busy (status {status}) and wants to be left alone for {wait_s} s")]
    Busy {
        /// The status.
        status: u16,
        /// For so long.
        wait_s: u64,
    },
    /// It refused.
    #[error("the endpoint answered with status {status}: {said}")]
    Status {
        /// The status.
        status: u16,
        /// What it said, cleaned.
        said: String,
    },
    /// Not what such an endpoint answers.
    #[error("the endpoint's answer is not that of a chat completion: {why}")]
    Shape {
        /// What is wrong, cleaned.
        why: String,
    },
    /// The model in the process gave none.
    #[cfg(feature = "local-llm")]
    #[error(transparent)]
    Local(#[from] plimsoll_local_llm::LocalError),
    /// The model's words do not hold, also after it was told what is wrong.
    #[error("the model's answer does not hold: {0}")]
    Answer(#[from] AnswerError),
}

impl ModelError {
    /// It speaks against the endpoint, so that the breaker counts it. A question that was not sent does not, and neither does
    /// an answer that came and does not hold: asking less would not mend the model.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        #[cfg(feature = "local-llm")]
        if let Self::Local(error) = self {
            // Whoever told it to stop knows nothing against it.
            return !matches!(error, plimsoll_local_llm::LocalError::Cancelled { .. });
        }
        matches!(
            self,
            Self::Exchange(_) | Self::Redirect { .. } | Self::Busy { .. } | Self::Status { .. } | Self::Shape { .. }
        )
    }
}
