//! The terms on which loads are run.

use super::recordings::{Recording, at};
use super::twin::Twin;
use crate::args::{Backtest, Between as Typed, SoftOf};
use anyhow::{Context, bail};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Bytes, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_traces::Recorded;
use plimsoll_twin::backtest::{Allowed, Between, Course, Load, LoadError, Protocol};

/// Longest time that can be typed for a tick, a lag, a start-up or a switching cost.
const TIME_MAX: Millis = Millis(7 * 86_400_000);
/// Replicas that the 99th percentile of a load is scaled to need where nothing else is said.
const REPLICAS_P99: u32 = Protocol::REPLICAS_P99;

/// How large a share may be under need in the soft optimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Soft {
    /// So many percent.
    Percent(f64),
    /// As much as the policy that is compared with it.
    Own,
}

/// A load under the terms.
pub struct Laid {
    /// The load, its need and its optimum.
    pub course: Course,
    /// Thousandths per second of the course that one unit of the load became.
    pub factor: f64,
    /// Too little was recorded for the terms' skip.
    pub is_short: bool,
}

/// The terms that all policies share.
#[derive(Debug, Clone)]
pub struct Terms {
    protocol: Protocol,
    /// Start-up times, in the order typed.
    pub startups: Vec<Millis>,
    capacity: Option<f64>,
    replicas_p99: u32,
    between: Between,
    /// Price of a replica hour.
    pub price: f64,
    /// What the service does under load.
    pub twin: Twin,
    /// What is allowed to be under need in the soft optimum, and of what.
    pub soft: Option<(Soft, Allowed)>,
    /// Whether all loads run in one controller.
    pub is_together: bool,
    /// What its node has; none has room for everything.
    pub room: Option<Resources>,
}

impl Terms {
    /// Reads what was typed.
    pub fn read(typed: &Backtest) -> anyhow::Result<Self> {
        let startups: Vec<Millis> =
            typed.startup.iter().map(|text| time("--startup", text, 0)).collect::<anyhow::Result<_>>()?;
        let usable = Permille((typed.usable * 1_000.0).round() as u64);
        if usable == Permille::ZERO || typed.capacity == Some(0.0) {
            bail!("--usable and --capacity must be above 0: nothing could be carried");
        }
        let protocol = Protocol {
            tick: time("--tick", &typed.tick, 1_000)?,
            metric_lag: time("--metric-lag", &typed.metric_lag, 0)?,
            usable,
            skip: time("--skip", &typed.skip, 0)?,
            switching: time("--switching", &typed.switching, 0)?,
            ..Protocol::research(Millis::ZERO)
        };
        let between = match typed.between {
            Typed::Held => Between::Held,
            Typed::Line => Between::Line,
        };
        let twin = Twin::read(typed.service_model.as_deref())?;
        let is_calibrated = twin.source.is_some();
        // A calibrated model says what a replica carries, in requests per second.
        let own = (is_calibrated && typed.replicas_p99.is_none()).then(|| twin.model.capacity());
        let in_flight_milli = if is_calibrated { twin.in_flight_milli() } else { protocol.in_flight_milli };
        Ok(Self {
            protocol: Protocol { in_flight_milli, ..protocol },
            startups,
            capacity: typed.capacity.or(own),
            replicas_p99: typed.replicas_p99.unwrap_or(REPLICAS_P99),
            between,
            price: typed.price,
            twin,
            soft: typed.soft.as_deref().map(|text| soft(text, typed.soft_of)).transpose()?,
            is_together: typed.together,
            room: room(typed)?,
        })
    }

    /// The load under these terms; and what was assumed for it.
    pub fn course(&self, recording: &Recording, startup: Millis) -> anyhow::Result<(Laid, Option<String>)> {
        let mut protocol = Protocol { startup, ..self.protocol.clone() };
        let Recorded { start, step, values, .. } = &recording.series;
        let factor = at(recording, factor(&protocol, self.capacity, self.replicas_p99, values))?;
        let mut load = at(recording, Load::try_new(*start, *step, values, factor))?;
        if let Some(memory) = &recording.memory {
            load = at(recording, load.with_memory(memory))?;
        }
        let is_short = load.span().0 < protocol.skip.0.saturating_mul(4);
        let mut note = None;
        if is_short {
            protocol.skip = Millis(load.span().0 / 4);
            note = Some(format!(
                "{} covers {}, so only its first {} are not scored",
                recording.name,
                load.span(),
                protocol.skip
            ));
        }
        let course = at(recording, Course::try_new(&load, self.between, protocol))?;
        let course = at(recording, course.with_service(&self.twin.model))?;
        Ok((Laid { course, factor, is_short }, note))
    }

    /// Length of a tick in hours.
    pub fn tick_hours(&self) -> f64 {
        self.protocol.tick.0 as f64 / 3_600_000.0
    }

