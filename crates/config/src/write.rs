//! From a spec back to a spec file: every field, defaults included, in the units that people use.
//!
//! Reading what is written gives the same spec (a test proves it for each field). Every struct of the model is taken
//! apart by name, so a field added there does not compile here until the file format has it.

use crate::form;
use crate::moment;
use crate::unit::Unit;
use plimsoll_model::spec::{
    BalanceSpec, ClockSpec, CommandSpec, EjectionSpec, ForecastSpec, GatewayLimits, GatewaySpec, HealthSpec,
    HistorySpec, JobSpec, Limits, ListenerSpec, MemoryRetry, NodeSpec, Probe, Resources, RestartSpec, RouteSpec,
    SandboxSpec, ScalingPolicy, ScalingSpec, Schedule, ServiceSpec, Spec,
};
use std::fmt::Write as _;

/// What stands at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A value, as TOML.
    Leaf(String),
    /// A table.
    Branch(Branch),
    /// A list of tables.
    List(Vec<Branch>),
}

/// A table: keys and what stands there, in the order of the reference page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branch(pub Vec<(String, Node)>);

/// The spec as the text of a spec file, with every field. Paths are written as they are in the spec (absolute, if it was
/// loaded from a file).
#[must_use]
pub fn render(spec: &Spec) -> String {
    let mut text = String::new();
    write_branch(&mut text, &tree(spec), "");
    text
}

fn write_branch(text: &mut String, branch: &Branch, path: &str) {
    for (key, node) in &branch.0 {
        if let Node::Leaf(literal) = node {
            let _ = writeln!(text, "{} = {literal}", quoted_key(key));
        }
    }
    for (key, node) in &branch.0 {
        let path = if path.is_empty() { quoted_key(key) } else { format!("{path}.{}", quoted_key(key)) };
        match node {
            Node::Leaf(_) => {}
            Node::Branch(inner) => {
                let _ = write!(text, "\n[{path}]\n");
                write_branch(text, inner, &path);
            }
            Node::List(list) => {
                for inner in list {
                    let _ = write!(text, "\n[[{path}]]\n");
                    write_branch(text, inner, &path);
                }
            }
        }
    }
}

