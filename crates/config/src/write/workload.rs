//! Services and jobs as keys of the file.

use super::analyst::write_service_analyst;
use super::metrics::write_metric;
use super::scaling::write_scaling;
use super::{Branch, list, signed};
use crate::moment;
use crate::unit::Unit;
use plimsoll_model::breaker::BreakerSpec;
use plimsoll_model::load::LoadSpec;
use plimsoll_model::spec::{
    BalanceSpec, CommandSpec, EjectionSpec, HealthSpec, JobSpec, Limits, MemoryRetry, Probe, Resources, RestartSpec,
    SandboxSpec, Schedule, ServiceSpec,
};

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

pub fn write_service(at: &mut Branch, service: &ServiceSpec) {
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
        metrics,
        priority,
        weight,
        guaranteed,
        restart,
        sandbox,
        log_size_max,
        log_files_max,
        analyst,
    } = service;
    write_command(at, run);
    at.branch("replicas", |at| {
        at.unit("min", Unit::Count, u64::from(*replicas_min));
        at.unit("max", Unit::Count, u64::from(*replicas_max));
        at.unit_if("guaranteed", Unit::Count, guaranteed.map(u64::from));
    });
    at.branch("requests", |at| write_requests(at, requests));
    at.branch("limits", |at| write_limits(at, limits));
    at.branch("health", |at| write_health(at, health));
    at.unit("startup", Unit::Duration, startup.get());
    at.unit("grace", Unit::Duration, grace.get());
    at.branch("balance", |at| write_balance(at, balance));
    at.branch("scaling", |at| write_scaling(at, scaling));
    metrics.iter().for_each(|metric| at.item("metrics", |at| write_metric(at, metric)));
    at.leaf("priority", priority.to_string());
    at.unit("weight", Unit::Count, u64::from(*weight));
    at.branch("restart", |at| write_restart(at, restart));
    at.branch("sandbox", |at| write_sandbox(at, sandbox));
    at.branch("log", |at| write_log(at, log_size_max.get(), *log_files_max));
    at.branch("analyst", |at| write_service_analyst(at, analyst));
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
    let BalanceSpec { algorithm, slow_start, ejection, in_flight_max, queue_max, queue_timeout, breaker, load } =
        balance;
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
    at.branch("breaker", |at| write_breaker(at, breaker));
    at.branch("load", |at| {
        let LoadSpec { blackout, expiry, update, error_penalty, keep } = load;
        at.unit("blackout", Unit::Duration, blackout.get());
        at.unit("expiry", Unit::Duration, expiry.get());
        at.unit("update", Unit::Duration, update.get());
        at.unit("error_penalty", Unit::Thousandths, error_penalty.get());
        at.leaf("keep", keep.to_string());
    });
}

fn write_breaker(at: &mut Branch, breaker: &BreakerSpec) {
    let BreakerSpec {
        failure_share,
        requests_min,
        window,
        open,
        open_max,
        probes,
        in_flight_max,
        connections_max,
        retries_max,
    } = breaker;
    at.unit_if("failure_share", Unit::Share, failure_share.map(|share| share.get()));
    at.unit("requests_min", Unit::Count, u64::from(*requests_min));
    at.unit("window", Unit::Duration, window.get());
    at.unit("open", Unit::Duration, open.get());
    at.unit("open_max", Unit::Duration, open_max.get());
    at.unit("probes", Unit::Count, u64::from(*probes));
    at.unit_if("in_flight_max", Unit::Count, in_flight_max.map(u64::from));
    at.unit_if("connections_max", Unit::Count, connections_max.map(u64::from));
    at.unit_if("retries_max", Unit::Count, retries_max.map(u64::from));
}

pub fn write_job(at: &mut Branch, job: &JobSpec) {
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
