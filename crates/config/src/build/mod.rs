//! From checked values to the model's [`Spec`].
//!
//! Total: where a value is broken a zero stands in, because the caller throws the spec away when anything was wrong.
//! That every field of the table arrives here is proved by a test that changes each one and looks for the difference.

mod analyst;
pub mod gateway;
pub mod kubernetes;
mod metrics;
mod operations;
mod scaling;
mod vertical;

use crate::form::{self, Written};
use crate::moment;
use crate::value::Table;
use plimsoll_model::breaker::BreakerSpec;
use plimsoll_model::gateway::SourcePrefix;
use plimsoll_model::load::LoadSpec;
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::spec::{
    Algorithm, BalanceSpec, ClockSpec, CommandSpec, EjectionSpec, GatewayLimits, GatewaySpec, HealthSpec, HistorySpec,
    JobSpec, Limits, ListenerSpec, MemoryRetry, NodeSpec, Probe, QueueSpec, Resources, RestartSpec, RouteSpec,
    SandboxSpec, Schedule, ServiceSpec, Spec,
};
use plimsoll_model::{JobName, NodeName, ServiceName};
use serde::de::DeserializeOwned;
use std::path::Path;

/// The spec that these values say; none when a name in it is broken. `directory` is what relative paths are relative to.
#[must_use]
pub fn spec(root: &Table, directory: &Path) -> Option<Spec> {
    let services = root
        .named("services")
        .filter_map(|(name, table)| Some((ServiceName::try_new(name.as_str()).ok()?, service(table, directory)?)));
    let jobs = root
        .named("jobs")
        .filter_map(|(name, table)| Some((JobName::try_new(name.as_str()).ok()?, job(table, directory)?)));
    Some(Spec {
        name: root.text("name")?.to_owned(),
        clock: clock(root.table("clock")?),
        tick: millis(root, "tick"),
        node: node(root.table("node")?)?,
        gateway: gateway_spec(root.table("gateway")?, directory)?,
        api_listen: root.table("api")?.text("listen")?.to_owned(),
        queue: queue(root.table("queue")?)?,
        services: services.collect(),
        jobs: jobs.collect(),
        history: history(root.table("history")?),
        analyst: analyst::analyst(root.table("analyst")?, directory),
        operations: operations::operations(root, directory)?,
    })
}

fn queue(table: &Table) -> Option<QueueSpec> {
    Some(QueueSpec {
        order: table.text("order")?.to_owned(),
        backfill: table.text("backfill")?.to_owned(),
        ageing: millis(table, "ageing"),
        patience: millis(table, "patience"),
    })
}

pub fn millis(table: &Table, name: &str) -> Millis {
    Millis(table.unsigned(name))
}

fn permille(table: &Table, name: &str) -> Permille {
    Permille(table.unsigned(name))
}

fn bytes(table: &Table, name: &str) -> Bytes {
    Bytes(table.unsigned(name))
}

fn clock(table: &Table) -> ClockSpec {
    ClockSpec { speed: table.count("speed"), start: table.text("start").and_then(moment::parse).map(Timestamp) }
}

fn optional(table: &Table, name: &str) -> Option<u64> {
    table.number(name).map(|_| table.unsigned(name))
}

fn node(table: &Table) -> Option<NodeSpec> {
    Some(NodeSpec {
        name: NodeName::try_new(table.text("name")?).ok()?,
        cpu: optional(table, "cpu").map(Millicores),
        memory: optional(table, "memory").map(Bytes),
        reserved_cpu: Millicores(table.unsigned("reserved_cpu")),
        reserved_memory: bytes(table, "reserved_memory"),
    })
}

fn history(table: &Table) -> HistorySpec {
    HistorySpec {
        raw: millis(table, "raw"),
        summary: millis(table, "summary"),
        size_max: bytes(table, "size_max"),
        journal: millis(table, "journal"),
        journal_size_max: bytes(table, "journal_size_max"),
    }
}

fn gateway_spec(table: &Table, directory: &Path) -> Option<GatewaySpec> {
    let short = table.text("listen").map(|_| table);
    let listener = |table| listener(table, directory);
    let listeners = short.into_iter().chain(table.tables("listeners")).map(listener).collect::<Option<_>>()?;
    Some(GatewaySpec {
        listeners,
        workers: table.number("workers").map(|_| table.count("workers")),
        limits: gateway_limits(table.table("limits")?),
        trusted_proxies: texts(table, "trusted_proxies"),
        observe: gateway::observe(table, directory),
    })
}