fn quoted_key(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Branch {
    fn leaf(&mut self, key: &str, literal: String) {
        self.0.push((key.to_owned(), Node::Leaf(literal)));
    }

    fn unit(&mut self, key: &str, unit: Unit, value: u64) {
        self.leaf(key, unit.literal(signed(value)));
    }

    fn unit_if(&mut self, key: &str, unit: Unit, value: Option<u64>) {
        if let Some(value) = value {
            self.unit(key, unit, value);
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.leaf(key, quoted(text));
    }

    fn text_if(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn branch(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.0.push((key.to_owned(), Node::Branch(inner)));
    }
}

/// The spec as a tree of the file's keys.
#[must_use]
pub fn tree(spec: &Spec) -> Branch {
    let Spec { name, clock, tick, node, gateway, api_listen, services, jobs, history } = spec;
    let mut root = Branch::default();
    root.text("name", name);
    root.unit("tick", Unit::Duration, tick.get());
    root.branch("clock", |branch| write_clock(branch, clock));
    root.branch("node", |branch| write_node(branch, node));
    root.branch("gateway", |branch| write_gateway(branch, gateway));
    root.branch("api", |branch| write_address(branch, api_listen));
    root.branch("history", |branch| write_history(branch, history));
    root.branch("services", |branch| {
        services.iter().for_each(|(name, service)| branch.branch(name.as_str(), |at| write_service(at, service)));
    });
    root.branch("jobs", |branch| {
        jobs.iter().for_each(|(name, job)| branch.branch(name.as_str(), |at| write_job(at, job)));
    });
    root
}

fn write_clock(at: &mut Branch, ClockSpec { speed, start }: &ClockSpec) {
    at.unit("speed", Unit::Count, u64::from(*speed));
    at.text_if("start", start.map(|start| start.to_string()).as_deref());
}

fn write_node(at: &mut Branch, NodeSpec { name, cpu, memory, reserved_cpu, reserved_memory }: &NodeSpec) {
    at.text("name", name.as_str());
    at.unit_if("cpu", Unit::Cpu, cpu.map(|cpu| cpu.get()));
    at.unit_if("memory", Unit::Bytes, memory.map(|memory| memory.get()));
    at.unit("reserved_cpu", Unit::Cpu, reserved_cpu.get());
    at.unit("reserved_memory", Unit::Bytes, reserved_memory.get());
}

/// An address that other machines can reach was allowed, or the spec would not exist.
fn write_address(at: &mut Branch, address: &str) {
    at.text("listen", address);
    at.leaf("expose", form::address(address).is_ok_and(|address| !form::is_loopback(address)).to_string());
}

fn write_history(at: &mut Branch, history: &HistorySpec) {
    let HistorySpec { raw, summary, size_max, journal, journal_size_max } = history;
    at.unit("raw", Unit::Duration, raw.get());
    at.unit("summary", Unit::Duration, summary.get());
    at.unit("size_max", Unit::Bytes, size_max.get());
    at.unit("journal", Unit::Duration, journal.get());
    at.unit("journal_size_max", Unit::Bytes, journal_size_max.get());
}

fn write_gateway(at: &mut Branch, GatewaySpec { listeners, workers, limits, trusted_proxies }: &GatewaySpec) {
    at.unit_if("workers", Unit::Count, workers.map(u64::from));
    at.leaf("trusted_proxies", list(trusted_proxies));
    at.branch("limits", |at| write_gateway_limits(at, limits));
    let listeners = listeners.iter().map(|ListenerSpec { address, routes }| {
        let mut branch = Branch::default();
        write_address(&mut branch, address);
        branch.0.push(("routes".to_owned(), Node::List(routes.iter().map(route).collect())));
        branch
    });
    at.0.push(("listeners".to_owned(), Node::List(listeners.collect())));
}

fn route(RouteSpec { host, path_prefix, service, timeout, retry }: &RouteSpec) -> Branch {
    let mut at = Branch::default();
    at.text_if("host", host.as_deref());
    at.text("path", path_prefix);
    at.text("service", service.as_str());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.leaf("retry", retry.to_string());
    at
}

fn write_gateway_limits(at: &mut Branch, limits: &GatewayLimits) {
    let GatewayLimits {
        head_bytes_max,
        headers_max,
        body_bytes_max,
        connections_max,
        head_timeout,
        idle_timeout,
        connect_timeout,
        body_timeout,
        retry_budget,
        idle_upstream_max,
        drain,
    } = limits;
    at.unit("head_size_max", Unit::Bytes, *head_bytes_max);
    at.unit("headers_max", Unit::Count, u64::from(*headers_max));
    match body_bytes_max {
        Some(most) => at.unit("body_size_max", Unit::Bytes, *most),
        None => at.text("body_size_max", "unlimited"),
    }
    at.unit("connections_max", Unit::Count, u64::from(*connections_max));
    at.unit("head_timeout", Unit::Duration, head_timeout.get());
    at.unit("idle_timeout", Unit::Duration, idle_timeout.get());
    at.unit("connect_timeout", Unit::Duration, connect_timeout.get());
    at.unit("body_timeout", Unit::Duration, body_timeout.get());
    at.unit("retry_budget", Unit::Share, retry_budget.get());
    at.unit("idle_upstream_max", Unit::Count, u64::from(*idle_upstream_max));
    at.unit("drain", Unit::Duration, drain.get());
}

fn write_command(at: &mut Branch, CommandSpec { command, env, directory }: &CommandSpec) {
    at.leaf("command", list(command));
    at.text_if("directory", directory.as_deref());
    at.branch("env", |at| env.iter().for_each(|(name, value)| at.text(name, value)));
}

fn write_requests(at: &mut Branch, Resources { cpu, memory }: &Resources) {
    at.unit("cpu", Unit::Cpu, cpu.get());
    at.unit("memory", Unit::Bytes, memory.get());
}

fn write_limits(at: &mut Branch, Limits { cpu, memory, pids }: &Limits) {
    at.unit_if("cpu", Unit::Cpu, cpu.map(|cpu| cpu.get()));
    at.unit_if("memory", Unit::Bytes, memory.map(|memory| memory.get()));
    at.unit_if("pids", Unit::Count, *pids);
}

fn write_sandbox(at: &mut Branch, sandbox: &SandboxSpec) {
    let SandboxSpec { filesystem, read, write, syscalls, user_namespace, network_namespace, require } = sandbox;
    at.leaf("filesystem", filesystem.to_string());
    at.leaf("read", list(read));
    at.leaf("write", list(write));
    at.leaf("syscalls", syscalls.to_string());
    at.leaf("user_namespace", user_namespace.to_string());
    at.leaf("network_namespace", network_namespace.to_string());
    at.leaf("require", list(require));
}

fn write_log(at: &mut Branch, size: u64, files: u32) {
    at.unit("size", Unit::Bytes, size);
    at.unit("files", Unit::Count, u64::from(files));
}

fn write_service(at: &mut Branch, service: &ServiceSpec) {
    let ServiceSpec {
        run,
        replicas_min,
        replicas_max,
        requests,
        limits,
        health,
        startup,
        grace,
        balance,
        scaling,
        priority,
        restart,
        sandbox,
        log_size_max,
        log_files_max,
    } = service;
    write_command(at, run);
    at.branch("replicas", |at| {
        at.unit("min", Unit::Count, u64::from(*replicas_min));
        at.unit("max", Unit::Count, u64::from(*replicas_max));
    });
    at.branch("requests", |at| write_requests(at, requests));
    at.branch("limits", |at| write_limits(at, limits));
    at.branch("health", |at| write_health(at, health));
    at.unit("startup", Unit::Duration, startup.get());
    at.unit("grace", Unit::Duration, grace.get());
    at.branch("balance", |at| write_balance(at, balance));
    at.branch("scaling", |at| write_scaling(at, scaling));
    at.leaf("priority", priority.to_string());
    at.branch("restart", |at| write_restart(at, restart));
    at.branch("sandbox", |at| write_sandbox(at, sandbox));
    at.branch("log", |at| write_log(at, log_size_max.get(), *log_files_max));
}

fn write_health(at: &mut Branch, health: &HealthSpec) {
    let HealthSpec { probe, interval, timeout, healthy_after, unhealthy_after, startup_max } = health;
    match probe {
        Probe::Http { path } => at.text("path", path),
        Probe::Tcp => {}
    }
    at.unit("interval", Unit::Duration, interval.get());
    at.unit("timeout", Unit::Duration, timeout.get());
    at.unit("healthy_after", Unit::Count, u64::from(*healthy_after));
    at.unit("unhealthy_after", Unit::Count, u64::from(*unhealthy_after));
    at.unit("startup_max", Unit::Duration, startup_max.get());
}

fn write_restart(at: &mut Branch, restart: &RestartSpec) {
    let RestartSpec { backoff, backoff_max, crash_loop_after, stable_after } = restart;
    at.unit("backoff", Unit::Duration, backoff.get());
    at.unit("backoff_max", Unit::Duration, backoff_max.get());
    at.unit("crash_loop_after", Unit::Count, u64::from(*crash_loop_after));
    at.unit("stable_after", Unit::Duration, stable_after.get());
}

fn write_balance(at: &mut Branch, balance: &BalanceSpec) {
    let BalanceSpec { algorithm, slow_start, ejection, in_flight_max, queue_max, queue_timeout } = balance;
    // The file's words are the model's serialised names.
    at.leaf("algorithm", serde_json::to_string(algorithm).unwrap_or_default());
    at.unit("slow_start", Unit::Duration, slow_start.get());
    at.unit_if("in_flight_max", Unit::Count, in_flight_max.map(u64::from));
    at.unit("queue_max", Unit::Count, u64::from(*queue_max));
    at.unit("queue_timeout", Unit::Duration, queue_timeout.get());
    at.branch("ejection", |at| {
        let EjectionSpec { consecutive_errors, success_rate_min, latency_ratio_max, duration, duration_max, share_max } =
            ejection;
        at.unit("consecutive_errors", Unit::Count, u64::from(*consecutive_errors));
        at.unit("success_rate_min", Unit::Share, success_rate_min.get());
        at.unit("latency_ratio_max", Unit::Thousandths, latency_ratio_max.get());
        at.unit("duration", Unit::Duration, duration.get());
        at.unit("duration_max", Unit::Duration, duration_max.get());
        at.unit("share_max", Unit::Share, share_max.get());
    });
}

fn write_scaling(at: &mut Branch, scaling: &ScalingSpec) {
    let ScalingSpec {
        policies,
        tolerance,
        stabilization_up,
        stabilization_down,
        step_up_max,
        step_down_max,
        period,
        reserve,
        forecast,
    } = scaling;
    for policy in policies {
        match policy {
            ScalingPolicy::Cpu { target } => at.unit("cpu", Unit::Share, target.get()),
            ScalingPolicy::Memory { target } => at.unit("memory", Unit::Share, target.get()),
            ScalingPolicy::RequestRate { target } => at.unit("request_rate", Unit::Rate, target.get()),
            ScalingPolicy::InFlight { target_milli } => at.unit("in_flight", Unit::Thousandths, *target_milli),
        }
    }
    at.unit("tolerance", Unit::Share, tolerance.get());
    at.branch("stabilization", |at| {
        at.unit("up", Unit::Duration, stabilization_up.get());
        at.unit("down", Unit::Duration, stabilization_down.get());
    });
    at.branch("step", |at| {
        at.unit("up", Unit::Count, u64::from(*step_up_max));
        at.unit("down", Unit::Count, u64::from(*step_down_max));
        at.unit("period", Unit::Duration, period.get());
    });
    at.unit("reserve", Unit::Count, u64::from(*reserve));
    if let Some(ForecastSpec { season, slot, quantile, history }) = forecast {
        at.branch("forecast", |at| {
            at.unit("season", Unit::Duration, season.get());
            at.unit("slot", Unit::Duration, slot.get());
            at.unit("quantile", Unit::Share, quantile.get());
            at.text_if("history", history.as_deref());
        });
    }
}

fn write_job(at: &mut Branch, job: &JobSpec) {
    let JobSpec {
        run,
        requests,
        limits,
        priority,
        run_time,
        retries,
        memory_retry,
        schedule,
        preemptible,
        grace,
        sandbox,
        log_size_max,
        log_files_max,
    } = job;
    write_command(at, run);
    at.branch("requests", |at| write_requests(at, requests));
    at.branch("limits", |at| write_limits(at, limits));
    at.leaf("priority", priority.to_string());
    at.text("schedule", &schedule_text(*schedule));
    at.unit_if("run_time", Unit::Duration, run_time.map(|span| span.get()));
    at.unit("retries", Unit::Count, u64::from(*retries));
    if let Some(MemoryRetry { factor, memory_max }) = memory_retry {
        at.branch("memory_retry", |at| {
            at.unit("factor", Unit::Thousandths, factor.get());
            at.unit("max", Unit::Bytes, memory_max.get());
        });
    }
    at.leaf("preemptible", preemptible.to_string());
    at.unit("grace", Unit::Duration, grace.get());
    at.branch("sandbox", |at| write_sandbox(at, sandbox));
    at.branch("log", |at| write_log(at, log_size_max.get(), *log_files_max));
}

fn schedule_text(schedule: Schedule) -> String {
    match schedule {
        Schedule::Once => "once".to_owned(),
        Schedule::Manual => "manual".to_owned(),
        Schedule::Every { period } => format!("every {}", Unit::Duration.print(signed(period.get()))),
        Schedule::Daily { at } => format!("daily {}", moment::print_time_of_day(at.get())),
    }
}
