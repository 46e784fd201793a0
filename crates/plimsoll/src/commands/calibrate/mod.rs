//! `plimsoll calibrate`: a recording becomes a service model, with the twin's own error on what it was not fitted to.

mod input;
mod print;

use crate::Verdict;
use crate::args::{Calibrate, Output};
use anyhow::{Context, anyhow};
use plimsoll_twin::service::calibrate::{Settings, calibrate, fit_law};

/// Reads, fits, prints.
pub fn run(typed: &Calibrate) -> anyhow::Result<Verdict> {
    let recording = input::recording(&typed.file)?;
    let startup = typed
        .startup
        .as_deref()
        .map(|text| plimsoll_config::unit::duration(text).with_context(|| format!("--startup {text}")));
    let law = typed.law.as_deref().map(|path| {
        let points = input::points(path)?;
        let fitted = fit_law(&points);
        let (_, law) = fitted.ok_or_else(|| {
            anyhow!("--law {}: at least three different numbers of requests at once above 0 are needed", path.display())
        })?;
        anyhow::Ok(plimsoll_twin::service::model::ScalabilityLaw { slots: typed.slots, ..law })
    });
    let settings = Settings {
        slots: typed.slots,
        law: law.transpose()?,
        startup_s: startup.transpose()?.map(|time| time.get() as f64 / 1_000.0),
    };
    let found = calibrate(&recording.samples, &settings).with_context(|| typed.file.display().to_string())?;
    let file = print::file(&found, &typed.file);
    if let Some(out) = &typed.out {
        std::fs::write(out, &file).with_context(|| format!("--out {}", out.display()))?;
    }
    match typed.output {
        Output::Json => println!("{}", plimsoll_report::pretty(&print::view(&found, &recording))?),
        Output::Text => {
            if typed.out.is_none() {
                println!("{file}");
            }
            println!("{}", print::text(&found, &recording));
        }
    }
    let trusted = found.errors.verdict().is_ok();
    Ok(if typed.gate && !trusted { Verdict::No } else { Verdict::Done })
}
