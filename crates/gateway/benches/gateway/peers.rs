//! Starts the proxies: ours and those that are installed.

use crate::shop::{limits, snapshot};
use crate::{CLIENT_CORE, Failure, pin};
use plimsoll_gateway::control::{FromGateway, ToGateway};
use std::fmt::Write as _;
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

/// Ours first, then every peer that starts; who does not is named.
pub fn start_all(folder: &Path, backends: &[SocketAddr], workers: usize, is_long: bool) -> Result<Vec<Proxy>, Failure> {
    let start = Start { folder, backends, workers };
    let mut all = vec![start.gateway(&std::env::current_exe()?, "plimsoll")?];
    let mut add = |name: &str, proxy: Result<Proxy, Failure>| match proxy {
        Ok(proxy) => all.push(proxy),
        Err(error) => println!("note: {name} is not compared: {error}"),
    };
    if let Some(before) = std::env::var_os("PLIMSOLL_BENCH_BEFORE") {
        add("before", start.gateway(Path::new(&before), "before"));
        return Ok(all);
    }
    add("haproxy", start.haproxy("haproxy", false));
    if is_long {
        add("haproxy with splice-auto", start.haproxy("haproxy", true));
    }
    if let Ok(newer) = std::env::var("PLIMSOLL_BENCH_HAPROXY") {
        add(&newer, start.haproxy(&newer, false));
        if is_long {
            add(&newer, start.haproxy(&newer, true));
        }
    }
    add("nginx", start.nginx());
    add("envoy", start.envoy());
    add("caddy", start.caddy());
    Ok(all)
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{name} is not installed").into())
}

/// The first word with a digit and a dot that a program says of its version.
fn version(program: &Path, argument: &str) -> String {
    let Ok(output) = Command::new(program).arg(argument).output() else { return "?".to_owned() };
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, '/' | '-'));
    let number = words
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'));
    number.unwrap_or("?").to_owned()
}

struct Start<'a> {
    folder: &'a Path,
    backends: &'a [SocketAddr],
    workers: usize,
}

impl Start<'_> {
    fn servers(&self, one: impl Fn(usize, &SocketAddr) -> String) -> String {
        self.backends.iter().enumerate().map(|(index, address)| one(index, address)).collect()
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

    fn haproxy(&self, name: &str, splices: bool) -> Result<Proxy, Failure> {
        let program = if name.contains('/') { PathBuf::from(name) } else { program(name)? };
        let port = Self::free_port()?;
        let servers = self.servers(|index, address| format!("  server s{index} {address}\n"));
        let splice = if splices { "  option splice-auto\n" } else { "" };
        let text = format!(
            "global\n  nbthread {}\n  maxconn 4000\n\
             defaults\n  mode http\n  option forwardfor\n  http-reuse always\n  retries 1\n  timeout connect 5s\n  \
             timeout client 30s\n  timeout server 30s\n  timeout http-request 10s\n  timeout http-keep-alive 60s\n  \
             timeout queue 5s\n{splice}\
             frontend front\n  bind 127.0.0.1:{port}\n  default_backend back\n\
             backend back\n  balance leastconn\n{servers}",
            self.workers
        );
        let name = format!("haproxy {}{}", version(&program, "-v"), if splices { " splice-auto" } else { "" });
        self.exec(name, port, &program, &["-q", "-db", "-f"], &format!("haproxy-{port}.cfg"), &text)
    }

    fn nginx(&self) -> Result<Proxy, Failure> {
        let program = program("nginx")?;
        let port = Self::free_port()?;
        let servers = self.servers(|_, address| format!("server {address};\n"));
        let folder = self.folder.display();
        // One process where one worker is wanted, so that all of its CPU is in one place.
        let master = if self.workers == 1 { "master_process off;" } else { "" };
        let text = format!(
            "daemon off; {master} worker_processes {}; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 60s;\n\
             client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
             uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             upstream back {{ least_conn; {servers} keepalive 1024; keepalive_requests 100000000; }}\n\
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://back; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
             proxy_buffers 8 32k; proxy_buffer_size 32k; }} }} }}\n",
            self.workers
        );
        if self.workers > 1 {
            return Err("its workers are processes, whose CPU is not added up here".into());
        }
        let name = format!("nginx {}", version(&program, "-v"));
        self.exec(name, port, &program, &["-c"], "nginx.conf", &text)
    }

    fn caddy(&self) -> Result<Proxy, Failure> {
        let program = program("caddy")?;
        let port = Self::free_port()?;
        let servers = self.servers(|_, address| format!(" {address}"));
        let text = format!(
            "{{\n admin off\n auto_https off\n}}\nhttp://:{port} {{\n reverse_proxy{servers} {{\n lb_policy least_conn\n \
             transport http {{\n keepalive_idle_conns 1024\n keepalive_idle_conns_per_host 1024\n }}\n }}\n}}\n"
        );
        let name = format!("caddy {}", version(&program, "version"));
        self.exec(name, port, &program, &["run", "--adapter", "caddyfile", "--config"], "Caddyfile", &text)
    }

    fn envoy(&self) -> Result<Proxy, Failure> {
        let program = program("envoy")?;
        let port = Self::free_port()?;
        let mut servers = String::new();
        for address in self.backends {
            let comma = if servers.is_empty() { "" } else { "," };
            let port = address.port();
            write!(
                servers,
                r#"{comma}{{"endpoint":{{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{port}}}}}}}}}"#
            )?;
        }
        let text = format!(
            r#"{{"static_resources":{{"listeners":[{{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{port}}}}},
            "filter_chains":[{{"filters":[{{"name":"envoy.filters.network.http_connection_manager","typed_config":{{
            "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix":"a","use_remote_address":true,"route_config":{{"virtual_hosts":[{{"name":"a","domains":["*"],
            "routes":[{{"match":{{"prefix":"/"}},"route":{{"cluster":"back","timeout":"30s"}}}}]}}]}},
            "http_filters":[{{"name":"envoy.filters.http.router","typed_config":
            {{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}}]}}}}]}}]}}],
            "clusters":[{{"name":"back","lb_policy":"LEAST_REQUEST","circuit_breakers":{{"thresholds":[
            {{"max_connections":4096,"max_pending_requests":4096,"max_requests":4096}}]}},
            "load_assignment":{{"cluster_name":"back","endpoints":[{{"lb_endpoints":[{servers}]}}]}}}}]}}}}"#
        );
        let workers = self.workers.to_string();
        let name = format!("envoy {}", envoy_version(&program));
        self.exec(name, port, &program, &["--concurrency", &workers, "-l", "off", "-c"], "envoy.json", &text)
    }

    /// Our gateway, as the program `own` plays it.
    fn gateway(&self, own: &Path, name: &str) -> Result<Proxy, Failure> {
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
        serde_json::to_writer(
            &stream,
            &ToGateway::Snapshot(Box::new(snapshot("127.0.0.1:0", self.backends, self.workers, limits())?)),
        )?;
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

/// Envoy puts a hash before its version.
fn envoy_version(program: &Path) -> String {
    let Ok(output) = Command::new(program).arg("--version").output() else { return "?".to_owned() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let behind = text.split("version:").nth(1).unwrap_or_default();
    behind.split('/').nth(1).unwrap_or("?").to_owned()
}
