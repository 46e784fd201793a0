//! Where the load goes: `http://host:port`, optionally with a path that is put before every path of the mix.

use std::str::FromStr;

/// An HTTP/1.1 server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Put before every path; empty, or starting with `/` and not ending in it.
    pub prefix: String,
}

/// Why a target was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target {text:?} {problem}; expected http://HOST[:PORT][/PREFIX]")]
pub struct TargetError {
    text: String,
    problem: &'static str,
}

impl Target {
    /// What the `Host` header says; the default port is left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let refuse = |problem| TargetError { text: text.to_owned(), problem };
        let rest = match text.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(refuse("is not plain HTTP")),
            None => text,
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(|| refuse("has text after ']'"))?)),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains('@') || !host.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("names no host"));
        }
        let port = match port {
            None => 80,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| refuse("has no valid port"))?,
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'?') {
            return Err(refuse("has a prefix with a query, a fragment or a character outside ASCII"));
        }
        Ok(Self { host: host.to_owned(), port, prefix: path.trim_end_matches('/').to_owned() })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        for (text, shown) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:81/api/", "http://[::1]:81/api"),
            ("http://example", "http://example"),
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
        }
        for text in [
            "https://a",
            "http://",
            "http://a:0",
            "http://a:x",
            "http://[::1]x",
            "http://u@h",
            "http://a/?q",
            "ftp://a",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
