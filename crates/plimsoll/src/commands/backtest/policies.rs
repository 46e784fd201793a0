//! Who is compared: built-in policies by name, files, and supplies that no controller decides.

use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_config::Report;
use plimsoll_model::spec::{Resources, ServiceSpec};
use plimsoll_model::{Bytes, Millicores, ServiceName, Spec};
use plimsoll_twin::backtest::{Course, Supply};
use std::collections::BTreeMap;
use std::path::Path;

/// Most policies: a table of more rows is no comparison.
const CONTESTANTS_MAX: usize = 64;

/// Built-in policies: the name and the file.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("plimsoll", include_str!("../../../../../policies/scaling/plimsoll.toml")),
    ("hpa60", include_str!("../../../../../policies/scaling/hpa60.toml")),
    ("hpa45", include_str!("../../../../../policies/scaling/hpa45.toml")),
    ("kubernetes-hpa60", include_str!("../../../../../policies/scaling/kubernetes-hpa60.toml")),
    ("kubernetes-hpa45", include_str!("../../../../../policies/scaling/kubernetes-hpa45.toml")),
    ("hpa60-yesterday", include_str!("../../../../../policies/scaling/hpa60-yesterday.toml")),
    ("lazy", include_str!("../../../../../policies/scaling/lazy.toml")),
];

/// One policy.
pub struct Contestant {
    /// As typed; a file without its folder.
    pub name: String,
    kind: Kind,
}

enum Kind {
    /// Decided step by step by the controller.
    Decided(Box<Spec>),
    /// The highest need, throughout.
    Peak,
    /// What a clairvoyant would have had.
    Optimum,
}

impl Contestant {
    /// What the controller is told, where it decides.
    pub fn spec(&self) -> Option<&Spec> {
        match &self.kind {
            Kind::Decided(spec) => Some(spec),
            Kind::Peak | Kind::Optimum => None,
        }
    }

    /// The service that a load is run as, where a controller decides: the one there is, or the one of its name.
    pub fn service(&self, load: &str) -> Option<&ServiceSpec> {
        let services = &self.spec()?.services;
        match services.len() {
            1 => services.values().next(),
            _ => services.iter().find(|(name, _)| name.as_str() == load).map(|(_, service)| service),
        }
    }

    /// One spec with a service per load, and the load of each, in the order of the services. A policy of one service is given
    /// to each load.
    ///
    /// # Errors
    /// Where several services and loads do not have the same names.
    pub fn together(&self, loads: &[&str]) -> anyhow::Result<Option<(Spec, Vec<usize>)>> {
        let Some(spec) = self.spec() else { return Ok(None) };
        let mut services: BTreeMap<ServiceName, (usize, ServiceSpec)> = BTreeMap::new();
        for (index, load) in loads.iter().enumerate() {
            let name = if spec.services.len() == 1 { service_name(load, index) } else { (*load).to_owned() };
            let service = self.service(load).with_context(|| {
                let names: Vec<&str> = spec.services.keys().map(ServiceName::as_str).collect();
                format!("{} has no service of the name {load}: it has {}", self.name, names.join(", "))
            })?;
            services.insert(ServiceName::try_new(name)?, (index, service.clone()));
        }
        let idle: Vec<&str> = spec
            .services
            .keys()
            .map(ServiceName::as_str)
            .filter(|name| spec.services.len() > 1 && !loads.contains(name))
            .collect();
        if !idle.is_empty() {
            bail!("{}: there is no load of the name {}; loads are {}", self.name, idle.join(", "), loads.join(", "));
        }
        let order = services.values().map(|(index, _)| *index).collect();
        let services = services.into_iter().map(|(name, (_, service))| (name, service)).collect();
        Ok(Some((Spec { services, ..spec.clone() }, order)))
    }

    /// The replicas, where no controller decides.
    pub fn supply(&self, course: &Course) -> Supply {
        match self.kind {
            Kind::Peak => course.constant_peak(),
            _ => course.clairvoyant(),
        }
    }
}

/// What was typed, in the order typed, and which of it is the present configuration; it is added where it was not typed.
pub fn contestants(typed: &Backtest) -> anyhow::Result<(Vec<Contestant>, Option<usize>)> {
    let mut names: Vec<&str> = Vec::new();
    for name in typed.policy.iter().chain(&typed.against) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.len() > CONTESTANTS_MAX {
        bail!("{} policies: at most {CONTESTANTS_MAX} are compared", names.len());
    }
    let against = typed.against.as_ref().and_then(|name| names.iter().position(|it| it == name));
    let contestants = names.iter().map(|name| contestant(name, typed.together)).collect::<anyhow::Result<_>>()?;
    Ok((contestants, against))
}

fn contestant(typed: &str, is_together: bool) -> anyhow::Result<Contestant> {
    let kind = match typed {
        "peak" => Kind::Peak,
        "optimum" => Kind::Optimum,
        _ => Kind::Decided(Box::new(spec(typed, is_together)?)),
    };
    let name = Path::new(typed).file_stem().map_or(typed.into(), |stem| stem.to_string_lossy());
    Ok(Contestant { name: name.into_owned(), kind })
}

/// The policy of that name or in that file, which a controller decides by, and what it is called.
pub fn decided_by(typed: &str) -> anyhow::Result<(String, Spec)> {
    let found = contestant(typed, false)?;
    let Kind::Decided(spec) = found.kind else {
        bail!("--policy {typed}: nobody can follow it who does not know the future; it stands beside the others anyway")
    };
    Ok((found.name, *spec))
}

/// The policy of that name, or in that file.
fn spec(typed: &str, is_together: bool) -> anyhow::Result<Spec> {
    let refused = |report: Report| anyhow::anyhow!("--policy {typed}:\n{}", report.lines().join("\n"));
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == typed);
    if let Some((name, text)) = built_in {
        let path = format!("{name}.toml");
        return Ok(plimsoll_config::parse_policy(text, Path::new(&path)).map_err(refused)?.spec);
    }
    let path = Path::new(typed);
    if !path.exists() {
        let known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).chain(["peak", "optimum"]).collect();
        bail!("--policy {typed}: there is {}, or the path of a policy file or spec", known.join(", "));
    }
    let spec = plimsoll_config::load_policy(path).map_err(refused)?.spec;
    match spec.services.len() {
        1 => Ok(spec),
        2.. if is_together => Ok(spec),
        services => bail!("--policy {typed}: has {services} services; a backtest runs one, or several with --together"),
    }
}

/// A name that a service may have, near that of the load and like no other's.
fn service_name(load: &str, index: usize) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = load.chars().map(plain).take(40).collect();
    format!("s{index}-{}", name.trim_matches('-')).trim_matches('-').to_owned()
}

/// What one replica takes: as its policy asks for, or a core and a GiB where no policy says.
pub fn replica(contestant: &Contestant, load: &str) -> Resources {
    let default = Resources { cpu: Millicores(1_000), memory: Bytes(1 << 30) };
    contestant.service(load).map_or(default, |service| service.requests)
}
