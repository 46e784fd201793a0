//! The few parts of a URL that a client needs: scheme, host, port, target.

use std::fmt;
use std::str::FromStr;

/// An absolute `http` or `https` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether the connection is encrypted: `https`.
    pub tls: bool,
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// Port, 80 or 443 where none is given.
    pub port: u16,
    /// Path and query, starting with `/`.
    pub path: String,
}

/// Why a URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an http[s]://HOST[:PORT][/PATH] URL")]
pub struct UrlError(pub String);

impl Url {
    /// `host:port`, IPv6 in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Path and query, as it goes into the request line.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.path
    }

    /// The same server, another path and query.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let refused = || UrlError(text.to_owned());
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(refused()),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#') || authority.contains('@') {
            return Err(refused());
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed.split_once(']').ok_or_else(refused)?;
                (host, port.strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(if tls { 443 } else { 80 }), str::parse).map_err(|_| refused())?;
        if host.is_empty() {
            return Err(refused());
        }
        Ok(Self { tls, host: host.to_owned(), port, path: path.to_owned() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http{}://{}{}", if self.tls { "s" } else { "" }, self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_split_into_host_port_and_target() {
        for (text, host, port, path) in [
            ("http://localhost", "localhost", 80, "/"),
            ("http://127.0.0.1:7411/v1/state?a=b", "127.0.0.1", 7411, "/v1/state?a=b"),
            ("http://[::1]:80/x", "::1", 80, "/x"),
            ("https://prometheus.example/p", "prometheus.example", 443, "/p"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.host.as_str(), url.port, url.path.as_str()), (host, port, path));
            assert_eq!((url.tls, url.to_string().parse()), (text.starts_with("https"), Ok(url.clone())));
        }
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for text in [
            "",
            "ftp://x",
            "https://",
            "http://",
            "http://:80/",
            "http://a:99999/",
            "http://a b/",
            "http://u@h/",
            "http://[::1",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
