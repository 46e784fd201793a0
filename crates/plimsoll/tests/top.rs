//! `plimsoll top` in a real pseudo-terminal on a real installation.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::pty::Pty;
use common::{Installation, follower};
use rustix::process::Signal;

/// What gives the terminal back: wrapping, cursor, first screen.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

fn in_terminal(installation: &Installation, arguments: &[&str]) -> Pty {
    let arguments: Vec<&str> = ["top", "--interval", "0.2"].iter().chain(arguments).copied().collect();
    Pty::run(&installation.state_dir(), &arguments, 80, 24)
}

#[test]
fn keys_look_into_a_service_its_decisions_and_its_replicas_and_the_terminal_is_given_back() {
    let installation = Installation::start(&follower("top", 2));
    installation.wait_ready("web", 2);
    let mut top = in_terminal(&installation, &[]);
    let frame = top.wait("the list", |frame| frame.contains("SERVICE") && frame.contains("web"));
    assert_eq!(frame.split("\r\n").count(), 24, "{frame}");
    assert!(!top.is_cooked(), "keys arrive one by one");
    top.send("\r");
    top.wait("the service", |frame| frame.contains("REPLICA") && frame.contains("web/1") && frame.contains("why"));
    top.send("d");
    top.wait("its decisions", |frame| frame.contains("decisions, newest first") && frame.contains("start"));
    top.send("\x1b");
    top.wait("back", |frame| frame.contains("REPLICA") && !frame.contains("newest first"));
    top.send("r");
    top.wait("its replicas", |frame| frame.contains("web: 2 replicas"));
    top.send("\x1b\x1b");
    top.wait("the list again", |frame| frame.contains("LAST REASON"));
    top.send("s");
    top.wait("another order", |frame| frame.contains("sort: load"));
    top.send("/zz\r");
    top.wait("a filter", |frame| frame.contains("no service has that in its name"));
    top.send("\x1b?");
    top.wait("the keys", |frame| frame.contains("Ctrl-C"));
    top.send("x");
    top.wait("the list without a filter", |frame| frame.contains("web"));
    top.resize(100, 30);
    top.wait("more rows", |frame| frame.split("\r\n").count() == 30);
    top.send("q");
    assert!(top.ended().success());
    assert!(top.told().ends_with(LEAVE) && top.is_cooked(), "{:?}", top.told());
}

#[test]
fn a_signal_and_a_dead_daemon_leave_a_terminal_that_can_be_used() {
    let mut installation = Installation::start(&follower("top", 1));
    installation.wait_ready("web", 1);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut top = in_terminal(&installation, &["web"]);
        top.wait("the service", |frame| frame.contains("REPLICA"));
        top.signal(signal);
        assert!(top.ended().success());
        assert!(top.told().ends_with(LEAVE) && top.is_cooked(), "{signal:?}");
    }
    let mut top = in_terminal(&installation, &["--view", "replicas", "web"]);
    top.wait("its replicas", |frame| frame.contains("web: 1 replicas"));
    installation.kill_daemon();
    top.wait("what is wrong", |frame| frame.contains("no answer: "));
    installation.up();
    top.wait("the daemon's successor is not found by itself, but the keys work", |frame| frame.contains("no answer: "));
    top.send("q");
    assert!(top.ended().success() && top.is_cooked());
}

#[test]
fn one_picture_is_printed_for_scripts_and_what_is_not_there_is_named() {
    let installation = Installation::start(&follower("top", 1));
    installation.wait_ready("web", 1);
    let list = installation.stdout(&["top", "--once", "--size", "80x24"]);
    assert!(list.contains("top  healthy") && list.contains("web") && list.lines().count() == 24, "{list}");
    let replicas = installation.stdout(&["top", "web", "--view", "replicas", "--once", "--size", "90x12"]);
    assert!(replicas.contains("web/1") && replicas.lines().all(|line| line.chars().count() <= 90), "{replicas}");
    let refused = |arguments: &[&str]| {
        let output = installation.run(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["top", "shop", "--once"]).contains("there is no service shop; there are web"));
    assert!(refused(&["top", "--view", "replicas", "--once"]).contains("name it"));
    assert!(refused(&["top", "--once", "--size", "3x3"]).contains("columns from 40 to 500"));
    assert!(refused(&["top"]).contains("--once"), "no terminal is named, with what to do");
}
