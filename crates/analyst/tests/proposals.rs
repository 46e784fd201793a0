//! Proposals as changes of a real spec: they apply to the spec they were made for, and to no other.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::proposal::{Change, Proposal, ProposalError};
use plimsoll_analyst::{Cause, Features, diagnose, propose, scenario};
use plimsoll_model::spec::{ScalingPolicy, ServiceSpec};
use std::path::Path;

const SPEC: &str = r#"
name = "s"
[services.web]
command = ["true"]
requests = { cpu = "1", memory = "256MiB" }
limits = { cpu = "2", memory = "512MiB" }
replicas = { min = 2, max = 8 }
[services.web.scaling]
cpu = "60%"
"#;

fn spec() -> ServiceSpec {
    let spec = plimsoll_config::parse(SPEC, Path::new("spec.toml")).unwrap().spec;
    spec.services.into_values().next().unwrap()
}

fn proposal(changes: Vec<Change>) -> Proposal {
    Proposal {
        service: "web".into(),
        cause: Cause::CpuBound,
        changes,
        claim: None,
        evidence: Vec::new(),
        confidence: 1.0,
        expires_ms: 0,
        rollback: None,
        advice: String::new(),
    }
}

#[test]
fn each_change_sets_its_field_and_nothing_else() {
    let changed = proposal(vec![
        Change::ReplicasMax { from: Some(8), to: 20 },
        Change::ReplicasMin { from: None, to: 3 },
        Change::LimitMemory { from: Some(512), to: 1_024 },
        Change::LimitCpu { from: Some(2_000), to: 4_000 },
        Change::StepUp { from: Some(4), to: 9 },
        Change::Tolerance { from: Some(100), to: 50 },
        Change::StabilizationDown { from: None, to: 600_000 },
        Change::ReserveBurst { to: 950 },
        Change::Forecast { season: 86_400_000, quantile: 950 },
        Change::ScaleOnMemory { target: 700 },
        Change::ScaleOnInFlight { target: 2_000 },
    ])
    .applied(&spec())
    .unwrap();
    assert_eq!((changed.replicas_min, changed.replicas_max), (3, 20));
    assert_eq!(changed.limits.memory.unwrap().0, 1_024 << 20);
    assert_eq!((changed.limits.cpu.unwrap().0, changed.scaling.step_up_max), (4_000, 9));
    assert_eq!(changed.scaling.stabilization_down.0, 600_000);
    assert_eq!(changed.scaling.forecast.as_ref().unwrap().quantile.0, 950);
    assert_eq!(changed.scaling.policies.len(), 3);
    assert!(matches!(changed.scaling.policies[0], ScalingPolicy::Cpu { .. }));
    assert_eq!(changed.requests, spec().requests);
}

#[test]
fn a_spec_that_changed_meanwhile_or_would_make_no_sense_refuses_it() {
    let refused = |change| proposal(vec![change]).applied(&spec()).unwrap_err();
    let stale = refused(Change::ReplicasMax { from: Some(9), to: 20 });
    assert_eq!(stale.to_string(), "replicas.max is 8, and the proposal was made for 9");
    assert!(matches!(refused(Change::ReplicasMax { from: Some(8), to: 0 }), ProposalError::Range { .. }));
    assert!(matches!(refused(Change::ReplicasMax { from: Some(8), to: 1 }), ProposalError::Range { .. }));
    assert!(matches!(refused(Change::LimitCpu { from: None, to: 500 }), ProposalError::Range { .. }));
    assert!(matches!(refused(Change::ReserveBurst { to: 1_000 }), ProposalError::Range { .. }));
    assert!(matches!(refused(Change::Forecast { season: 1, quantile: 0 }), ProposalError::Range { .. }));
}

#[test]
fn a_proposal_is_read_back_as_it_was_written() {
    let (_, history) = scenario::run(206).unwrap();
    let features = Features::of(&history);
    let proposals = propose(&history, &features, &diagnose(&features));
    assert_eq!(proposals[0].cause, Cause::FlappingPolicy);
    assert!(matches!(proposals[0].changes[0], Change::StabilizationDown { .. }));
    let text = serde_json::to_string(&proposals).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Proposal>>(&text).unwrap(), proposals);
}
