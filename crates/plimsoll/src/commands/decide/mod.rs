//! `plimsoll decide`: one policy, one observation, one decision with every reason. It is how people unit-test a policy.
//!
//! The decision is made by the code that runs, from what the observation says and nothing else: what is not said was not
//! observed. A list of observations is decided one after the other, so that windows, rates and panic can be tested; a state
//! file carries what the policy remembers from one call to the next.
//!
//! Three kinds of observation: of one service (`one`), of several that share a node (`shared`), of nodes that can be bought
//! and given back (`pools`).

mod observed;
mod one;
mod pools;
mod schema;
mod schema_fleet;
mod shared;
mod size;

pub use schema::observation as observation_schema;

use crate::Verdict;
use crate::args::{Decide, Output};
use anyhow::{Context as _, anyhow, bail};
use observed::Kind;
use one::{Decided, Memory};
use plimsoll_config::Loaded;
use plimsoll_model::{ServiceName, ServiceSpec, Spec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;

/// Figures older than this are stale, as in the controller.
const AGE_MAX_MS: u64 = 15_000;
/// Most bytes of an observation file.
const FILE_SIZE_MAX: u64 = 64 << 20;

/// Decides.
pub fn run(typed: &Decide) -> anyhow::Result<Verdict> {
    let name = typed.observation.display().to_string();
    let text = text(&typed.observation)?;
    match observed::kind(&text, &name)? {
        Kind::Nodes => pools::run(typed, &text, &name),
        Kind::Services => match policy(typed)? {
            Some(loaded) => shared::run(typed, &loaded.spec, &text, &name),
            None => Ok(Verdict::No),
        },
        Kind::Service => match policy(typed)? {
            Some(loaded) => alone(typed, &loaded.spec, &text, &name),
            None => Ok(Verdict::No),
        },
    }
}

/// One service.
fn alone(typed: &Decide, spec: &Spec, text: &str, name: &str) -> anyhow::Result<Verdict> {
    let (service, spec) = service(spec, typed)?;
    let observations: Vec<observed::Observed> = observed::read(text, name)?;
    let mut memory: Memory = remembered(typed.state.as_deref())?;
    let mut results = Vec::new();
    for (index, observed) in observations.iter().enumerate() {
        let place = || place(name, index, observations.len());
        let at = observed.at().with_context(place)?;
        let Decided { current, rationale, what_if } = one::step(spec, observed, &mut memory, at).with_context(place)?;
        match typed.output {
            Output::Text => {
                println!("{at}: {current} → {}", rationale.target);
                plimsoll_controller::explain_service(service, &rationale).iter().for_each(|line| println!("{line}"));
                println!("  another load: {what_if}");
            }
            Output::Json => results.push(json!({
                "at_ms": at, "service": service, "current": current, "target": rationale.target, "rationale": rationale,
                "what_if": what_if,
            })),
        }
    }
    finish(typed, results, &memory)
}

/// The policy, unless it does not hold, which is said.
fn policy(typed: &Decide) -> anyhow::Result<Option<Loaded>> {
    match plimsoll_config::load_policy(&typed.policy) {
        Ok(loaded) => {
            eprint!("{}", loaded.warnings);
            Ok(Some(loaded))
        }
        Err(report) => {
            match typed.output {
                Output::Text => eprint!("{report}"),
                Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
            }
            Ok(None)
        }
    }
}

/// Where an observation stands.
fn place(name: &str, index: usize, of: usize) -> String {
    if of > 1 { format!("{name}: observation {}", index + 1) } else { name.to_owned() }
}

/// Prints what is for machines, an object for one observation and a list for several, and writes what is remembered.
fn finish(typed: &Decide, mut results: Vec<Value>, memory: &impl Serialize) -> anyhow::Result<Verdict> {
    if typed.output == Output::Json {
        let whole = if results.len() > 1 { json!(results) } else { results.pop().unwrap_or_default() };
        println!("{}", serde_json::to_string_pretty(&whole)?);
    }
    if let Some(path) = &typed.state {
        let text = serde_json::to_string_pretty(memory)?;
        std::fs::write(path, text + "\n").with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(Verdict::Done)
}

/// The service that is meant.
fn service<'a>(spec: &'a Spec, typed: &Decide) -> anyhow::Result<(&'a ServiceName, &'a ServiceSpec)> {
    let names = || names(spec);
    match (&typed.service, spec.services.len()) {
        (Some(name), _) => {
            let found = spec.services.iter().find(|(known, _)| known.as_str() == name);
            found.ok_or_else(|| anyhow!("--service {name}: there is no such service, there are {}", names()))
        }
        (None, 1) => spec.services.first_key_value().ok_or_else(|| anyhow!("there is no service")),
        (None, 0) => bail!("{}: there is no service in it", typed.policy.display()),
        (None, _) => bail!("{}: say which service with --service: {}", typed.policy.display(), names()),
    }
}

fn names(spec: &Spec) -> String {
    spec.services.keys().map(ServiceName::as_str).collect::<Vec<_>>().join(", ")
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_SIZE_MAX).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_SIZE_MAX).read_to_string(&mut text))
    };
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(text)
}

fn remembered<T: DeserializeOwned + Default>(path: Option<&Path>) -> anyhow::Result<T> {
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(T::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no state of `plimsoll decide`", path.display()))
}
