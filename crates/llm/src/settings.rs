//! Where the model is, and the bounds of everything that is done with it.

use crate::breaker;
use crate::budget::Budget;
use crate::key::Key;
use plimsoll_analyst::PackOptions;
use plimsoll_analyst::evidence::DataClass;
use plimsoll_http_client::Url;
use std::net::IpAddr;
use std::time::Duration;

/// Settings of a model. `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The API's base, as `http://127.0.0.1:8080/v1`; paths are put after it.
    pub endpoint: Url,
    /// The model's name at the endpoint.
    pub model: String,
    /// Sent as a bearer token.
    pub key: Option<Key>,
    /// Bound of one exchange, from the connection to the last byte.
    pub deadline: Duration,
    /// Longest wait that a server may ask for by `Retry-After` before the one further attempt; above it there is none.
    pub wait_max: Duration,
    /// Longest answer body, bytes.
    pub body_bytes_max: usize,
    /// Most tokens that the model may write.
    pub answer_tokens_max: u32,
    /// Most tokens of the evidence pack.
    pub pack_tokens_max: u32,
    /// The most that may be shown to the model; `None` is the default of its place: everything to one on this machine, names
    /// as pseudonyms and no words to one elsewhere.
    pub show: Option<DataClass>,
    /// Names are shown as pseudonyms; `None` is the default of its place: not to one on this machine.
    pub pseudonyms: Option<bool>,
    /// What it may cost.
    pub budget: Budget,
    /// Failures in a row after which it is left alone.
    pub failures: u32,
    /// For so long at first.
    pub pause: Duration,
}

impl Settings {
    /// With bounds that fit a local model as well as a cloud: a minute, 1 MiB, 512 tokens of answer, 2,000 of evidence.
    #[must_use]
    pub fn new(endpoint: Url, model: &str) -> Self {
        Self {
            endpoint,
            model: model.to_owned(),
            key: None,
            deadline: Duration::from_secs(60),
            wait_max: Duration::from_secs(10),
            body_bytes_max: 1 << 20,
            answer_tokens_max: 512,
            pack_tokens_max: 2_000,
            show: None,
            pseudonyms: None,
            budget: Budget::default(),
            failures: breaker::FAILURES,
            pause: Duration::from_millis(breaker::PAUSE_MS),
        }
    }

    /// The endpoint is on this machine, by its name or address. (What listens there may still pass it on: a tunnel is
    /// somebody's decision, and not seen from here.)
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.endpoint.host.as_str();
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// What is sent cannot be read on the way.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.endpoint.to_string().starts_with("https://")
    }

    /// How evidence is packed for this model.
    #[must_use]
    pub fn pack_options(&self) -> PackOptions {
        let base = if self.is_local() { PackOptions::local() } else { PackOptions::remote() };
        let pseudonyms = self.pseudonyms.unwrap_or(base.pseudonyms);
        PackOptions { tokens_max: self.pack_tokens_max, class: self.show.unwrap_or(base.class), pseudonyms, ..base }
    }

    /// A path of the API as a URL.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        let base = self.endpoint.path.trim_end_matches('/');
        self.endpoint.with_path(&format!("{base}/{path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings::new(url.parse().unwrap(), "m")
    }

    #[test]
    fn a_model_elsewhere_sees_pseudonyms_and_no_words_unless_the_operator_says_otherwise() {
        for url in ["http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:8/v1", "http://127.9.9.9/"] {
            assert!(settings(url).is_local(), "{url}");
            assert_eq!(settings(url).pack_options().class, DataClass::Words);
        }
        for url in ["http://10.0.0.1/v1", "http://localhost.example.org/", "http://api.example.org/v1", "http://[::2]/"]
        {
            let options = settings(url).pack_options();
            assert!(options.pseudonyms && options.class == DataClass::Names, "{url}");
        }
        let asked = Settings { show: Some(DataClass::Figures), ..settings("http://localhost/") };
        assert_eq!(asked.pack_options().class, DataClass::Figures);
    }

    #[test]
    fn paths_go_after_the_base() {
        assert_eq!(settings("http://h:1/v1").url("models").to_string(), "http://h:1/v1/models");
        assert_eq!(settings("http://h:1/v1/").url("chat/completions").path, "/v1/chat/completions");
        assert_eq!(settings("http://h:1").url("models").path, "/models");
    }
}
