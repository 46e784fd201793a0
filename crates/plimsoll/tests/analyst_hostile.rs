//! A model whose policies are valid and would do harm, before a gate that nobody watches; and hostile words wherever a running
//! installation lets words in.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;
#[path = "../../llm/tests/fake/mod.rs"]
mod fake;

use common::Installation;
use common::analyst::{all_whole, in_time, noted, spec, words};
use common::load::RunningLoad;
use fake::hostile::{harmless, leaked, strings};
use fake::{Fake, Request, says};
use plimsoll_http_client::Ask;
use serde_json::{Value, json};

/// What this model always says, in the schema of every question.
fn advises(changes: &Value) -> Fake {
    let answer = json!({ "abstain": false, "rationale": "most of it is idle", "hypotheses": [{
        "cause": "over-provisioned", "confidence": "sure", "evidence": ["L1"],
        "proposal": { "changes": changes, "claim": { "figure": "L1 median", "then_percent": 100 } } }] });
    Fake::script(vec![(200, "content-type: application/json\r\n", says(&answer.to_string()))])
}

fn asks(fake: &Fake) -> String {
    format!(
        "[analyst.model]\nendpoint = \"{}\"\nname = \"bad\"\nshow = \"words\"\ntokens_day = 10_000_000\nrequests_day = 10_000",
        fake.url()
    )
}

fn has_number(text: &Value) -> bool {
    text.as_str().unwrap().contains(|c: char| c.is_ascii_digit())
}

#[test]
fn a_valid_policy_that_would_starve_the_load_is_refused_with_figures_and_never_comes_into_force() {
    // A replica serves 25 a second (two at once, 80 ms each): 140 a second need six. One is within the envelope, and in the twin, to
    // which four of our seconds are one, serves 25 of 35.
    let fake = advises(&json!([{ "field": "replicas_max", "to": 1 }]));
    let text = spec("starve", "auto", &asks(&fake))
        .replace("speed = 10", "speed = 4")
        .replace("\"20\"]", "\"80\"]")
        .replace("min = 6", "min = 1")
        .replace("200/s", "5/s");
    let installation = Installation::start(&text);
    let load = RunningLoad::constant(&installation.gateway(), 140.0, 900.0, 0.0);
    installation.wait_ready("web", 6);
    let target = || installation.service("web")["target"].as_u64().unwrap();
    let refused = in_time("the model's proposal", || {
        assert!(
            target() >= 5,
            "{} {:#?} {}",
            target(),
            all_whole(&installation),
            installation.stdout(&["explain", "web"])
        );
        all_whole(&installation).into_iter().find(|it| it["by"] == "bad")
    });
    let (id, verdict) = (refused["id"].as_str().unwrap(), &refused["verdict"]);
    assert_eq!((refused["state"].as_str().unwrap(), &verdict["accepted"]), ("refused", &json!(false)), "{refused}");
    let refusals = verdict["refusals"].as_array().unwrap();
    assert!(!refusals.is_empty() && refusals.iter().all(|it| has_number(&it["words"])), "{refusals:?}");
    let proof = &verdict["proof"];
    let of_the_load = proof["figures"]["proposal"]["shortage_pct"].as_f64().unwrap();
    assert!(of_the_load > 5.0, "{}", proof["figures"]);
    println!("{of_the_load} % of the load without a replica; refused: {}", refusals[0]["words"]);
    assert!(refused["course"].to_string().contains("refused by the gate"), "{refused}");

    // The journal says what was asked, what was answered and why it is refused, and so does the command line.
    let in_journal = in_time("its record", || noted(&installation, "proved").into_iter().find(|it| it["id"] == id));
    assert_eq!((&in_journal["state"], &in_journal["verdict"]["refusals"]), (&json!("refused"), &verdict["refusals"]));
    let asked = &noted(&installation, "model")[0]["asked"];
    assert!(asked["prompt_hash"].is_string() && asked["answer"].to_string().contains("\"replicas_max\""), "{asked}");
    let told = installation.stdout(&["analyst", "proposals", id]);
    assert!(told.contains("refused") && told.contains(refusals[0]["words"].as_str().unwrap()), "{told}");
    // A person cannot let it by either.
    let output = installation.run(&["analyst", "approve", id, "--by", "ann"]);
    assert!(!output.status.success() && words(&output.stderr).contains("only what the gate accepted"));

    let decided = installation.get("/v1/decisions?limit=500").unwrap();
    assert!(!decided.to_string().contains(id), "{decided}");
    assert_eq!((noted(&installation, "approved"), target() >= 5), (Vec::new(), true));
    let _ = load.stop();
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
}

