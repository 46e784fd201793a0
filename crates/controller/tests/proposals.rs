//! A proved proposal above the spec's policy: in force, on trial, watched, taken back; and the same again in a replay.

#![allow(clippy::unwrap_used, reason = "a run that does not get there fails its test")]

mod plant;

use plant::{Plant, name, service, spec};
use plimsoll_controller::{Input, State, step};
use plimsoll_model::id::Generation;
use plimsoll_model::proposed::{PolicyPatch, ProposalHand, ProposalTurn, StandingProposal, Watched};
use plimsoll_model::quantity::{Micros, MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::{Finding, Observation, Phase, ScalingPolicy, ServiceSpec, Spec};

fn shop() -> ServiceSpec {
    let mut shop = service(8, 20, vec![ScalingPolicy::RequestRate { target: MilliRps(20_000) }]);
    shop.scaling.stabilization_down = Millis(0);
    shop
}

/// Eight replicas under 60 requests per second that three would carry.
fn running() -> Plant {
    let mut plant = Plant::new(spec([("shop", shop())]));
    plant.set_load("shop", 60, 1_000);
    ticks(&mut plant, 30);
    assert_eq!(plant.count("shop", Phase::Ready), 8);
    plant
}

fn ticks(plant: &mut Plant, count: u32) -> Vec<ProposalTurn> {
    (0..count).flat_map(|_| turns(&plant.tick().rationale.findings)).collect()
}

fn turns(findings: &[Finding]) -> Vec<ProposalTurn> {
    let of = |finding: &Finding| match finding {
        Finding::Proposal { turned, .. } => Some(turned.clone()),
        _ => None,
    };
    findings.iter().filter_map(of).collect()
}

fn standing(at: Timestamp, tick: Millis) -> StandingProposal {
    let base = PolicyPatch::of(&shop());
    let span = |ticks: u64| at.plus(tick.saturating_mul(ticks));
    StandingProposal {
        id: "a1".to_owned(),
        by: "ann".to_owned(),
        patch: PolicyPatch { replicas_min: 2, ..base.clone() },
        base,
        canary_until: span(10),
        until: span(60),
        watched: Watched {
            latency_p99_max: Some(Micros(900_000)),
            failed_max: Permille(10),
            lasting: tick.saturating_mul(3),
        },
        evidence: "e".to_owned(),
        verdict: "v".to_owned(),
    }
}

fn put(plant: &mut Plant, hand: ProposalHand) {
    plant.pending.push(Input::Proposal { service: name("shop"), hand });
}

fn min(plant: &Plant) -> u32 {
    plant.state.spec.as_ref().unwrap().services[&name("shop")].replicas_min
}

#[test]
fn a_proposal_comes_into_force_stands_its_trial_and_ends_with_its_time() {
    let mut plant = running();
    let wanted = standing(plant.at, plant.tick);
    put(&mut plant, ProposalHand::Apply(Box::new(wanted)));
    let first = ticks(&mut plant, 8);
    assert!(matches!(&first[..], [ProposalTurn::Applied { id, by, .. }] if id == "a1" && by == "ann"), "{first:?}");
    let second = ticks(&mut plant, 22);
    assert_eq!((second, min(&plant)), (vec![ProposalTurn::Promoted { id: "a1".into() }], 2));
    assert_eq!(plant.count("shop", Phase::Ready), 3);
    assert!(plant.state.services[&name("shop")].proposal.as_ref().unwrap().is_promoted);
    assert_eq!(ticks(&mut plant, 60), [ProposalTurn::Expired { id: "a1".into() }]);
    assert_eq!((min(&plant), plant.count("shop", Phase::Ready)), (8, 8));
    assert_eq!(plant.state.spec.as_deref(), Some(&spec([("shop", shop())])), "to the last field");
}

#[test]
fn one_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut plant = running();
    let good = standing(plant.at, plant.tick);
    let with = |change: &dyn Fn(&mut StandingProposal)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad
    };
    for (bad, why) in [
        (with(&|it| it.until = Timestamp(0)), "would end at"),
        (with(&|it| it.base.replicas_max = 21), "another policy than the one in force"),
        (with(&|it| it.patch.replicas_max = 1), "asks for 2 to 1 replicas"),
        (with(&|it| it.patch.replicas_max = u32::MAX), "10000 are the most"),
        (with(&|it| it.id = String::new()), "no name"),
    ] {
        put(&mut plant, ProposalHand::Apply(Box::new(bad)));
        let said: Vec<String> = plant.tick().rationale.findings.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|line| line.contains(why)), "{why}: {said:?}");
        assert_eq!(min(&plant), 8);
    }
    put(&mut plant, ProposalHand::Withdraw { id: "zz".into(), by: "ann".into() });
    assert!(ticks(&mut plant, 1).is_empty());
}

