//! What an endpoint says of its own load with an answer: the fields `endpoint-load-metrics` and their three formats.
//!
//! Written as text (`TEXT cpu_utilization=0.3,rps_fractional=10`), as JSON (`JSON {"cpu_utilization": 0.3}`) or as a
//! protocol buffer in base64 (`BIN …`), with the format's word in front or in the field's name (`endpoint-load-metrics-bin`,
//! `-json`). Without a word it is text. Only what weights are made of is kept; the rest is read over.
//!
//! A report is believed as a whole or not at all: a number that is negative or none, an unknown format, two fields, or more
//! than [`BYTES_MAX`] bytes make it invalid, and the endpoint keeps the weight it has.
//!
//! # Source
//! Open Request Cost Aggregation, `xds.data.orca.v3.OrcaLoadReport` (cncf/xds); the fields' names and formats as Envoy and gRPC
//! (A51) read them.

mod binary;

use httparse::Header;
use plimsoll_balance::LoadReport;
use serde::Deserialize;

/// A longer report is not read.
const BYTES_MAX: usize = 4 * 1024;
/// Metrics of a text.
const METRICS_MAX: usize = 256;

const FIELD: &str = "endpoint-load-metrics";
const FIELD_JSON: &str = "endpoint-load-metrics-json";
const FIELD_BINARY: &str = "endpoint-load-metrics-bin";

/// The fields that carry a report.
pub const FIELDS: [&str; 3] = [FIELD, FIELD_JSON, FIELD_BINARY];