/// Bounds of a gateway.
pub fn gateway_limits(limits: &Table) -> GatewayLimits {
    GatewayLimits {
        head_bytes_max: limits.unsigned("head_size_max"),
        headers_max: limits.count("headers_max"),
        body_bytes_max: optional(limits, "body_size_max"),
        connections_max: limits.count("connections_max"),
        head_timeout: millis(limits, "head_timeout"),
        idle_timeout: millis(limits, "idle_timeout"),
        connect_timeout: millis(limits, "connect_timeout"),
        body_timeout: millis(limits, "body_timeout"),
        retry_budget: permille(limits, "retry_budget"),
        idle_upstream_max: limits.count("idle_upstream_max"),
        drain: millis(limits, "drain"),
        source: SourcePrefix {
            ipv4: u8::try_from(limits.count("source_prefix_ipv4")).unwrap_or(32),
            ipv6: u8::try_from(limits.count("source_prefix_ipv6")).unwrap_or(64),
        },
    }
}

fn listener(table: &Table, directory: &Path) -> Option<ListenerSpec> {
    let routes = table.tables("routes").iter().map(|route| {
        Some(RouteSpec {
            host: route.text("host").map(str::to_ascii_lowercase),
            path_prefix: route.text("path")?.to_owned(),
            service: ServiceName::try_new(route.text("service")?).ok()?,
            timeout: millis(route, "timeout"),
            retry: route.flag("retry"),
            rules: gateway::rules(route, "service")?,
        })
    });
    let rules = gateway::listener_rules(table, directory)?;
    Some(ListenerSpec { address: table.text("listen")?.to_owned(), routes: routes.collect::<Option<_>>()?, rules })
}

pub fn texts(table: &Table, name: &str) -> Vec<String> {
    table.texts(name).iter().map(|item| item.text.clone()).collect()
}

/// A path of the file, made relative to nothing but `directory`.
#[must_use]
pub fn resolve(directory: &Path, path: &str) -> String {
    directory.join(path).components().collect::<std::path::PathBuf>().to_string_lossy().into_owned()
}

fn optional_file(table: &Table, name: &str, directory: &Path) -> Option<String> {
    table.text(name).map(|path| resolve(directory, path))
}

fn command(table: &Table, directory: &Path) -> CommandSpec {
    CommandSpec {
        command: texts(table, "command"),
        env: table.variables("env").map(|(name, item)| (name.clone(), item.text.clone())).collect(),
        directory: table.text("directory").map(|path| resolve(directory, path)),
    }
}

fn requests(table: &Table) -> Resources {
    Resources { cpu: Millicores(table.unsigned("cpu")), memory: bytes(table, "memory") }
}

fn limits(table: &Table) -> Limits {
    Limits {
        cpu: optional(table, "cpu").map(Millicores),
        memory: optional(table, "memory").map(Bytes),
        pids: optional(table, "pids"),
    }
}

fn sandbox(table: &Table, directory: &Path) -> SandboxSpec {
    let paths = |name| table.texts(name).iter().map(|item| resolve(directory, &item.text)).collect();
    SandboxSpec {
        filesystem: table.flag("filesystem"),
        read: paths("read"),
        write: paths("write"),
        syscalls: table.flag("syscalls"),
        user_namespace: table.flag("user_namespace"),
        network_namespace: table.flag("network_namespace"),
        require: texts(table, "require"),
    }
}

fn service(table: &Table, directory: &Path) -> Option<ServiceSpec> {
    let (replicas, log) = (table.table("replicas")?, table.table("log")?);
    Some(ServiceSpec {
        run: command(table, directory),
        replicas_min: replicas.count("min"),
        replicas_max: replicas.count("max"),
        requests: requests(table.table("requests")?),
        limits: limits(table.table("limits")?),
        health: health(table.table("health")?),
        startup: millis(table, "startup"),
        grace: millis(table, "grace"),
        balance: balance(table.table("balance")?)?,
        scaling: scaling::scaling(table.table("scaling")?, directory)?,
        metrics: metrics::metrics(table, directory)?,
        priority: priority(table),
        weight: table.count("weight"),
        guaranteed: replicas.number("guaranteed").map(|_| replicas.count("guaranteed")),
        restart: restart(table.table("restart")?),
        sandbox: sandbox(table.table("sandbox")?, directory),
        log_size_max: bytes(log, "size"),
        log_files_max: log.count("files"),
        analyst: analyst::service_analyst(table.table("analyst")?)?,
    })
}