    /// The protocol in one line, for the head of every report.
    pub fn told(&self) -> String {
        let Protocol { tick, metric_lag, usable, skip, switching, .. } = &self.protocol;
        let scaled = scaled(self.capacity, self.replicas_p99);
        let shared = match (self.is_together, self.room) {
            (false, _) => String::new(),
            (true, None) => ", all loads at once on one node with room for everything".to_owned(),
            (true, Some(room)) => {
                format!(", all loads at once on one node of {} cores{}", room.cpu.0 as f64 / 1_000.0, of_memory(room))
            }
        };
        format!(
            "{scaled}, need = load / {} rounded up, a decision every {tick}, figures {metric_lag} old, first {skip} not scored, \
             price {} per replica hour, switching cost {switching}{shared}",
            usable.0 as f64 / 1_000.0,
            self.price,
        )
    }
}

/// What one unit of a load becomes: what one replica carries was typed, or so many replicas carry the 99th percentile.
///
/// # Errors
/// [`LoadError`] where nothing of the load is above zero.
pub fn factor(protocol: &Protocol, capacity: Option<f64>, replicas_p99: u32, values: &[f64]) -> Result<f64, LoadError> {
    if let Some(capacity) = capacity {
        return Ok(protocol.capacity.0 as f64 / capacity);
    }
    let wanted = protocol.usable_capacity().0.saturating_mul(u64::from(replicas_p99));
    Load::factor_to(values, MilliRps(wanted))
}

/// The same in words.
pub fn scaled(capacity: Option<f64>, replicas_p99: u32) -> String {
    match capacity {
        Some(capacity) => format!("one replica carries {capacity} at 100 %"),
        None => format!("99th percentile of the load = {replicas_p99} replicas"),
    }
}

/// A span of time that was typed.
pub fn time(flag: &str, text: &str, min_ms: u64) -> anyhow::Result<Millis> {
    let time = plimsoll_config::unit::duration(text).with_context(|| format!("{flag} {text}"))?;
    if time.0 < min_ms || time > TIME_MAX {
        bail!("{flag} {text}: allowed are {} to {TIME_MAX}", Millis(min_ms));
    }
    Ok(time)
}

/// A stretch of time that was typed: `FROM,FOR`.
pub fn stretch(text: &str) -> anyhow::Result<(Timestamp, Millis)> {
    let (from, length) = text.split_once(',').with_context(|| format!("{text:?} is not FROM,FOR"))?;
    let length = plimsoll_config::unit::duration(length).with_context(|| format!("FOR {length:?}"))?;
    if length == Millis::ZERO {
        bail!("FOR is 0: nothing would be drawn");
    }
    Ok((moment(from)?, length))
}

/// A moment that was typed.
pub fn moment(text: &str) -> anyhow::Result<Timestamp> {
    let parsed = plimsoll_traces::parse_time(text);
    parsed.with_context(|| {
        format!("{text:?} is no moment: 2026-03-01, 2026-03-01T09:00[:SS][Z|+02:00], or milliseconds since the epoch")
    })
}

/// A node that was typed.
fn room(typed: &Backtest) -> anyhow::Result<Option<Resources>> {
    let Some(cores) = typed.budget else { return Ok(None) };
    let memory = match &typed.budget_memory {
        None => MEMORY_ENOUGH,
        Some(text) => {
            let bytes = plimsoll_config::unit::Unit::Bytes.parse(text);
            let bytes = bytes.with_context(|| format!("--budget-memory {text}"))?;
            let bytes = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            Bytes(bytes.with_context(|| format!("--budget-memory {text}: allowed is more than nothing"))?)
        }
    };
    Ok(Some(Resources { cpu: Millicores((cores * 1_000.0).round() as u64), memory }))
}

/// More than any number of replicas asks for.
const MEMORY_ENOUGH: Bytes = Bytes(1 << 60);

/// Memory of a node, where it was bounded.
fn of_memory(room: Resources) -> String {
    if room.memory == MEMORY_ENOUGH { String::new() } else { format!(" and {}", room.memory) }
}

/// `0.5%`, `0.005` or `own`.
fn soft(text: &str, of: SoftOf) -> anyhow::Result<(Soft, Allowed)> {
    let allowed = match of {
        SoftOf::Time => Allowed::Time,
        SoftOf::Requests => Allowed::Requests,
    };
    if text == "own" {
        return Ok((Soft::Own, allowed));
    }
    let digits = text.strip_suffix('%');
    let number: Option<f64> = digits.unwrap_or(text).trim().parse().ok();
    let percent = number.map(|number| if digits.is_some() { number } else { number * 100.0 });
    match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
        Some(percent) => Ok((Soft::Percent(percent), allowed)),
        None => bail!("--soft {text}: allowed are a share from 0 to 1 or 0% to 100%, and own"),
    }
}
