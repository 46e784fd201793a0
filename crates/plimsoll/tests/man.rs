//! The man pages: one per command, and a formatter has nothing to complain about.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

use std::process::Command;

#[test]
fn every_page_is_written_and_formats_without_a_complaint() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["man", "--out"]).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let pages: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 40, "{} pages", pages.len());
    assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("{} pages", pages.len())));
    let plan = std::fs::read_to_string(dir.path().join("plimsoll-plan.1")).unwrap();
    assert!(plan.contains("detailed\\-exitcode") && plan.contains(".SH OPTIONS"), "{plan}");
    if Command::new("groff").arg("--version").output().is_err() {
        println!("did not run: every_page_is_written_and_formats_without_a_complaint (its formatting): needs groff");
        return;
    }
    for page in pages {
        let output =
            Command::new("groff").args(["-Kutf8", "-man", "-Tutf8", "-ww", "-b", "-z"]).arg(&page).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.trim().is_empty(), "{}: {said}", page.display());
    }
}
