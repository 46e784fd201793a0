//! What can go wrong, and how a test makes it go wrong.

use super::account::Account;
use super::common::disk::did_not_run;
use super::common::{Installation, eventually, get, send, signal};
use plimsoll_http_client::Ask;
use plimsoll_stats::Random;
use rustix::process::Signal;
use serde_json::Value;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Replicas that must be whole before one is broken: the second try of a request goes to another one.
const WHOLE_MIN: usize = 3;

/// How long a request may be open that a replica took just before it was whole again: one try. The gateway tries twice, so
/// that a second broken replica would meet the second try, and nothing could save that.
const ONE_TRY: Duration = Duration::from_millis(300);
/// Likewise on a replica that hung, which keeps what it has: the route's time-out, and the other try.
const ONE_HUNG_TRY: Duration = Duration::from_millis(2_300);

/// One thing that goes wrong, or that an operator does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    KillReplica,
    HangReplica,
    FailReplica,
    SlowReplica,
    KillDaemon,
    ReloadBounds,
    ReloadRequests,
    FillDisk,
}

impl Fault {
    /// Each at least once, and the daemon's death more often.
    pub const DECK: [Self; 11] = [
        Self::KillReplica,
        Self::HangReplica,
        Self::FailReplica,
        Self::SlowReplica,
        Self::KillDaemon,
        Self::ReloadBounds,
        Self::KillDaemon,
        Self::ReloadRequests,
        Self::FillDisk,
        Self::KillDaemon,
        Self::KillReplica,
    ];
}

/// What an operator writes into the spec.
#[derive(Debug, Clone, Copy)]
pub struct Wishes {
    pub replicas_min: u64,
    pub cpu_millicores: u64,
    pub algorithm: &'static str,
}

/// A replica that stays broken while other things happen.
struct Lingering {
    fault: usize,
    endpoint: String,
    heal: &'static str,
    /// [`ONE_TRY`] or [`ONE_HUNG_TRY`].
    open: Duration,
}

/// An installation that things happen to.
pub struct Chaos {
    pub installation: Installation,
    pub account: Account,
    pub random: Random,
    pub wishes: Wishes,
    spec: fn(Wishes) -> String,
    lingering: Option<Lingering>,
    /// When no request is open any more that a broken replica had.
    clear_at: Instant,
}

/// A replica of the only service.
struct Replica {
    id: String,
    pid: u32,
    endpoint: String,
}

impl Chaos {
    pub fn new(seed: u64, algorithm: &'static str, spec: fn(Wishes) -> String) -> Self {
        let wishes = Wishes { replicas_min: 4, cpu_millicores: 20, algorithm };
        let installation = Installation::start_on_small_disk(&spec(wishes), 64);
        installation.wait_ready("web", wishes.replicas_min);
        let account = Account::default();
        Self {
            installation,
            account,
            random: Random::new(seed),
            wishes,
            spec,
            lingering: None,
            clear_at: Instant::now(),
        }
    }

    /// The faults in an order that the seed draws.
    pub fn shuffled(&mut self) -> Vec<Fault> {
        let mut deck = Fault::DECK.to_vec();
        for last in (1..deck.len()).rev() {
            deck.swap(last, usize::try_from(self.random.below(last as u64 + 1)).unwrap());
        }
        deck
    }

