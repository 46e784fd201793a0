//! Rule `pure`: the core reads no clock, no file, no environment, starts no thread, and computes the same on any CPU.
//!
//! Pure code may not name `std::{fs, net, time, thread, env, process}`, an async or parallel run-time, a clock type, a
//! hash map (its order is random), a source of entropy, or a floating-point function whose result depends on the
//! platform's C library (`libm` is the same everywhere). The crates that decide name no floating-point type at all.
//! Tests, benches and programs of a pure crate are excepted: they are outside the core.

use super::source::{is_word, line_of, mask, test_lines};
use super::{PURE, Violation, is_pure};
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::Path;

/// Modules of `std` that reach outside.
const STD_BANNED: &[&str] = &["fs", "net", "time", "thread", "env", "process"];

/// Names and what to do instead.
const NAMES_BANNED: &[(&str, &str)] = &[
    ("tokio", "the caller owns the run-time; take values"),
    ("rayon", "the caller owns the threads; keep the order of a reduction fixed"),
    ("SystemTime", "take a `Timestamp`"),
    ("Instant", "take a `Timestamp`, or a nanosecond count"),
    ("HashMap", "use `BTreeMap`"),
    ("HashSet", "use `BTreeSet`"),
    ("OsRng", "take a generator seeded by the caller"),
    ("thread_rng", "take a generator seeded by the caller"),
    ("getrandom", "take a generator seeded by the caller"),
    ("is_x86_feature_detected", "a result must not depend on the CPU"),
];

/// Methods of `f32` and `f64` that call the platform's C library or may be computed with another precision.
const FLOAT_BANNED: &[&str] = &[
    "exp", "exp2", "exp_m1", "ln", "ln_1p", "log", "log2", "log10", "powf", "powi", "cbrt", "hypot", "sin", "cos",
    "tan", "asin", "acos", "atan", "atan2", "sin_cos", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
];

/// Crates in which a number that a decision rests on is computed: integers only, so that the same inputs give the same
/// bytes on any CPU. A forecast may be computed with floats (by `libm`) and leaves its crate as an integer.
const DECIDING: &[&str] = &["model", "autoscale", "placement", "controller"];

/// Packages whose only use is what the core must not do.
const PACKAGES_BANNED: &[&str] =
    &["tokio", "rayon", "hyper", "hyper-util", "rustix", "libc", "nix", "socket2", "getrandom", "tempfile", "mio"];

/// Impure names in pure code, and impure packages in its manifests.
pub fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut broken = Vec::new();
    for path in workspace.with_extension("rs").filter(|path| is_pure(path) && !is_program(path)) {
        let Some(text) = workspace.text(path)? else { continue };
        let floats = if is_deciding(path) { float_types(&text) } else { Vec::new() };
        broken.extend(impure_names(&text).into_iter().chain(floats).map(|(line, name, mend)| Violation {
            path: path.to_owned(),
            line,
            rule: "pure",
            wrong: format!("pure code names `{name}`"),
            mend,
        }));
    }
    for package in workspace.packages()?.iter().filter(|p| PURE.contains(&p.folder.as_str())) {
        let banned = package.dependencies.iter().filter(|name| PACKAGES_BANNED.contains(&name.as_str()));
        broken.extend(banned.map(|name| Violation {
            path: package.path.join("Cargo.toml"),
            line: 0,
            rule: "pure",
            wrong: format!("a pure crate depends on `{name}`"),
            mend: "move what needs it to the crate that drives this one".into(),
        }));
    }
    Ok(broken)
}

fn is_program(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "bin") || path.file_name().is_some_and(|name| name == "main.rs")
}

/// `(line, name, mend)` of every impure name outside tests.
fn impure_names(text: &str) -> Vec<(usize, String, String)> {
    let masked = mask(text);
    let tests = test_lines(&masked);
    let mut found = Vec::new();
    for (at, name) in std_modules(&masked) {
        let mend = "take what it gives as a value; the daemon or the twin hands it in".to_owned();
        found.push((line_of(&masked, at), format!("std::{name}"), mend));
    }
    for (name, mend) in NAMES_BANNED {
        found.extend(words(&masked, name).map(|at| (line_of(&masked, at), (*name).to_owned(), (*mend).to_owned())));
    }
    for name in FLOAT_BANNED {
        let called = words(&masked, name).filter(|at| is_method_call(&masked, *at, name));
        let mend = format!("use `libm::{}`, whose result is the same on any CPU", libm_name(name));
        found.extend(called.map(|at| (line_of(&masked, at), format!(".{name}()"), mend.clone())));
    }
    found.retain(|(line, ..)| !tests.iter().any(|range| range.contains(line)));
    found.sort();
    found
}

