//! An endpoint that speaks HTTP/2, in this process: a real server over a script, and one that says frames byte by byte.

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// What one request comes to.
pub type Answering = Pin<Box<dyn Future<Output = ()>>>;

/// What the endpoint has counted.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    /// Connections that have ended.
    pub ended: AtomicUsize,
    pub requests: AtomicUsize,
    pub open: AtomicUsize,
    /// Most requests at once.
    pub open_most: AtomicUsize,
}

impl Seen {
    pub fn get(count: &AtomicUsize) -> usize {
        count.load(Ordering::SeqCst)
    }
}

/// The endpoint.
pub struct H2Backend {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How it behaves beside its script.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    pub streams_max: u32,
    /// It says GOAWAY after so many requests of a connection.
    pub goes_after: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self { streams_max: 1_000, goes_after: usize::MAX }
    }
}

struct Counted(Arc<Seen>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl H2Backend {
    pub fn start(
        manners: Manners,
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> Answering + Send + 'static,
    ) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel();
        let counted = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
            runtime.block_on(async move {
                let socket = tokio::net::TcpListener::from_std(socket).unwrap();
                let script = Rc::new(script);
                let accept = async {
                    loop {
                        let (stream, _) = socket.accept().await.unwrap();
                        counted.connections.fetch_add(1, Ordering::SeqCst);
                        let (script, counted) = (Rc::clone(&script), Arc::clone(&counted));
                        tokio::task::spawn_local(async move {
                            serve(stream, manners, &counted, |request, respond| script(request, respond)).await;
                            counted.ended.fetch_add(1, Ordering::SeqCst);
                        });
                    }
                };
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }
}

async fn serve(
    stream: tokio::net::TcpStream,
    manners: Manners,
    seen: &Arc<Seen>,
    script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> Answering,
) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(manners.streams_max);
    let Ok(mut connection) = builder.handshake(stream).await else { return };
    let mut served = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.open_most.fetch_max(open, Ordering::SeqCst);
        served += 1;
        if served == manners.goes_after {
            connection.graceful_shutdown();
        }
        let counted = Counted(Arc::clone(seen));
        let answering = script(request, respond);
        tokio::task::spawn_local(async move {
            answering.await;
            drop(counted);
        });
    }
}

impl Drop for H2Backend {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// All of a body, and its trailers.
pub async fn whole(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut got = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        got.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?;
    Ok((got, trailers))
}

pub fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
}

pub fn head(status: u16, pairs: &[(&'static str, &str)]) -> Response<()> {
    let mut response = Response::builder().status(status).body(()).unwrap();
    *response.headers_mut() = fields(pairs);
    response
}

/// Answers with what it was asked: method, path and body, in a body with a length.
pub fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move {
        let (parts, body) = request.into_parts();
        let Ok((body, trailers)) = whole(body).await else { return };
        let sum = trailers.as_ref().and_then(|fields| fields.get("x-sum")).map_or("none", |sum| sum.to_str().unwrap());
        let text = format!("{} {} {} {sum}", parts.method, parts.uri, String::from_utf8_lossy(&body));
        let is_head = parts.method == http::Method::HEAD;
        let length = text.len().to_string();
        let response = head(200, &[("content-length", &length), ("x-version", "2")]);
        let Ok(mut stream) = respond.send_response(response, is_head) else { return };
        if !is_head {
            let _ = stream.send_data(text.into(), true);
        }
    })
}
