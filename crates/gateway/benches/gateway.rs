//! CPU time per request of the gateway against HAProxy from the system's packages, side by side in one run.
//!
//! Method: one worker each, pinned to core 0; a tiny backend on three ports and a closed-loop keep-alive client, both
//! here, on core 1. Rounds are interleaved and only figures of the same round are compared, because a shared machine
//! drifts by more between minutes than the two differ. CPU is the on-CPU time of all threads of the proxy
//! (`/proc/PID/task/*/schedstat`), divided by the requests that the client completed in the same window. Both proxies
//! balance by least connections, keep upstream connections, and add `X-Forwarded-For`; ours also counts latencies,
//! keeps a retry budget and writes the other forwarding fields.
//!
//! Environment: `PLIMSOLL_BENCH_ROUNDS` (5), `PLIMSOLL_BENCH_SECONDS` per measurement (3), `PLIMSOLL_BENCH_BODY` (1024).
//! `PLIMSOLL_BENCH_BEFORE` names this same program as an earlier commit built it: its gateway takes the place of HAProxy,
//! so that two of ours are compared in one run.

use plimsoll_gateway::control::{EndpointSnapshot, FromGateway, PoolSnapshot, Snapshot, ToGateway};
use plimsoll_gateway::{GatewayError, Options};
use plimsoll_model::spec::{Algorithm, BalanceSpec, EjectionSpec, GatewayLimits, GatewaySpec, ListenerSpec, RouteSpec};
use plimsoll_model::{Millis, Permille, ReplicaId, ServiceName};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Failure = Box<dyn Error>;

const PROXY_CORE: usize = 0;
const CLIENT_CORE: usize = 1;
const WARM_UP: Duration = Duration::from_millis(500);
const PORTS: usize = 3;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--role") {
        Some(at) => play(&arguments[at + 1..]),
        // `cargo test` builds and runs benches too; there is nothing to measure then.
        None if arguments.iter().any(|argument| argument == "--test") => Ok(()),
        None => measure(),
    }
}

/// A child's part: pin itself, then become what it is asked to be.
fn play(arguments: &[String]) -> Result<(), Failure> {
    pin(PROXY_CORE);
    match arguments {
        [role, control] if role == "gateway" => Ok(plimsoll_gateway::run(Options::new(control))
            .map_err(|error: GatewayError| -> Failure { Box::new(error) })?),
        [role, program, rest @ ..] if role == "exec" => Err(Box::new(Command::new(program).args(rest).exec())),
        _ => Err(format!("unknown role {arguments:?}").into()),
    }
}