fn is_deciding(path: &Path) -> bool {
    DECIDING.iter().any(|folder| path.starts_with(Path::new("crates").join(folder)))
}

/// `(line, name, mend)` of everything that makes a float, outside tests.
fn float_types(text: &str) -> Vec<(usize, String, String)> {
    let masked = mask(text);
    let tests = test_lines(&masked);
    let types = ["f32", "f64", "libm"].into_iter().flat_map(|name| words(&masked, name).map(move |at| (at, name)));
    let lines = types.map(|(at, name)| (line_of(&masked, at), name));
    let outside = lines.filter(|(line, _)| !tests.iter().any(|range| range.contains(line)));
    let mend = "a decision rests on integers: thousandths, or a product in u128";
    outside.map(|(line, name)| (line, name.to_owned(), mend.to_owned())).collect()
}

/// What `libm` calls the method.
fn libm_name(method: &str) -> &str {
    match method {
        "ln" => "log",
        "ln_1p" => "log1p",
        "exp_m1" => "expm1",
        "powf" | "powi" => "pow",
        "sin_cos" => "sincos",
        same => same,
    }
}

fn is_method_call(masked: &str, at: usize, name: &str) -> bool {
    masked[..at].ends_with('.') && masked[at + name.len()..].starts_with('(')
}

/// Where `word` stands as a whole word.
fn words<'a>(masked: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = masked.as_bytes();
    masked.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = *at == 0 || !is_word(bytes[at - 1]);
        before && bytes.get(at + word.len()).is_none_or(|byte| !is_word(*byte))
    })
}

/// Banned modules of `std`, named by path or within a group.
fn std_modules(masked: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for start in words(masked, "std") {
        let Some(rest) = masked[start + 3..].trim_start().strip_prefix("::") else { continue };
        let rest = rest.trim_start();
        for part in group(rest) {
            let name: String = part.trim().chars().take_while(|c| is_word(*c as u8)).collect();
            found.extend(STD_BANNED.iter().filter(|banned| **banned == name).map(|banned| (start, *banned)));
        }
    }
    found
}

/// The members of `{a, b::{c, d}}` at its own level; of anything else, itself.
fn group(rest: &str) -> Vec<&str> {
    let Some(inner) = rest.strip_prefix('{') else { return vec![rest] };
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                parts.push(&inner[from..at]);
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    fn names(text: &str) -> Vec<String> {
        impure_names(text).into_iter().map(|(line, name, _)| format!("{line} {name}")).collect()
    }

    #[test]
    fn every_way_to_name_a_clock_or_a_file_is_found() {
        assert_eq!(names("use std::time::Duration;"), ["1 std::time"]);
        assert_eq!(names("use std::{collections::BTreeMap, fmt::{self, Write}, fs};"), ["1 std::fs"]);
        assert_eq!(names("let x =\n    std::env::var(\"A\");"), ["2 std::env"]);
        assert_eq!(names("use tokio::sync::mpsc;\nlet m: HashMap<u8, u8>;"), ["1 tokio", "2 HashMap"]);
        assert_eq!(names("let y = x.ln() + a.exp ;"), ["1 .ln()"]);
    }

    #[test]
    fn sentences_strings_tests_and_parts_of_words_are_not() {
        assert!(names("//! Never std::fs or tokio.\nlet a = \"std::fs\"; let instant = Instants;").is_empty());
        assert!(names("#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n").is_empty());
        assert!(names("use std::collections::BTreeMap; use std::fmt; fn exp(x: f64) { libm::exp(x); }").is_empty());
    }

    #[test]
    fn only_the_sources_of_pure_crates_are_meant() {
        let impure = "//! Docs.\nuse std::fs;\n";
        let manifest = "[package]\nname = \"plimsoll-stats\"\n[dependencies]\nrayon = \"1\"\n";
        let files = [
            ("crates/balance/src/pick.rs", impure),
            ("crates/balance/src/bin/show.rs", impure),
            ("crates/balance/benches/pick.rs", impure),
            ("crates/twin/src/yardstick/fewest.rs", impure),
            ("crates/gateway/src/lib.rs", impure),
            ("crates/stats/Cargo.toml", manifest),
            (
                "crates/autoscale/src/track.rs",
                "//! Docs, f64.\nfn a(x: f64) {}\n#[cfg(test)]\nmod tests {\n    fn b(x: f32) {}\n}\n",
            ),
            ("crates/stats/src/mean.rs", "//! Docs.\nfn a(x: f64) {}\n"),
        ];
        let expected = [
            "crates/autoscale/src/track.rs:2",
            "crates/balance/src/pick.rs:2",
            "crates/stats/Cargo.toml:0",
            "crates/twin/src/yardstick/fewest.rs:2",
        ];
        assert_eq!(found(check, &files), expected);
    }
}
