//! What an idle keep-alive connection costs: user space and kernel apart, 18,000 in one gateway process and 50,000 in
//! three that share a port, each process under a limit of 20,000 descriptors.
//!
//! Every connection has had a request answered before it is idle, so that what a first request leaves behind is in the
//! figure. Clients are processes of their own on several loopback addresses, because each has the same limit. User space
//! is the gateway's anonymous memory (`smaps_rollup`). Kernel memory is the growth of the machine's slab caches and of the
//! TCP buffers, which holds both ends of every connection, halved; whatever else the machine does is in it too.
//!
//! Fails when user space is above [`GOAL_BYTES`]. `--clients N` holds fewer, for a quick look.

#[path = "gateway/shop.rs"]
mod shop;

use plimsoll_gateway::control::{FromGateway, ListeningSockets, ToGateway};
use plimsoll_gateway::{GatewayError, Options};
use plimsoll_model::Millis;
use plimsoll_model::spec::GatewayLimits;
use shop::Shop;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

type Failure = Box<dyn Error>;

/// Promised per idle plain connection, in user space.
const GOAL_BYTES: f64 = 2_048.0;
const ONE: usize = 18_000;
const THREE: usize = 50_000;
/// Descriptors that each process may have.
const DESCRIPTORS: u64 = 20_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &text[..] {
        ["--role", "gateway", control, descriptor, address] => gateway(control, descriptor.parse()?, address),
        ["--role", "clients", address, source, count] => clients(address.parse()?, source.parse()?, count.parse()?),
        _ if text.contains(&"--test") => Ok(()),
        _ => {
            let at = text.iter().position(|word| *word == "--clients");
            let most = at.and_then(|at| text.get(at + 1)?.parse().ok()).unwrap_or(usize::MAX);
            measure(1, ONE.min(most))?;
            measure(3, THREE.min(most.saturating_mul(3)))
        }
    }
}

/// A gateway on a listening socket that it inherits.
fn gateway(control: &str, descriptor: i32, address: &str) -> Result<(), Failure> {
    let inherited = vec![ListeningSockets { address: address.to_owned(), descriptors: vec![descriptor] }];
    let options = Options { inherited, ..Options::new(control) };
    plimsoll_gateway::run(options).map_err(|error: GatewayError| error.into())
}

/// Opens connections, has one request answered on each, says so, and holds them until told to end; then asks on every
/// tenth again.
fn clients(address: SocketAddr, source: Ipv4Addr, count: usize) -> Result<(), Failure> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect(&address.into())?;
        let mut stream = TcpStream::from(socket);
        ask(&mut stream)?;
        all.push(stream);
    }
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let mut alive = 0;
    for stream in all.iter_mut().step_by(10) {
        alive += usize::from(ask(stream).is_ok());
    }
    println!("{alive}");
    Ok(())
}

fn ask(stream: &mut TcpStream) -> Result<(), Failure> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")?;
    let mut have = Vec::new();
    let mut bytes = [0; 1024];
    while !have.ends_with(b"\r\n\r\nok") {
        match stream.read(&mut bytes)? {
            0 => return Err("the gateway closed the connection".into()),
            count => have.extend_from_slice(&bytes[..count]),
        }
    }
    Ok(())
}

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn limited(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    let limit = || {
        let limit = rustix::process::Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
        Ok(rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?)
    };
    // SAFETY: only a system call between fork and exec, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(limit) }
}

/// Replicas that answer every head at once.
fn backend() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).is_ok_and(|count| count > 0)
                    && stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_ok()
                {}
            });
        }
    });
    Ok(address)
}

