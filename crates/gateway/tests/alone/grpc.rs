//! Calls of gRPC from end to end: trailers, streams both ways at once, deadlines, refusals, health.

use crate::common::{PATIENCE, eventually};
use crate::h2_backend::{Answering, H2Backend, Manners, Seen, fields, head, whole};
use crate::upstream::speaking;
use crate::{Lone, file, listener, route};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use h2::server::SendResponse;
use http::{HeaderMap, Method, Request};
use plimsoll_model::Millis;
use plimsoll_model::gateway::{CheckSpec, GatewayFile, ListenerRules, RateSpec, RouteRules};
use plimsoll_model::spec::{Probe, RouteSpec};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn calling(backend: &H2Backend, route: RouteSpec) -> GatewayFile {
    let mut listener = listener(vec![route]);
    listener.rules = ListenerRules { http2: true, ..ListenerRules::default() };
    file(listener, [("shop", speaking(&[backend.address]))])
}

fn start(backend: &H2Backend) -> Lone {
    Lone::start(calling(backend, route("shop")))
}

fn run<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, client).await.expect("in time") })
}

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::task::spawn_local(async move { drop(connection.await) });
    sender.ready().await.unwrap()
}

fn call(path: &str, more: &[(&'static str, &str)]) -> Request<()> {
    let mut request =
        Request::builder().method(Method::POST).uri(format!("http://shop.example{path}")).body(()).unwrap();
    *request.headers_mut() = fields(&[("content-type", "application/grpc"), ("te", "trailers")]);
    request.headers_mut().extend(fields(more));
    request
}

/// A message as gRPC frames it.
fn message(text: &str) -> Bytes {
    [&[0], &(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat().into()
}

struct Answer {
    status: u16,
    head: HeaderMap,
    /// The first frame said that it was the last.
    is_trailers_only: bool,
    body: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Answer {
    fn field<'f>(fields: &'f HeaderMap, name: &str) -> Option<&'f str> {
        fields.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn unary(sender: &mut SendRequest<Bytes>, request: Request<()>) -> Answer {
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    stream.send_data(message("hi"), true).unwrap();
    let (parts, body) = response.await.unwrap().into_parts();
    let is_trailers_only = body.is_end_stream();
    let (body, trailers) = whole(body).await.unwrap();
    Answer { status: parts.status.as_u16(), head: parts.headers, is_trailers_only, body, trailers }
}

/// Answers each message as it comes, and ends with a status when the client has ended.
fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move {
        let te = request.headers().get("te").map_or("none", |te| te.to_str().unwrap()).to_owned();
        let mut body = request.into_body();
        let kind = [("content-type", "application/grpc"), ("x-te", &te)];
        let mut stream = respond.send_response(head(200, &kind), false).unwrap();
        while let Some(Ok(data)) = body.data().await {
            let _ = body.flow_control().release_capacity(data.len());
            if stream.send_data(data, false).is_err() {
                return;
            }
        }
        if body.trailers().await.is_ok() {
            let _ =
                stream.send_trailers(fields(&[("grpc-status", "0"), ("grpc-message", ""), ("x-debug-bin", "AA==")]));
        }
    })
}

#[test]
fn a_call_has_its_status_in_the_trailers() {
    let backend = H2Backend::start(Manners::default(), echo);
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        for _ in 0..20 {
            let answer = unary(&mut sender, call("/shop.Shop/Buy", &[])).await;
            assert_eq!((answer.status, &answer.body[..]), (200, &message("hi")[..]));
            assert_eq!(Answer::field(&answer.head, "x-te"), Some("trailers"));
            let trailers = answer.trailers.unwrap();
            assert_eq!(Answer::field(&trailers, "grpc-status"), Some("0"));
            assert_eq!(Answer::field(&trailers, "x-debug-bin"), Some("AA=="));
        }
    });
}

#[test]
fn both_sides_talk_at_once_and_the_response_begins_before_the_request_ends() {
    let backend = H2Backend::start(Manners::default(), echo);
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let (response, mut stream) = sender.send_request(call("/shop.Shop/Talk", &[]), false).unwrap();
        // The head of the response is there although no message was sent.
        let mut body = response.await.unwrap().into_body();
        for at in 0..100 {
            let said = message(&format!("message {at}"));
            stream.send_data(said.clone(), false).unwrap();
            let mut heard = Vec::new();
            while heard.len() < said.len() {
                let data = body.data().await.unwrap().unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                heard.extend_from_slice(&data);
            }
            assert_eq!(heard, said);
        }
        stream.send_data(Bytes::new(), true).unwrap();
        assert!(body.data().await.is_none());
        let trailers = body.trailers().await.unwrap().unwrap();
        assert_eq!(Answer::field(&trailers, "grpc-status"), Some("0"));
    });
    assert_eq!(Seen::get(&backend.seen.requests), 1);
}