/// It cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// The report among the fields of an answer; none where there is none.
pub fn find(fields: &[Header<'_>]) -> Option<Result<LoadReport, Invalid>> {
    let mut found = fields.iter().filter_map(|field| {
        let name = FIELDS.into_iter().find(|name| field.name.eq_ignore_ascii_case(name))?;
        Some((name, field.value))
    });
    let (name, value) = found.next()?;
    if found.next().is_some() || value.len() > BYTES_MAX {
        return Some(Err(Invalid));
    }
    Some(read(name, value).filter(is_sound).ok_or(Invalid))
}

fn read(name: &str, value: &[u8]) -> Option<LoadReport> {
    let value = std::str::from_utf8(value).ok()?.trim();
    match name {
        FIELD_BINARY => return binary::read(value),
        FIELD_JSON => return json(value),
        _ => {}
    }
    match value.split_once(' ') {
        Some(("BIN", rest)) => binary::read(rest.trim()),
        Some(("JSON", rest)) => json(rest),
        Some(("TEXT", rest)) => text(rest),
        _ => text(value),
    }
}

fn is_sound(report: &LoadReport) -> bool {
    let LoadReport { application_utilization, cpu_utilization, rps, eps } = report;
    [application_utilization, cpu_utilization, rps, eps].into_iter().all(|value| value.is_finite() && *value >= 0.0)
}

/// `name=value` or `name:value`, separated by commas; each name once.
fn text(value: &str) -> Option<LoadReport> {
    let mut report = LoadReport::default();
    let mut seen = [false; 4];
    for (at, metric) in value.split(',').map(str::trim).filter(|metric| !metric.is_empty()).enumerate() {
        let (name, value) = metric.split_once(['=', ':']).filter(|_| at < METRICS_MAX)?;
        let number: f64 = value.trim().parse().ok().filter(|number: &f64| number.is_finite())?;
        let (place, slot) = match name.trim() {
            "application_utilization" => (&mut report.application_utilization, 0),
            "cpu_utilization" => (&mut report.cpu_utilization, 1),
            "rps_fractional" | "rps" => (&mut report.rps, 2),
            "eps" => (&mut report.eps, 3),
            "" => return None,
            _ => continue,
        };
        if std::mem::replace(&mut seen[slot], true) {
            return None;
        }
        *place = number;
    }
    Some(report)
}

/// In the names of the protocol buffer or in those of its JSON form.
#[derive(Deserialize)]
struct Json {
    #[serde(default, alias = "applicationUtilization")]
    application_utilization: f64,
    #[serde(default, alias = "cpuUtilization")]
    cpu_utilization: f64,
    #[serde(default, alias = "rpsFractional")]
    rps_fractional: f64,
    #[serde(default)]
    eps: f64,
}

fn json(value: &str) -> Option<LoadReport> {
    let Json { application_utilization, cpu_utilization, rps_fractional, eps } = serde_json::from_str(value).ok()?;
    Some(LoadReport { application_utilization, cpu_utilization, rps: rps_fractional, eps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(application: f64, cpu: f64, rps: f64, eps: f64) -> LoadReport {
        LoadReport { application_utilization: application, cpu_utilization: cpu, rps, eps }
    }

    fn of(fields: &[(&str, &str)]) -> Option<Result<LoadReport, Invalid>> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        find(&fields)
    }

    #[test]
    fn all_formats_say_the_same() {
        let wanted = Some(Ok(report(0.0, 0.5, 10.0, 1.5)));
        // cpu_utilization = 0.5 (field 1), rps_fractional = 10 (6), eps = 1.5 (7), named_metrics {"m": 2} (8).
        let binary = "CQAAAAAAAOA/MQAAAAAAACRAOQAAAAAAAPg/QgwKAW0RAAAAAAAAAEA=";
        for (name, value) in [
            ("endpoint-load-metrics", "TEXT cpu_utilization=0.5,rps_fractional=10.0,eps=1.5"),
            ("Endpoint-Load-Metrics", "cpu_utilization:0.5, eps : 1.5 , rps_fractional:10, named_metrics.m:2"),
            ("endpoint-load-metrics", "TEXT mem_utilization=0.8,cpu_utilization=5e-1,rps_fractional=10,eps=1.5"),
            ("endpoint-load-metrics", r#"JSON {"cpu_utilization": 0.5, "rps_fractional": 10, "eps": 1.5}"#),
            (
                "endpoint-load-metrics-json",
                r#"{"cpuUtilization":0.5,"rpsFractional":10,"eps":1.5,"namedMetrics":{"m":2}}"#,
            ),
            ("endpoint-load-metrics", &format!("BIN {binary}")),
            ("endpoint-load-metrics-bin", binary),
            ("endpoint-load-metrics-bin", binary.trim_end_matches('=')),
        ] {
            assert_eq!(of(&[("server", "x"), (name, value)]), wanted, "{name}: {value}");
        }
        assert_eq!(
            of(&[("endpoint-load-metrics", "TEXT application_utilization=0.9")]),
            Some(Ok(report(0.9, 0.0, 0.0, 0.0)))
        );
        assert_eq!(of(&[("endpoint-load", "TEXT eps=1")]), None);
        assert_eq!(of(&[("endpoint-load-metrics", "")]), Some(Ok(LoadReport::default())), "nothing said");
    }

    #[test]
    fn what_cannot_be_believed_is_invalid() {
        let long = format!("TEXT {}eps=1", "named_metrics.a=1,".repeat(300));
        for value in [
            "TEXT cpu_utilization=-0.5",
            "TEXT cpu_utilization=nan",
            "TEXT cpu_utilization=inf",
            "TEXT cpu_utilization=0.5,cpu_utilization=0.5",
            "TEXT cpu_utilization",
            "TEXT =1",
            "TEXT eps=1 2",
            "JSON {\"cpu_utilization\": \"high\"}",
            "JSON {\"cpu_utilization\": 0.5",
            "JSON",
            "BIN CQAAAAAAAOA",
            "BIN !!!!",
            &long,
        ] {
            assert_eq!(of(&[("endpoint-load-metrics", value)]), Some(Err(Invalid)), "{value}");
        }
        let twice = [("endpoint-load-metrics", "TEXT eps=1"), ("endpoint-load-metrics-json", "{}")];
        assert_eq!(of(&twice), Some(Err(Invalid)), "two reports");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_believed_is_sound(name in 0_usize..3, value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let fields = [Header { name: FIELDS[name], value: &value }];
            if let Some(Ok(report)) = find(&fields) {
                prop_assert!(is_sound(&report));
            }
        }
    }
}
