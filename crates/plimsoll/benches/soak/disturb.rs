//! What happens to the gateway while clients ask: one thing after the other, each on its own beat, by chance and seed.

use crate::soak::fleet::Fleet;
use crate::soak::gateway::{DRAIN, Gateway, Variant};
use crate::soak::ledger::Kill;
use crate::soak::vitals::Vitals;
use crate::{Failure, Site};
use plimsoll_stats::Random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two of each kind, ms; about a quarter more or less.
const KILL_MS: u64 = 1_700;
const OFFER_MS: u64 = 1_100;
const ROLL_MS: u64 = 5_300;
const ROUTES_MS: u64 = 2_300;
const CERTIFICATE_MS: u64 = 3_100;
const SAMPLE_MS: u64 = 500;
/// A killed replica is away for this long and up to as long again.
const AWAY_MS: u64 = 400;
/// Between the answer that a replica is out of the file and its order to end: what is on its way to it arrives.
const GRACE: Duration = Duration::from_millis(500);
/// Fewer never serve: with one of them killed, a retry still finds another.
const SERVING_MIN: usize = 3;
/// Of the whole time, when new processes take over; the last one stays for the rest.
const TAKEOVERS: [f64; 3] = [0.08, 0.16, 0.24];
const BEAT: Duration = Duration::from_millis(10);
/// Beyond its own limit, how long a drained process may take to end.
const END_SLACK: Duration = Duration::from_secs(5);

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Kill,
    Offer,
    Roll,
    Routes,
    Certificate,
    Sample,
}

const BEATS: [(What, u64); 6] = [
    (What::Kill, KILL_MS),
    (What::Offer, OFFER_MS),
    (What::Roll, ROLL_MS),
    (What::Routes, ROUTES_MS),
    (What::Certificate, CERTIFICATE_MS),
    (What::Sample, SAMPLE_MS),
];

/// A process of the gateway.
struct Process {
    pid: u32,
    vitals: Vitals,
    /// When it was told to drain.
    draining: Option<(Child, Instant)>,
}

/// What is left when all is over.
pub struct End {
    /// Replicas that were killed.
    pub kills: Vec<Kill>,
    /// Endpoint of each request in the access log that failed, by path.
    pub failures_logged: BTreeMap<String, Option<SocketAddr>>,
    /// How often what happened.
    pub events: String,
    /// Memory and descriptors of each process.
    pub processes: Vec<String>,
    /// What should not have happened.
    pub wrong: Vec<String>,
}

/// Disturbs.
pub struct Disturber<'f> {
    site: Arc<Site>,
    gateway: Gateway,
    fleet: &'f mut Fleet,
    length: Duration,
    random: Random,
    due_ms: BTreeMap<What, u64>,
    takeovers_left: Vec<u64>,
    /// Who was killed, and when it comes back.
    away: Option<(usize, u64)>,
    /// Who is being rolled, since when it is no longer offered, and whether it was told to end.
    rolled: Option<(usize, Instant, bool)>,
    variant: Variant,
    processes: Vec<Process>,
    kills: Vec<Kill>,
    counts: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

