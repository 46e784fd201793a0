//! Sessions with the command line, as a person would have them: what is said, where, and with which exit code.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, PLIMSOLL, eventually};
use expect_test::{Expect, expect};
use rustix::process::Signal;
use serde_json::Value;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

/// Runs a command away from any installation, in a directory with the files of these tests; what it said, and how it ended.
fn session(lines: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.toml"), GOOD).unwrap();
    std::fs::write(dir.path().join("bad.toml"), BAD).unwrap();
    std::fs::write(dir.path().join("day.csv"), "seconds,rps\n0,1.0\n60,2.0\n").unwrap();
    let mut told = String::new();
    for line in lines {
        let output = Command::new(PLIMSOLL)
            .args(line.split(' '))
            .current_dir(&dir)
            .env_remove("PLIMSOLL_STATE_DIR")
            .env("XDG_STATE_HOME", dir.path())
            .output()
            .unwrap();
        let _ = writeln!(told, "$ plimsoll {line}");
        for text in [&output.stdout, &output.stderr] {
            told.push_str(&String::from_utf8_lossy(text).replace(dir.path().to_str().unwrap(), "DIR"));
        }
        let _ = writeln!(told, "[{}]", output.status.code().unwrap());
    }
    told
}

fn check(lines: &[&str], wanted: &Expect) {
    wanted.assert_eq(&session(lines));
}

const GOOD: &str = r#"
name = "good"
[gateway]
listen = "127.0.0.1:8080"
routes = [{ service = "web" }]
[services.web]
command = ["server", "{port}"]
replicas = { min = 1, max = 4 }
requests = { cpu = "100m", memory = "32MiB" }
scaling = { request_rate = "50/s" }
"#;

const BAD: &str = r#"
name = "bad"
[gateway]
listen = "127.0.0.1:8080"
routes = [{ service = "wbe" }]
[services.web]
command = ["server", "{port}"]
replicas = { minn = 1, max = 4 }
requests = { cpu = "100x", memory = "32MiB" }
"#;

#[test]
fn every_command_explains_itself_and_its_flags() {
    let commands: [(&str, &[&str]); 15] = [
        (
            "up",
            &["--state-dir", "--fresh", "--load", "--scale", "--day", "--post-share", "--stay", "--output", "--quiet"],
        ),
        ("down", &["--name", "--state-dir", "--now"]),
        ("status", &["--name", "--state-dir", "--watch", "--output"]),
        ("explain", &["--at", "--changes", "--state-dir", "--output"]),
        ("replay", &["--state-dir", "--output"]),
        ("logs", &["--follow", "--lines", "--state-dir"]),
        ("reload", &["--name", "--state-dir"]),
        ("job", &["run"]),
        ("job run", &["<JOB>", "--state-dir"]),
        ("event", &["--service", "--for", "--after", "--factor", "--rate", "--curve", "--by", "--output"]),
        ("check", &["<SPEC>", "--output"]),
        ("schema", &["--help"]),
        ("load", &["<TARGET>", "--trace", "--speed", "--shape", "--rate", "--duration", "--timeout", "--connections"]),
        ("testbed serve", &["--port", "--cpu-ms", "--latency-ms", "--error-share", "--startup-ms", "--control"]),
        ("completions", &["bash", "zsh", "fish"]),
    ];
    let all = session(&["--help"]);
    for (command, flags) in commands {
        let help = session(&[&format!("{command} --help")]);
        assert!(help.contains(&format!("Usage: plimsoll {command}")) && help.ends_with("[0]\n"), "{help}");
        assert!(all.contains(command.split(' ').next().unwrap()), "{command} is not in:\n{all}");
        for flag in flags {
            assert!(help.contains(flag), "{flag} is not in:\n{help}");
        }
    }
}

