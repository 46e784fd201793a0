//! What the loop does with proposals: keeps them, puts them in force through the controller, takes them back.

use super::kept::{Kept, Stage};
use super::worker::{Look, Proved, id_of};
use super::{Desk, about};
use crate::engine::Engine;
use plimsoll_analyst::Proposal;
use plimsoll_analyst::gate::{Verdict, hash};
use plimsoll_controller::Input;
use plimsoll_journal::Kind;
use plimsoll_model::analyst::AnalystMode;
use plimsoll_model::id::ServiceName;
use plimsoll_model::proposed::{PolicyPatch, ProposalHand, StandingProposal, Watched};
use plimsoll_model::spec::ServiceSpec;
use plimsoll_model::{Decision, Micros, Observation, Timestamp};
use serde_json::json;

/// Who lets a proposal by the operator's envelope.
const AUTO: &str = "auto";
/// Whose proposals come without a model.
const RULES: &str = "rules";
/// Whose proposals a search found.
const SEARCH: &str = "search";

impl Engine {
    /// After each step: takes it down, hears what became of proposals, and looks at what is due.
    pub(crate) fn analyse(&mut self, seen: Option<&Observation>, decision: &Decision) {
        if self.desk.heard(decision) {
            self.show_proposals();
        }
        if let Some(seen) = seen {
            self.desk.note(&self.spec, seen, decision);
            if let Some((service, occasion)) = self.desk.look(&self.spec, decision.at) {
                let because = occasion.to_string();
                let looked = json!({ "looked": { "service": service, "occasion": occasion, "because": because } });
                self.recorder.note(Kind::PROPOSAL, decision.at, &looked);
            }
            if let Some((service, occasion)) = self.desk.seek(&self.spec, decision.at) {
                let because = occasion.to_string();
                let sought = json!({ "sought": { "service": service, "occasion": occasion, "because": because } });
                self.recorder.note(Kind::PROPOSAL, decision.at, &sought);
            }
        }
        *self.shared.analyst.borrow_mut() = self.desk.figures(&self.spec);
    }

    /// Goes on where an earlier daemon was: the history since its last snapshot, and what stands.
    pub(crate) fn catch_up(&mut self, observed: &[(Observation, Decision)]) {
        self.desk.engage(&self.spec);
        if Desk::wants(&self.spec) {
            for (seen, decision) in observed {
                self.desk.note(&self.spec, seen, decision);
            }
        }
        let services = &self.recorder.state().services;
        self.desk.reconcile(|name| {
            let name: ServiceName = name.parse().ok()?;
            let proposal = services.get(&name)?.proposal.as_ref()?;
            Some((proposal.standing.id.clone(), proposal.is_promoted))
        });
        self.show_proposals();
    }

    /// Shows the API what there is, and counts it: whoever sees a proposal finds it in `/metrics`.
    pub(crate) fn show_proposals(&self) {
        *self.shared.analyst.borrow_mut() = self.desk.figures(&self.spec);
        *self.shared.proposals.borrow_mut() = self.desk.shown();
        *self.shared.searches.borrow_mut() = self.desk.seeker.shown();
        *self.shared.diagnoses.borrow_mut() = self.desk.found();
    }

