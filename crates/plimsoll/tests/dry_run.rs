//! `--dry-run`: everything that acts says what it would send and do, and sends nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::{Installation, follower};
use serde_json::Value;

#[test]
fn nothing_that_acts_acts_in_a_dry_run() {
    let installation = Installation::start(&follower("dry", 2));
    installation.wait_ready("web", 2);
    let pids = || -> Vec<Value> {
        let service = installation.service("web");
        service["replicas"].as_array().unwrap().iter().map(|replica| replica["pid"].clone()).collect()
    };
    let before = pids();
    for (arguments, sent, would) in [
        (
            vec!["scale", "web", "4", "--by", "a"],
            "\"replicas\":4",
            "want 4 replicas of web instead of 2 and start 2 more",
        ),
        (vec!["scale", "web", "1", "--by", "a"], "\"replicas\":1", "drain and stop 1"),
        (vec!["pause", "web", "--way", "in"], "\"way\":\"in\"", "no fewer than 2 replicas"),
        (vec!["freeze", "web", "--until-resumed"], "\"order\":\"freeze\"", "until `plimsoll resume`"),
        (vec!["stop", "web", "--for", "5m"], "\"for_ms\":300000", "drain and stop all 2 replicas of web, for 5m"),
        (vec!["restart", "web"], "\"order\":\"restart\"", "replace the 2 replicas"),
        (vec!["resume", "web"], "\"order\":\"resume\"", "change nothing: no order stands"),
        (
            vec!["event", "sale", "--service", "web", "--for", "1h", "--factor", "2"],
            "\"factor_permille\":2000",
            "expect the announced load of web at once, for 1h",
        ),
    ] {
        let text = installation.stdout(&[&arguments[..], &["--dry-run"]].concat());
        assert!(text.starts_with("dry run: nothing was sent\nwould send: POST /v1/"), "{text}");
        assert!(text.contains(sent) && text.contains(would), "{text}");
        assert!(text.contains("now: web has 2 running or starting, 2 ready, 2 wanted"), "{text}");
    }
    let json = installation.stdout(&["scale", "web", "4", "--dry-run", "--output", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["dry_run"].as_bool(), json["would_send"]["method"].as_str()), (Some(true), Some("POST")));
    assert!(!installation.run(&["scale", "shop", "4", "--dry-run"]).status.success(), "there is no such service");
    let text = installation.stdout(&["down", "--dry-run"]);
    assert!(text.contains("nothing was stopped") && text.contains("2 replicas of web (2 ready)"), "{text}");

    let service = installation.service("web");
    assert_eq!((service["target"].as_u64(), service["order"].is_null()), (Some(2), true), "{service}");
    assert_eq!(installation.stdout(&["event"]).trim(), "no event is announced");
    assert_eq!(pids(), before, "the same replicas still run");
}