fn priority(table: &Table) -> i32 {
    table.number("priority").and_then(|number| i32::try_from(number).ok()).unwrap_or_default()
}

fn health(table: &Table) -> HealthSpec {
    HealthSpec {
        probe: table.text("path").map_or(Probe::Tcp, |path| Probe::Http { path: path.to_owned() }),
        interval: millis(table, "interval"),
        timeout: millis(table, "timeout"),
        healthy_after: table.count("healthy_after"),
        unhealthy_after: table.count("unhealthy_after"),
        startup_max: millis(table, "startup_max"),
    }
}

fn restart(table: &Table) -> RestartSpec {
    RestartSpec {
        backoff: millis(table, "backoff"),
        backoff_max: millis(table, "backoff_max"),
        crash_loop_after: table.count("crash_loop_after"),
        stable_after: millis(table, "stable_after"),
    }
}

/// The variant that serde calls `word`: the file's words are the model's serialised names.
pub fn variant<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}

pub fn balance(table: &Table) -> Option<BalanceSpec> {
    let ejection = table.table("ejection")?;
    Some(BalanceSpec {
        algorithm: variant::<Algorithm>(table.text("algorithm")?)?,
        slow_start: millis(table, "slow_start"),
        ejection: EjectionSpec {
            consecutive_errors: ejection.count("consecutive_errors"),
            success_rate_min: permille(ejection, "success_rate_min"),
            latency_ratio_max: permille(ejection, "latency_ratio_max"),
            duration: millis(ejection, "duration"),
            duration_max: millis(ejection, "duration_max"),
            share_max: permille(ejection, "share_max"),
        },
        in_flight_max: table.number("in_flight_max").map(|_| table.count("in_flight_max")),
        queue_max: table.count("queue_max"),
        queue_timeout: millis(table, "queue_timeout"),
        breaker: breaker(table.table("breaker")?),
        load: load(table.table("load")?),
    })
}

fn load(table: &Table) -> LoadSpec {
    LoadSpec {
        blackout: millis(table, "blackout"),
        expiry: millis(table, "expiry"),
        update: millis(table, "update"),
        error_penalty: permille(table, "error_penalty"),
        keep: table.flag("keep"),
    }
}

fn breaker(table: &Table) -> BreakerSpec {
    let optional = |name| table.number(name).map(|_| table.count(name));
    BreakerSpec {
        failure_share: table.number("failure_share").map(|_| permille(table, "failure_share")),
        requests_min: table.count("requests_min"),
        window: millis(table, "window"),
        open: millis(table, "open"),
        open_max: millis(table, "open_max"),
        probes: table.count("probes"),
        in_flight_max: optional("in_flight_max"),
        connections_max: optional("connections_max"),
        retries_max: optional("retries_max"),
    }
}

fn job(table: &Table, directory: &Path) -> Option<JobSpec> {
    let log = table.table("log")?;
    Some(JobSpec {
        run: command(table, directory),
        requests: requests(table.table("requests")?),
        limits: limits(table.table("limits")?),
        priority: priority(table),
        run_time: optional(table, "run_time").map(Millis),
        retries: table.count("retries"),
        memory_retry: table
            .table("memory_retry")
            .map(|retry| MemoryRetry { factor: permille(retry, "factor"), memory_max: bytes(retry, "max") }),
        schedule: match form::schedule(table.text("schedule")?).ok()? {
            Written::Once => Schedule::Once,
            Written::Manual => Schedule::Manual,
            Written::Every(period) => Schedule::Every { period: Millis(period) },
            Written::Daily(at) => Schedule::Daily { at: Millis(at) },
        },
        preemptible: table.flag("preemptible"),
        grace: millis(table, "grace"),
        sandbox: sandbox(table.table("sandbox")?, directory),
        log_size_max: bytes(log, "size"),
        log_files_max: log.count("files"),
    })
}