#[test]
fn a_response_may_end_before_its_request_does() {
    let backend = H2Backend::start(Manners::default(), |_, mut respond| {
        Box::pin(async move {
            let mut stream = respond.send_response(head(200, &[("content-type", "application/grpc")]), false).unwrap();
            stream.send_data(message("enough"), false).unwrap();
            stream.send_trailers(fields(&[("grpc-status", "9")])).unwrap();
        })
    });
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        for _ in 0..20 {
            let (response, mut stream) = sender.send_request(call("/shop.Shop/Talk", &[]), false).unwrap();
            stream.send_data(message("and"), false).unwrap();
            let (body, trailers) = whole(response.await.unwrap().into_body()).await.unwrap();
            assert_eq!(body, message("enough"));
            assert_eq!(Answer::field(&trailers.unwrap(), "grpc-status"), Some("9"));
        }
    });
}

#[test]
fn a_response_of_trailers_alone_stays_one() {
    let backend = H2Backend::start(Manners::default(), |_, mut respond| {
        Box::pin(async move {
            let only = [("content-type", "application/grpc"), ("grpc-status", "5"), ("grpc-message", "gone")];
            drop(respond.send_response(head(200, &only), true).unwrap());
        })
    });
    let lone = start(&backend);
    run(async {
        let mut sender = connect(lone.address).await;
        let answer = unary(&mut sender, call("/shop.Shop/Buy", &[])).await;
        assert!(answer.is_trailers_only && answer.body.is_empty());
        assert_eq!(Answer::field(&answer.head, "grpc-status"), Some("5"));
        assert_eq!(Answer::field(&answer.head, "content-length"), None);
    });
}

#[test]
fn what_the_gateway_refuses_is_the_status_of_a_call() {
    let backend = H2Backend::start(Manners::default(), |_, respond| {
        // Never answers.
        Box::pin(async move {
            let mut respond = respond;
            let _ = std::future::poll_fn(|context| respond.poll_reset(context)).await;
        })
    });
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limited = RouteRules { rate: Some(RateSpec { rate_milli: 1, burst: 1 }), ..RouteRules::default() };
    let mut file =
        calling(&backend, RouteSpec { path_prefix: "/slow".to_owned(), timeout: Millis(100), ..route("shop") });
    file.gateway.listeners[0].routes.extend([
        RouteSpec { path_prefix: "/deadline".to_owned(), ..route("shop") },
        RouteSpec { path_prefix: "/gone".to_owned(), ..route("gone") },
        RouteSpec { path_prefix: "/limited".to_owned(), rules: limited, ..route("gone") },
    ]);
    file.pools.insert(crate::service("gone"), speaking(&[gone]));
    let lone = Lone::start(file);
    run(async {
        let mut sender = connect(lone.address).await;
        for (path, more, status, word) in [
            ("/slow/Call", &[][..], "4", "response-timeout"),
            ("/deadline/Call", &[("grpc-timeout", "100m")], "4", "response-timeout"),
            ("/gone/Call", &[], "14", "connect-failed"),
            ("/limited/Call", &[], "14", "connect-failed"),
            ("/limited/Call", &[], "8", "rate-limited"),
            ("/nowhere/Call", &[], "12", "no-route"),
        ] {
            let answer = unary(&mut sender, call(path, more)).await;
            assert!(answer.is_trailers_only, "{path}");
            assert_eq!((answer.status, Answer::field(&answer.head, "grpc-status")), (200, Some(status)), "{path}");
            assert_eq!(Answer::field(&answer.head, "grpc-message"), Some(word), "{path}");
            assert_eq!(Answer::field(&answer.head, "content-type"), Some("application/grpc"));
        }
        let mut plain = call("/nowhere", &[]);
        plain.headers_mut().insert("content-type", "application/json".parse().unwrap());
        assert_eq!(unary(&mut sender, plain).await.status, 404, "others are told by a status of HTTP");
    });
    eventually("what timed out is given up", || Seen::get(&backend.seen.open) == 0);
}