impl<'f> Disturber<'f> {
    /// For so long.
    pub fn new(site: Arc<Site>, gateway: Gateway, fleet: &'f mut Fleet, length: Duration) -> Self {
        let random = Random::new(site.seed ^ 0x5eed);
        let takeovers = TAKEOVERS.map(|share| (length.as_millis() as f64 * share) as u64);
        let first = Process { pid: gateway.child.id(), vitals: Vitals::default(), draining: None };
        Self {
            site,
            gateway,
            fleet,
            length,
            random,
            due_ms: BEATS.into_iter().collect(),
            takeovers_left: takeovers.to_vec(),
            away: None,
            rolled: None,
            variant: Variant::default(),
            processes: vec![first],
            kills: Vec::new(),
            counts: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Disturbs until the time is up.
    ///
    /// # Errors
    /// When the soak itself cannot go on, or the gateway that should accept has ended.
    pub fn run(&mut self) -> Result<(), Failure> {
        while self.site.start.elapsed() < self.length {
            let now_ms = self.site.now_ms();
            for (what, beat_ms) in BEATS {
                if self.due_ms[&what] <= now_ms {
                    let next_ms = beat_ms * 3 / 4 + self.random.below(beat_ms / 2);
                    self.due_ms.insert(what, now_ms + next_ms);
                    self.happen(what)?;
                }
            }
            self.bring_back()?;
            self.finish_roll()?;
            if self.takeovers_left.first().is_some_and(|due| *due <= now_ms) {
                self.takeovers_left.remove(0);
                self.take_over()?;
            }
            self.look_at_drained();
            if let Some(status) = self.gateway.child.try_wait()? {
                return Err(format!("the gateway has ended: {status}: {}", self.gateway.said()?).into());
            }
            std::thread::sleep(BEAT);
        }
        Ok(())
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn happen(&mut self, what: What) -> Result<(), Failure> {
        match what {
            What::Kill => self.kill(),
            What::Offer => self.offer(),
            What::Roll => self.roll(),
            What::Routes => {
                // Any bit: the routes, the extra listener, and the algorithms of both pools.
                self.variant = Variant(self.random.below(1 << 10));
                self.reload("routes and algorithms changed")
            }
            What::Certificate => {
                self.site.authority.replace()?;
                self.reload("certificates replaced")
            }
            What::Sample => {
                let now_ms = self.site.now_ms();
                self.processes.iter_mut().for_each(|process| process.vitals.sample(process.pid, now_ms));
                Ok(())
            }
        }
    }

    fn reload(&mut self, what: &'static str) -> Result<(), Failure> {
        self.count(what);
        self.gateway.write(self.fleet, self.variant)?;
        // Mostly by an order, whose answer is checked; by a signal sometimes, which the gateway must have read before the
        // certificate's files change again: the next order waits its turn behind it.
        if self.random.below(5) == 0 {
            self.gateway.hang_up()?;
        }
        if let Err(error) = self.gateway.reload() {
            self.wrong.push(format!("a reload failed: {error}"));
        }
        Ok(())
    }

    /// A member by chance among those that fit.
    fn any(&mut self, fits: impl Fn(usize, &Fleet) -> bool) -> Option<usize> {
        let all: Vec<usize> = (0..self.fleet.members.len()).filter(|at| fits(*at, self.fleet)).collect();
        let bound = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
        all.get(usize::try_from(self.random.below(bound)).ok()?).copied()
    }

    fn kill(&mut self) -> Result<(), Failure> {
        if self.away.is_some() || self.fleet.serving() <= SERVING_MIN {
            return Ok(());
        }
        let serves = |at: usize, fleet: &Fleet| fleet.members[at].is_offered && fleet.members[at].is_running();
        let Some(chosen) = self.any(serves) else { return Ok(()) };
        let member = &mut self.fleet.members[chosen];
        let (name, address) = (member.name(), member.address);
        let at_ms = self.site.now_ms();
        member.kill()?;
        self.kills.push(Kill { name, address, at_ms });
        self.away = Some((chosen, at_ms + AWAY_MS + self.random.below(AWAY_MS)));
        self.count("replicas killed");
        Ok(())
    }

    fn bring_back(&mut self) -> Result<(), Failure> {
        if let Some((member, due_ms)) = self.away
            && due_ms <= self.site.now_ms()
        {
            self.away = None;
            self.fleet.members[member].start()?;
        }
        Ok(())
    }

    /// Takes one out of the file that goes on running, or offers one again.
    fn offer(&mut self) -> Result<(), Failure> {
        let rolled = self.rolled.map(|(member, ..)| member);
        let may_go = self.fleet.serving() > SERVING_MIN + 1;
        let fits = move |at: usize, fleet: &Fleet| {
            let member = &fleet.members[at];
            Some(at) != rolled && member.is_running() && (may_go || !member.is_offered)
        };
        let Some(chosen) = self.any(fits) else { return Ok(()) };
        let member = &mut self.fleet.members[chosen];
        member.is_offered = !member.is_offered;
        self.reload("endpoints taken out or offered again")
    }

    /// Takes one out of the file, to be told to end after a moment.
    fn roll(&mut self) -> Result<(), Failure> {
        if self.rolled.is_some() || self.fleet.serving() <= SERVING_MIN {
            return Ok(());
        }
        let runs = |at: usize, fleet: &Fleet| fleet.members[at].is_running();
        let Some(chosen) = self.any(runs) else { return Ok(()) };
        self.fleet.members[chosen].is_offered = false;
        self.reload("replicas rolled")?;
        self.rolled = Some((chosen, Instant::now(), false));
        Ok(())
    }

    fn finish_roll(&mut self) -> Result<(), Failure> {
        let Some((member, since, is_told)) = self.rolled else { return Ok(()) };
        if !is_told && since.elapsed() >= GRACE {
            self.fleet.members[member].terminate()?;
            self.rolled = Some((member, since, true));
        }
        if !self.fleet.members[member].has_ended()? {
            if since.elapsed() > DRAIN + END_SLACK {
                return Err("a replica that was told to end does not".into());
            }
            return Ok(());
        }
        self.rolled = None;
        self.fleet.members[member].start()?;
        self.fleet.members[member].is_offered = true;
        self.reload("rolled replicas offered again")
    }

    fn take_over(&mut self) -> Result<(), Failure> {
        let old = self.gateway.take_over()?;
        if let Some(process) = self.processes.last_mut() {
            process.draining = Some((old, Instant::now()));
        }
        self.processes.push(Process { pid: self.gateway.child.id(), vitals: Vitals::default(), draining: None });
        self.count("takeovers");
        Ok(())
    }

    fn look_at_drained(&mut self) {
        for process in &mut self.processes {
            let Some((child, since)) = &mut process.draining else { continue };
            match child.try_wait() {
                Ok(Some(status)) if status.success() => process.draining = None,
                Ok(None) if since.elapsed() <= DRAIN + END_SLACK => {}
                other => {
                    self.wrong.push(format!("a drained gateway did not end well: {other:?}"));
                    let _ = child.kill();
                    let _ = child.wait();
                    process.draining = None;
                }
            }
        }
    }

    /// Looks at what is left when the clients have gone, ends the gateway, and counts together.
    ///
    /// # Errors
    /// When the gateway's reports or files cannot be read.
    pub fn end(&mut self) -> Result<End, Failure> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let open = loop {
            let report = self.gateway.report()?;
            let open = report["connections_open"].as_u64().unwrap_or(u64::MAX);
            if open == 0 || Instant::now() > deadline {
                break open;
            }
        };
        if open > 0 {
            self.wrong.push(format!("{open} connections are open when all clients have gone"));
        }
        self.gateway.drain()?;
        let started = Instant::now();
        while self.gateway.child.try_wait()?.is_none() && started.elapsed() < DRAIN + END_SLACK {
            std::thread::sleep(BEAT);
        }
        match self.gateway.child.try_wait()? {
            Some(status) if status.success() => {}
            other => self.wrong.push(format!("the last gateway did not end well: {other:?}")),
        }
        for line in self.gateway.said()?.lines().filter(|line| line.contains("panicked") || line.contains("refused")) {
            self.wrong.push(format!("the gateway said: {line}"));
        }
        let mut processes = Vec::new();
        for (number, process) in self.processes.iter().enumerate() {
            let Some(trend) = process.vitals.trend() else { continue };
            processes.push(format!("gateway process {}: {trend}", number + 1));
            // Those that were replaced early have lived for too short a time to be judged.
            if number + 1 == self.processes.len() {
                self.wrong.extend(trend.verdict());
            }
        }
        let events: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        Ok(End {
            kills: std::mem::take(&mut self.kills),
            failures_logged: failures(&self.gateway.log()?),
            events: events.join(", "),
            processes,
            wrong: std::mem::take(&mut self.wrong),
        })
    }
}

/// Paths and endpoints of failed requests in an access log.
fn failures(log: &str) -> BTreeMap<String, Option<SocketAddr>> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let failed = lines.filter(|line| !line["reason"].is_null() || line["status"].as_u64() >= Some(500));
    failed
        .filter_map(|line| {
            let endpoint = line["endpoint"].as_str().and_then(|address| address.parse().ok());
            Some((line["path"].as_str()?.to_owned(), endpoint))
        })
        .collect()
}