#[test]
fn a_spec_holds_or_everything_wrong_with_it_is_said_at_once() {
    check(
        &["check good.toml", "check bad.toml", "check none.toml"],
        &expect![[r#"
            $ plimsoll check good.toml
            good.toml: 1 services, 0 jobs: the spec holds
            [0]
            $ plimsoll check bad.toml
            error[unknown-service]: there is no service `wbe`
             --> bad.toml:5:23
              |
            5 | routes = [{ service = "wbe" }]
              |                       ^^^^^ did you mean `web`?
              |
              = field: gateway.routes[0].service
              = help: the services are web

            warning[doubtful]: no scaling policy is given, so there will always be `min` replicas
             --> bad.toml:8:12
              |
            8 | replicas = { minn = 1, max = 4 }
              |            ^^^^^^^^^^^^^^^^^^^^^
              |
              = field: services.web.replicas
              = help: give `scaling` a target (cpu, memory, request_rate, in_flight), or fix the number: `replicas = 3`

            error[unknown-field]: unknown field `minn`
             --> bad.toml:8:14
              |
            8 | replicas = { minn = 1, max = 4 }
              |              ^^^^ did you mean `min`?
              |
              = field: services.web.replicas.minn
              = help: the fields here are min, max, guaranteed

            error[invalid-value]: "100x" is not a valid `cpu`: `x` is not a unit of it (m for thousandths, or none for whole cores)
             --> bad.toml:9:20
              |
            9 | requests = { cpu = "100x", memory = "32MiB" }
              |                    ^^^^^^ expected CPU cores such as "250m" or 0.25, 1m to 4096
              |
              = field: services.web.requests.cpu

            bad.toml: 3 errors, 1 warning
            [3]
            $ plimsoll check none.toml
            error[unreadable]: the file cannot be read: No such file or directory (os error 2)
             --> none.toml

            none.toml: 1 error
            [3]
        "#]],
    );
    let told = session(&["up bad.toml"]);
    assert!(told.ends_with("error: bad.toml does not hold; nothing was started\n[1]\n"), "{told}");
    let told = session(&["check --output json bad.toml"]);
    let json = told.lines().skip(1).collect::<Vec<_>>().join("\n");
    let report: Value = serde_json::from_str(json.strip_suffix("[3]").unwrap()).unwrap();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(
        problems.len(),
        report["errors"].as_u64().unwrap() as usize + report["warnings"].as_u64().unwrap() as usize
    );
    assert!(problems.iter().any(|problem| problem["field"] == "services.web.replicas.minn" && problem["line"] == 8));
}

#[test]
fn a_flag_out_of_range_is_named_with_what_is_allowed() {
    let lines = [
        "load http://127.0.0.1:1 --rate -4",
        "load http://127.0.0.1:1 --duration 0",
        "load http://127.0.0.1:1 --post-share 3",
        "load http://127.0.0.1:1 --shape triangle",
        "load http://127.0.0.1:1 --speed 2",
        "load http://127.0.0.1:1 --trace day.csv --speed 4000",
        "testbed serve --port 0 --error-share 2",
        "testbed serve --port 70000",
        "up good.toml --stay",
    ];
    check(
        &lines,
        &expect![[r#"
        $ plimsoll load http://127.0.0.1:1 --rate -4
        error: invalid value '-4' for '--rate <RPS>': allowed: requests per second from 0 to 1000000

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --duration 0
        error: invalid value '0' for '--duration <SECONDS>': allowed: seconds from 0.001 to 604800 (a week)

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --post-share 3
        error: invalid value '3' for '--post-share <SHARE>': allowed: a share from 0 to 1

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --shape triangle
        error: invalid value 'triangle' for '--shape <SHAPE>'
          [possible values: constant, step, spike, sine]

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --speed 2
        error: the following required arguments were not provided:
          --trace <FILE>

        Usage: plimsoll load --trace <FILE> --speed <N> <TARGET>

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --trace day.csv --speed 4000
        error: invalid value '4000' for '--speed <N>': 4000 is not in 1..=3600

        For more information, try '--help'.
        [2]
        $ plimsoll testbed serve --port 0 --error-share 2
        error: invalid value '2' for '--error-share <ERROR_SHARE>': allowed: a share from 0 to 1

        For more information, try '--help'.
        [2]
        $ plimsoll testbed serve --port 70000
        error: invalid value '70000' for '--port <PORT>': 70000 is not in 0..=65535

        For more information, try '--help'.
        [2]
        $ plimsoll up good.toml --stay
        error: the following required arguments were not provided:
          --load <FILE>

        Usage: plimsoll up --load <FILE> --stay <SPEC>

        For more information, try '--help'.
        [2]
    "#]],
    );
}

#[test]
fn what_is_not_there_or_not_understood_is_named() {
    let lines = [
        "upp good.toml",
        "load http://127.0.0.1:1 --trace none.csv",
        "load http://127.0.0.1:1 --trace day.csv --day tuesday",
        "load ftp://127.0.0.1:1",
        "explain web --at yesterday --state-dir .",
        "status --state-dir none",
        "status --name none",
        "status",
    ];
    check(
        &lines,
        &expect![[r#"
        $ plimsoll upp good.toml
        error: unrecognized subcommand 'upp'

          tip: a similar subcommand exists: 'up'

        Usage: plimsoll <COMMAND>

        For more information, try '--help'.
        [2]
        $ plimsoll load http://127.0.0.1:1 --trace none.csv
        error: --trace: none.csv: cannot be read at line 0: No such file or directory (os error 2)
        [1]
        $ plimsoll load http://127.0.0.1:1 --trace day.csv --day tuesday
        error: --day tuesday: "tuesday" is not a date of the form YYYY-MM-DD
        [1]
        $ plimsoll load ftp://127.0.0.1:1
        error: target "ftp://127.0.0.1:1" is not plain HTTP; expected http://HOST[:PORT][/PREFIX]
        [1]
        $ plimsoll explain web --at yesterday --state-dir .
        error: --at yesterday: neither a time like 2018-01-07T13:05:00Z nor milliseconds since the epoch
        [1]
        $ plimsoll status --state-dir none
        error: --state-dir none: no such directory
        [1]
        $ plimsoll status --name none
        error: --name none: nothing was ever started under that name (DIR/plimsoll/none is not there)
        [1]
        $ plimsoll status
        error: nothing was ever started here; start with `plimsoll up SPEC.toml`, or name a --state-dir
        [1]
    "#]],
    );
}

#[test]
fn the_schema_is_json_and_completions_are_a_script() {
    let printed = Command::new(PLIMSOLL).arg("schema").output().unwrap();
    let schema: Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert!(schema["properties"]["services"].is_object() && schema["$schema"].is_string());
    let told = session(&["completions bash"]);
    assert!(told.contains("_plimsoll()") && told.contains("--state-dir") && told.ends_with("[0]\n"), "{told}");
}

#[test]
fn a_load_of_which_nothing_succeeded_is_a_no() {
    // A port that nothing listens on, since the listener is gone.
    let nobody = format!("http://127.0.0.1:{}", common::free_port());
    let load = ["load", nobody.as_str(), "--rate", "50", "--duration", "0.2", "--output", "json", "--quiet"];
    let output = Command::new(PLIMSOLL).args(load).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["sent"].as_u64().unwrap() > 0, "{report}");
    assert_eq!((&report["succeeded"], output.status.code()), (&0.into(), Some(3)), "{report}");
    // None was asked for, so none failed.
    let none = ["load", nobody.as_str(), "--rate", "0", "--duration", "0.1", "--quiet"];
    assert_eq!(Command::new(PLIMSOLL).args(none).output().unwrap().status.code(), Some(0));
    assert!(session(&["load --help"]).contains("Exit code 3 when requests were sent and none succeeded"));
}

/// Runs a command whose standard output nobody reads, from the first byte on.
fn unread(command: &mut Command) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let ending = (output.status.signal(), said.as_ref());
    assert_eq!(ending, (Some(Signal::PIPE.as_raw()), ""), "{command:?} ended with {}", output.status);
}

#[test]
fn what_only_prints_ends_without_a_word_when_nobody_reads() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("good.toml"), GOOD).unwrap();
    let load = format!("load http://127.0.0.1:{} --rate 50 --duration 0.1 --quiet", common::free_port());
    for line in ["check good.toml", "schema", "completions bash", &load] {
        unread(Command::new(PLIMSOLL).args(line.split(' ')).current_dir(&dir));
    }
    let mut installation = Installation::start(LIVE);
    installation.wait_ready("web", 1);
    eventually("a log", || installation.stdout(&["logs", "web"]).contains("listening").then_some(()));
    for line in ["status", "status --watch", "explain web", "replay", "logs web --follow", "reload", "down"] {
        unread(Command::new(PLIMSOLL).args(line.split(' ')).env("PLIMSOLL_STATE_DIR", installation.state_dir()));
    }
    assert!(installation.ended().success(), "{}", installation.log());
}

const LIVE: &str = r#"
name = "live"
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
routes = [{ service = "web" }]
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = 1
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
[jobs.hello]
command = ["echo", "hello"]
requests = { cpu = "10m", memory = "8MiB" }
retries = 0
"#;

/// Numbers as `N`, because times, ports and pids differ from run to run.
fn normal(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' if out.ends_with('N') => {}
            '0'..='9' => out.push('N'),
            _ => out.push(character),
        }
    }
    out
}

