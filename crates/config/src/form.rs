//! Text with a shape: names, addresses, paths, moments, schedules.
//!
//! Each form is one entry with what it is called, an example, a pattern for the JSON Schema and a check. The pattern is
//! for editors and may be wider than the check; the check decides.

use crate::moment;
use crate::nearest::nearest;
use crate::unit::Unit;
use plimsoll_autoscale::cron::{self, CronError, Expression};
use plimsoll_model::id::NAME_LEN_MAX;
use std::net::{IpAddr, SocketAddr};

/// Longest text in bytes; a longer one is a mistake (a certificate pasted into an argument) and Linux itself refuses
/// arguments over 128 KiB.
pub const TEXT_LEN_MAX: usize = 32_768;

/// The shape of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything without a NUL, not empty.
    Text,
    /// An argument of a command: anything without a NUL.
    Argument,
    /// 1 to 63 of `a-z`, `0-9` and `-`, as in a DNS label.
    Name,
    /// An IP address and a port.
    Address,
    /// The path of a URL.
    UrlPath,
    /// A host name, for matching.
    Host,
    /// A file or directory, relative to the spec file.
    File,
    /// A moment with a zone.
    Moment,
    /// When a job runs.
    Schedule,
    /// An address block in CIDR notation, or one address.
    Network,
    /// A cron expression of five fields.
    Cron,
    /// A time zone of the IANA database.
    Zone,
    /// A token of HTTP: a method, the name of a field or of a cookie.
    Token,
    /// The value of a field.
    FieldValue,
}

impl Form {
    /// What it is, for a message.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Text => "text, not empty",
            Self::Argument => "text",
            Self::Name => "a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'",
            Self::Address => "an IP address and a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"",
            Self::UrlPath => "a URL path such as \"/\" or \"/healthz\"",
            Self::Host => "a host name such as \"shop.example\", without a port",
            Self::File => "a path, relative to the spec file",
            Self::Moment => "a moment in UTC such as \"2018-01-07T00:00:00Z\"",
            Self::Schedule => "\"once\", \"manual\", \"every 1h\" or \"daily 03:30\"",
            Self::Network => "an address block such as \"10.0.0.0/8\" or \"::1\"",
            Self::Cron => "minute, hour, day of month, month and day of week, such as \"30 8 * * 1-5\"",
            Self::Zone => "a time zone of the IANA database such as \"Europe/Zurich\"",
            Self::Token => "a token of HTTP such as \"GET\" or \"X-Tenant\"",
            Self::FieldValue => "the value of a field: visible ASCII with spaces within",
        }
    }

    /// A regular expression (ECMA 262) for editors.
    #[must_use]
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Argument => None,
            Self::Text | Self::File => Some(r"^[^\u0000]+$"),
            Self::Name => Some(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
            Self::Address => Some(r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}$"),
            Self::UrlPath => Some(r"^/[!-~]*$"),
            Self::Host => Some(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"),
            Self::Moment => Some(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2})$"),
            Self::Schedule => Some(r"^(once|manual|every .+|daily [0-9]{2}:[0-9]{2}(:[0-9]{2})?)$"),
            Self::Network => Some(r"^[0-9a-fA-F:.]+(/[0-9]{1,3})?$"),
            Self::Cron => Some(r"^\s*\S+(\s+\S+){4}\s*$"),
            Self::Zone => Some(r"^[A-Za-z0-9_+/-]+$"),
            Self::Token => Some(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
            Self::FieldValue => Some(r"^[!-~]([ -~]*[!-~])?$"),
        }
    }

    /// Whether the text has this form, and if not, what about it is wrong (a clause; may be empty when the noun says
    /// enough).
    ///
    /// # Errors
    /// The clause.
    pub fn check(self, text: &str) -> Result<(), String> {
        if text.contains('\0') {
            return Err("it holds a NUL character, which no argument or path can".to_owned());
        }
        if text.len() > TEXT_LEN_MAX {
            return Err(format!("it is {} bytes long, the most is {TEXT_LEN_MAX}", text.len()));
        }
        if text.is_empty() && self != Self::Argument {
            return Err("it is empty".to_owned());
        }
        match self {
            Self::Text | Self::Argument | Self::File => Ok(()),
            Self::Name => name(text),
            Self::Address => address(text).map(|_| ()),
            Self::UrlPath => url_path(text),
            Self::Host => host(text),
            Self::Moment => moment::parse(text).map(|_| ()).ok_or_else(|| moment_reason(text)),
            Self::Schedule => schedule(text).map(|_| ()),
            Self::Network => network(text),
            Self::Cron => Expression::read(text).map(|_| ()).map_err(|error| error.to_string()),
            Self::Zone => zone(text),
            Self::Token => token(text),
            Self::FieldValue => field_value(text),
        }
    }
}

