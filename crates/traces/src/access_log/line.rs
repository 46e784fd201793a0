//! The time of one line of a log.

use crate::date::parse_time;
use plimsoll_model::Timestamp;

/// How the lines of a log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// By each line: JSON where it begins with `{`, else common.
    #[default]
    Auto,
    /// Common or combined: `… [10/Oct/2000:13:55:36 -0700] …`.
    Common,
    /// A JSON object with a member that is a time.
    Json,
}

/// Members of a JSON line that hold its time, the first that is there counts.
const MEMBERS: [&str; 9] =
    ["time", "timestamp", "@timestamp", "ts", "time_iso8601", "time_local", "msec", "datetime", "date"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl LogFormat {
    /// What a line has to have, for a message.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Auto => "[brackets] as in the common format, or as a member of a JSON object",
            Self::Common => "[brackets] as in the common format",
            Self::Json => {
                "a member `time`, `timestamp`, `@timestamp`, `ts`, `time_iso8601`, `time_local`, `msec`, \
                           `datetime` or `date` of a JSON object"
            }
        }
    }
}

/// When the request of this line was; none where it does not say.
#[must_use]
pub fn time_of(line: &str, format: LogFormat) -> Option<Timestamp> {
    let is_json = match format {
        LogFormat::Auto => line.trim_start().starts_with('{'),
        LogFormat::Common => false,
        LogFormat::Json => true,
    };
    if is_json { in_json(line) } else { in_brackets(line) }
}

/// The first text in brackets that is a time: a client's name may have brackets of its own.
fn in_brackets(line: &str) -> Option<Timestamp> {
    let mut rest = line;
    while let Some((_, after)) = rest.split_once('[') {
        if let Some(at) = after.split_once(']').and_then(|(inside, _)| common(inside).or_else(|| parse_time(inside))) {
            return Some(at);
        }
        rest = after;
    }
    None
}

/// `10/Oct/2000:13:55:36 -0700`.
fn common(text: &str) -> Option<Timestamp> {
    let (moment, zone) = text.split_once(' ').unwrap_or((text, "+0000"));
    let (day, clock) = moment.split_once(':')?;
    let mut parts = day.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let (hours, minutes) = zone.split_at_checked(zone.len().checked_sub(2)?)?;
    parse_time(&format!("{year}-{month:02}-{day}T{clock}{hours}:{minutes}"))
}

fn in_json(line: &str) -> Option<Timestamp> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    let value = MEMBERS.iter().find_map(|member| object.get(*member))?;
    match value {
        serde_json::Value::Number(number) => parse_time(&number.to_string()),
        serde_json::Value::String(text) => parse_time(text).or_else(|| common(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_servers_write_them() {
        let at = Timestamp(971_211_336_000);
        for line in [
            "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 2326",
            "[::1] - - [10/Oct/2000:20:55:36 +0000] \"GET /\" 200 1",
            "x [2000-10-10T20:55:36Z] y",
            "{\"time\":\"2000-10-10T20:55:36Z\",\"status\":200}",
            "{\"msec\":971211336}",
            "{\"ts\":971211336000}",
            "{\"time_local\":\"10/Oct/2000:13:55:36 -0700\"}",
            " {\"@timestamp\":\"2000-10-10T22:55:36+02:00\"}",
        ] {
            assert_eq!(time_of(line, LogFormat::Auto), Some(at), "{line}");
        }
    }

    #[test]
    fn a_line_without_a_time_has_none() {
        for line in
            ["", "[", "[]", "[10/Foo/2000:13:55:36 -0700]", "[10/Oct/2000 -]", "{\"time\":true}", "{}", "{", "[a b]"]
        {
            assert_eq!(time_of(line, LogFormat::Auto), None, "{line}");
        }
        assert_eq!(time_of("{\"time\":1}", LogFormat::Common), None);
        assert_eq!(time_of("[10/Oct/2000:13:55:36 -0700]", LogFormat::Json), None);
    }
}
