//! The rungs of the isolation, each tried in a child process.

use super::{Check, Status};
use crate::Verdict;
use crate::args::Attempt;
use anyhow::Context;
use clap::ValueEnum;
use plimsoll_driver_process::probe::{Found, Rung, attempt};
use plimsoll_model::Spec;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a child: each attempt is a few system calls.
const WAIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A rung: what it is called, what a spec calls it, what lacks without it, and the remedy.
struct Known {
    attempt: Attempt,
    name: &'static str,
    /// As `sandbox.require` names it.
    required: &'static [&'static str],
    meaning: &'static str,
    remedy: &'static str,
}

const ALL: [Known; 6] = [
    Known {
        attempt: Attempt::Cgroups,
        name: "control groups",
        required: &["cpu", "memory", "pids"],
        meaning: "limits of CPU, memory and processes are best effort: niceness, a watchdog, rlimits",
        remedy: "systemd-run --user --scope -p Delegate=yes plimsoll up SPEC.toml",
    },
    Known {
        attempt: Attempt::Landlock,
        name: "Landlock",
        required: &["filesystem"],
        meaning: "`sandbox.filesystem` is not enforced: workloads may touch every file that their user may",
        remedy: "uname -r; grep -o landlock /sys/kernel/security/lsm   # needs Linux 5.13 with lsm=landlock,…",
    },
    Known {
        attempt: Attempt::Seccomp,
        name: "seccomp",
        required: &["syscalls"],
        meaning: "`sandbox.syscalls` is not enforced: workloads may make every system call",
        remedy: "grep SECCOMP_FILTER /boot/config-$(uname -r)   # needs CONFIG_SECCOMP_FILTER=y",
    },
    Known {
        attempt: Attempt::UserNamespace,
        name: "user namespace",
        required: &[],
        meaning: "`sandbox.user_namespace` has no effect",
        remedy: "sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000",
    },
    Known {
        attempt: Attempt::NetworkNamespace,
        name: "network namespace",
        required: &["network"],
        meaning: "`sandbox.network_namespace` has no effect: workloads keep the network",
        remedy: "sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_net_namespaces=10000",
    },
    Known {
        attempt: Attempt::PidNamespace,
        name: "process namespace",
        required: &[],
        meaning: "nothing: no workload is put into one today",
        remedy: "sudo sysctl -w user.max_pid_namespaces=10000",
    },
];

/// Every rung.
pub fn all(spec: Option<&Spec>) -> Vec<Check> {
    ALL.iter().map(|known| one(known, spec)).collect()
}

fn one(known: &Known, spec: Option<&Spec>) -> Check {
    let found = in_a_child(known.attempt).unwrap_or_else(|error| Found {
        holds: false,
        by: String::new(),
        evidence: format!("{error:#}"),
    });
    let by = if found.by.is_empty() { String::new() } else { format!("{}: ", found.by) };
    let evidence = format!("{by}{}", found.evidence);
    if found.holds {
        return Check::ok(known.name, evidence);
    }
    let demanded = demanded(known, spec, &found.by);
    let Some((service, name)) = demanded else {
        let status = if found.by.is_empty() { Status::Absent } else { Status::Weak };
        return Check::not(known.name, status, evidence).so(known.meaning, known.remedy);
    };
    let meaning = format!("{service} requires {name:?} and will not start; {}", known.meaning);
    Check::not(known.name, Status::Problem, evidence).so(&meaning, known.remedy)
}

/// Who requires what of this rung that does not hold.
fn demanded(known: &Known, spec: Option<&Spec>, holds: &str) -> Option<(String, String)> {
    let spec = spec?;
    let services = spec.services.iter().map(|(name, service)| (format!("service {name}"), &service.sandbox.require));
    let jobs = spec.jobs.iter().map(|(name, job)| (format!("job {name}"), &job.sandbox.require));
    services.chain(jobs).find_map(|(who, required)| {
        let is_missing = |name: &&String| known.required.contains(&name.as_str()) && !holds.contains(name.as_str());
        required.iter().find(is_missing).map(|name| (who, name.clone()))
    })
}

/// Tries a rung in a child of this program, which ends with it.
fn in_a_child(attempt: Attempt) -> anyhow::Result<Found> {
    let scratch = std::env::temp_dir().join(format!("plimsoll-doctor-{}-{attempt:?}", std::process::id()));
    std::fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let said = child(attempt, &scratch);
    let _ = std::fs::remove_dir_all(&scratch);
    said
}

fn child(attempt: Attempt, scratch: &Path) -> anyhow::Result<Found> {
    let word = attempt.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let own = std::env::current_exe().context("this program's own path")?;
    let mut child = Command::new(own)
        .args(["doctor", "--attempt", &word, "--scratch"])
        .arg(scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("a child to try it in")?;
    let deadline = Instant::now() + WAIT;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            anyhow::bail!("the attempt did not end within {} s", WAIT.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let output = child.wait_with_output()?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("the attempt ended with {}", output.status))
}

/// The child's side: tries it here, for good, and prints what came of it.
pub fn in_this_process(typed: Attempt, scratch: &Path) -> anyhow::Result<Verdict> {
    let rung = match typed {
        Attempt::Landlock => Rung::Landlock,
        Attempt::Seccomp => Rung::Seccomp,
        Attempt::UserNamespace => Rung::UserNamespace,
        Attempt::NetworkNamespace => Rung::NetworkNamespace,
        Attempt::PidNamespace => Rung::PidNamespace,
        Attempt::Cgroups => Rung::Cgroups,
    };
    println!("{}", serde_json::to_string(&attempt(rung, scratch))?);
    Ok(Verdict::Done)
}
