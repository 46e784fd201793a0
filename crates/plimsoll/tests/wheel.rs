//! The wheel on a real installation: orders by hand are obeyed, told with the reasons, survive a crash of the daemon and end.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{Installation, eventually, follower};

fn pids(installation: &Installation) -> Vec<u64> {
    let service = installation.service("web");
    service["replicas"].as_array().unwrap().iter().filter_map(|it| it["pid"].as_u64()).collect()
}

#[test]
fn orders_by_hand_are_obeyed_told_kept_over_a_crash_and_end() {
    let mut installation = Installation::start(&follower("wheel", 2));
    installation.wait_ready("web", 2);
    let said = installation.stdout(&["scale", "web", "4", "--until-resumed", "--by", "alice"]);
    assert_eq!(said.trim(), "web: 4 replicas by order of alice until it is taken back");
    installation.wait_ready("web", 4);
    let reasons = installation.stdout(&["explain", "web"]);
    assert!(
        reasons.contains("ordered: 4 replicas by order of alice") && reasons.contains("policies want 2"),
        "{reasons}"
    );
    assert!(installation.stdout(&["status"]).contains("ordered: 4 replicas by order of alice"));

    installation.kill_daemon();
    installation.up();
    installation.wait_ready("web", 4);
    let order = installation.service("web")["order"].as_str().unwrap().to_owned();
    assert!(order.contains("by order of alice"), "{order}");

    // One that ends by itself takes its place.
    installation.stdout(&["scale", "web", "3", "--for", "2s", "--by", "bob"]);
    eventually("the end of the order", || {
        let service = installation.service("web");
        (service["order"].is_null() && service["target"] == 2).then_some(())
    });

    installation.stdout(&["stop", "web", "--by", "alice"]);
    eventually("no replicas", || pids(&installation).is_empty().then_some(()));
    installation.stdout(&["resume", "web", "--by", "alice"]);
    installation.wait_ready("web", 2);

    let before = pids(&installation);
    installation.stdout(&["restart", "web", "--by", "alice"]);
    eventually("other processes", || {
        let now = pids(&installation);
        (now.len() == 2 && now.iter().all(|pid| !before.contains(pid))).then_some(())
    });
}

#[test]
fn a_paused_and_a_frozen_service_keep_their_replicas() {
    let installation = Installation::start(&follower("wheel", 1));
    installation.wait_ready("web", 1);
    for (order, word) in [("pause", "paused"), ("freeze", "frozen")] {
        let said = installation.stdout(&[order, "web", "--for", "1h", "--by", "alice"]);
        assert!(said.starts_with("web: ") && said.contains("by order of alice"), "{said}");
        let told = eventually(word, || installation.service("web")["order"].as_str().map(str::to_owned));
        assert!(told.contains("alice"), "{told}");
        // The spec wants another number, and nothing is done about it until the wheel is given back.
        installation.write_spec(&follower("wheel", 2));
        installation.stdout(&["reload"]);
        let steps = installation.state()["steps"].as_u64().unwrap();
        eventually("two more steps", || (installation.state()["steps"].as_u64()? > steps + 1).then_some(()));
        // A pause holds policies back and not the spec's bounds; nothing at all is done about a frozen service.
        let expected = if order == "pause" { 2 } else { 1 };
        assert_eq!(pids(&installation).len(), expected, "{order}");
        installation.stdout(&["resume", "web", "--by", "alice"]);
        installation.wait_ready("web", 2);
        installation.write_spec(&follower("wheel", 1));
        installation.stdout(&["reload"]);
        eventually("one replica again", || (pids(&installation).len() == 1).then_some(()));
    }
}

#[test]
fn an_order_that_makes_no_sense_is_refused_with_its_field() {
    let installation = Installation::start(&follower("wheel", 2));
    let refused = |arguments: &[&str]| {
        let output = installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["scale", "shop", "3"]).contains("no service shop"));
    assert!(refused(&["scale", "web", "10001"]).contains("10001 is not in 0..=10000"));
    assert!(refused(&["pause", "web", "--way", "up"]).contains("possible values: out, in, both"));
    assert!(refused(&["stop", "web", "--for", "0s"]).contains("`for_ms`"));
    assert!(refused(&["stop", "web", "--for", "soon"]).contains("soon"));
    assert!(refused(&["freeze", "web", "--for", "1h", "--until-resumed"]).contains("cannot be used with"));
    assert!(refused(&["freeze", "web", "--by", ""]).contains("`by`"));
}