    /// Takes what the worker found: kept, journaled, and in force at once where the operator's envelope says so.
    pub(crate) fn on_proved(&mut self, proved: Proved) {
        let now = self.clock.now();
        let by = match (&proved.consulted, &proved.told) {
            (Some(consulted), _) => consulted.by.clone(),
            (None, Some(told)) => {
                let search = self.desk.seeker.take(&proved, told);
                self.recorder.note(Kind::PROPOSAL, now, &json!({ "searched": search }));
                SEARCH.to_owned()
            }
            (None, None) => {
                self.desk.is_busy = false;
                RULES.to_owned()
            }
        };
        if let Some(consulted) = &proved.consulted {
            let found = proved.look.ladder.causes();
            let model = json!({ "service": proved.service, "asked": consulted, "findings": found });
            self.recorder.note(Kind::PROPOSAL, now, &json!({ "model": model }));
        }
        let Some(service) = self.spec.services.get(&proved.service).cloned() else { return };
        let occasion = proved.look.occasion.clone();
        // What a search saw is what the rules saw; they say it.
        if proved.told.is_none() {
            self.desk.find_out(&proved.service, proved.look);
        }
        let mut at_once = Vec::new();
        for (proposal, verdict) in proved.found {
            // Rules and model look at the same time; what one of them said already is said.
            if self.desk.has_said(&proved.service, &proposal) {
                continue;
            }
            let kept = Kept {
                by: by.clone(),
                occasion: Some(occasion.clone()),
                ..keep(proposal, &verdict, &service, &proved.service, now)
            };
            if kept.state == Stage::Waiting && service.analyst.mode == AnalystMode::Auto {
                at_once.push(kept.id.clone());
            }
            self.recorder.note(Kind::PROPOSAL, now, &json!({ "proved": kept }));
            self.desk.add(kept);
        }
        for (id, verdict) in proved.followed {
            if let (Ok(kept), Some(proof)) = (self.desk.find(&id), &verdict.proof) {
                let price = proof.price_of_incumbent;
                let worse = verdict.refusals.iter().filter(|it| it.stage == "held-out history").count();
                kept.note(format!(
                    "{now} followed over {} samples since: price {:.3} of the policy in force ({:.3} to {:.3}), {worse} figures worse",
                    proof.held_out.samples, price.value, price.low, price.high
                ));
            }
        }
        self.desk.save();
        self.show_proposals();
        for id in at_once {
            // One at a time: each was proved over the operator's own policy, and not over another proposal.
            if !self.desk.has_standing(&proved.service) {
                let _ = self.approve(&id, AUTO);
            }
        }
    }

    /// Somebody says yes or no.
    pub(crate) fn answer_proposal(&mut self, id: &str, is_yes: bool, by: &str) -> Result<String, String> {
        if is_yes { self.approve(id, by) } else { self.reject(id, by) }
    }

    fn approve(&mut self, id: &str, by: &str) -> Result<String, String> {
        let now = self.clock.now();
        let kept = self.desk.find(id)?;
        if !kept.state.may_come() {
            return Err(format!(
                "{id} is {}; only what the gate accepted and nobody decided on can be approved",
                kept.state.word()
            ));
        }
        if kept.proposal.expires_ms <= now.0 {
            kept.state = Stage::Expired;
            kept.note(format!("{now} void before anybody approved it"));
            self.desk.save();
            self.show_proposals();
            return Err(format!("{id} is void since {}", Timestamp(self.desk.find(id)?.proposal.expires_ms)));
        }
        let (kept, name) = (kept.clone(), kept.service.clone());
        let name: ServiceName = name.parse().map_err(|error| format!("{error}"))?;
        let service = self.spec.services.get(&name).ok_or_else(|| format!("the spec has no service {name}"))?;
        let patch = kept.patch.clone().ok_or_else(|| {
            format!("{id} changes the size of replicas, which is for the spec file: `plimsoll analyst proposals {id}` says what")
        })?;
        if PolicyPatch::of(service) != kept.base {
            return Err(format!(
                "{id} was proved over another policy than the one in force; it has to be proved again"
            ));
        }
        let standing = standing(&kept, patch, service, now, by);
        self.recorder.note(Kind::PROPOSAL, now, &json!({ "approved": id, "by": by, "verdict": kept.verdict_hash }));
        let hand = ProposalHand::Apply(Box::new(standing));
        self.decide(vec![Input::Proposal { service: name, hand }]);
        let kept = self.desk.find(id)?;
        if kept.state.stands() {
            return Ok(kept.course.last().cloned().unwrap_or_default());
        }
        Ok(format!("{id} is approved by {by} and comes into force as soon as the journal can be written"))
    }