#[test]
fn a_call_that_was_refused_unread_is_made_elsewhere() {
    let refusing = H2Backend::start(Manners::default(), |_, mut respond| {
        Box::pin(async move { respond.send_reset(h2::Reason::REFUSED_STREAM) })
    });
    let serving = H2Backend::start(Manners::default(), echo);
    let mut file = calling(&refusing, route("shop"));
    file.gateway.workers = Some(1);
    file.pools.insert(crate::service("shop"), speaking(&[refusing.address, serving.address]));
    let lone = Lone::start(file);
    run(async {
        let mut sender = connect(lone.address).await;
        for _ in 0..10 {
            let answer = unary(&mut sender, call("/shop.Shop/Buy", &[])).await;
            assert_eq!(Answer::field(&answer.trailers.unwrap(), "grpc-status"), Some("0"));
            // A stream whose request goes on, too, as long as nothing more of it was taken.
            let (response, mut stream) = sender.send_request(call("/shop.Shop/Talk", &[]), false).unwrap();
            let mut body = response.await.unwrap().into_body();
            stream.send_data(message("late"), true).unwrap();
            assert_eq!(body.data().await.unwrap().unwrap(), message("late"));
        }
    });
    assert!(Seen::get(&refusing.seen.requests) > 0);
}

#[test]
fn an_endpoint_that_does_not_say_serving_gets_no_calls() {
    let serves = Arc::new(AtomicBool::new(true));
    let health = Arc::clone(&serves);
    let backend = H2Backend::start(Manners::default(), move |request, mut respond| {
        if request.uri().path() != "/grpc.health.v1.Health/Check" {
            return echo(request, respond);
        }
        let status = if health.load(Ordering::SeqCst) { 1 } else { 2 };
        Box::pin(async move {
            let (asked, _) = whole(request.into_body()).await.unwrap();
            assert_eq!(asked, [&[0, 0, 0, 0, 6, 0x0a, 4][..], b"shop"].concat());
            let mut stream = respond.send_response(head(200, &[("content-type", "application/grpc")]), false).unwrap();
            stream.send_data(vec![0, 0, 0, 0, 2, 8, status].into(), false).unwrap();
            stream.send_trailers(fields(&[("grpc-status", "0")])).unwrap();
        })
    });
    let mut file = calling(&backend, route("shop"));
    file.gateway.listeners[0].routes[0].timeout = Millis(1_000);
    let pool = file.pools.get_mut(&crate::service("shop")).unwrap();
    pool.balance.queue_timeout = Millis(100);
    pool.check = Some(CheckSpec {
        probe: Probe::Tcp,
        grpc: Some("shop".to_owned()),
        host: None,
        interval: Millis(20),
        timeout: Millis(5_000),
        healthy_after: 1,
        unhealthy_after: 1,
    });
    let lone = Lone::start(file);
    let status = || {
        run(async {
            let mut sender = connect(lone.address).await;
            let answer = unary(&mut sender, call("/shop.Shop/Buy", &[])).await;
            let fields = answer.trailers.unwrap_or(answer.head);
            Answer::field(&fields, "grpc-status").unwrap().to_owned()
        })
    };
    assert_eq!(status(), "0");
    serves.store(false, Ordering::SeqCst);
    eventually("it is out", || status() == "14");
    serves.store(true, Ordering::SeqCst);
    eventually("it is back", || status() == "0");
}

#[test]
fn an_endpoint_of_http2_is_checked_by_http2() {
    let backend = H2Backend::start(Manners::default(), |request, mut respond| {
        let status = if request.uri().path() == "/healthz" { 500 } else { 200 };
        Box::pin(async move { drop(respond.send_response(head(status, &[]), true)) })
    });
    let mut file = calling(&backend, route("shop"));
    let pool = file.pools.get_mut(&crate::service("shop")).unwrap();
    pool.balance.queue_timeout = Millis(50);
    let check = |path: &str| {
        Some(CheckSpec {
            probe: Probe::Http { path: path.to_owned() },
            grpc: None,
            host: None,
            interval: Millis(20),
            timeout: Millis(5_000),
            healthy_after: 1,
            unhealthy_after: 1,
        })
    };
    pool.check = check("/healthz");
    let mut lone = Lone::start(file.clone());
    eventually("it fails", || lone.get("/", "").status == 503);
    file.pools.get_mut(&crate::service("shop")).unwrap().check = check("/ok");
    lone.reload(Ok(file)).unwrap();
    eventually("it passes", || lone.get("/", "").status == 200);
}
