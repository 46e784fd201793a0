//! A history from a file or from the twin.

use crate::args::HistoryOf;
use crate::commands::reach::{Daemon, escaped};
use anyhow::{Context, anyhow, bail};
use plimsoll_analyst::History;
use plimsoll_analyst::history::{Configured, csv};
use plimsoll_analyst::scenario::{self, Half};
use std::path::Path;

/// Largest file that is read.
const BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// The history that was asked for.
pub fn history(of: &HistoryOf) -> anyhow::Result<History> {
    if let Some(number) = of.scenario {
        let (label, history) = scenario::run(number)?;
        if label.half != Half::Seen {
            eprintln!("scenario {number} is only for scoring: whoever writes rules must not look at it");
        }
        return Ok(history);
    }
    if let Some(service) = &of.live {
        let path = format!("/v1/services/{}/record", escaped(service));
        return Daemon::find(&of.installation)?.get(&path);
    }
    let path = of.file.as_deref().ok_or_else(|| anyhow!("a file or --scenario is needed"))?;
    let text = text(path)?;
    let is_csv = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let mut history = if is_csv {
        csv::read(of.service.as_deref().unwrap_or("service"), &text).with_context(|| path.display().to_string())?
    } else {
        let history: History = serde_json::from_str(&text).with_context(|| {
            format!("{}: not a history (`plimsoll schema history` says what one is)", path.display())
        })?;
        history.check().with_context(|| path.display().to_string())?;
        history
    };
    if let Some(spec) = &of.spec {
        (history.service, history.configured) = configured(spec, of.service.as_deref())?;
    }
    Ok(history)
}

pub fn text(path: &Path) -> anyhow::Result<String> {
    let size = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    if size > BYTES_MAX {
        bail!("{}: {size} bytes, and at most {BYTES_MAX} are read", path.display());
    }
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn configured(path: &Path, name: Option<&str>) -> anyhow::Result<(String, Configured)> {
    let spec = plimsoll_config::load(path).map_err(|report| anyhow!("{report}"))?.spec;
    let mut services = spec.services.iter();
    let found = match name {
        Some(name) => services.find(|(known, _)| known.as_str() == name),
        None if spec.services.len() == 1 => services.next(),
        None => bail!("{}: it has {} services; --service says which", path.display(), spec.services.len()),
    };
    let (name, service) =
        found.ok_or_else(|| anyhow!("{}: there is no service {:?}", path.display(), name.unwrap_or_default()))?;
    Ok((name.to_string(), Configured::of(service, spec.node.cpu)))
}
