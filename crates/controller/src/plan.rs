//! From one service's target to its stops and starts: which replicas go, which come, and what is held back.

use crate::emit::{STARTS_MAX, Turn};
use crate::exit::is_crash_loop;
use crate::process::ProcessState;
use crate::room::{Claimant, Room};
use crate::state::{ServiceState, State, count};
use crate::stop::resend_after;
use plimsoll_model::id::{ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::scaling::Size;
use plimsoll_model::spec::Resources;
use plimsoll_model::{ActionKind, ServiceRationale, ServiceSpec, StopReason, Withheld};
use plimsoll_placement::{Idle, idlest};

/// Replicas beyond the target while a new spec replaces an old one.
const SURGE: u32 = 1;

/// One service in one step.
pub(crate) struct Plan<'a> {
    pub state: &'a mut State,
    pub turn: &'a mut Turn,
    pub room: &'a mut Room,
    pub name: &'a ServiceName,
    pub spec: &'a ServiceSpec,
    pub service: &'a mut ServiceState,
    /// What the node has room for of the target.
    pub granted: u32,
    /// What a replica is given.
    pub size: Size,
    pub rationale: &'a mut ServiceRationale,
}

impl Plan<'_> {
    /// Stops what is too many. Under a new spec, an old replica that serves goes only when a ready one is to spare; an
    /// old one that does not serve goes at once.
    pub fn stops(&mut self) {
        let service = &*self.service;
        let old = service.outdated();
        let new = service.live() - old;
        let old_ready = service.replicas.values().filter(|it| it.is_ready() && it.revision != service.revision);
        let old_ready = count(old_ready.count());
        let spare = service.ready().saturating_sub(self.granted);
        self.stop(old - old_ready + old_ready.min(spare), true, StopReason::Replaced);
        let preempted = self.granted < self.rationale.target;
        let reason = if preempted { StopReason::Preempted } else { StopReason::ScaleIn };
        self.stop(new.saturating_sub(self.granted), false, reason);
    }

    /// Stops so many old or new replicas, the idlest first, and says why these.
    fn stop(&mut self, many: u32, old: bool, reason: StopReason) {
        if many == 0 {
            return;
        }
        let at = self.turn.at;
        let resend = resend_after(self.state, self.spec.grace);
        let service = &mut *self.service;
        let revision = service.revision;
        let live = service.replicas.iter().filter(|(_, it)| it.is_live() && (it.revision != revision) == old);
        let candidates = live.map(|(ordinal, it)| Idle {
            ordinal: *ordinal,
            ready: it.is_ready(),
            in_flight_milli: it.in_flight_milli,
            cpu: it.cpu,
        });
        let victims = idlest(candidates.collect(), self.spec.requests.cpu, many as usize);
        for victim in &victims {
            let Some(replica) = service.replicas.get_mut(&victim.ordinal) else { continue };
            if replica.stop(reason, at, resend) {
                self.room.leaves(replica.held());
                let workload = WorkloadId::Replica(ReplicaId { service: self.name.clone(), ordinal: victim.ordinal });
                self.turn.actions.push(ActionKind::Stop { workload, reason, grace: self.spec.grace });
            }
        }
        self.rationale.victims.extend(victims);
    }

    /// Starts what is missing, as far as backoff, room and the bound on starts allow; makes room where it may.
    pub fn starts(&mut self) {
        let service = &*self.service;
        let (live, old) = (service.live(), service.outdated());
        let surge = if old > 0 { SURGE } else { 0 };
        if old > 0 {
            self.rationale.withheld.push(Withheld::RollingReplacement { outdated: old });
        }
        let short_of_new = self.granted.saturating_sub(live - old);
        let wanted = self.granted.saturating_add(surge).saturating_sub(live).min(short_of_new);
        let allowed = self.after_backoff(wanted);
        let waiting = (wanted - allowed).min(self.granted.saturating_sub(live));
        for _ in 0..waiting {
            self.room.keep(self.size.requests);
        }
        let started = self.start(allowed);
        let short = allowed - started;
        if self.turn.starts_left == 0 && short > 0 {
            let starts_max = STARTS_MAX;
            self.rationale.withheld.push(Withheld::ActionLimit { replicas: short, starts_max });
            return;
        }
        let missing = short.min(self.granted.saturating_sub(live.saturating_add(started)));
        let (asked, free) = (self.size.requests, self.room.free());
        self.make_way(missing);
        if short > missing && started == 0 {
            self.replace_in_place(free);
        }
        let replicas = short.saturating_add(self.rationale.target.saturating_sub(self.granted));
        if replicas > 0 {
            self.rationale.withheld.push(Withheld::NoCapacity { replicas, asked, free });
        }
    }

    fn start(&mut self, allowed: u32) -> u32 {
        let service = &mut *self.service;
        let requests = self.size.requests;
        let mut started = 0;
        while started < allowed && self.turn.starts_left > 0 && self.room.start(requests) {
            self.turn.starts_left -= 1;
            started += 1;
            service.ordinal = service.ordinal.saturating_add(1);
            let replica = ProcessState::started(service.revision, requests, self.turn.at);
            service.replicas.insert(service.ordinal, replica);
            let replica = ReplicaId { service: self.name.clone(), ordinal: service.ordinal };
            self.turn.actions.push(ActionKind::StartReplica { replica, requests, limits: self.size.limits });
        }
        started
    }

    /// Keeps room that is coming free for missing replicas, and pre-empts less important runs for the others.
    fn make_way(&mut self, missing: u32) {
        let claimant = Claimant { by: format!("service {}", self.name), priority: self.spec.priority };
        for _ in 0..missing {
            if !self.room.make_way(self.state, self.turn, self.size.requests, &claimant) {
                return;
            }
        }
    }

    /// Where the node has no room for one replica more, an old one goes first and its successor takes its place: one at
    /// a time, only while all others serve, and only if the successor will fit.
    fn replace_in_place(&mut self, free: Resources) {
        let service = &*self.service;
        let busy = service.replicas.values().any(|replica| !replica.is_ready());
        let mut old = service.replicas.values().rev().filter(|it| it.revision != service.revision);
        let youngest = old.next().map(|it| it.requests);
        let Some(freed) = youngest.filter(|_| !busy) else { return };
        if plimsoll_placement::fits(self.size.requests, plimsoll_placement::sum(free, freed)) {
            self.stop(1, true, StopReason::Replaced);
            self.room.keep(self.size.requests);
        }
    }

    /// Starts that may happen now. Replicas that fell over quickly wait for their backoff; others may start meanwhile,
    /// unless the service is in a crash loop, where more of the same would only fall over too.
    fn after_backoff(&mut self, wanted: u32) -> u32 {
        let at: Timestamp = self.turn.at;
        let service = &mut *self.service;
        let Some(until) = service.restart_at.filter(|until| at < *until) else {
            service.waiting = 0;
            service.restart_at = None;
            return wanted;
        };
        let exits = service.exits;
        if is_crash_loop(&self.spec.restart, exits) {
            let cause = service.exit_cause.clone().unwrap_or(ExitCause::Lost);
            self.rationale.withheld.push(Withheld::CrashLoop { exits, cause, until });
            return 0;
        }
        if wanted > 0 {
            self.rationale.withheld.push(Withheld::Backoff { exits, until });
        }
        wanted.saturating_sub(service.waiting)
    }
}