#[test]
fn a_day_in_the_life_of_an_installation() {
    let mut installation = Installation::start(LIVE);
    installation.wait_ready("web", 1);
    let state: Value = serde_json::from_str(&installation.stdout(&["status", "--output", "json"])).unwrap();
    assert_eq!((&state["name"], &state["services"][0]["ready"]), (&"live".into(), &1.into()));
    let status = installation.stdout(&["status"]);
    for part in ["live  healthy", "SERVICE", "web/1", "hello", "node  CPU"] {
        assert!(status.contains(part), "{part} is not in:\n{status}");
    }
    installation.stdout(&["job", "run", "hello"]);
    eventually("the job's output", || installation.stdout(&["logs", "hello"]).contains("out hello").then_some(()));
    let mut told = String::new();
    let session: [&[&str]; 7] = [
        &["logs", "web", "-n", "1"],
        &["logs", "nobody"],
        &["job", "run", "nobody"],
        &["reload"],
        &["explain", "nobody"],
        &["replay"],
        &["down"],
    ];
    for arguments in session {
        let output = installation.run(arguments);
        let _ = writeln!(told, "$ plimsoll {}", arguments.join(" "));
        for text in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(text).replace(installation.dir.path().to_str().unwrap(), "DIR");
            told.push_str(&normal(&text));
        }
        let _ = writeln!(told, "[{}]", output.status.code().unwrap());
    }
    expect![[r#"
        $ plimsoll logs web -n 1
        web/N N-N-NTN:N:N.NZ out listening on N.N.N.N:N
        [0]
        $ plimsoll logs nobody
        error: nobody: no log of that service, job or replica is kept; `plimsoll status` lists what runs
        [1]
        $ plimsoll job run nobody
        error: the spec has no job nobody
        [1]
        $ plimsoll reload
        nothing changed
        [0]
        $ plimsoll explain nobody
        error: no service or job nobody is recorded; there are web, hello
        [1]
        $ plimsoll replay
        N steps from N-N-N N:N:N.NZ to N-N-N N:N:N.NZ
        N decisions compared (N bytes), N different
        [0]
        $ plimsoll down
        stopped
        [0]
    "#]]
    .assert_eq(&told);
    assert!(installation.ended().success(), "{}", installation.log());
}
