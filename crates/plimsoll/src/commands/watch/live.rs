//! What is watched as it happens: a page, a server, a process, a control group.
//!
//! After each look everything so far is judged again: the decisions of a run depend on the past alone, so those already
//! told stay as they are, and a day of looks is judged in well under a second.

use super::judge::{Terms, judge};
use super::observed::{Observed, check};
use super::range::{auth, now, server};
use super::{load_of, print, time};
use crate::args::{Output, Watch};
use crate::commands::work;
use anyhow::{Context, bail};
use plimsoll_collect::scrape::promql::Server;
use plimsoll_collect::scrape::source::Source;
use plimsoll_collect::usage::{CgroupPaths, Target, UsageSampler};
use plimsoll_model::metric::{Combine, Feeds, MetricAsk, MetricSpec, ReadAs};
use plimsoll_model::{Bytes, Micros, Millis, Timestamp};
use plimsoll_traces::Recorded;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long is watched where nothing is typed and it does not go on.
const LENGTH: Millis = Millis(300_000);
/// Most looks that are kept: a week of 15 s.
const LOOKS_MAX: usize = 40_320;
/// Longest answer of a page.
const SIZE_MAX: Bytes = Bytes(64 << 20);

/// What is looked at.
enum Feed {
    Page { load: Box<Source>, replicas: Option<Box<Source>> },
    Server { server: Server, load: String, replicas: Option<String> },
    Process { sampler: UsageSampler, target: Box<Target> },
}

/// One look.
#[derive(Default)]
struct Look {
    load: Option<f64>,
    replicas: Option<f64>,
    memory: Option<f64>,
    /// Why something is missing.
    fault: Option<String>,
    gets: u64,
}

/// Watches for as long as was typed, and tells changes as they come where that was asked for.
pub fn observed(typed: &Watch, terms: &Terms) -> anyhow::Result<Observed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(typed, terms))
}

async fn watch(typed: &Watch, terms: &Terms) -> anyhow::Result<Observed> {
    let every = time("--every", &typed.every, 100)?;
    let length = match (&typed.length, typed.live) {
        (Some(text), _) => Some(time("--for", text, 100)?),
        (None, true) => None,
        (None, false) => Some(LENGTH),
    };
    let mut feed = Feed::open(typed, every)?;
    let mut observed = begin(typed, &feed, every).await?;
    // Nobody counts these; a process that is looked at is one.
    let uncounted = typed.replicas.or(matches!(feed, Feed::Process { .. }).then_some(1)).map(f64::from);
    let looks = length.map_or(LOOKS_MAX, |length| usize::try_from(length.0.div_ceil(every.0)).unwrap_or(usize::MAX));
    let looks = looks.saturating_add(1).min(LOOKS_MAX);
    let hidden = typed.quiet || typed.live || typed.output == Output::Json;
    let bar = work::bar(looks as u64, "looks", hidden);
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(every.0));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut told = Told { until: observed.span().1, fault: None };
    for _ in 0..looks {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        let mut look = feed.look(began).await;
        look.replicas = look.replicas.or(uncounted);
        told.fault(&look, typed);
        // A look that came late leaves the slots before it empty.
        let slot = usize::try_from(now().since(observed.load.start).0 / every.0).unwrap_or(0);
        take(&mut observed, look, slot)?;
        bar.inc(1);
        if typed.live {
            told.changes(typed, terms, &observed)?;
        }
    }
    bar.finish_and_clear();
    check(observed)
}

/// What there is before the first look: nothing, or the hour before from a server.
async fn begin(typed: &Watch, feed: &Feed, every: Millis) -> anyhow::Result<Observed> {
    if let (Feed::Server { .. }, None) = (feed, &typed.length) {
        let mut before = super::range::observed(typed).await?;
        before.notes.push(format!("watched as it happens from {} on", before.span().1));
        return on_grid(before, every);
    }
    let (source, unit) = match feed {
        Feed::Page { load, .. } => (shown(load.spec()), "requests/s"),
        Feed::Server { server, load, .. } => (format!("{load} of {}", server.url), "requests/s"),
        Feed::Process { target, .. } if typed.cgroup.is_some() => (format!("control group of {}", target.id), "cores"),
        Feed::Process { target, .. } => (format!("process {} and its descendants", target.pid), "cores"),
    };
    let load = Recorded { name: source.clone(), start: now(), step: every, values: Vec::new() };
    let source = typed.cgroup.as_ref().map_or(source, |path| format!("control group {}", path.display()));
    let memory = matches!(feed, Feed::Process { .. }).then(Vec::new);
    let has_replicas =
        typed.replicas_query.is_some() || typed.replicas.is_some() || matches!(feed, Feed::Process { .. });
    let replicas = has_replicas.then(Vec::new);
    Ok(Observed { source, unit, load, replicas, memory, gets: 0, notes: Vec::new() })
}

