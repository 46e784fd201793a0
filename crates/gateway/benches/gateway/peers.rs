//! Starts the proxies: ours and those that are installed.

use crate::Failure;
use crate::configs::{Balance, Front};
use crate::shop::{Shop, limits};
use crate::stage::{CLIENT_CORE, pin};
use plimsoll_gateway::control::{FromGateway, ToGateway};
use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends its process when it goes out of scope.
pub struct Proxy {
    pub name: String,
    pub address: SocketAddr,
    child: Child,
    _control: Option<UnixStream>,
}

impl Proxy {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody else's proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    HaProxy,
    Nginx,
    Envoy,
    Caddy,
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{name} is not installed").into())
}

/// The first word with a digit and a dot that a program says of its version. Envoy puts a hash before its own.
fn version(program: &Path, argument: &str) -> String {
    let Ok(output) = Command::new(program).arg(argument).output() else { return "?".to_owned() };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let text = text.split("version:").last().unwrap_or_default();
    let words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '-'));
    let number = words
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'));
    number.unwrap_or("?").to_owned()
}

/// Starts proxies before the same backends.
pub struct Start<'a> {
    pub folder: &'a Path,
    pub backends: &'a [SocketAddr],
    pub workers: usize,
    pub tls: bool,
    pub http2: bool,
}

impl Start<'_> {
    /// Ours first, then every peer that starts; who does not is named.
    pub fn all(&self, is_long: bool) -> Result<Vec<Proxy>, Failure> {
        let mut all = vec![self.gateway(&std::env::current_exe()?, "plimsoll", &self.shop())?];
        let mut add = |name: &str, proxy: Result<Proxy, Failure>| match proxy {
            Ok(proxy) => all.push(proxy),
            Err(error) => println!("note: {name} is not compared: {error}"),
        };
        if let Some(before) = std::env::var_os("PLIMSOLL_BENCH_BEFORE") {
            add("before", self.gateway(Path::new(&before), "before", &self.shop()));
            return Ok(all);
        }
        let least = Balance::LeastLoaded;
        add("haproxy", self.peer(Peer::HaProxy, "haproxy", least, false));
        if is_long {
            add("haproxy with splice-auto", self.peer(Peer::HaProxy, "haproxy", least, true));
        }
        if let Ok(newer) = std::env::var("PLIMSOLL_BENCH_HAPROXY") {
            add(&newer, self.peer(Peer::HaProxy, &newer, least, false));
            if is_long {
                add(&newer, self.peer(Peer::HaProxy, &newer, least, true));
            }
        }
        add("nginx", self.peer(Peer::Nginx, "nginx", least, false));
        add("envoy", self.peer(Peer::Envoy, "envoy", least, false));
        add("caddy", self.peer(Peer::Caddy, "caddy", least, false));
        Ok(all)
    }

    /// What ours is given beside its backends.
    pub fn shop(&self) -> Shop {
        let files = self.tls.then(|| (self.folder.join("front.pem"), self.folder.join("front.key")));
        Shop { workers: self.workers, limits: limits(), tls: files, http2: self.http2, ..Shop::default() }
    }

    /// One of somebody else's.
    pub fn peer(&self, peer: Peer, name: &str, balance: Balance, splices: bool) -> Result<Proxy, Failure> {
        let program = program(name)?;
        let port = Self::free_port()?;
        let Self { folder, backends, workers, tls, http2 } = *self;
        let front = Front { folder, port, backends, workers, tls, http2, splices, balance };
        let threads = workers.to_string();
        let (word, asks, args, text): (&str, &str, Vec<&str>, String) = match peer {
            Peer::HaProxy => ("haproxy", "-v", vec!["-q", "-db", "-f"], front.haproxy()),
            Peer::Nginx if workers > 1 => {
                return Err("its workers are processes, whose CPU is not added up here".into());
            }
            Peer::Nginx => ("nginx", "-v", vec!["-c"], front.nginx()),
            Peer::Envoy => {
                let args = vec!["--concurrency", &threads, "--use-dynamic-base-id", "-l", "off", "-c"];
                ("envoy", "--version", args, front.envoy())
            }
            Peer::Caddy => ("caddy", "version", vec!["run", "--adapter", "caddyfile", "--config"], front.caddy()),
        };
        let name = format!("{word} {}{}", version(&program, asks), if splices { " splice-auto" } else { "" });
        let file = format!("{word}-{port}.{}", if peer == Peer::Envoy { "json" } else { "conf" });
        self.exec(name, port, &program, &args, &file, &text)
    }

    fn free_port() -> Result<u16, Failure> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
    }

    /// Writes the configuration and starts the program on its cores.
    fn exec(
        &self,
        name: String,
        port: u16,
        program: &Path,
        args: &[&str],
        file: &str,
        text: &str,
    ) -> Result<Proxy, Failure> {
        let path = self.folder.join(file);
        std::fs::write(&path, text)?;
        let child = Command::new(std::env::current_exe()?)
            .args(["--role", "exec", &self.workers.to_string()])
            .arg(program)
            .args(args)
            .arg(&path)
            .env("GOMAXPROCS", self.workers.to_string())
            .env("HOME", self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut proxy = Proxy { name, address, child, _control: None };
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(error) = TcpStream::connect(address) {
            if Instant::now() > deadline || proxy.child.try_wait()?.is_some() {
                return Err(format!("it does not listen: {error}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(proxy)
    }

    /// Our gateway, as the program `own` plays it.
    pub fn gateway(&self, own: &Path, name: &str, shop: &Shop) -> Result<Proxy, Failure> {
        let path = self.folder.join(format!("{name}.sock"));
        let child = Command::new(own).args(["--role", "gateway", &self.workers.to_string()]).arg(&path).spawn()?;
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
        serde_json::to_writer(&stream, &ToGateway::Snapshot(Box::new(shop.snapshot("127.0.0.1:0", self.backends)?)))?;
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
            pin(&[CLIENT_CORE]);
            BufReader::new(reports).lines().map_while(Result::ok).for_each(drop);
        });
        proxy._control = Some(stream);
        Ok(proxy)
    }
}
