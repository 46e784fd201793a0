//! From targets to starts and stops: what the node grants, which replicas go, which come, and what is held back.

use crate::emit::Turn;
use crate::observe::count_exit;
use crate::scale::scale;
use crate::state::{ReplicaState, ServiceState, State, count};
use crate::step::GRACE_UNKNOWN;
use plimsoll_model::id::ServiceName;
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::Millis;
use plimsoll_model::{
    ActionKind, Phase, ReplicaId, ServiceRationale, ServiceSpec, Spec, StopReason, Withheld, WorkloadId,
};
use plimsoll_placement::{Claim, Ledger, share};
use std::collections::BTreeMap;

/// Wait, physical, beyond the grace time before a driver is told again to stop something.
const STOP_AGAIN: Millis = Millis(30_000);
/// Replicas beyond the target while a new spec replaces an old one.
const SURGE: u32 = 1;

/// Trace time after which a stop is repeated.
pub(crate) fn resend_after(state: &State, grace: Millis) -> Millis {
    state.traced(grace.saturating_add(STOP_AGAIN))
}

/// Scales, shares and plans every service.
pub(crate) fn decide_services(state: &mut State, turn: &mut Turn, spec: &Spec) {
    let Some(allocatable) = state.allocatable else { return };
    stop_removed(state, turn, spec);
    let mut rationales: BTreeMap<ServiceName, ServiceRationale> = BTreeMap::new();
    for (name, service) in &spec.services {
        replace_sick(state, turn, name, service);
        let rationale = scale(state, turn, name, service);
        rationales.insert(name.clone(), rationale);
    }
    let claims: Vec<Claim> = spec.services.iter().map(|(name, service)| claim(state, name, service)).collect();
    let granted: BTreeMap<&ServiceName, u32> = spec.services.keys().zip(share(allocatable, &[], &claims)).collect();
    let mut order: Vec<(&ServiceName, &ServiceSpec)> = spec.services.iter().collect();
    order.sort_by_key(|(_, service)| std::cmp::Reverse(service.priority));
    for (name, service) in &order {
        let granted = granted.get(name).copied().unwrap_or(0);
        let rationale = rationales.get_mut(*name).expect("invariant: every service of the spec was scaled");
        Plan { state, turn, name, spec: service, granted, rationale }.stops();
    }
    let mut ledger = booked(state, allocatable);
    for (name, service) in &order {
        let granted = granted.get(name).copied().unwrap_or(0);
        let rationale = rationales.get_mut(*name).expect("invariant: every service of the spec was scaled");
        Plan { state, turn, name, spec: service, granted, rationale }.starts(&mut ledger);
    }
    for (name, rationale) in rationales {
        turn.services.insert(name, rationale);
    }
}

fn claim(state: &State, name: &ServiceName, spec: &ServiceSpec) -> Claim {
    let service = state.services.get(name);
    let wanted = service.and_then(|service| service.target).unwrap_or(0);
    Claim {
        priority: spec.priority,
        minimum: spec.replicas_min.min(wanted),
        live: service.map_or(0, ServiceState::live),
        wanted,
        each: spec.requests,
    }
}

/// The node with everything that has a process, or is about to.
fn booked(state: &State, allocatable: plimsoll_model::spec::Resources) -> Ledger {
    let mut ledger = Ledger::new(allocatable);
    for replica in state.services.values().flat_map(|service| service.replicas.values()) {
        ledger.hold(replica.requests);
    }
    ledger
}

/// Stops replicas of services that the spec no longer has, and drops the memory of those that are gone.
fn stop_removed(state: &mut State, turn: &mut Turn, spec: &Spec) {
    let resend = resend_after(state, GRACE_UNKNOWN);
    let ordinals = &mut state.ordinals;
    state.services.retain(|name, service| {
        if spec.services.contains_key(name) {
            return true;
        }
        if service.replicas.is_empty() {
            ordinals.insert(name.clone(), service.ordinal);
            return false;
        }
        for (ordinal, replica) in &mut service.replicas {
            if replica.stop(StopReason::Removed, turn.at, resend) {
                let workload = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
                turn.actions.push(ActionKind::Stop { workload, reason: StopReason::Removed, grace: GRACE_UNKNOWN });
            }
        }
        true
    });
}

/// Stops what did not become ready in time, what has been unready for as long, and repeats stops that had no effect.
fn replace_sick(state: &mut State, turn: &mut Turn, name: &ServiceName, spec: &ServiceSpec) {
    let patience = state.traced(spec.health.startup_max);
    let resend = resend_after(state, spec.grace);
    let speed = u64::from(state.speed);
    let Some(service) = state.services.get_mut(name) else { return };
    let mut never_ready = 0_u32;
    for (ordinal, replica) in &mut service.replicas {
        let reason = match (replica.stopping, replica.phase) {
            (Some(stopping), _) => stopping.reason,
            (None, Some(Phase::Starting)) if turn.at.since(replica.asked_at) > patience => StopReason::NeverReady,
            (None, Some(Phase::Unready))
                if replica.unready_since.is_some_and(|since| turn.at.since(since) > patience) =>
            {
                StopReason::Unready
            }
            _ => continue,
        };
        never_ready += u32::from(replica.stopping.is_none() && reason == StopReason::NeverReady);
        if replica.stop(reason, turn.at, resend) {
            let workload = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
            turn.actions.push(ActionKind::Stop { workload, reason, grace: spec.grace });
        }
    }
    for _ in 0..never_ready {
        count_exit(service, turn.at, &spec.restart, speed, &ExitCause::NeverReady, Millis::ZERO);
    }
}