fn pin(core: usize) {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    if let Err(error) = rustix::thread::sched_setaffinity(None, &cores) {
        eprintln!("not pinned to core {core}: {error}");
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Ends its process when it goes out of scope.
struct Proxy {
    name: String,
    address: SocketAddr,
    child: Child,
    _control: Option<UnixStream>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn measure() -> Result<(), Failure> {
    // A session of its own with the best autogroup priority, so that other jobs on the machine disturb less.
    let _ = rustix::process::setsid();
    if std::fs::write("/proc/self/autogroup", "-20").is_err() {
        println!("note: no autogroup priority; figures are noisier");
    }
    let body = number("PLIMSOLL_BENCH_BODY", 1_024) as usize;
    let rounds = number("PLIMSOLL_BENCH_ROUNDS", 5);
    let window = Duration::from_secs(number("PLIMSOLL_BENCH_SECONDS", 3));
    let backends = backend(body)?;
    let directory = tempfile::tempdir()?;
    let mut proxies = vec![gateway(&std::env::current_exe()?, "plimsoll", directory.path(), &backends)?];
    let other = match std::env::var_os("PLIMSOLL_BENCH_BEFORE") {
        Some(before) => gateway(Path::new(&before), "before", directory.path(), &backends),
        None => haproxy(directory.path(), &backends),
    };
    match other {
        Ok(proxy) => proxies.push(proxy),
        Err(error) => println!("the other one is not installed or does not start ({error}): printing only ours"),
    }
    pin(CLIENT_CORE);
    println!("{body}-byte bodies, {rounds} rounds of {} s, one worker each on core {PROXY_CORE}", window.as_secs());
    for connections in [64, 512] {
        let mut ratios = Vec::new();
        for round in 0..rounds {
            let mut costs = Vec::new();
            for step in 0..proxies.len() {
                // Who goes first alternates, so that drift within a round favours nobody.
                let which = (step + round as usize) % proxies.len();
                costs.push((which, load(&proxies[which], connections, window)?));
            }
            costs.sort_by_key(|(which, _)| *which);
            for (which, cost) in &costs {
                println!(
                    "c={connections:<4} round {round} {:<18} {:6.2} us CPU/request  {:7.0} requests/s  core {:3.0} %",
                    proxies[*which].name,
                    cost.cpu_us,
                    cost.rate,
                    cost.busy * 100.0
                );
            }
            if let [(_, ours), (_, theirs)] = &costs[..] {
                ratios.push(ours.cpu_us / theirs.cpu_us);
            }
        }
        ratios.sort_by(f64::total_cmp);
        if let (Some(low), Some(high)) = (ratios.first(), ratios.last()) {
            let median = ratios[ratios.len() / 2];
            println!("c={connections:<4} ratio to {}: median {median:.3} [{low:.3} to {high:.3}]", proxies[1].name);
        }
    }
    Ok(())
}

struct Cost {
    cpu_us: f64,
    rate: f64,
    busy: f64,
}

/// On-CPU time of all threads, ns.
fn cpu_ns(pid: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(sum)
}

/// Drives a proxy from connections that each send the next request when the response is there.
fn load(proxy: &Proxy, connections: usize, window: Duration) -> Result<Cost, Failure> {
    let done = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let client = std::thread::spawn({
        let (done, stop, address) = (Arc::clone(&done), Arc::clone(&stop), proxy.address);
        move || drive(address, connections, &done, &stop)
    });
    std::thread::sleep(WARM_UP);
    let (start, requests, cpu) = (Instant::now(), done.load(Ordering::Relaxed), cpu_ns(proxy.child.id())?);
    std::thread::sleep(window);
    let cpu = cpu_ns(proxy.child.id())? - cpu;
    let requests = done.load(Ordering::Relaxed) - requests;
    let elapsed = start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    client.join().map_err(|_| "the client panicked")?.map_err(|error| format!("client of {}: {error}", proxy.name))?;
    if requests == 0 {
        return Err(format!("{} answered nothing", proxy.name).into());
    }
    Ok(Cost {
        cpu_us: cpu as f64 / 1_000.0 / requests as f64,
        rate: requests as f64 / elapsed,
        busy: cpu as f64 / 1e9 / elapsed,
    })
}

fn drive(address: SocketAddr, connections: usize, done: &Arc<AtomicU64>, stop: &Arc<AtomicBool>) -> Result<(), String> {
    pin(CLIENT_CORE);
    let text = |error: std::io::Error| error.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    runtime.map_err(text)?.block_on(async {
        let start = |_| tokio::task::spawn_local(converse(address, Arc::clone(done), Arc::clone(stop)));
        let all: Vec<_> = (0..connections).map(start).collect();
        for one in all {
            one.await.map_err(|error| error.to_string())?.map_err(text)?;
        }
        Ok(())
    })
}

/// One connection's requests; any answer but a whole 200 is an error.
async fn converse(address: SocketAddr, done: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answer = vec![0; 64 * 1024];
    let broken = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    while !stop.load(Ordering::Relaxed) {
        stream
            .write_all(b"GET /bench HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n")
            .await?;
        let mut have = 0;
        let mut whole = usize::MAX;
        while have < whole {
            let count = stream.read(&mut answer[have..]).await?;
            if count == 0 {
                return Err(broken("the connection ended"));
            }
            have += count;
            if whole == usize::MAX {
                whole = whole_length(&answer[..have]).map_err(|what| broken(&what))?.unwrap_or(usize::MAX);
                answer.resize(answer.len().max(whole.min(1 << 30)), 0);
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Bytes of head and body once the head is there.
fn whole_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..head]).map_err(|error| error.to_string())?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(format!("answered {text:?}"));
    }
    let length = text.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    length.map(|length: usize| Some(head + length)).ok_or_else(|| format!("no length in {text:?}"))
}

/// Replicas that answer every head with the same bytes, on the client's core.
fn backend(body: usize) -> Result<Vec<SocketAddr>, Failure> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + body, b'x');
    let listeners: Vec<TcpListener> =
        (0..PORTS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    std::thread::spawn(move || {
        pin(CLIENT_CORE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        runtime.expect("a runtime for the backend").block_on(async move {
            let answer: Rc<[u8]> = Rc::from(answer);
            for listener in listeners {
                listener.set_nonblocking(true).expect("a listener can be non-blocking");
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener in the runtime");
                let answer = Rc::clone(&answer);
                tokio::task::spawn_local(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        tokio::task::spawn_local(reply(stream, Rc::clone(&answer)));
                    }
                });
            }
            std::future::pending::<()>().await;
        });
    });
    Ok(addresses)
}

async fn reply(mut stream: tokio::net::TcpStream, answer: Rc<[u8]>) {
    let _ = stream.set_nodelay(true);
    let mut request = [0; 4096];
    let mut have = 0;
    while let Ok(count @ 1..) = stream.read(&mut request[have..]).await {
        have += count;
        // Requests come one at a time and without a body.
        if request[..have].ends_with(b"\r\n\r\n") {
            have = 0;
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// Our gateway, as the program `own` plays it.
fn gateway(own: &Path, name: &str, directory: &Path, backends: &[SocketAddr]) -> Result<Proxy, Failure> {
    let path = directory.join(format!("{name}.sock"));
    let child = Command::new(own).args(["--role", "gateway"]).arg(&path).spawn()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut proxy = Proxy { name: name.to_owned(), address, child, _control: None };
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut stream = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    serde_json::to_writer(&stream, &ToGateway::Snapshot(Box::new(snapshot(backends)?)))?;
    stream.write_all(b"\n")?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        if let FromGateway::Ack { error, listening, .. } = serde_json::from_str(&line?)? {
            if let Some(error) = error {
                return Err(error.into());
            }
            proxy.address = *listening.first().ok_or("no listener")?;
            break;
        }
    }
    // Reports are read, as a daemon would.
    let reports = stream.try_clone()?;
    std::thread::spawn(move || {
        pin(CLIENT_CORE);
        BufReader::new(reports).lines().map_while(Result::ok).for_each(drop);
    });
    proxy._control = Some(stream);
    Ok(proxy)
}

fn snapshot(backends: &[SocketAddr]) -> Result<Snapshot, Failure> {
    let shop = ServiceName::try_new("shop")?;
    let off = EjectionSpec {
        consecutive_errors: 5,
        success_rate_min: Permille(0),
        latency_ratio_max: Permille(0),
        duration: Millis(10_000),
        duration_max: Millis(60_000),
        share_max: Permille(500),
    };
    let balance = BalanceSpec {
        algorithm: Algorithm::LeastConnections,
        slow_start: Millis(0),
        ejection: off,
        in_flight_max: None,
        queue_max: 1_000,
        queue_timeout: Millis(5_000),
    };
    let limits = GatewayLimits {
        head_bytes_max: 16 * 1024,
        headers_max: 100,
        body_bytes_max: None,
        connections_max: 20_000,
        head_timeout: Millis(10_000),
        idle_timeout: Millis(60_000),
        connect_timeout: Millis(5_000),
        body_timeout: Millis(30_000),
        retry_budget: Permille(200),
        idle_upstream_max: 512,
        drain: Millis(5_000),
    };
    let route = RouteSpec {
        host: None,
        path_prefix: "/".to_owned(),
        service: shop.clone(),
        timeout: Millis(30_000),
        retry: true,
        rules: Default::default(),
    };
    let endpoints = backends.iter().zip(1..).map(|(address, ordinal)| EndpointSnapshot {
        id: ReplicaId { service: shop.clone(), ordinal },
        address: *address,
        weight: 1_000,
        draining: false,
        zone: None,
    });
    let pool = PoolSnapshot { balance, endpoints: endpoints.collect(), upstream: Default::default() };
    Ok(Snapshot {
        version: 1,
        gateway: GatewaySpec {
            listeners: vec![ListenerSpec {
                address: "127.0.0.1:0".to_owned(),
                routes: vec![route],
                rules: Default::default(),
            }],
            workers: Some(1),
            limits,
            trusted_proxies: Vec::new(),
            observe: Default::default(),
        },
        pools: BTreeMap::from([(shop, pool)]),
    })
}

fn haproxy(directory: &Path, backends: &[SocketAddr]) -> Result<Proxy, Failure> {
    let version = Command::new("haproxy").arg("-v").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version.split(' ').nth(2).unwrap_or("?").split('-').next().unwrap_or("?").to_owned();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let servers: String =
        backends.iter().enumerate().map(|(index, address)| format!("  server s{index} {address}\n")).collect();
    let config = format!(
        "global\n  nbthread 1\n  maxconn 4000\n\
         defaults\n  mode http\n  option forwardfor\n  http-reuse always\n  retries 1\n  timeout connect 5s\n  \
         timeout client 30s\n  timeout server 30s\n  timeout http-request 10s\n  timeout http-keep-alive 60s\n  \
         timeout queue 5s\n\
         frontend front\n  bind 127.0.0.1:{port}\n  default_backend back\n\
         backend back\n  balance leastconn\n{servers}"
    );
    let path = directory.join("haproxy.cfg");
    std::fs::write(&path, config)?;
    let child = Command::new(std::env::current_exe()?)
        .args(["--role", "exec", "haproxy", "-q", "-db", "-f"])
        .arg(&path)
        .spawn()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let proxy = Proxy { name: format!("haproxy {version}"), address, child, _control: None };
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = TcpStream::connect(address) {
        if Instant::now() > deadline {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(proxy)
}
