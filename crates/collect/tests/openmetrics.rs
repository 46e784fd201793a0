//! The format's own suite of accepted and refused documents, and the writer against the parser.

#![allow(clippy::unwrap_used, reason = "clippy sees only the bodies of `#[test]` as test code, not what they call")]

use plimsoll_collect::openmetrics::{Family, FamilyKind, WriteError, Writer, parse};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Read as _;

/// Each case of the suite: its document, and whether it is to be accepted.
fn suite(test: &str) -> Option<BTreeMap<String, (Option<String>, bool)>> {
    let path = plimsoll_traces::dataset::find_for_test(test, "openmetrics-tests/openmetrics-tests.tar.xz")?;
    let archive = std::fs::File::open(path).unwrap();
    let mut cases: BTreeMap<String, (Option<String>, bool)> = BTreeMap::new();
    for entry in tar::Archive::new(liblzma::read::XzDecoder::new(archive)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let Some((case, file)) = path.split_once("testdata/parsers/").and_then(|(_, rest)| rest.split_once('/')) else {
            continue;
        };
        let (case, is_metrics) = (case.to_owned(), file == "metrics");
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        let entry = cases.entry(case).or_default();
        if is_metrics {
            entry.0 = Some(text);
        } else if path.ends_with("test.json") {
            entry.1 = serde_json::from_str::<serde_json::Value>(&text).unwrap()["shouldParse"].as_bool().unwrap();
        }
    }
    cases.retain(|_, (text, _)| text.is_some());
    Some(cases)
}

#[test]
fn the_formats_own_suite_is_accepted_and_refused_case_by_case() {
    let Some(suite) = suite("the_formats_own_suite_is_accepted_and_refused_case_by_case") else { return };
    let mut wrong = Vec::new();
    for (case, (text, is_good)) in &suite {
        let parsed = parse(text.as_ref().unwrap());
        if parsed.is_ok() != *is_good {
            wrong.push(format!("{case}: {:?}", parsed.map(|families| families.len())));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "of {} cases", suite.len());
    assert!(suite.len() >= 200, "only {} cases", suite.len());
}

#[test]
fn a_document_says_what_it_says() {
    let text = "# TYPE a counter\n# HELP a two\\nlines \\\\ \\t\na_total{b=\"x # \\\"y\\\"\"} 7 1.5 # {id=\"q\"} 0.5 2\nc -Inf\n# EOF\n";
    let families = parse(text).unwrap();
    assert_eq!(families.len(), 2);
    let Family { name, kind, help, samples, .. } = &families[0];
    assert_eq!((name.as_str(), *kind, help.as_deref()), ("a", FamilyKind::Counter, Some("two\nlines \\ \\t")));
    let exemplar = samples[0].exemplar.as_ref().unwrap();
    assert_eq!((samples[0].value, samples[0].timestamp_s, exemplar.timestamp_s), (7.0, Some(1.5), Some(2.0)));
    assert_eq!(samples[0].labels, [("b".to_owned(), "x # \"y\"".to_owned())]);
    assert_eq!((families[1].kind, families[1].samples[0].value), (FamilyKind::Unknown, f64::NEG_INFINITY));
    let error = parse("a 1\nb {} 1\n# EOF\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2: the value is no number");
}

#[test]
fn the_writer_writes_what_the_format_asks_for() {
    let mut writer = Writer::new();
    writer.family("plimsoll_decisions", FamilyKind::Counter, None, "Decisions made.").unwrap();
    writer.counter(&[("service", "shop")], 12.0).unwrap();
    writer.family("plimsoll_cpu_cores", FamilyKind::Gauge, Some("cores"), "CPU \"used\"\nnow.").unwrap();
    writer.gauge(&[], 0.25).unwrap();
    writer.family("plimsoll_build", FamilyKind::Info, None, "Version.").unwrap();
    writer.info(&[("version", "0.1.0")]).unwrap();
    writer.family("phase", FamilyKind::StateSet, None, "Phase.").unwrap();
    writer.state(&[("replica", "shop/1")], &[("ready", true), ("draining", false)]).unwrap();
    writer.family("latency_seconds", FamilyKind::Histogram, Some("seconds"), "Latency.").unwrap();
    writer.histogram(&[], &[(0.005, 1), (1.0, 3)], 4, 2.5).unwrap();
    writer.family("step_seconds", FamilyKind::Summary, Some("seconds"), "Step.").unwrap();
    writer.summary(&[], &[(0.5, 0.1), (0.99, f64::NAN)], 2, 0.2).unwrap();
    let text = writer.finish();
    assert!(text.starts_with(
        "# TYPE plimsoll_decisions counter\n# HELP plimsoll_decisions Decisions made.\nplimsoll_decisions_total{service=\"shop\"} 12\n"
    ));
    assert!(text.contains("\nlatency_seconds_bucket{le=\"0.005\"} 1\nlatency_seconds_bucket{le=\"1.0\"} 3\n"));
    assert!(text.ends_with("step_seconds_sum 0.2\n# EOF\n"));
    assert_eq!(parse(&text).unwrap().len(), 6);
}

#[test]
fn the_writer_refuses_what_would_not_be_valid() {
    let mut writer = Writer::new();
    assert!(matches!(writer.gauge(&[], 1.0), Err(WriteError::Kind { .. })));
    assert!(matches!(writer.family("1a", FamilyKind::Gauge, None, ""), Err(WriteError::MetricName(_))));
    assert!(matches!(writer.family("a", FamilyKind::Gauge, Some("s"), ""), Err(WriteError::Unit { .. })));
    writer.family("a", FamilyKind::Counter, None, "").unwrap();
    assert!(matches!(writer.family("a_total", FamilyKind::Gauge, None, ""), Err(WriteError::Taken(_))));
    assert!(matches!(writer.counter(&[], -1.0), Err(WriteError::Value { .. })));
    assert!(matches!(writer.counter(&[("x", ""), ("x", "")], 1.0), Err(WriteError::LabelName(_))));
    writer.family("h", FamilyKind::Histogram, None, "").unwrap();
    assert!(matches!(writer.histogram(&[("le", "")], &[], 1, 1.0), Err(WriteError::LabelName(_))));
    assert!(matches!(writer.histogram(&[], &[(2.0, 1), (1.0, 2)], 3, 1.0), Err(WriteError::Buckets)));
    assert_eq!(parse(&writer.finish()).unwrap().iter().map(|family| family.samples.len()).sum::<usize>(), 0);
}

proptest! {
    #[test]
    fn whatever_is_written_reads_back(
        help in ".*", value in any::<f64>(), labels in proptest::collection::btree_map("[a-z_][a-z0-9_]{0,5}", ".*", 0..4)
    ) {
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut writer = Writer::new();
        writer.family("m", FamilyKind::Gauge, None, &help).unwrap();
        writer.gauge(&pairs, value).unwrap();
        let families = parse(&writer.finish()).unwrap();
        prop_assert_eq!(families[0].help.as_deref(), Some(help.as_str()));
        let sample = &families[0].samples[0];
        prop_assert!(sample.value == value || (sample.value.is_nan() && value.is_nan()));
        prop_assert_eq!(sample.labels.iter().cloned().collect::<BTreeMap<_, _>>(), labels);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "([#a-z0-9_{}=\", \\\\\n+.-]|# TYPE a (counter|histogram)\n|# EOF\n){0,60}") {
        let _ = parse(&text);
    }
}
