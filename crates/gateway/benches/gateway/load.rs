//! The load: replicas that answer at once, and what a closed loop of clients costs a proxy.

use crate::clients::Clients;
use crate::peers::Proxy;
use crate::{CLIENT_CORE, Case, Failure, pin};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const WARM_UP: Duration = Duration::from_millis(500);
const PORTS: usize = 3;

/// What one measurement gave.
pub struct Cost {
    pub cpu_us: f64,
    /// Of that, in user space.
    pub user_share: f64,
    pub rate: f64,
    /// Cores in use.
    pub busy: f64,
}

/// On-CPU time of all threads, ns, and user and system ticks.
fn cpu(pid: u32) -> Result<(u64, u64, u64), Failure> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0_u64);
    Ok((sum, ticks(), ticks()))
}

/// Drives a proxy from connections that each send the next request when the response is there.
pub fn load(proxy: &Proxy, case: &Case, window: Duration) -> Result<Cost, Failure> {
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let client = std::thread::spawn({
        let clients = Clients {
            to: proxy.address,
            talk: case.talk,
            body: case.body,
            done: Arc::clone(&done),
            stop: Arc::clone(&stop),
        };
        let connections = case.connections;
        move || clients.drive(connections).map_err(|error| error.to_string())
    });
    std::thread::sleep(WARM_UP);
    let (start, requests, before) = (Instant::now(), done.load(Ordering::Relaxed), cpu(proxy.pid())?);
    std::thread::sleep(window);
    let after = cpu(proxy.pid())?;
    let requests = done.load(Ordering::Relaxed) - requests;
    let elapsed = start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    client.join().map_err(|_| "the client panicked")?.map_err(|error| format!("client of {}: {error}", proxy.name))?;
    if requests == 0 {
        return Err(format!("{} answered nothing", proxy.name).into());
    }
    let cpu = after.0 - before.0;
    let (user, system) = (after.1 - before.1, after.2 - before.2);
    Ok(Cost {
        cpu_us: cpu as f64 / 1_000.0 / requests as f64,
        user_share: user as f64 / (user + system).max(1) as f64,
        rate: requests as f64 / elapsed,
        busy: cpu as f64 / 1e9 / elapsed,
    })
}

/// Replicas on the client's core; a path `/N` is answered with N bytes.
pub fn backend() -> Result<Vec<SocketAddr>, Failure> {
    let answers: Vec<(usize, Vec<u8>)> = [1 << 10, 16 << 10, 256 << 10]
        .into_iter()
        .map(|body| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body}\r\n\r\n");
            (body, [head.as_bytes(), &vec![b'x'; body]].concat())
        })
        .collect();
    let listeners: Vec<TcpListener> =
        (0..PORTS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    std::thread::spawn(move || {
        pin(&[CLIENT_CORE]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        runtime.expect("a runtime for the backend").block_on(async move {
            let answers: Rc<[(usize, Vec<u8>)]> = Rc::from(answers);
            for listener in listeners {
                listener.set_nonblocking(true).expect("a listener can be non-blocking");
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener in the runtime");
                let answers = Rc::clone(&answers);
                tokio::task::spawn_local(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::task::spawn_local(reply(stream, Rc::clone(&answers)));
                    }
                });
            }
            std::future::pending::<()>().await;
        });
    });
    Ok(addresses)
}

async fn reply(mut stream: tokio::net::TcpStream, answers: Rc<[(usize, Vec<u8>)]>) {
    let _ = stream.set_nodelay(true);
    let mut request = [0; 4096];
    let mut have = 0;
    while let Ok(count @ 1..) = stream.read(&mut request[have..]).await {
        have += count;
        // Requests come one at a time and without a body.
        if request[..have].ends_with(b"\r\n\r\n") {
            let path = request[..have].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            let body: usize = std::str::from_utf8(path).ok().and_then(|path| path[1..].parse().ok()).unwrap_or(0);
            let Some((_, answer)) = answers.iter().find(|(size, _)| *size == body) else { return };
            have = 0;
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}