/// An observation of the plant with these failures and this latency.
fn burning(plant: &Plant, failed: u64, latency: u64) -> Observation {
    let mut seen = plant.observation();
    let traffic = seen.services.get_mut(&name("shop")).unwrap().traffic.as_mut().unwrap();
    (traffic.finished, traffic.failed, traffic.latency_p99) = (1_000, failed, Micros(latency));
    seen
}

#[test]
fn a_burn_that_lasts_takes_it_back_and_one_that_does_not_is_forgiven() {
    for (failed, latency) in [(50, 1_000), (0, 2_000_000)] {
        let mut plant = running();
        let wanted = standing(plant.at, plant.tick);
        put(&mut plant, ProposalHand::Apply(Box::new(wanted)));
        ticks(&mut plant, 3);
        let mut turned = Vec::new();
        let mut state = plant.state.clone();
        // Two bad ones, a good one, then bad ones.
        for (step_at, is_bad) in (1..).zip([true, true, false, true, true, true, true, true]) {
            let seen = if is_bad { burning(&plant, failed, latency) } else { burning(&plant, 0, 1_000) };
            let at = plant.at.plus(Millis(plant.tick.0 * step_at));
            let decision = step(&mut state, at, &[Input::Observed(Box::new(seen))]);
            turned.extend(turns(&decision.rationale.findings).into_iter().map(|turn| (step_at, turn)));
        }
        let [(at, ProposalTurn::RolledBack { id, failed: share, .. })] = &turned[..] else { panic!("{turned:?}") };
        assert_eq!((*at, id.as_str(), *share), (7, "a1", Permille(failed)));
        assert_eq!(state.spec.as_ref().unwrap().services[&name("shop")].replicas_min, 8);
    }
}

#[test]
fn it_survives_a_new_spec_that_leaves_its_ground_alone_and_no_other() {
    let mut plant = running();
    let wanted = standing(plant.at, plant.tick);
    put(&mut plant, ProposalHand::Apply(Box::new(wanted)));
    ticks(&mut plant, 2);
    let adopt = |plant: &mut Plant, generation, spec: Spec| {
        plant.pending.push(Input::Policy { generation: Generation(generation), spec: Box::new(spec) });
        ticks(plant, 1)
    };
    let mut other = spec([("shop", shop())]);
    other.services.get_mut(&name("shop")).unwrap().priority = 77;
    assert!(adopt(&mut plant, 100, other).is_empty());
    assert_eq!(min(&plant), 2);
    let mut other = spec([("shop", shop())]);
    other.services.get_mut(&name("shop")).unwrap().replicas_min = 9;
    assert_eq!(adopt(&mut plant, 101, other), [ProposalTurn::Overtaken { id: "a1".into() }]);
    assert_eq!(min(&plant), 9);
}

#[test]
fn its_state_is_read_back_as_it_was_and_goes_on_alike() {
    let mut plant = running();
    let wanted = standing(plant.at, plant.tick);
    put(&mut plant, ProposalHand::Apply(Box::new(wanted)));
    ticks(&mut plant, 5);
    let text = serde_json::to_string(&plant.state).unwrap();
    let mut read: State = serde_json::from_str(&text).unwrap();
    let mut kept = plant.state.clone();
    assert_eq!(read, kept);
    let inputs = [Input::Observed(Box::new(plant.observation()))];
    let at = plant.at.plus(plant.tick);
    assert_eq!(step(&mut read, at, &inputs), step(&mut kept, at, &inputs));
    // A journal of an earlier release has no such field.
    assert!(!serde_json::to_string(&running().state).unwrap().contains("\"proposal\""));
}
