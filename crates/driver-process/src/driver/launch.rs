//! From a request to the record that the shim reads: placeholders replaced, the environment complete.

use super::{DriverOptions, LaunchRequest};
use crate::cgroup::CgroupBases;
use crate::record::{FORMAT, Launch, TMP};
use plimsoll_model::{Timestamp, WorkloadId};
use std::collections::BTreeMap;
use std::path::Path;

/// Passed on from the daemon's environment. Nothing else is: it may hold the daemon's secrets.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE"];

/// The record of a request. `directory` is the workload's own.
pub fn record(
    request: LaunchRequest,
    directory: &Path,
    port: Option<u16>,
    started_at: Timestamp,
    bases: &CgroupBases,
    options: DriverOptions,
) -> Launch {
    let places = Placeholders::of(&request.id, port);
    let mut env = inherited();
    env.insert("TMPDIR".to_owned(), directory.join(TMP).to_string_lossy().into_owned());
    env.insert("PLIMSOLL_ID".to_owned(), places.id.clone());
    env.insert("PLIMSOLL_SERVICE".to_owned(), places.service.clone());
    if let Some(port) = port {
        env.insert("PORT".to_owned(), port.to_string());
    }
    env.extend(request.env.into_iter().map(|(name, value)| (name, places.replace(&value))));
    Launch {
        format: FORMAT,
        command: request.command.iter().map(|text| places.replace(text)).collect(),
        env,
        // The shim does not run where the daemon runs.
        directory: std::path::absolute(&request.directory).unwrap_or(request.directory),
        id: request.id,
        generation: request.generation,
        started_at,
        port,
        requests: request.requests,
        limits: request.limits,
        sandbox: request.sandbox,
        health: request.health,
        grace: request.grace,
        log_size_max: request.log_size_max,
        log_files_max: request.log_files_max,
        cgroup: bases.clone(),
        duty_cycle: options.duty_cycle,
    }
}

fn inherited() -> BTreeMap<String, String> {
    PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

#[derive(Debug)]
struct Placeholders {
    port: Option<String>,
    id: String,
    service: String,
}

impl Placeholders {
    fn of(id: &WorkloadId, port: Option<u16>) -> Self {
        let (id, service) = match id {
            WorkloadId::Replica(id) => (id.to_string(), id.service.to_string()),
            WorkloadId::Task(id) => (id.to_string(), id.job.to_string()),
        };
        Self { port: port.map(|port| port.to_string()), id, service }
    }

    /// One pass, so that a replaced value is never looked at again. An unknown brace is left alone: commands hold JSON.
    fn replace(&self, text: &str) -> String {
        let known = [("{port}", self.port.as_deref()), ("{id}", Some(&self.id)), ("{service}", Some(&self.service))];
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(place) = rest.find('{') {
            replaced.push_str(&rest[..place]);
            rest = &rest[place..];
            let found = known
                .iter()
                .find_map(|(name, value)| value.filter(|_| rest.starts_with(name)).map(|value| (name, value)));
            let (length, value) = found.map_or((1, "{"), |(name, value)| (name.len(), value));
            replaced.push_str(value);
            rest = &rest[length..];
        }
        replaced + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_once_and_other_braces_stay() {
        let places = Placeholders::of(&"service:shop/17".parse().unwrap(), Some(8_080));
        assert_eq!(places.replace("--listen=127.0.0.1:{port}"), "--listen=127.0.0.1:8080");
        assert_eq!(places.replace("{service} {id} {{port}} {\"a\":{}}"), "shop shop/17 {8080} {\"a\":{}}");
        let job = Placeholders::of(&"job:report/3".parse().unwrap(), None);
        assert_eq!(job.replace("{port} {service}{"), "{port} report{");
    }

    proptest::proptest! {
        #[test]
        fn text_without_placeholders_is_left_alone(text in "[^{]*") {
            let places = Placeholders::of(&"job:report/3".parse().unwrap(), None);
            proptest::prop_assert_eq!(places.replace(&text), text);
        }
    }
}
