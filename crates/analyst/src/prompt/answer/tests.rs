//! Answers that hold, answers that do not, and that schema and reader agree.

use super::*;
use crate::{Features, Pack, PackOptions, diagnose, scenario};
use plimsoll_stats::Random;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static ASKED: LazyLock<(History, Prompt)> = LazyLock::new(|| {
    let (_, history) = scenario::run(123).unwrap();
    let features = Features::of(&history);
    let pack = Pack::new(&history, &features, &diagnose(&features), &PackOptions::remote());
    (history, Prompt::new(&pack).unwrap())
});

fn read(value: &Value) -> Result<Reading, AnswerError> {
    ASKED.1.read(&value.to_string(), &ASKED.0)
}

fn good() -> Value {
    json!({ "abstain": false, "rationale": "memory grows with age", "hypotheses": [{
        "cause": "leak", "confidence": "sure", "evidence": ["M5", "M5"],
        "proposal": { "changes": [{ "field": "limit_memory_mib", "to": 4096 }], "claim": { "figure": "M2 p95", "then_percent": 50 } },
    }] })
}

#[test]
fn a_good_answer_becomes_hypotheses_and_a_proposal_with_figures_of_ours() {
    let reading = read(&good()).unwrap();
    assert_eq!((reading.hypotheses[0].cause, reading.hypotheses[0].confidence), (Cause::Leak, 0.9));
    assert_eq!(reading.hypotheses[0].evidence, ["M5"]);
    let proposal = &reading.proposals[0];
    let claim = proposal.claim.as_ref().unwrap();
    let now = ASKED.1.figures.iter().find(|(name, _)| name == "M2 p95").unwrap().1;
    assert_eq!((claim.now, claim.then), (now, crate::evidence::rounded(now / 2.0)));
    let from = ASKED.0.configured.limit_memory_mib.map(|limit| limit.ceil() as u64);
    assert_eq!(proposal.changes, [Change::LimitMemory { from, to: 4096 }]);
    assert_eq!((proposal.service.as_str(), proposal.rollback.is_some()), (ASKED.0.service.as_str(), true));
    let fenced = format!("<think>hm {{</think>\n```json\n{}\n```", good());
    assert_eq!(ASKED.1.read(&fenced, &ASKED.0), Ok(reading));
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let with = |pointer: &str, value: Value| {
        let mut answer = good();
        *answer.pointer_mut(pointer).unwrap() = value;
        read(&answer).unwrap_err().to_string()
    };
    for (pointer, value, said) in [
        ("/hypotheses/0/cause", json!("gremlins"), "unknown variant"),
        ("/hypotheses/0/confidence", json!(0.9), "not the JSON that was asked for"),
        ("/hypotheses/0/evidence", json!(["Z9"]), "hypotheses[0].evidence[0] is \"Z9\", which was not shown"),
        ("/hypotheses/0/evidence", json!([]), "hypotheses[0].evidence has 0, and must have 1 to 4"),
        ("/hypotheses/0/proposal/changes/0/to", json!(0), "(limit_memory_mib) is 0, and must be 16 to 4194304"),
        ("/hypotheses/0/proposal/changes/0/to", json!(-1), "not the JSON that was asked for"),
        ("/hypotheses/0/proposal/changes/0/to", json!(1e300), "not the JSON that was asked for"),
        ("/hypotheses/0/proposal/changes/0/field", json!("command"), "unknown variant"),
        ("/hypotheses/0/proposal/changes", json!([]), "changes has 0, and must have 1 to 2"),
        ("/hypotheses/0/proposal/claim/figure", json!("M5 wishes"), "claim.figure is \"M5 wishes\""),
        ("/hypotheses/0/proposal/claim/then_percent", json!(9_999), "must be 0 to 1000"),
        ("/hypotheses/0/proposal/changes", json!([{ "field": "replicas_max", "to": 1 }]), "replicas_max 1"),
        (
            "/hypotheses/0/proposal/changes",
            json!([{ "field": "step_up", "to": 1 }, { "field": "step_up", "to": 2 }]),
            "step_up is changed twice",
        ),
        ("/rationale", json!("load is 99 now"), "rationale has '9'"),
        ("/rationale", json!("x".repeat(161)), "rationale has 161"),
        ("/abstain", json!("no"), "not the JSON that was asked for"),
    ] {
        let error = with(pointer, value);
        assert!(error.contains(said), "{pointer}: {error}");
    }
    for text in ["", "null", "[]", "{}", "I think it is a leak", "<html></html>", "{\"abstain\":false", "<think>"] {
        assert!(ASKED.1.read(text, &ASKED.0).is_err(), "{text}");
    }
    let mut more = good();
    more["actions"] = json!(["rm"]);
    assert!(read(&more).unwrap_err().to_string().contains("actions"));
    let deep = "[".repeat(50_000);
    assert!(ASKED.1.read(&deep, &ASKED.0).is_err() && ASKED.1.read(&" ".repeat(70_000), &ASKED.0).is_err());
    let twice = format!("{{\"abstain\":true,{}", &good().to_string()[1..]);
    assert!(ASKED.1.read(&twice, &ASKED.0).is_err());
}