/// What came of a run in which these words stood everywhere.
struct Outcome {
    sent: Vec<Request>,
    /// What the model proposed, and what became of it.
    proposals: Vec<String>,
    /// What came into force.
    approved: Vec<Value>,
    /// Every change of the target.
    changes: Vec<(Value, Value)>,
    record: Value,
}

fn post(installation: &Installation, path: &str, body: &Value) -> u16 {
    let file = std::fs::read(installation.state_dir().join("daemon.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let url = format!("http://{}{path}", file["api"].as_str().unwrap());
    let token = std::fs::read_to_string(installation.state_dir().join("token")).unwrap();
    common::send(Ask::post_json(url.parse().unwrap(), body.to_string()).bearer(token.trim())).unwrap().0
}

/// Words as a part of a path.
fn escaped(words: &str) -> String {
    words.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A service that prints words, has them in its environment, is asked for them by its clients, and is ordered about by people with
/// such names.
fn run(name: &str, all: &[String]) -> Outcome {
    let fake = advises(&json!([{ "field": "replicas_max", "to": 6 }]));
    let plain: Vec<&String> = all.iter().filter(|words| !words.contains(|c: char| c.is_control())).collect();
    let env = json!(plain[1]);
    // A job that nobody schedules says them on both of its outputs and fails.
    let crier = format!(
        "\n[jobs.crier]\ncommand = [\"sh\", \"-c\", \"cat words; cat words >&2; exit 3\", {}]\ndirectory = \".\"\n\
         requests = {{ cpu = \"10m\", memory = \"4MiB\" }}\nschedule = \"manual\"\n",
        json!(plain[0])
    );
    let text = spec(name, "advise", &asks(&fake))
        .replace("grace = \"1s\"", &format!("grace = \"1s\"\nenv = {{ NOTE = {env} }}"))
        .replace("{ down = \"5s\" }", "{ up = \"0s\", down = \"0s\" }\nstep = { up = 5, down = 5, period = \"1s\" }");
    let mut installation = Installation::prepare(&(text + &crier), &[]);
    std::fs::write(installation.dir.path().join("words"), all.join("\n")).unwrap();
    installation.up();
    installation.wait_ready("web", 6);
    let load = RunningLoad::constant(&installation.gateway(), 20.0, 900.0, 0.0);
    assert_eq!(post(&installation, "/v1/jobs/crier/run", &json!({})), 200);
    for (index, words) in all.iter().enumerate() {
        let order = json!({ "order": "resume", "by": words });
        assert_eq!(post(&installation, "/v1/services/web/wheel", &order), 200, "{words:?}");
        // 200 a second are one replica's: seven, then eight, because of whoever announces it.
        let replicas = 7 + index as u64 % 2;
        let rate = replicas * 200_000;
        let event =
            json!({ "name": "sale", "service": "web", "for_ms": 3_600_000, "rate_milli_rps": rate, "by": words });
        assert_eq!(post(&installation, "/v1/events", &event), 200, "{words:?}");
        let named = json!({ "name": words, "service": "web", "for_ms": 5_000, "factor_permille": 1_000 });
        assert_eq!(post(&installation, "/v1/events", &named), 422, "{words:?}");
        assert_eq!(post(&installation, "/v1/ask", &json!({ "question": words })), 422, "{words:?}");
        let request = Ask::get(format!("{}/{}", installation.gateway(), escaped(words)).parse().unwrap());
        let _ = common::send(request);
        in_time("what was announced", || (installation.service("web")["target"] == replicas).then_some(()));
    }
    let (asked, looked) = (fake.seen().len(), noted(&installation, "model").len());
    in_time("questions about all of it", || (fake.seen().len() >= asked + 2).then_some(()));
    in_time("answers to them", || (noted(&installation, "model").len() >= looked + 2).then_some(()));
    let _ = load.stop();
    let record = installation.get("/v1/services/web/record").unwrap();
    let by_model = all_whole(&installation).into_iter().filter(|it| it["by"] == "bad");
    let proposals =
        by_model.map(|it| format!("{} {} {}", it["proposal"]["changes"], it["about"], it["state"])).collect();
    let approved = noted(&installation, "approved");
    let changes = record["decisions"].as_array().unwrap().iter().map(|it| (it["from"].clone(), it["to"].clone()));
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
    Outcome { sent: fake.seen(), proposals, approved, changes: changes.collect(), record }
}

/// What the analyst says of a record: findings, proposals and facts, without the words that facts quote.
fn diagnosed(record: &Value) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("record.json");
    std::fs::write(&file, record.to_string()).unwrap();
    let said = |args: &[&str]| {
        let output = std::process::Command::new(common::PLIMSOLL).args(args).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", words(&output.stderr));
        words(&output.stdout)
    };
    let evidence = said(&["analyst", "evidence", "--show", "words", "--tokens", "1000000"]);
    assert_eq!(leaked(&evidence), None, "{evidence}");
    let mut found: Value = serde_json::from_str(&said(&["analyst", "diagnose", "--output", "json"])).unwrap();
    for fact in found["facts"].as_array_mut().unwrap() {
        fact.as_object_mut().unwrap().remove("words");
    }
    found
}

#[test]
fn two_hundred_hostile_strings_wherever_words_are_let_in_leak_no_secret_and_change_nothing() {
    let hostile: Vec<String> = strings().collect();
    let plain: Vec<String> = hostile.iter().map(|words| harmless(words)).collect();
    let (theirs, ours) = std::thread::scope(|scope| {
        let theirs = scope.spawn(|| run("hostile", &hostile));
        let ours = scope.spawn(|| run("harmless", &plain));
        (theirs.join().unwrap(), ours.join().unwrap())
    });
    assert!(theirs.sent.len() >= 3 && ours.sent.len() >= 3);
    for request in &theirs.sent {
        assert_eq!(leaked(&format!("{}\n{}", request.head, request.body)), None, "{}", request.body);
        assert_eq!(request.body.matches("facts>").count(), ours.sent[0].body.matches("facts>").count());
    }
    // The words were let in: reasons carry them, whole.
    let reasons: Vec<&str> =
        theirs.record["decisions"].as_array().unwrap().iter().filter_map(|it| it["reason"].as_str()).collect();
    for words in &hostile {
        assert!(reasons.iter().any(|reason| reason.contains(words.as_str())), "{words:?}: {reasons:#?}");
    }
    assert_eq!((&theirs.changes, &theirs.proposals), (&ours.changes, &ours.proposals));
    assert!(theirs.changes.len() >= 200 && theirs.proposals.len() == 1, "{:?}", theirs.proposals);
    assert_eq!((theirs.approved.as_slice(), ours.approved.as_slice()), (&[][..], &[][..]));

    // No two runs measure the same, and what the rules find follows from that. With the very same figures and harmless words in place
    // of these, findings and proposals are the same to the byte.
    let mut calm = theirs.record.clone();
    for decided in calm["decisions"].as_array_mut().unwrap() {
        decided["reason"] = json!(harmless(decided["reason"].as_str().unwrap()));
    }
    assert_eq!(diagnosed(&theirs.record), diagnosed(&calm));
}