    fn reject(&mut self, id: &str, by: &str) -> Result<String, String> {
        let now = self.clock.now();
        let kept = self.desk.find(id)?;
        if kept.state.stands() {
            let name: ServiceName = kept.service.parse().map_err(|error| format!("{error}"))?;
            let hand = ProposalHand::Withdraw { id: id.to_owned(), by: by.to_owned() };
            self.decide(vec![Input::Proposal { service: name, hand }]);
            return Ok(self.desk.find(id)?.course.last().cloned().unwrap_or_default());
        }
        if !kept.state.may_come() {
            return Err(format!("{id} is {}; there is nothing to reject", kept.state.word()));
        }
        kept.state = Stage::Rejected;
        kept.note(format!("{now} rejected by {by}"));
        self.recorder.note(Kind::PROPOSAL, now, &json!({ "rejected": id, "by": by }));
        self.desk.save();
        self.show_proposals();
        Ok(format!("{id} is rejected by {by}"))
    }
}

impl Desk {
    /// Takes what was found, unless something newer was found meanwhile.
    fn find_out(&mut self, service: &ServiceName, look: Look) {
        if self.found.get(service).is_none_or(|known| known.at_ms <= look.at_ms) {
            self.found.insert(service.clone(), look);
        }
    }

    /// The same changes were proposed before.
    fn has_said(&self, service: &ServiceName, proposal: &Proposal) -> bool {
        self.kept.iter().any(|it| it.service == service.as_str() && it.proposal.changes == proposal.changes)
    }

    /// A proposal stands above the service's own policy.
    fn has_standing(&self, service: &ServiceName) -> bool {
        self.kept.iter().any(|it| it.service == service.as_str() && it.state.stands())
    }

    /// What an earlier daemon took down and did not see the end of: the controller's state says what stands.
    pub(crate) fn reconcile(&mut self, standing: impl Fn(&str) -> Option<(String, bool)>) {
        for kept in &mut self.kept {
            match standing(&kept.service) {
                Some((id, is_promoted)) if id == kept.id => {
                    kept.state = if is_promoted { Stage::InForce } else { Stage::OnTrial };
                }
                _ if kept.state.stands() => {
                    kept.state = Stage::Expired;
                    kept.note("it ended while no daemon ran".to_owned());
                }
                _ => {}
            }
        }
        self.save();
    }
}

fn keep(proposal: Proposal, verdict: &Verdict, service: &ServiceSpec, name: &ServiceName, now: Timestamp) -> Kept {
    let patched = proposal.applied(service).ok();
    let patch = patched.and_then(|patched| {
        let patch = PolicyPatch::of(&patched);
        let mut same = service.clone();
        patch.put(&mut same);
        (same == patched).then_some(patch)
    });
    let state = match (verdict.accepted, service.analyst.mode) {
        (false, _) => Stage::Refused,
        (true, AnalystMode::Shadow) => Stage::Shadow,
        (true, _) => Stage::Waiting,
    };
    Kept {
        id: id_of(&proposal, verdict),
        service: name.to_string(),
        state,
        about: about(&proposal),
        by: String::new(),
        occasion: None,
        made_at_ms: now.0,
        evidence: verdict.hashes.history.clone(),
        verdict_hash: hash::text(hash::of(verdict)),
        verdict: serde_json::to_value(verdict).unwrap_or_default(),
        patch,
        base: PolicyPatch::of(service),
        course: vec![format!("{now} {}", if verdict.accepted { "proved" } else { "refused by the gate" })],
        proposal,
    }
}

fn standing(kept: &Kept, patch: PolicyPatch, service: &ServiceSpec, now: Timestamp, by: &str) -> StandingProposal {
    let analyst = &service.analyst;
    let until = now.plus(analyst.stands).min(Timestamp(kept.proposal.expires_ms).max(now.plus(analyst.trial)));
    let rollback = kept.proposal.rollback.as_ref().filter(|it| it.figure.starts_with("T1 p99"));
    let latency_p99_max = rollback.map(|rollback| Micros((rollback.above.clamp(0.0, 1e12) * 1_000.0) as u64));
    StandingProposal {
        id: kept.id.clone(),
        by: by.to_owned(),
        patch,
        base: kept.base.clone(),
        canary_until: now.plus(analyst.trial),
        until,
        watched: Watched { latency_p99_max, failed_max: analyst.failed_max, lasting: analyst.burn },
        evidence: kept.evidence.clone(),
        verdict: kept.verdict_hash.clone(),
    }
}
