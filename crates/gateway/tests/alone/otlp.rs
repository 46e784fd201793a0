//! Spans arrive at a collector, carry on the trace that a request brings, and never hold a request up.

use crate::common::{Backend, eventually};
use crate::{Lone, file, listener, mirror, pool, route};
use plimsoll_gateway::control::ToGateway;
use plimsoll_model::gateway::GatewayFile;
use plimsoll_model::otlp::OtlpSpec;
use plimsoll_model::{Millis, Permille};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A collector that keeps what it is sent, after answering so many messages with 503.
struct Collector {
    backend: Backend,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    fn start(refusals: usize) -> Self {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (kept, asked) = (Arc::clone(&messages), AtomicUsize::new(0));
        let backend = Backend::start(move |peer| {
            while let Some(head) = peer.head() {
                assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
                let lower = head.to_ascii_lowercase();
                assert!(lower.contains("content-type: application/json\r\n"), "{head}");
                let length = lower.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                let body = peer.take(length.parse().unwrap());
                let is_refused = asked.fetch_add(1, Ordering::SeqCst) < refusals;
                if !is_refused {
                    kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                }
                let status = if is_refused { "503 Later" } else { "200 OK" };
                peer.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}"));
            }
        });
        Self { backend, messages }
    }

    fn spans(&self) -> Vec<Value> {
        let messages = self.messages.lock().unwrap();
        let resources = messages.iter().flat_map(|message| message["resourceSpans"].as_array().unwrap());
        let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().unwrap());
        scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone()).collect()
    }
}

fn attribute<'s>(span: &'s Value, key: &str) -> Option<&'s str> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == key)?["value"];
    value["stringValue"].as_str().or_else(|| value["intValue"].as_str())
}

fn exporting(collector: &Collector, backend: &Backend, change: impl FnOnce(&mut OtlpSpec)) -> GatewayFile {
    let mut route = route("shop");
    route.path_prefix = "/shop".to_owned();
    let mut file = file(listener(vec![route]), [("shop", pool(&[backend.address]))]);
    let mut spec = OtlpSpec {
        address: collector.backend.address,
        path: "/v1/traces".to_owned(),
        service: "edge".to_owned(),
        sample: Permille(1_000),
        batch_max: 100,
        queue_max: 1_000,
        interval: Millis(20),
        timeout: Millis(5_000),
    };
    change(&mut spec);
    file.gateway.observe.otlp = Some(spec);
    file
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

#[test]
fn each_sampled_request_is_one_span_and_its_endpoint_sees_it() {
    let (collector, backend) = (Collector::start(0), mirror());
    let mut lone = Lone::start(exporting(&collector, &backend, |_| {}));
    let begun = lone.get("/shop/1?secret=1", "");
    let brought = lone.get("/shop/2", &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: a=b\r\n"));
    let not_sampled = format!("traceparent: 00-{TRACE}-{PARENT}-00\r\n");
    assert!(lone.get("/shop/3", &not_sampled).text().contains(&not_sampled), "passed on as it is");
    assert_eq!(lone.get("/nowhere", "").status, 404);
    eventually("three spans", || collector.spans().len() >= 3);
    lone.control.await_report("three sent", |report| (report.spans_sent, report.spans_dropped) == (3, 0));
    let spans = collector.spans();
    let of = |path: &str| spans.iter().find(|span| attribute(span, "url.path") == Some(path)).unwrap();
    let (one, two, lost) = (of("/shop/1"), of("/shop/2"), of("/nowhere"));
    for (span, response) in [(one, &begun), (two, &brought)] {
        let line = format!(
            "traceparent: 00-{}-{}-01\r\n",
            span["traceId"].as_str().unwrap(),
            span["spanId"].as_str().unwrap()
        );
        assert_eq!(response.text().to_ascii_lowercase().matches("traceparent").count(), 1, "{}", response.text());
        assert!(response.text().contains(&line), "{line} in {}", response.text());
        assert_eq!(attribute(span, "http.response.status_code"), Some("200"));
        assert_eq!(attribute(span, "plimsoll.pool"), Some("shop"));
        assert_eq!(attribute(span, "plimsoll.endpoint"), Some(&*backend.address.to_string()));
        assert_eq!((span["kind"].as_u64(), span["name"].as_str()), (Some(2), Some("GET")));
        let at = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(
            at("startTimeUnixNano") > 1_600_000_000_000_000_000 && at("endTimeUnixNano") >= at("startTimeUnixNano")
        );
    }
    assert_eq!((two["traceId"].as_str(), two["parentSpanId"].as_str()), (Some(TRACE), Some(PARENT)));
    assert!(brought.text().contains("tracestate: a=b\r\n"));
    assert!(one.get("parentSpanId").is_none() && one["traceId"] != two["traceId"]);
    assert_eq!(
        (attribute(lost, "http.response.status_code"), attribute(lost, "error.type")),
        (Some("404"), Some("no-route"))
    );
    assert!(lost["status"].get("code").is_none(), "what a client does wrong is no error of the server");
    let first = &collector.messages.lock().unwrap()[0]["resourceSpans"][0]["resource"]["attributes"][0];
    assert_eq!((first["key"].as_str(), first["value"]["stringValue"].as_str()), (Some("service.name"), Some("edge")));
}

#[test]
fn a_collector_that_is_busy_is_asked_again_and_the_last_spans_leave_at_the_end() {
    let (collector, backend) = (Collector::start(1), Backend::named("a"));
    let mut lone = Lone::start(exporting(&collector, &backend, |_| {}));
    assert_eq!(lone.get("/shop", "").status, 200);
    lone.control.await_report("sent at the second try", |report| (report.spans_sent, report.spans_dropped) == (1, 0));
    let patient = exporting(&collector, &backend, |spec| spec.interval = Millis(3_600_000));
    lone.reload(Ok(patient)).unwrap();
    eventually("the plan is in use", || lone.get("/shop", "").status == 200 && lone.get("/shop", "").status == 200);
    let before = collector.spans().len();
    lone.control.send(&ToGateway::Stop);
    lone.join();
    assert!(collector.spans().len() > before, "what waited for others has left");
}

#[test]
fn nobody_waits_for_a_collector_that_does_not_answer() {
    let silent = Backend::start(|peer| while peer.head().is_some() && !peer.take(1 << 20).is_empty() {});
    let collector = Collector { backend: silent, messages: Arc::default() };
    let backend = Backend::named("a");
    let spec = |spec: &mut OtlpSpec| (spec.queue_max, spec.batch_max, spec.timeout) = (2, 1, Millis(3_600_000));
    let mut lone = Lone::start(exporting(&collector, &backend, spec));
    let mut client = lone.connect_client();
    for _ in 0..20 {
        assert_eq!(client.get("/shop").status, 200);
    }
    // One is on its way and two wait.
    let report = lone.control.await_report("drops", |report| report.spans_dropped >= 17);
    assert!(report.spans_sent == 0 && report.spans_dropped <= 18, "{} dropped", report.spans_dropped);
}
