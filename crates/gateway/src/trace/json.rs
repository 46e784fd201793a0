//! Spans in the JSON form of OTLP: identifiers in hexadecimal, 64-bit numbers as text.
//!
//! # Source
//! OpenTelemetry Protocol, "OTLP/HTTP", "JSON Protobuf Encoding"; `opentelemetry.proto.trace.v1`; attributes by the semantic
//! conventions for HTTP servers.

use super::Span;
use serde_json::{Value, json};

/// `SPAN_KIND_SERVER`.
const KIND_SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u8 = 2;

/// One message of these spans.
pub fn message(service: &str, spans: &[Span]) -> Vec<u8> {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let scope = json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") });
    let message = json!({
        "resourceSpans": [{
            "resource": { "attributes": [text("service.name", service)] },
            "scopeSpans": [{ "scope": scope, "spans": spans }],
        }],
    });
    message.to_string().into_bytes()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn hex(digits: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(digits))
}

fn span(span: &Span) -> Value {
    let begun = &span.begun;
    let mut attributes = vec![
        text("http.request.method", &begun.method),
        text("url.scheme", if begun.is_secure { "https" } else { "http" }),
        text("url.path", &begun.path),
        text("server.address", &begun.host),
        text("client.address", &span.client),
        number("http.request.body.size", span.bytes_in),
        number("http.response.body.size", span.bytes_out),
    ];
    attributes.extend(span.status.map(|status| number("http.response.status_code", u64::from(status))));
    attributes.extend(span.reason.map(|reason| text("error.type", reason)));
    attributes.extend(span.pool.as_deref().map(|pool| text("plimsoll.pool", pool)));
    attributes.extend(span.endpoint.map(|endpoint| text("plimsoll.endpoint", &endpoint.to_string())));
    // What the client did wrong is no error of a server's span.
    let is_error = match span.status {
        Some(status) => status >= 500,
        None => span.reason.is_some(),
    };
    let mut object = json!({
        "traceId": hex(&begun.trace),
        "spanId": hex(&begun.id),
        "name": &*begun.method,
        "kind": KIND_SERVER,
        "startTimeUnixNano": span.start_unix_ns.to_string(),
        "endTimeUnixNano": span.end_unix_ns.to_string(),
        "attributes": attributes,
        "status": if is_error { json!({ "code": STATUS_ERROR }) } else { json!({}) },
    });
    if let Some(parent) = &begun.parent {
        object["parentSpanId"] = hex(parent);
    }
    object
}
