//! What each peer is told: the same front and the same back, in the words of each, with what a user would have on.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// How a peer chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// The least loaded of all, or what is nearest to it.
    LeastLoaded,
    /// The less loaded of two drawn at random.
    TwoChoices,
}

/// What a peer stands between.
#[derive(Debug, Clone, Copy)]
pub struct Front<'a> {
    /// Where files may be put; `front.pem`, `front.key` and both in `both.pem` are there for TLS.
    pub folder: &'a Path,
    /// Where it listens.
    pub port: u16,
    /// Who answers.
    pub backends: &'a [SocketAddr],
    /// Threads.
    pub workers: usize,
    /// TLS ends here.
    pub tls: bool,
    /// HTTP/2, by ALPN within TLS and alone without.
    pub http2: bool,
    /// Bodies may be moved within the kernel.
    pub splices: bool,
    /// How it chooses.
    pub balance: Balance,
}

impl Front<'_> {
    fn servers(&self, one: impl Fn(usize, &SocketAddr) -> String) -> String {
        self.backends.iter().enumerate().map(|(index, address)| one(index, address)).collect()
    }

    /// HAProxy's file.
    pub fn haproxy(&self) -> String {
        let servers = self.servers(|index, address| format!("  server s{index} {address}\n"));
        let splice = if self.splices { "  option splice-auto\n" } else { "" };
        let balance = match self.balance {
            Balance::LeastLoaded => "leastconn",
            Balance::TwoChoices => "random(2)",
        };
        let bind = match (self.tls, self.http2) {
            (false, false) => String::new(),
            (false, true) => " proto h2".to_owned(),
            (true, http2) => {
                let protocol = if http2 { "h2" } else { "http/1.1" };
                format!(" ssl crt {}/both.pem alpn {protocol}", self.folder.display())
            }
        };
        // With `splice-auto` it wants two and a half descriptors a connection, and refuses to start where it may not have them.
        format!(
            "global\n  nbthread {}\n  maxconn 4000\n\
             defaults\n  mode http\n  option forwardfor\n  http-reuse always\n  retries 1\n  timeout connect 5s\n  \
             timeout client 30s\n  timeout server 30s\n  timeout http-request 10s\n  timeout http-keep-alive 60s\n  \
             timeout queue 5s\n{splice}\
             frontend front\n  bind 127.0.0.1:{}{bind}\n  default_backend back\n\
             backend back\n  balance {balance}\n{servers}",
            self.workers, self.port
        )
    }

    /// nginx's file.
    pub fn nginx(&self) -> String {
        let servers = self.servers(|_, address| format!("server {address};\n"));
        let folder = self.folder.display();
        // One process where one worker is wanted, so that all of its CPU is in one place.
        let master = if self.workers == 1 { "master_process off;" } else { "" };
        let balance = match self.balance {
            Balance::LeastLoaded => "least_conn",
            Balance::TwoChoices => "random two least_conn",
        };
        let http2 = if self.http2 { " http2" } else { "" };
        let (ssl, files) = if self.tls {
            (
                " ssl",
                format!(
                    "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {folder}/front.pem; ssl_certificate_key {folder}/front.key;\n"
                ),
            )
        } else {
            ("", String::new())
        };
        format!(
            "daemon off; {master} worker_processes {}; pid {folder}/nginx-{port}.pid; error_log {folder}/nginx.log;\n\
             worker_rlimit_nofile 20000; events {{ worker_connections 16000; }}\n\
             http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 60s;\n\
             client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n\
             uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             upstream back {{ {balance}; {servers} keepalive 1024; keepalive_requests 100000000; }}\n\
             server {{ listen 127.0.0.1:{port}{ssl}{http2} backlog=4096; {files}location / {{ proxy_pass http://back;\n\
             proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
             proxy_buffers 8 32k; proxy_buffer_size 32k; }} }} }}\n",
            self.workers,
            port = self.port
        )
    }

    /// Caddy's file.
    pub fn caddy(&self) -> String {
        let servers = self.servers(|_, address| format!(" {address}"));
        let balance = match self.balance {
            Balance::LeastLoaded => "least_conn",
            Balance::TwoChoices => "random_choose 2",
        };
        let folder = self.folder.display();
        let (scheme, tls) = if self.tls {
            ("https", format!(" tls {folder}/front.pem {folder}/front.key\n"))
        } else {
            ("http", String::new())
        };
        let protocols = if self.http2 { "h1 h2 h2c" } else { "h1" };
        format!(
            "{{\n admin off\n auto_https off\n servers {{\n protocols {protocols}\n }}\n}}\n{scheme}://:{} {{\n{tls} \
             reverse_proxy{servers} {{\n lb_policy {balance}\n \
             transport http {{\n keepalive_idle_conns 1024\n keepalive_idle_conns_per_host 1024\n }}\n }}\n}}\n",
            self.port
        )
    }

    /// Envoy's file. Its least-request draws two at random unless told otherwise.
    pub fn envoy(&self) -> String {
        let mut servers = String::new();
        for address in self.backends {
            let comma = if servers.is_empty() { "" } else { "," };
            let _ = write!(
                servers,
                r#"{comma}{{"endpoint":{{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{}}}}}}}}}"#,
                address.port()
            );
        }
        let folder = self.folder.display();
        let protocol = if self.http2 { "h2" } else { "http/1.1" };
        let tls = if self.tls {
            format!(
                r#""transport_socket":{{"name":"envoy.transport_sockets.tls","typed_config":{{
                "@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context":{{"alpn_protocols":["{protocol}"],
                "tls_params":{{"tls_maximum_protocol_version":"TLSv1_3"}},"tls_certificates":[
                {{"certificate_chain":{{"filename":"{folder}/front.pem"}},"private_key":{{"filename":"{folder}/front.key"}}}}]}}}}}},"#
            )
        } else {
            String::new()
        };
        format!(
            r#"{{"static_resources":{{"listeners":[{{"address":{{"socket_address":{{"address":"127.0.0.1","port_value":{}}}}},
            "filter_chains":[{{{tls}"filters":[{{"name":"envoy.filters.network.http_connection_manager","typed_config":{{
            "@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix":"a","use_remote_address":true,"route_config":{{"virtual_hosts":[{{"name":"a","domains":["*"],
            "routes":[{{"match":{{"prefix":"/"}},"route":{{"cluster":"back","timeout":"30s"}}}}]}}]}},
            "http_filters":[{{"name":"envoy.filters.http.router","typed_config":
            {{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}}}]}}}}]}}]}}],
            "clusters":[{{"name":"back","lb_policy":"LEAST_REQUEST","circuit_breakers":{{"thresholds":[
            {{"max_connections":16000,"max_pending_requests":16000,"max_requests":16000}}]}},
            "load_assignment":{{"cluster_name":"back","endpoints":[{{"lb_endpoints":[{servers}]}}]}}}}]}}}}"#,
            self.port
        )
    }
}
