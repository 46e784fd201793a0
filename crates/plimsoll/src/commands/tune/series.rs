//! The loads that were named, laid under the terms that were typed.

use crate::args::Tune;
use crate::commands::backtest::{factor, named, scaled, time};
use anyhow::bail;
use plimsoll_model::{Millis, Permille};
use plimsoll_traces::Recorded;
use plimsoll_twin::backtest::{Between, Course, Load, Protocol};

/// Everything that was named.
pub fn recorded(typed: &Tune) -> anyhow::Result<Vec<Recorded>> {
    let mut found = Vec::new();
    for text in &typed.series {
        found.extend(named(text)?.into_iter().map(|recording| recording.series.named(&recording.name)));
    }
    Ok(found)
}

/// The protocol without a start-up time.
pub fn protocol(typed: &Tune) -> anyhow::Result<Protocol> {
    let usable = Permille((typed.usable * 1_000.0).round() as u64);
    if usable == Permille::ZERO || typed.capacity == Some(0.0) {
        bail!("--usable and --capacity must be above 0: nothing could be carried");
    }
    Ok(Protocol { usable, skip: time("--skip", &typed.skip, 0)?, ..Protocol::research(Millis::ZERO) })
}

/// A load under the protocol and a start-up time.
pub fn course(typed: &Tune, protocol: &Protocol, startup: Millis, series: &Recorded) -> anyhow::Result<Course> {
    let mut protocol = Protocol { startup, ..protocol.clone() };
    let factor = factor(&protocol, typed.capacity, typed.replicas_p99, &series.values)?;
    let load = Load::try_new(series.start, series.step, &series.values, factor)?;
    protocol.skip = protocol.skip.min(Millis(load.span().0 / 4));
    Ok(Course::try_new(&load, Between::Held, protocol)?)
}

/// The protocol in one line.
pub fn told(typed: &Tune, protocol: &Protocol) -> String {
    format!(
        "{}, need = load / {} rounded up, a decision every {}, figures {} old, first {} (at most a quarter) not scored, \
         start-up {}",
        scaled(typed.capacity, typed.replicas_p99),
        typed.usable,
        protocol.tick,
        protocol.metric_lag,
        protocol.skip,
        typed.startup.join(" and "),
    )
}
