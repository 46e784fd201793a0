//! Who is compared: built-in policies by name, files, and supplies that no controller decides.

use crate::args::Backtest;
use anyhow::bail;
use plimsoll_config::Report;
use plimsoll_model::Spec;
use plimsoll_twin::backtest::{Course, Supply};
use std::path::Path;

/// Most policies: a table of more rows is no comparison.
const CONTESTANTS_MAX: usize = 64;

/// Built-in policies: the name and the file.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("plimsoll", include_str!("../../../../../policies/scaling/plimsoll.toml")),
    ("hpa60", include_str!("../../../../../policies/scaling/hpa60.toml")),
    ("hpa45", include_str!("../../../../../policies/scaling/hpa45.toml")),
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
    let contestants = names.iter().map(|name| contestant(name)).collect::<anyhow::Result<_>>()?;
    Ok((contestants, against))
}

fn contestant(typed: &str) -> anyhow::Result<Contestant> {
    let kind = match typed {
        "peak" => Kind::Peak,
        "optimum" => Kind::Optimum,
        _ => Kind::Decided(Box::new(spec(typed)?)),
    };
    let name = Path::new(typed).file_stem().map_or(typed.into(), |stem| stem.to_string_lossy());
    Ok(Contestant { name: name.into_owned(), kind })
}

/// The policy of that name, or in that file.
fn spec(typed: &str) -> anyhow::Result<Spec> {
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
        services => bail!("--policy {typed}: has {services} services; a backtest runs one"),
    }
}

/// Cores of one replica, as its policy asks for.
pub fn cores(spec: &Spec) -> f64 {
    let cpu = spec.services.values().next().map_or(1_000, |service| service.requests.cpu.0);
    (cpu.max(1)) as f64 / 1_000.0
}