fn shown(spec: &MetricSpec) -> String {
    let (MetricAsk::Select(asked) | MetricAsk::Query(asked)) = &spec.ask;
    format!("{asked} of {}", spec.url)
}

/// The same values in slots of another length, each with the value that holds at its start.
fn on_grid(observed: Observed, step: Millis) -> anyhow::Result<Observed> {
    let old = observed.load.step.0.max(1);
    let slots = observed.load.step.0.saturating_mul(observed.load.values.len() as u64) / step.0.max(1);
    if slots > LOOKS_MAX as u64 {
        bail!("--every {step} gives {slots} values of the past; at most {LOOKS_MAX} are kept");
    }
    let again = |values: &[f64]| -> Vec<f64> {
        let at = |slot: u64| usize::try_from(slot * step.0 / old).unwrap_or(usize::MAX);
        (0..slots).map(|slot| values.get(at(slot)).copied().unwrap_or(f64::NAN)).collect()
    };
    let load = Recorded { step, values: again(&observed.load.values), ..observed.load };
    Ok(Observed { load, replicas: observed.replicas.as_deref().map(again), ..observed })
}

fn take(observed: &mut Observed, look: Look, slot: usize) -> anyhow::Result<()> {
    observed.gets += look.gets;
    let slot = slot.max(observed.load.values.len()).min(LOOKS_MAX);
    let load = look.load.map_or(Ok(f64::NAN), |load| load_of(load, &observed.source))?;
    let put = |values: &mut Vec<f64>, value: f64| {
        values.resize(slot, f64::NAN);
        values.push(value);
    };
    put(&mut observed.load.values, load);
    if let Some(values) = &mut observed.replicas {
        put(values, look.replicas.unwrap_or(f64::NAN));
    }
    if let Some(values) = &mut observed.memory {
        put(values, look.memory.unwrap_or(f64::NAN));
    }
    Ok(())
}

impl Feed {
    fn open(typed: &Watch, every: Millis) -> anyhow::Result<Self> {
        if let Some(url) = &typed.metrics {
            let source = |query: &str, read| Source::try_new(metric(typed, url, query, read, every));
            let load = typed.query.as_deref().unwrap_or_default();
            let replicas = typed.replicas_query.as_deref();
            let replicas = replicas.map(|query| source(query, ReadAs::Level).map(Box::new)).transpose()?;
            return Ok(Self::Page { load: Box::new(source(load, ReadAs::Auto)?), replicas });
        }
        if typed.prometheus.is_some() {
            let load = typed.query.clone().unwrap_or_default();
            return Ok(Self::Server { server: server(typed)?, load, replicas: typed.replicas_query.clone() });
        }
        let target = match (typed.pid, &typed.cgroup) {
            (Some(pid), _) => of_process(pid)?,
            (None, Some(path)) => of_group(path)?,
            (None, None) => bail!("nothing to watch was named"),
        };
        Ok(Self::Process { sampler: UsageSampler::new(), target: Box::new(target) })
    }

