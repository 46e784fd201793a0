//! The ladder of what holds a workload: one file per rung, each answering with the enforcement it really achieved.
//!
//! Everything here runs in the forked child, between fork and exec, so that it binds the workload and not the shim.
//! Nothing here refuses to go on: a rung that is missing is reported, and only [`required`] (the spec's own demand)
//! turns a report into a refusal.

pub mod best_effort;
pub mod filesystem;
pub mod namespace;
pub mod privileges;
pub mod syscalls;

use plimsoll_model::{Enforcement, Isolation};

/// Why a dimension is not enforced when nobody asked for it.
pub const NOT_ASKED: &str = "not asked for";

/// [`Enforcement::None`] with its reason.
#[must_use]
pub fn none(why: impl Into<String>) -> Enforcement {
    Enforcement::None { why: why.into() }
}

/// [`Enforcement::Enforced`] with its mechanism.
#[must_use]
pub fn enforced(by: impl Into<String>) -> Enforcement {
    Enforcement::Enforced { by: by.into() }
}

/// [`Enforcement::Soft`] with its mechanism.
#[must_use]
pub fn soft(by: impl Into<String>) -> Enforcement {
    Enforcement::Soft { by: by.into() }
}

/// The first demand of the spec that is not met, in one line. Best effort does not meet a demand.
#[must_use]
pub fn unmet(isolation: &Isolation, required: &[String]) -> Option<String> {
    required.iter().find_map(|name| {
        let level = match name.as_str() {
            "cpu" => &isolation.cpu,
            "memory" => &isolation.memory,
            "pids" => &isolation.pids,
            "filesystem" => &isolation.filesystem,
            "network" => &isolation.network,
            "syscalls" => &isolation.syscalls,
            other => return Some(format!("the required isolation {other:?} is not known")),
        };
        match level {
            Enforcement::Enforced { .. } => None,
            Enforcement::Soft { by } => Some(format!("{name} must be enforced and is best effort here ({by})")),
            Enforcement::None { why } => Some(format!("{name} must be enforced and is not: {why}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enforcement_by_the_kernel_meets_a_demand() {
        let isolation = Isolation {
            cpu: enforced("cgroup v1"),
            memory: soft("watchdog"),
            pids: none("no controller"),
            filesystem: none(NOT_ASKED),
            network: none(NOT_ASKED),
            syscalls: enforced("seccomp"),
        };
        let unmet = |names: &[&str]| unmet(&isolation, &names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(unmet(&["cpu", "syscalls"]), None);
        assert_eq!(unmet(&["memory"]).unwrap(), "memory must be enforced and is best effort here (watchdog)");
        assert_eq!(unmet(&["cpu", "pids"]).unwrap(), "pids must be enforced and is not: no controller");
        assert_eq!(unmet(&["gpu"]).unwrap(), "the required isolation \"gpu\" is not known");
    }
}
