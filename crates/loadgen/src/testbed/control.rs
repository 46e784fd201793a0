//! `POST /control/…`: faults on request, for tests that break a replica in a known way.
//!
//! | path | does |
//! | --- | --- |
//! | `/control/crash?code=N` | the process exits at once with N (1), answering nobody |
//! | `/control/hang?on=true` | nothing but `/control/` is answered any more, `/healthz` included; `on=false` ends it |
//! | `/control/leak?mib=N` | holds and touches N MiB more (1) |
//! | `/control/slow?factor=N` | CPU time and latency times N, 0 to 1,000 (1) |
//! | `/control/fail?share=S` | answers 500 to this share of requests, 0 to 1 (1) |
//!
//! Only POST, so that no link or prefetch of a browser turns a dial, and only for peers on loopback.

use super::service::{Service, text};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use std::net::SocketAddr;
use std::str::FromStr;

pub(crate) const PREFIX: &str = "/control/";
/// Most memory one call leaks, in MiB: 1 TiB.
const LEAK_MIB_MAX: u64 = 1 << 20;

pub(crate) fn turn(service: &Service, request: &Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
    if !peer.ip().is_loopback() {
        return text(StatusCode::FORBIDDEN, "control answers loopback only");
    }
    if request.method() != Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "control takes POST");
    }
    let uri = request.uri();
    match dial(service, &uri.path()[PREFIX.len()..], uri.query().unwrap_or_default()) {
        Ok(line) => text(StatusCode::OK, line),
        Err((status, line)) => text(status, line),
    }
}

type Outcome = Result<String, (StatusCode, String)>;

fn dial(service: &Service, name: &str, query: &str) -> Outcome {
    let dials = &service.dials;
    match name {
        "crash" => {
            let code = argument(query, "code", 1, |code: &i32| (0..=255).contains(code), "0 to 255")?;
            // The point is to die as a crash does: no answer, no drain.
            std::process::exit(code);
        }
        "hang" => {
            dials.hung.set(argument(query, "on", true, |_| true, "true or false")?);
            Ok(format!("hung {}", dials.hung.get()))
        }
        "leak" => {
            service.hold(argument(query, "mib", 1, |mib: &u64| *mib <= LEAK_MIB_MAX, "0 to 1048576")?);
            Ok(format!("holding {} MiB", service.held_mib()))
        }
        "slow" => {
            let in_range = |factor: &f64| (0.0..=1_000.0).contains(factor);
            dials.slow.set(argument(query, "factor", 1.0, in_range, "0 to 1000")?);
            Ok(format!("slow {}", dials.slow.get()))
        }
        "fail" => {
            let in_range = |share: &f64| (0.0..=1.0).contains(share);
            dials.fail.set(argument(query, "share", 1.0, in_range, "0 to 1")?);
            Ok(format!("fail {}", dials.fail.get()))
        }
        _ => Err((StatusCode::NOT_FOUND, "control has crash, hang, leak, slow and fail".into())),
    }
}

/// The value of `name` in a query, `absent` when the query is empty; anything else in the query is refused.
fn argument<T: FromStr>(
    query: &str,
    name: &str,
    absent: T,
    valid: impl Fn(&T) -> bool,
    range: &str,
) -> Result<T, (StatusCode, String)> {
    if query.is_empty() {
        return Ok(absent);
    }
    let value = query.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).and_then(|text| text.parse().ok());
    value.filter(valid).ok_or_else(|| (StatusCode::BAD_REQUEST, format!("expected {name}=VALUE, {range}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_read_or_refused() {
        let read =
            |query| argument(query, "mib", 1_u64, |mib| *mib < 10, "0 to 9").map_err(|(status, _)| status.as_u16());
        assert_eq!(read(""), Ok(1));
        assert_eq!(read("mib=7"), Ok(7));
        for query in ["mib=10", "mib=-1", "mib", "mb=1", "mib=1&x=2", "mib=1 "] {
            assert_eq!(read(query), Err(400), "{query}");
        }
    }
}
