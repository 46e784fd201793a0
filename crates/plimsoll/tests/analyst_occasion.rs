//! What makes a running analyst look out of turn: a service that gets slower, and one that begins to fail. Each is told with its
//! numbers, and the model is asked because of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;
#[path = "../../llm/tests/fake/mod.rs"]
mod fake;

use common::Installation;
use common::analyst::{in_time, metric, noted, spec};
use common::load::RunningLoad;
use fake::{Fake, says};
use plimsoll_http_client::Ask;
use serde_json::{Value, json};

/// A service whose replicas can be told to get worse, looked at once an hour of trace time; its first look is over, and the model has
/// been asked because of it.
fn looked_at_once(name: &str, fake: &Fake) -> (Installation, RunningLoad) {
    let model = format!(
        "[analyst.model]\nendpoint = \"{}\"\nname = \"scribe\"\ntokens_day = 1_000_000\nrequests_day = 1_000",
        fake.url()
    );
    let text = spec(name, "advise", &model)
        .replace("every = \"20s\"", "every = \"1h\"")
        .replace("\"20\"]", "\"20\", \"--control\"]")
        .replace("min = 6, max = 8", "min = 1, max = 1");
    let installation = Installation::start(&text);
    installation.wait_ready("web", 1);
    let load = RunningLoad::constant(&installation.gateway(), 20.0, 900.0, 0.0);
    in_time("the first look", || (looks(&installation, "schedule") == 1.0).then_some(()));
    in_time("the model's first question", || (!noted(&installation, "model").is_empty()).then_some(()));
    assert_eq!(noted(&installation, "looked")[0]["because"], "the first look");
    (installation, load)
}

fn scribe() -> Fake {
    let nothing = json!({ "abstain": true, "rationale": "nothing is plain", "hypotheses": [] }).to_string();
    Fake::script(vec![(200, "content-type: application/json\r\n", says(&nothing))])
}

fn looks(installation: &Installation, word: &str) -> f64 {
    let series = format!("plimsoll_analyst_looks_total{{service=\"web\",occasion=\"{word}\"}}");
    metric(installation, &series).unwrap_or_default()
}

/// Tells the one replica, through the gateway.
fn tell(installation: &Installation, dial: &str) {
    let url = format!("{}/control/{dial}", installation.gateway()).parse().unwrap();
    let (status, said) = common::send(Ask::post_json(url, String::new())).unwrap();
    assert_eq!(status, 200, "{said}");
}

/// The look of this kind: as the journal and the API tell it, after which the model was asked again.
fn look(installation: &Installation, fake: &Fake, asked_before: usize, is_it: impl Fn(&Value) -> bool) -> Value {
    let told = in_time("a look out of turn", || {
        noted(installation, "looked").into_iter().find(|looked| is_it(&looked["occasion"]))
    });
    assert_eq!(told["service"], "web");
    let (kind, because) = (told["occasion"]["kind"].as_str().unwrap(), told["because"].clone());
    in_time("its findings", || {
        let found = installation.get("/v1/services/web/diagnosis")?;
        (found["occasion"] == told["occasion"] && found["because"] == because).then_some(())
    });
    assert!(looks(installation, kind) >= 1.0);
    in_time("a question about it", || (fake.seen().len() > asked_before).then_some(()));
    in_time("its answer in the journal", || (noted(installation, "model").len() > asked_before).then_some(()));
    told
}

#[test]
fn a_service_that_gets_slower_is_looked_at_before_its_turn_and_the_model_is_asked() {
    let fake = scribe();
    let (installation, load) = looked_at_once("drift", &fake);
    let asked = fake.seen().len();
    tell(&installation, "slow?factor=5");
    let told =
        look(&installation, &fake, asked, |occasion| occasion["kind"] == "drift" && occasion["figure"] == "latency_ms");
    let number = |name: &str| told["occasion"][name].as_f64().unwrap();
    assert!(number("now") > 1.3 * number("before") && number("deviations") >= 6.0, "{told}");
    assert!(number("samples") >= 48.0, "{told}");
    assert!(told["because"].as_str().unwrap().starts_with("drift: median latency in ms "), "{told}");
    assert_eq!(looks(&installation, "schedule"), 1.0, "its turn has not come again");
    let _ = load.stop();
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
}

#[test]
fn a_service_that_begins_to_fail_is_looked_at_before_its_turn_and_the_model_is_asked() {
    let fake = scribe();
    let (installation, load) = looked_at_once("burn", &fake);
    let asked = fake.seen().len();
    tell(&installation, "fail?share=0.6");
    let told = look(&installation, &fake, asked, |occasion| occasion["kind"] == "burn");
    let number = |name: &str| told["occasion"][name].as_f64().unwrap();
    assert_eq!(number("failed_max"), 0.05);
    assert!(number("short") > 0.05 && number("long") > 0.05 && number("short") <= 1.0, "{told}");
    assert!(told["because"].as_str().unwrap().ends_with(", 5.00 % may"), "{told}");
    assert_eq!(looks(&installation, "schedule"), 1.0, "its turn has not come again");
    let _ = load.stop();
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
}
