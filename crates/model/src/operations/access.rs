//! Who may reach the HTTP API, and how.

use crate::gateway::CertificateSpec;
use serde::{Deserialize, Serialize};

/// TLS and tokens of the HTTP API. The default is that of every earlier release: plain HTTP, reading without a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ApiSpec {
    /// What the API shows of itself; none is plain HTTP, which only loopback may speak.
    #[serde(default)]
    pub certificate: Option<CertificateSpec>,
    /// The file of named tokens; none is `tokens.json` in the state directory.
    #[serde(default)]
    pub tokens: Option<String>,
    /// Reading needs a token on loopback too. Beyond loopback it always does.
    #[serde(default)]
    pub require_token: bool,
}
