//! `plimsoll watch`: what Plimsoll would have done with a service that it does not run, beside what happened.
//!
//! The load (and, where they are known, the replicas) of the service is read from where it is already: a Prometheus server,
//! a `/metrics` page, the kernel's figures of a process, a log. The controller that runs live then decides over it, in the
//! loop of `plimsoll backtest`, and both supplies are priced on the same terms.
//!
//! It must never change what it watches: over the network it sends GET and nothing else, of a process it reads `/proc` and
//! the control group, of a log the file.

mod capacity;
mod judge;
mod live;
mod observed;
mod print;
mod range;

use crate::Verdict;
use crate::args::{Output, Watch};
use anyhow::{Context, bail};
use judge::Terms;
use observed::Observed;
use plimsoll_report::Style;

/// Watches and tells.
pub fn run(typed: &Watch) -> anyhow::Result<Verdict> {
    let terms = Terms::read(typed)?;
    if let Some(path) = &typed.plot {
        print::check_plot(path)?;
    }
    let observed = match (&typed.log, &typed.prometheus) {
        (Some(log), _) => observed::of_log(typed, log)?,
        (None, Some(_)) if !typed.live => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(range::observed(typed))?
        }
        _ => live::observed(typed, &terms)?,
    };
    report(typed, &terms, &observed)
}

/// Judges what was observed, and prints it.
fn report(typed: &Watch, terms: &Terms, observed: &Observed) -> anyhow::Result<Verdict> {
    let judged = judge::judge(terms, observed).with_context(|| observed.source.clone())?;
    match typed.output {
        Output::Text => print!("{}", print::text(typed, terms, observed, &judged, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::json(typed, terms, observed, &judged))?),
    }
    if let Some(path) = &typed.plot {
        print::plot(path, observed, &judged)?;
    }
    Ok(Verdict::Done)
}

/// A time that was typed; the flag and the allowed range are in the error.
fn time(flag: &str, text: &str, min_ms: u64) -> anyhow::Result<plimsoll_model::Millis> {
    super::backtest::time(flag, text, min_ms)
}

/// Load that is not negative, for a figure that may be anything.
fn load_of(value: f64, what: &str) -> anyhow::Result<f64> {
    if value < 0.0 {
        bail!("{what} is {value}, and a load is not below 0");
    }
    Ok(value)
}
