//! What every command says of itself, as it is committed, and that every command is really run by some test.
//!
//! The list of commands is what the binary prints, walked from `plimsoll --help` down, so that a new command cannot be
//! forgotten: it needs a golden (`UPDATE_EXPECT=1 cargo test -p plimsoll --test help` writes it) and a line in [`RUNS`].

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

use expect_test::expect_file;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which test runs which command for real: `command`, `file of tests`, `its function`.
const RUNS: &[(&str, &str, &str)] = &[
    ("analyst approve", "gate.rs", "a_bad_policy_gets_a_proposal_that_is_proved_approved_watched_and_taken_back"),
    ("analyst diagnose", "analyst.rs", "a_leak_is_named_with_its_evidence_and_a_proposal"),
    ("analyst eval", "analyst.rs", "the_score_is_a_table_with_intervals_and_the_same_on_any_number_of_threads"),
    ("analyst evidence", "analyst.rs", "evidence_shows_what_would_be_sent_and_no_more_than_may_be"),
    ("analyst findings", "analyst_live.rs", "a_running_installation_answers_questions_and_shows_what_it_knows"),
    ("analyst models", "analyst.rs", "a_model_is_listed_tested_and_asked_and_one_that_is_not_there_changes_nothing"),
    ("analyst proposals", "gate.rs", "a_bad_policy_gets_a_proposal_that_is_proved_approved_watched_and_taken_back"),
    ("analyst prove", "gate.rs", "a_verdict_is_a_table_json_and_an_exit_code"),
    ("analyst reject", "gate.rs", "a_bad_policy_gets_a_proposal_that_is_proved_approved_watched_and_taken_back"),
    ("analyst remember", "analyst.rs", "rungs_that_are_asked_for_add_to_what_the_rules_say"),
    ("analyst scenario", "analyst.rs", "a_history_from_a_file_says_what_it_said_before_it_was_written"),
    ("analyst test", "analyst.rs", "a_model_is_listed_tested_and_asked_and_one_that_is_not_there_changes_nothing"),
    ("ask", "ask.rs", "a_change_is_explained_with_its_reason_and_what_was_measured"),
    ("audit", "access.rs", "the_audit_says_who_asked_for_what_and_survives_a_crash"),
    ("backtest", "backtest.rs", "policies_stand_side_by_side_with_the_peak_and_the_optimum"),
    ("calibrate", "calibrate.rs", "a_recording_becomes_a_model_file_with_its_error"),
    ("capacity", "capacity.rs", "a_pool_that_grows_is_short_on_a_date_inside_its_interval"),
    ("check", "cli.rs", "a_spec_holds_or_everything_wrong_with_it_is_said_at_once"),
    ("completions", "cli.rs", "the_schema_is_json_and_completions_are_a_script"),
    ("decide", "decide.rs", "an_imported_object_decides_as_the_policy_of_the_example"),
    ("decisions", "analyst_live.rs", "a_running_installation_answers_questions_and_shows_what_it_knows"),
    ("doctor", "doctor.rs", "everything_is_tried_and_told_with_its_evidence_and_leaves_nothing_behind"),
    ("down", "cli.rs", "a_day_in_the_life_of_an_installation"),
    ("event", "event.rs", "an_announced_event_brings_replicas_survives_a_crash_of_the_daemon_and_expires"),
    ("evolve", "evolve.rs", "an_order_of_the_queue_is_found_written_judged_and_runs_in_simulate"),
    ("explain", "up.rs", "load_brings_replicas_and_their_reasons_and_its_end_takes_them_away"),
    ("export grafana", "export.rs", "every_metric_and_label_that_is_asked_for_is_exported_by_a_running_installation"),
    ("export prometheus", "export.rs", "prometheus_takes_the_rules_and_the_scrape_configuration"),
    ("forecast", "forecast.rs", "a_table_gives_forecasts_for_people_and_for_programs"),
    ("forget", "forget.rs", "a_forgotten_service_leaves_no_byte_and_everything_else_is_as_it_was"),
    ("freeze", "wheel.rs", "a_paused_and_a_frozen_service_keep_their_replicas"),
    ("gateway check", "gateway.rs", "a_file_is_run_reloaded_handed_over_and_drained"),
    ("gateway drain", "gateway.rs", "a_file_is_run_reloaded_handed_over_and_drained"),
    ("gateway reload", "gateway.rs", "a_file_is_run_reloaded_handed_over_and_drained"),
    ("gateway top", "gateway.rs", "a_file_is_run_reloaded_handed_over_and_drained"),
    ("import hpa", "decide.rs", "an_object_becomes_part_of_a_spec_under_a_name"),
    ("job run", "cli.rs", "a_day_in_the_life_of_an_installation"),
    ("load", "cli.rs", "a_load_of_which_nothing_succeeded_is_a_no"),
    ("logs", "cli.rs", "a_day_in_the_life_of_an_installation"),
    ("man", "man.rs", "every_page_is_written_and_formats_without_a_complaint"),
    ("mcp", "mcp.rs", "questions_evidence_and_diagnoses_are_answered_with_their_facts"),
    ("pause", "wheel.rs", "a_paused_and_a_frozen_service_keep_their_replicas"),
    ("plan", "plan.rs", "a_running_installation_is_planned_changed_and_then_has_nothing_to_do"),
    ("policies", "simulate.rs", "every_policy_is_listed_with_its_kind_cost_and_source"),
    ("rebalance", "rebalance.rs", "every_cost_term_is_shown_before_and_after"),
    ("reload", "up.rs", "a_reload_takes_over_a_change_and_a_broken_spec_changes_nothing"),
    ("replay", "up.rs", "load_brings_replicas_and_their_reasons_and_its_end_takes_them_away"),
    ("restart", "wheel.rs", "orders_by_hand_are_obeyed_told_kept_over_a_crash_and_end"),
    ("resume", "wheel.rs", "orders_by_hand_are_obeyed_told_kept_over_a_crash_and_end"),
    ("scale", "wheel.rs", "orders_by_hand_are_obeyed_told_kept_over_a_crash_and_end"),
    ("schema", "cli.rs", "the_schema_is_json_and_completions_are_a_script"),
    ("simulate", "simulate.rs", "a_small_cluster_gives_the_table_that_can_be_worked_out_by_hand"),
    ("status", "cli.rs", "a_day_in_the_life_of_an_installation"),
    ("stop", "wheel.rs", "orders_by_hand_are_obeyed_told_kept_over_a_crash_and_end"),
    ("testbed serve", "up.rs", "load_brings_replicas_and_their_reasons_and_its_end_takes_them_away"),
    ("token create", "access.rs", "another_machine_is_reached_within_tls_with_a_token_that_nobody_sees"),
    ("token list", "access.rs", "another_machine_is_reached_within_tls_with_a_token_that_nobody_sees"),
    ("token revoke", "access.rs", "another_machine_is_reached_within_tls_with_a_token_that_nobody_sees"),
    ("top", "top.rs", "keys_look_into_a_service_its_decisions_and_its_replicas_and_the_terminal_is_given_back"),
    ("train", "forecast.rs", "a_trained_network_is_saved_and_used"),
    ("tune", "tune.rs", "a_better_policy_is_found_written_and_does_what_the_report_says"),
    ("up", "up.rs", "load_brings_replicas_and_their_reasons_and_its_end_takes_them_away"),
    ("usage", "usage.rs", "the_sums_are_those_of_the_journal_by_whatever_they_are_grouped"),
    ("watch", "watch.rs", "a_range_of_a_server_is_judged_with_get_requests_alone"),
];