/// One gateway process with its socket of the shared port.
fn start(
    folder: &Path,
    index: usize,
    socket: &socket2::Socket,
    backend: SocketAddr,
) -> Result<(Running, UnixStream), Failure> {
    let address = socket.local_addr()?.as_socket().ok_or("no address")?.to_string();
    rustix::io::fcntl_setfd(socket.as_fd(), rustix::io::FdFlags::empty())?;
    let control = folder.join(format!("{index}.sock"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--role", "gateway"]).arg(&control).arg(socket.as_raw_fd().to_string()).arg(&address);
    let child = Running(limited(&mut command).spawn()?);
    let deadline = Instant::now() + PATIENCE;
    let stream = loop {
        match UnixStream::connect(&control) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    // Idle connections stay for as long as it takes to count them.
    let limits = GatewayLimits {
        head_timeout: Millis(60_000),
        idle_timeout: Millis(600_000),
        idle_upstream_max: 64,
        ..shop::limits()
    };
    let shop = Shop { limits, ..Shop::default() };
    serde_json::to_writer(&stream, &ToGateway::Snapshot(Box::new(shop.snapshot(&address, &[backend])?)))?;
    (&stream).write_all(b"\n")?;
    for line in BufReader::new(stream.try_clone()?).lines() {
        if let FromGateway::Ack { error, .. } = serde_json::from_str(&line?)? {
            if let Some(error) = error {
                return Err(error.into());
            }
            break;
        }
    }
    let reports = stream.try_clone()?;
    std::thread::spawn(move || BufReader::new(reports).lines().map_while(Result::ok).for_each(drop));
    Ok((child, stream))
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Bytes of anonymous memory, ns of CPU, and descriptors of all processes.
fn of_processes(all: &[(Running, UnixStream)]) -> Result<(u64, u64, Vec<usize>), Failure> {
    let (mut bytes, mut cpu, mut descriptors) = (0, 0, Vec::new());
    for (child, _) in all {
        let pid = child.0.id();
        bytes += kib(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?, "Anonymous:") * 1024;
        descriptors.push(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count());
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            cpu += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
    }
    Ok((bytes, cpu, descriptors))
}

/// Bytes of slab caches and TCP buffers of the machine.
fn of_kernel() -> Result<u64, Failure> {
    let slab = kib(&std::fs::read_to_string("/proc/meminfo")?, "Slab:") * 1024;
    let sockets = std::fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages: u64 = tcp.split_whitespace().last().and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok(slab + pages * 4096)
}

fn measure(processes: usize, count: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let backend = backend()?;
    let mut sockets: Vec<socket2::Socket> = Vec::new();
    for _ in 0..processes {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_reuse_port(true)?;
        let port =
            sockets.first().and_then(|first| first.local_addr().ok()?.as_socket()).map_or(0, |first| first.port());
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
        socket.listen(4_096)?;
        sockets.push(socket);
    }
    let address = sockets[0].local_addr()?.as_socket().ok_or("no address")?;
    let started = sockets.iter().enumerate().map(|(index, socket)| start(folder.path(), index, socket, backend));
    let gateways: Vec<(Running, UnixStream)> = started.collect::<Result<_, _>>()?;
    // The gateways have them now; a socket of ours would take its share of the connections.
    drop(sockets);
    // What a first request allocates once is not the connections'.
    (0..64 * processes).try_for_each(|_| ask(&mut TcpStream::connect(address)?))?;
    std::thread::sleep(Duration::from_millis(500));
    let (before, kernel_before) = (of_processes(&gateways)?, of_kernel()?);
    let start = Instant::now();
    let mut clients = Vec::new();
    for index in 0..processes {
        let share = count / processes + usize::from(index < count % processes);
        // Ports of the round before wait out their time at their own addresses.
        let source = Ipv4Addr::new(127, 0, u8::try_from(processes)?, 2 + u8::try_from(index)?);
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--role", "clients", &address.to_string(), &source.to_string(), &share.to_string()]);
        let mut child = limited(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        clients.push((Running(child), lines));
    }
    for (_, lines) in &mut clients {
        if say(lines)? != "ready" {
            return Err("clients could not connect".into());
        }
    }
    let opened = start.elapsed();
    std::thread::sleep(Duration::from_millis(500));
    let (after, kernel_after) = (of_processes(&gateways)?, of_kernel()?);
    std::thread::sleep(Duration::from_secs(2));
    let idle_cpu = of_processes(&gateways)?.1 - after.1;
    let user = (after.0.saturating_sub(before.0)) as f64 / count as f64;
    let kernel = kernel_after.saturating_sub(kernel_before) as f64 / count as f64 / 2.0;
    println!(
        "{count} idle connections in {processes} process(es), opened in {:.1} s, descriptors {:?}",
        opened.as_secs_f64(),
        after.2
    );
    println!("  user space per connection: {user:.0} bytes (goal: at most {GOAL_BYTES:.0})");
    println!("  kernel per connection:     {kernel:.0} bytes, one end");
    println!("  CPU while all are idle:    {:.2} % of a core", idle_cpu as f64 / 2e9 * 100.0);
    let mut alive = 0;
    for (child, lines) in &mut clients {
        child.0.stdin.take().ok_or("no input")?.write_all(b"\n")?;
        alive += say(lines)?.parse::<usize>()?;
    }
    println!("  every tenth asked again:   {alive} answered");
    if alive < count / 10 {
        return Err("connections were lost".into());
    }
    if user > GOAL_BYTES { Err(format!("{user:.0} bytes are above the goal").into()) } else { Ok(()) }
}

fn say(lines: &mut BufReader<ChildStdout>) -> Result<String, Failure> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