struct Plan<'a> {
    state: &'a mut State,
    turn: &'a mut Turn,
    name: &'a ServiceName,
    spec: &'a ServiceSpec,
    granted: u32,
    rationale: &'a mut ServiceRationale,
}

impl Plan<'_> {
    /// Stops what is too many. Under a new spec, an old replica goes only when a ready one is to spare.
    fn stops(&mut self) {
        let Some(service) = self.state.services.get(self.name) else { return };
        let target = self.rationale.target;
        let live = |replica: &&ReplicaState| replica.is_live();
        let (new, old): (Vec<&ReplicaState>, Vec<&ReplicaState>) =
            service.replicas.values().filter(live).partition(|replica| replica.revision == service.revision);
        let (new, old) = (count(new.len()), count(old.len()));
        let ready = service.ready();
        let old_idle = count(outdated(service).filter(|replica| !replica.is_ready()).count());
        let old_spare = (old - old_idle).min(ready.saturating_sub(self.granted));
        let new_spare = new.saturating_sub(self.granted);
        if old > 0 {
            self.stop(old_idle.saturating_add(old_spare), true, StopReason::Replaced);
        }
        let reason = if self.granted < target { StopReason::Preempted } else { StopReason::ScaleIn };
        self.stop(new_spare, false, reason);
    }

    /// Stops so many old or new replicas: not ready ones first, then the youngest.
    fn stop(&mut self, many: u32, old: bool, reason: StopReason) {
        let at = self.turn.at;
        let resend = resend_after(self.state, self.spec.grace);
        let Some(service) = self.state.services.get_mut(self.name) else { return };
        let revision = service.revision;
        let mut victims: Vec<(&u64, &mut ReplicaState)> = service
            .replicas
            .iter_mut()
            .filter(|(_, replica)| replica.is_live() && (replica.revision != revision) == old)
            .collect();
        victims.sort_by_key(|(ordinal, replica)| (replica.is_ready(), std::cmp::Reverse(**ordinal)));
        for (ordinal, replica) in victims.into_iter().take(many as usize) {
            if replica.stop(reason, at, resend) {
                let workload = WorkloadId::Replica(ReplicaId { service: self.name.clone(), ordinal: *ordinal });
                self.turn.actions.push(ActionKind::Stop { workload, reason, grace: self.spec.grace });
            }
        }
    }

    /// Starts what is missing, as far as backoff, room and the bound on starts allow.
    fn starts(&mut self, ledger: &mut Ledger) {
        let at = self.turn.at;
        let Some(service) = self.state.services.get_mut(self.name) else { return };
        let live = service.live();
        let old = count(outdated(service).count());
        let surge = if old > 0 { SURGE } else { 0 };
        if old > 0 {
            self.rationale.withheld.push(Withheld::RollingReplacement { outdated: old });
        }
        let wanted =
            self.granted.saturating_add(surge).saturating_sub(live).min(self.granted - self.granted.min(live - old));
        let allowed = after_backoff(service, self.spec, at, wanted, self.rationale);
        let mut started = 0;
        while started < allowed && self.turn.starts_left > 0 && ledger.take(self.spec.requests) {
            self.turn.starts_left -= 1;
            started += 1;
            service.ordinal += 1;
            let replica = ReplicaState::started(service.revision, self.spec.requests, at);
            service.replicas.insert(service.ordinal, replica);
            self.turn.actions.push(ActionKind::StartReplica {
                replica: ReplicaId { service: self.name.clone(), ordinal: service.ordinal },
                requests: self.spec.requests,
                limits: self.spec.limits,
            });
        }
        let ungranted = self.rationale.target.saturating_sub(self.granted);
        let unfit = if self.turn.starts_left == 0 { 0 } else { allowed - started };
        if ungranted.saturating_add(unfit) > 0 {
            let (asked, free) = (self.spec.requests, ledger.free());
            self.rationale.withheld.push(Withheld::NoCapacity {
                replicas: ungranted.saturating_add(unfit),
                asked,
                free,
            });
        } else if allowed > started {
            let starts_max = crate::emit::STARTS_MAX;
            self.rationale.withheld.push(Withheld::ActionLimit { replicas: allowed - started, starts_max });
        }
    }
}

fn outdated(service: &ServiceState) -> impl Iterator<Item = &ReplicaState> {
    service.replicas.values().filter(|replica| replica.is_live() && replica.revision != service.revision)
}

/// Starts that may happen now. Replicas that fell over quickly wait for their backoff; more than that may start, unless
/// the service is in a crash loop, where more of the same would only fall over too.
fn after_backoff(
    service: &mut ServiceState,
    spec: &ServiceSpec,
    at: plimsoll_model::Timestamp,
    wanted: u32,
    rationale: &mut ServiceRationale,
) -> u32 {
    let Some(until) = service.restart_at.filter(|until| at < *until) else {
        service.waiting = 0;
        service.restart_at = None;
        return wanted;
    };
    let exits = service.exits;
    if exits >= spec.restart.crash_loop_after.max(2) {
        let cause = service.exit_cause.clone().unwrap_or(ExitCause::Lost);
        rationale.withheld.push(Withheld::CrashLoop { exits, cause, until });
        return 0;
    }
    if wanted > 0 {
        rationale.withheld.push(Withheld::Backoff { exits, until });
    }
    wanted.saturating_sub(service.waiting)
}