/// What `plimsoll … --help` prints, 100 columns wide.
fn help(command: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
        .args(command)
        .arg("--help")
        .env("COLUMNS", "100")
        .env_remove("PLIMSOLL_STATE_DIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?} --help ended with {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The sub-commands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A long description goes on in the next lines, further in.
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command with its help, from the top down.
fn all() -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut todo = vec![Vec::new()];
    while let Some(command) = todo.pop() {
        let text = help(&command);
        for inner in listed(&text) {
            todo.push(command.iter().cloned().chain([inner]).collect());
        }
        found.push((command, text));
    }
    found.sort();
    found
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help")
}

#[test]
fn what_every_command_says_of_itself_is_as_committed() {
    let mut expected = BTreeSet::new();
    for (command, text) in all() {
        let name = [&["plimsoll".to_owned()], command.as_slice()].concat().join("-");
        expected.insert(format!("{name}.txt"));
        let text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        expect_file![folder().join(format!("{name}.txt"))].assert_eq(&text);
    }
    let there = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let stale: Vec<String> = there.filter(|name| !expected.contains(name)).collect();
    assert!(stale.is_empty(), "no command has these pages: remove {stale:?}");
}

#[test]
fn every_command_is_run_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    // A command of commands does nothing by itself.
    let mut left: BTreeSet<String> =
        all().into_iter().filter(|(_, text)| listed(text).is_empty()).map(|(command, _)| command.join(" ")).collect();
    for (command, file, function) in RUNS {
        assert!(left.remove(*command), "{command} is no command, or stands here twice");
        let path = tests.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            text.contains(&format!("fn {function}(")),
            "{file} has no test {function}, which should run `{command}`"
        );
        let last = command.rsplit(' ').next().unwrap();
        assert!(
            text.contains(&format!("\"{last}\"")) || text.contains(&format!("{command} ")),
            "{file} never types `{command}`"
        );
    }
    assert!(left.is_empty(), "no test runs these; write one and name it in RUNS: {left:?}");
}
