//! `plimsoll event` on a real installation: replicas come for what is announced, the reasons name it, a restart of the
//! daemon keeps it, and it expires by itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{Installation, eventually, follower};

fn refused(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_announced_event_brings_replicas_survives_a_crash_of_the_daemon_and_expires() {
    let mut installation = Installation::start(&follower("events", 1));
    installation.wait_ready("web", 1);
    assert_eq!(installation.stdout(&["event"]).trim(), "no event is announced");
    let release = ["event", "release", "--service", "web", "--for", "1h", "--rate", "60/s", "--by", "ci"];
    assert!(installation.stdout(&release).starts_with("release of web: "));
    installation.wait_ready("web", 3);
    let reasons = installation.stdout(&["explain", "web"]);
    assert!(reasons.contains("event release: 60/s expected") && reasons.contains("announced by ci"), "{reasons}");

    installation.kill_daemon();
    installation.up();
    let listed = installation.stdout(&["event"]);
    assert!(listed.contains("release of web: 60/s") && listed.contains("by ci"), "{listed}");
    eventually("the event still holds", || (installation.service("web")["target"] == 3).then_some(()));

    // One of the same name is replaced; this one is over soon.
    installation.stdout(&["event", "release", "--service", "web", "--for", "2s", "--rate", "40/s"]);
    eventually("its end", || (installation.service("web")["target"] == 1).then_some(()));
    assert_eq!(installation.get("/v1/events/announced").unwrap()["events"].as_array().unwrap().len(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let installation = Installation::start(&follower("events", 1));
    let base = ["event", "release", "--service", "web", "--for", "10m"];
    let with = |more: &[&str]| refused(&installation, &[&base, more].concat());
    assert!(with(&[]).contains("`factor_permille`"), "{}", with(&[]));
    assert!(with(&["--factor", "2", "--rate", "5/s"]).contains("cannot be used with"));
    assert!(with(&["--factor", "two"]).contains("two"));
    assert!(with(&["--factor", "2", "--curve", "20m=3"]).contains("`curve[0].at_ms`"));
    assert!(with(&["--factor", "2", "--curve", "3"]).contains("TIME=LOAD"));
    let backwards = refused(&installation, &["event", "release", "--service", "web", "--for", "0s", "--factor", "2"]);
    assert!(backwards.contains("`for_ms`") && backwards.contains("not after its start"), "{backwards}");
    let unknown = refused(&installation, &["event", "release", "--service", "shop", "--for", "1m", "--factor", "2"]);
    assert!(unknown.contains("`service`") && unknown.contains("no service shop"), "{unknown}");
    assert!(refused(&installation, &["event", "release", "--factor", "2"]).contains("--service"));
}