#[test]
fn who_names_nothing_abstains_or_finds_no_fault() {
    use crate::ladder::Outcome;
    let said = |abstain: bool| {
        read(&json!({ "abstain": abstain, "hypotheses": [], "rationale": "" })).unwrap().into_opinion("m")
    };
    assert_eq!((said(true).outcome, said(false).outcome), (Outcome::Abstained, Outcome::NoFault));
}

/// A value that the schema allows, at random.
fn draw(schema: &Value, random: &mut Random) -> Value {
    if let Some(list) = schema["enum"].as_array() {
        return list[random.below(list.len() as u64) as usize].clone();
    }
    if let Some(list) = schema["anyOf"].as_array() {
        return draw(&list[random.below(list.len() as u64) as usize], random);
    }
    match schema["type"].as_str().unwrap() {
        "null" => Value::Null,
        "boolean" => json!(random.below(2) == 1),
        "integer" => {
            let (least, most) = (schema["minimum"].as_u64().unwrap(), schema["maximum"].as_u64().unwrap());
            let at_end = [least, most, least + random.below(most - least + 1)];
            json!(at_end[random.below(3) as usize])
        }
        "array" => {
            let (least, most) = (schema["minItems"].as_u64().unwrap(), schema["maxItems"].as_u64().unwrap());
            (0..least + random.below(most - least + 1)).map(|_| draw(&schema["items"], random)).collect()
        }
        "object" => {
            assert_eq!(schema["additionalProperties"], false);
            let properties = schema["properties"].as_object().unwrap();
            assert_eq!(schema["required"].as_array().unwrap().len(), properties.len());
            properties
                .iter()
                .map(|(name, inner)| (name.clone(), draw(inner, random)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        "string" => {
            let signs = b"abz AZ,.;:()'-";
            let length = random.below(RATIONALE_MAX as u64 + 1);
            let text: String =
                (0..length).map(|_| char::from(signs[random.below(signs.len() as u64) as usize])).collect();
            json!(text)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn whatever_the_schema_allows_is_read_unless_the_policy_would_make_no_sense() {
    let mut random = Random::new(11);
    let (mut read_well, mut senseless) = (0, 0);
    for _ in 0..3_000 {
        let value = draw(&ASKED.1.schema, &mut random);
        match read(&value) {
            Ok(reading) => {
                read_well += 1;
                let ids = reading.hypotheses.iter().flat_map(|hypothesis| &hypothesis.evidence);
                assert!(ids.into_iter().all(|id| ASKED.1.ids.contains(id)));
            }
            Err(AnswerError::Policy { .. }) => senseless += 1,
            Err(other) => panic!("{other}: {value}"),
        }
    }
    assert!(read_well > 1_000 && senseless > 0, "{read_well} {senseless}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = ASKED.1.read(&text, &ASKED.0);
    }

    #[test]
    fn a_good_answer_with_one_byte_changed_is_refused_or_still_within_bounds(at in 0_usize..400, byte in 32_u8..127) {
        let mut text = good().to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(reading) = ASKED.1.read(&String::from_utf8(text).unwrap(), &ASKED.0) {
            prop_assert!(reading.hypotheses.iter().flat_map(|one| &one.evidence).all(|id| ASKED.1.ids.contains(id)));
        }
    }
}
