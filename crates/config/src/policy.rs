//! A scaling policy in a file of its own: what a service says of itself, without an installation around it.
//!
//! A backtest, a search and a decision need a service's `[scaling]`, its bounds, its size and its start-up time, and no
//! command, port or node. So a policy file is the inside of one `[services.NAME]` table, put into a frame that has the rest;
//! everything in it is read, checked and refused as in a spec, with the place in the file. A whole spec of one service is
//! taken as it is: the policy that runs can be tried as it stands.

use crate::load::{Loaded, check_table, folder, read, syntax_errors};
use crate::report::Report;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The frame. What a policy file leaves out is read from here: any number of replicas, each one core.
const FRAME: &str = r#"
name = "policy"
[services.load]
command = ["true", "{port}"]
replicas = { min = 1, max = 10000 }
requests = { cpu = "1", memory = "1GiB" }
health = { startup_max = "1d" }
"#;

/// Reads and checks a policy file, or a spec file.
///
/// # Errors
/// A [`Report`] of all that is wrong with it, as [`crate::load`].
pub fn load_policy(path: &Path) -> Result<Loaded, Report> {
    let file = path.display().to_string();
    let text = read(path, &file)?;
    check(&file, &text, &folder(path), true)
}

/// Checks the text of a policy or a spec as if it stood in the file `path`, without looking at any file.
///
/// # Errors
/// As [`load_policy`].
pub fn parse_policy(text: &str, path: &Path) -> Result<Loaded, Report> {
    check(&path.display().to_string(), text, &folder(path), false)
}

fn check(file: &str, text: &str, directory: &Path, files: bool) -> Result<Loaded, Report> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (parsed, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax_errors(file, text, &syntax));
    }
    let own = parsed.into_inner();
    if own.contains_key("services") {
        return check_table(file, text, directory, files, &own);
    }
    let mut frame = DeTable::parse(FRAME).expect("invariant: the frame is valid TOML").into_inner();
    if let Some(service) = frame.get_mut("services").and_then(|it| table(it.get_mut())?.get_mut("load"))
        && let Some(service) = table(service.get_mut())
    {
        for (key, value) in own {
            service.remove(key.get_ref().as_ref());
            service.insert(key, value);
        }
    }
    check_table(file, text, directory, files, &frame)
}

fn table<'a, 'i>(value: &'a mut DeValue<'i>) -> Option<&'a mut DeTable<'i>> {
    match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;

    fn parse(text: &str) -> Result<Loaded, Report> {
        parse_policy(text, Path::new("p.toml"))
    }

    #[test]
    fn the_inside_of_a_service_is_a_policy() {
        let loaded = parse("startup = \"90s\"\nreplicas = { min = 2, max = 50 }\n[scaling]\ncpu = \"60%\"\n").unwrap();
        let (name, service) = loaded.spec.services.first_key_value().unwrap();
        assert_eq!((name.as_str(), service.replicas_min, service.startup), ("load", 2, Millis(90_000)));
        assert_eq!(service.requests.cpu.0, 1_000, "from the frame");
    }

    #[test]
    fn a_whole_spec_is_taken_as_it_is() {
        let text = "name = \"x\"\n[services.shop]\ncommand = [\"a\"]\nreplicas = { min = 1, max = 2 }\n\
                    requests = { cpu = \"1\", memory = \"1GiB\" }\nscaling = { cpu = \"60%\" }\n";
        assert_eq!(parse(text).unwrap().spec.services.first_key_value().unwrap().0.as_str(), "shop");
    }

    #[test]
    fn an_error_names_the_line_of_the_file() {
        let report = parse("[scaling]\ncpu = \"60%\"\nsteps = 3\n").unwrap_err();
        let lines = report.lines().join("\n");
        assert!(lines.contains("p.toml:3") && lines.contains("steps"), "{lines}");
        let report = parse("[scaling]\ncpu = \"0%\"\n").unwrap_err();
        assert!(report.lines().join("\n").contains("p.toml:2"), "{:?}", report.lines());
        assert!(parse("[scaling\n").is_err());
    }
}