    /// Makes it happen, and lets some time pass.
    pub fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::KillReplica => self.kill_replica(),
            Fault::HangReplica => self.hang_replica(),
            Fault::FailReplica => self.fail_replica(),
            Fault::SlowReplica => self.slow_replica(),
            Fault::KillDaemon => self.kill_daemon(),
            Fault::ReloadBounds => self.reload_bounds(),
            Fault::ReloadRequests => self.reload_requests(),
            Fault::FillDisk => self.fill_disk(),
        }
        self.pause(500);
    }

    /// Lets up to `ms` pass, as the seed draws.
    fn pause(&mut self, ms: u64) {
        sleep(Duration::from_millis(self.random.below(ms)));
    }

    /// A replica to break, drawn from those that are ready and trusted; there are others.
    fn victim(&mut self) -> Replica {
        self.heal();
        sleep(self.clear_at.saturating_duration_since(Instant::now()));
        let installation = &self.installation;
        let mut whole =
            eventually("replicas that are whole", || Some(whole(installation)).filter(|all| all.len() >= WHOLE_MIN));
        whole.swap_remove(usize::try_from(self.random.below(whole.len() as u64)).unwrap())
    }

    fn kill_replica(&mut self) {
        let victim = self.victim();
        self.account.phase(format!("{} killed", victim.id));
        let fault = self.account.broke(format!("in flight on {}, killed", victim.id), &["status 502"]);
        signal(victim.pid, Signal::KILL);
        self.account.healed(fault);
        self.clear_at = Instant::now() + ONE_TRY;
    }

    fn hang_replica(&mut self) {
        let id = self.linger("hangs", "hang?on=true", "hang?on=false", &["status 504"]);
        let installation = &self.installation;
        eventually("a hung replica that gets no more", || {
            whole(installation).iter().all(|replica| replica.id != id).then_some(())
        });
    }

    fn fail_replica(&mut self) {
        // It may be ejected, or get so few requests that it does not come to that: what counts is what fails.
        self.linger("answers 500", "fail?share=1", "fail?share=0", &["status 500"]);
        self.pause(1_500);
    }

    fn slow_replica(&mut self) {
        self.linger("is slow ×20", "slow?factor=20", "slow?factor=1", &[]);
        self.pause(1_500);
    }

    fn linger(&mut self, what: &str, turn: &str, heal: &'static str, answers: &'static [&'static str]) -> String {
        let Replica { id, endpoint, .. } = self.victim();
        self.account.phase(format!("{id} {what}"));
        let fault = self.account.broke(format!("on {id}, which {what}"), answers);
        assert_eq!(control(&endpoint, turn), Some(200), "{id} takes {turn}");
        let open = if turn.starts_with("hang") { ONE_HUNG_TRY } else { ONE_TRY };
        self.lingering = Some(Lingering { fault, endpoint, heal, open });
        id
    }

    /// Ends the fault that lingers, if one does. The replica may be gone: somebody replaced it.
    pub fn heal(&mut self) {
        if let Some(lingering) = self.lingering.take() {
            let _ = control(&lingering.endpoint, lingering.heal);
            self.account.healed(lingering.fault);
            self.clear_at = Instant::now() + lingering.open;
        }
    }

    fn kill_daemon(&mut self) {
        self.account.phase("daemon killed");
        self.installation.kill_daemon();
        self.pause(600);
        self.installation.up();
        let installation = &self.installation;
        eventually("the adopted gateway", || (installation.state()["gateway"]["connected"] == true).then_some(()));
        assert_eq!(installation.state()["gateway"]["adopted"], true);
    }

    fn reload_bounds(&mut self) {
        self.wishes.replicas_min = 7 - self.wishes.replicas_min;
        self.account.phase(format!("reload: at least {} replicas", self.wishes.replicas_min));
        self.reload();
        let (installation, wanted) = (&self.installation, self.wishes.replicas_min);
        eventually("the new lower bound", || (installation.service("web")["ready"].as_u64()? >= wanted).then_some(()));
    }

    fn reload_requests(&mut self) {
        self.wishes.cpu_millicores = 45 - self.wishes.cpu_millicores;
        self.account.phase(format!("reload: {}m each, one by one", self.wishes.cpu_millicores));
        self.reload();
        let (installation, wanted) = (&self.installation, self.wishes.cpu_millicores);
        eventually("replicas of the new size", || {
            let service = installation.service("web");
            let mut live = service["replicas"].as_array()?.iter().filter(|replica| replica["phase"] != "exited");
            live.all(|replica| replica["requests"]["cpu_millicores"] == wanted).then_some(())
        });
    }

    fn reload(&self) {
        self.installation.write_spec(&(self.spec)(self.wishes));
        let said = self.installation.stdout(&["reload"]);
        assert!(said.contains("web"), "{said}");
    }

    fn fill_disk(&mut self) {
        let Some(disk) = &self.installation.disk else {
            return did_not_run("chaos: the disk fills", "nobody may mount a tmpfs here");
        };
        self.account.phase("disk full");
        disk.fill();
        // The finding first: steps read before it could be from before the freeze.
        let frozen = |installation: &Installation| {
            let told = installation.findings().iter().any(|finding| finding.starts_with("frozen since"));
            told.then(|| installation.state()["steps"].as_u64().unwrap())
        };
        let installation = &self.installation;
        let steps = eventually("the finding that the journal cannot be written", || frozen(installation));
        let moment = installation.state()["trace_time_ms"].as_i64().unwrap();
        eventually("some ticks more", || {
            (installation.state()["trace_time_ms"].as_i64()? > moment + 4_000).then_some(())
        });
        assert_eq!(frozen(installation), Some(steps), "no step is decided that cannot be recorded");
        assert_eq!(get(&format!("{}/", installation.gateway())).map(|(status, _)| status), Some(200));
        self.account.phase("room on the disk again");
        disk.free();
        eventually("a thaw", || {
            (frozen(installation).is_none() && installation.state()["steps"].as_u64()? > steps).then_some(())
        });
    }

    /// Faults have stopped: everything must come to rest where it belongs.
    pub fn converge(&mut self) {
        self.heal();
        self.account.phase("faults stop");
        let (installation, wishes) = (&self.installation, self.wishes);
        eventually("rest: all ready, none ejected, nothing found", || {
            let (state, service) = (installation.state(), installation.service("web"));
            let ready = service["ready"].as_u64()?;
            let at_rest = service["target"] == ready && service["current"] == ready && ready >= wishes.replicas_min;
            let trusted = whole(installation).len() as u64 == ready;
            (at_rest && trusted && state["healthy"] == true && state["gateway"]["connected"] == true).then_some(())
        });
    }
}

/// Turns a dial of the sample service; the status that it answered.
fn control(endpoint: &str, turn: &str) -> Option<u16> {
    let url = format!("http://{endpoint}/control/{turn}").parse().unwrap();
    send(Ask::post_json(url, "")).map(|(status, _)| status)
}

/// Replicas that are ready and that the gateway has not ejected.
fn whole(installation: &Installation) -> Vec<Replica> {
    let service = installation.service("web");
    let replicas = service["replicas"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    replicas
        .iter()
        .filter(|replica| replica["phase"] == "ready" && replica["ejected"].is_null())
        .filter_map(|replica| {
            let pid = u32::try_from(replica["pid"].as_u64()?).ok()?;
            Some(Replica { id: text(&replica["id"])?, pid, endpoint: text(&replica["endpoint"])? })
        })
        .collect()
}