    async fn look(&mut self, began: Instant) -> Look {
        let mut look = Look::default();
        match self {
            Self::Page { load, replicas } => {
                let now_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
                look.gets = 1 + u64::from(replicas.is_some());
                look.load = look.keep(load.ask(now_ms).await.map(|figure| figure.value_milli as f64 / 1_000.0));
                if let Some(replicas) = replicas {
                    let found = replicas.ask(now_ms).await.map(|figure| figure.value_milli as f64 / 1_000.0);
                    look.replicas = look.keep(found);
                }
            }
            Self::Server { server, load, replicas } => {
                look.gets = 1 + u64::from(replicas.is_some());
                look.load = look.keep(single(server, load).await);
                if let Some(query) = replicas {
                    look.replicas = look.keep(single(server, query).await);
                }
            }
            Self::Process { sampler, target } => {
                let now = Micros(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
                let usage = sampler.sample(now, std::slice::from_ref(target)).remove(&target.id);
                look.load = usage.as_ref().and_then(|usage| usage.cpu).map(|cpu| cpu.get() as f64 / 1_000.0);
                look.memory = usage.as_ref().and_then(|usage| usage.memory).map(|memory| memory.get() as f64);
                if usage.is_none() {
                    look.fault = Some("it cannot be read; it may have ended".to_owned());
                }
            }
        }
        look
    }
}

impl Look {
    fn keep<E: std::fmt::Display>(&mut self, found: Result<f64, E>) -> Option<f64> {
        found.map_err(|error| self.fault = Some(error.to_string())).ok()
    }
}

/// The one value of a query now.
async fn single(server: &Server, query: &str) -> Result<f64, String> {
    let found = server.now(query).await.map_err(|error| error.to_string())?;
    match found.as_slice() {
        [one] if one.value.is_finite() => Ok(one.value),
        [one] => Err(format!("{query} is {}", one.value)),
        several => Err(format!("{query} gives {} series; a watch is of one: sum() it", several.len())),
    }
}

/// A page as a source of a spec would say it.
fn metric(typed: &Watch, url: &str, query: &str, read: ReadAs, every: Millis) -> MetricSpec {
    MetricSpec {
        name: "watched".to_owned(),
        feeds: Feeds::Metric,
        url: url.to_owned(),
        ask: MetricAsk::Select(query.to_owned()),
        read,
        combine: Combine::Sum,
        interval: every,
        timeout: Millis(every.0.clamp(1_000, 10_000)),
        stale_after: None,
        size_max: SIZE_MAX,
        auth: auth(typed),
        ca_file: typed.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned()),
    }
}

/// A process by its id and its start, so that another one with the same id is not taken for it.
fn of_process(pid: u32) -> anyhow::Result<Target> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    let stat = stat.with_context(|| format!("--pid {pid}: there is no such process, or it may not be read"))?;
    // The command in parentheses may hold anything; the start is the twentieth field behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let start_ticks = fields.split_ascii_whitespace().nth(19).and_then(|text| text.parse().ok());
    let start_ticks = start_ticks.with_context(|| format!("--pid {pid}: /proc/{pid}/stat has another shape"))?;
    Ok(Target { id: "job:watched/1".parse()?, pid, start_ticks, cgroup: CgroupPaths::default() })
}

/// A control group of either version, by the files that it has.
fn of_group(path: &Path) -> anyhow::Result<Target> {
    let has = |file: &str| path.join(file).is_file();
    let here = |file: &str| has(file).then(|| path.to_owned());
    let cgroup = CgroupPaths {
        v2: here("cgroup.controllers").or_else(|| here("cgroup.procs").filter(|_| has("cpu.stat") && !has("tasks"))),
        v1_cpu: None,
        v1_cpuacct: here("cpuacct.usage"),
        v1_memory: here("memory.usage_in_bytes"),
        v1_blkio: None,
    };
    if cgroup == CgroupPaths::default() {
        bail!("--cgroup {}: this is no directory of a control group with CPU or memory figures", path.display());
    }
    // Figures of a group are not those of one process, so none is named: an id that no process has.
    Ok(Target { id: "job:watched/1".parse()?, pid: u32::MAX >> 1, start_ticks: 0, cgroup })
}

/// What was told already while it happens.
struct Told {
    until: Timestamp,
    fault: Option<String>,
}

impl Told {
    /// A fault once, until it is another.
    fn fault(&mut self, look: &Look, typed: &Watch) {
        if look.fault != self.fault && typed.live && !typed.quiet {
            match &look.fault {
                Some(fault) => eprintln!("{}: no figure: {fault}", now()),
                None => eprintln!("{}: figures again", now()),
            }
        }
        self.fault.clone_from(&look.fault);
    }

    /// Changes after those that were told.
    fn changes(&mut self, typed: &Watch, terms: &Terms, observed: &Observed) -> anyhow::Result<()> {
        if observed.load.measured() == 0 || observed.load.step.0 * (observed.load.values.len() as u64) < terms.tick().0
        {
            return Ok(());
        }
        let Ok(judged) = judge(terms, observed) else { return Ok(()) };
        let until = self.until;
        for change in judged.changes.iter().filter(|change| change.explained.at >= until) {
            match typed.output {
                Output::Text => println!("{}", print::line(change)),
                Output::Json => println!("{}", print::change(change)),
            }
            self.until = change.explained.at.plus(Millis(1));
        }
        Ok(())
    }
}