fn name(text: &str) -> Result<(), String> {
    if text.len() > NAME_LEN_MAX {
        return Err(format!("it is {} characters long", text.len()));
    }
    match plimsoll_model::ServiceName::try_new(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(match text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            Some(other) => format!("{other:?} is not allowed in it"),
            None => "its first or last character is not allowed there".to_owned(),
        }),
    }
}

/// The socket address that `text` names.
///
/// # Errors
/// A clause that says what about it is wrong.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.rsplit_once(':') {
        _ if text.parse::<IpAddr>().is_ok() => "the port is missing".to_owned(),
        None => "the port is missing".to_owned(),
        Some((_, port)) if port.parse::<u16>().is_err() => format!("{port:?} is not a port (0 to 65535)"),
        Some(("localhost", port)) => format!("a name may resolve to many addresses; write \"127.0.0.1:{port}\""),
        Some(("" | "*", port)) => format!("write \"0.0.0.0:{port}\" for every address of this machine"),
        Some((host, _)) => format!("{host:?} is not an IP address"),
    })
}

/// Whether only this machine can reach the address.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn url_path(text: &str) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err("it does not start with '/'".to_owned());
    }
    match text.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
        Some(other) => Err(format!("{other:?} is not allowed in it; percent-encode it")),
        None => Ok(()),
    }
}

fn host(text: &str) -> Result<(), String> {
    if let Some((_, port)) = text.rsplit_once(':') {
        return Err(format!("it has a port ({port}), which is not part of the match"));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')) {
        Some('*') => Err("it has a wildcard; leave `host` out to match every host".to_owned()),
        Some(other) => Err(format!("{other:?} is not allowed in it")),
        None if !text.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !text.ends_with(|c: char| c.is_ascii_alphanumeric()) =>
        {
            Err("it starts or ends with a character that is not allowed there".to_owned())
        }
        None if text.len() > 253 => Err(format!("it is {} characters long, the most is 253", text.len())),
        None => Ok(()),
    }
}

fn moment_reason(text: &str) -> String {
    if moment::parse(&format!("{text}Z")).is_some() {
        return format!("the zone is missing; write \"{text}Z\" for UTC");
    }
    if moment::parse(&format!("{text}T00:00:00Z")).is_some() {
        return format!("the time is missing; write \"{text}T00:00:00Z\"");
    }
    "it is no such date or time".to_owned()
}

fn network(text: &str) -> Result<(), String> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(ip) = address.parse::<IpAddr>() else { return Err(format!("{address:?} is not an IP address")) };
    let most = if ip.is_ipv4() { 32_u8 } else { 128 };
    match bits {
        Some(bits) if !bits.parse::<u8>().is_ok_and(|bits| bits <= most) => {
            Err(format!("{bits:?} is not a prefix length (0 to {most})"))
        }
        _ => Ok(()),
    }
}

/// RFC 9110 section 5.6.2.
fn token(text: &str) -> Result<(), String> {
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*c))) {
        Some(other) => Err(format!("{other:?} is not allowed in it")),
        None => Ok(()),
    }
}

/// RFC 9110 section 5.5, without the bytes that the RFC calls obsolete.
pub fn field_value(text: &str) -> Result<(), String> {
    match text.chars().find(|c| !matches!(c, ' '..='~')) {
        Some(other) => Err(format!("{other:?} is not allowed in it")),
        None if text.trim() != text => Err("it begins or ends with a space".to_owned()),
        None => Ok(()),
    }
}

fn zone(text: &str) -> Result<(), String> {
    let near = match cron::zone(text) {
        Ok(_) => return Ok(()),
        Err(CronError::Zone { near: Some(near), .. }) => Some(near),
        Err(_) => nearest(text, cron::zones()).map(str::to_owned),
    };
    let meant = near.map_or(String::new(), |near| format!("; did you mean {near:?}?"));
    Err(format!("there is no such zone{meant}"))
}

/// A schedule as written; times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// `once`
    Once,
    /// `manual`
    Manual,
    /// `every SPAN`
    Every(u64),
    /// `daily HH:MM`
    Daily(u64),
}

/// Reads a schedule. The shortest period is one second: a shorter one would be a busy loop of processes.
///
/// # Errors
/// A clause that says what about it is wrong.
pub fn schedule(text: &str) -> Result<Written, String> {
    match text.split_once(' ') {
        None if text == "once" => Ok(Written::Once),
        None if text == "manual" => Ok(Written::Manual),
        Some(("every", span)) => match Unit::Duration.parse(span) {
            Ok(ms) if ms >= 1_000 => Ok(Written::Every(ms.unsigned_abs())),
            Ok(_) => Err("the shortest period is 1s".to_owned()),
            Err(error) => Err(format!("{span:?} is not a duration: {error}")),
        },
        Some(("daily", time)) => moment::time_of_day(time)
            .map(|ms| Written::Daily(ms.unsigned_abs()))
            .ok_or_else(|| format!("{time:?} is not a time of day (00:00 to 23:59)")),
        _ => Err(String::new()),
    }
}
