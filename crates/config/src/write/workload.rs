//! Services and jobs as keys of the file.

use super::{Branch, list, signed};
use crate::moment;
use crate::unit::Unit;
use plimsoll_model::scaling::VerticalSpec;
use plimsoll_model::spec::{
    BalanceSpec, CommandSpec, EjectionSpec, ForecastSpec, HealthSpec, JobSpec, Limits, MemoryRetry, Probe, Resources,
    RestartSpec, SandboxSpec, ScalingPolicy, ScalingSpec, Schedule, ServiceSpec,
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
        priority,
        weight,
        guaranteed,
        restart,
        sandbox,
        log_size_max,
        log_files_max,
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
    at.leaf("priority", priority.to_string());
    at.unit("weight", Unit::Count, u64::from(*weight));
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
        vertical,
        ..
    } = scaling;
    for policy in policies {
        match policy {
            ScalingPolicy::Cpu { target } => at.unit("cpu", Unit::Share, target.get()),
            ScalingPolicy::Memory { target } => at.unit("memory", Unit::Share, target.get()),
            ScalingPolicy::RequestRate { target } => at.unit("request_rate", Unit::Rate, target.get()),
            ScalingPolicy::InFlight { target_milli } => at.unit("in_flight", Unit::Thousandths, *target_milli),
            _ => {}
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
    if let Some(ForecastSpec { season, season_long, quantile, history, models, refit, .. }) = forecast {
        at.branch("forecast", |at| {
            at.unit("season", Unit::Duration, season.get());
            at.unit_if("season_long", Unit::Duration, season_long.map(plimsoll_model::Millis::get));
            at.unit("quantile", Unit::Share, quantile.get());
            at.text_if("history", history.as_deref());
            at.leaf("models", list(models));
            at.unit("refit", Unit::Duration, refit.get());
        });
    }
    if let Some(vertical) = vertical {
        at.branch("vertical", |at| write_vertical(at, vertical));
    }
}

fn write_vertical(at: &mut Branch, vertical: &VerticalSpec) {
    let VerticalSpec {
        mode,
        limits,
        min,
        cpu_max,
        memory_max,
        quantile,
        margin,
        half_life,
        memory_window,
        every,
        age_min,
        change_min,
    } = vertical;
    // The file's words are the model's serialised names.
    at.leaf("mode", serde_json::to_string(mode).unwrap_or_default());
    at.leaf("limits", serde_json::to_string(limits).unwrap_or_default());
    at.unit("cpu_min", Unit::Cpu, min.cpu.get());
    at.unit("memory_min", Unit::Bytes, min.memory.get());
    at.unit_if("cpu_max", Unit::Cpu, cpu_max.map(|cpu| cpu.get()));
    at.unit_if("memory_max", Unit::Bytes, memory_max.map(|memory| memory.get()));
    at.unit("quantile", Unit::Share, quantile.get());
    at.unit("margin", Unit::Share, margin.get());
    at.unit("half_life", Unit::Duration, half_life.get());
    at.unit("memory_window", Unit::Duration, memory_window.get());
    at.unit("every", Unit::Duration, every.get());
    at.unit("age_min", Unit::Duration, age_min.get());
    at.unit("change_min", Unit::Share, change_min.get());
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
