//! `plimsoll decisions`: what a running installation decided, the newest first, with actions and reasons.

use super::reach::{Daemon, escaped};
use crate::Verdict;
use crate::args::{Decisions, Output};
use serde_json::Value;
use std::fmt::Write as _;

/// Prints them.
pub fn run(typed: &Decisions) -> anyhow::Result<Verdict> {
    let mut path = format!("/v1/decisions?limit={}", typed.limit);
    if let Some(service) = &typed.service {
        let _ = write!(path, "&service={}", escaped(service));
    }
    if let Some(before) = typed.before {
        let _ = write!(path, "&before={before}");
    }
    let found: Value = Daemon::find(&typed.installation)?.get(&path)?;
    match typed.output {
        Output::Json => print!("{}", plimsoll_report::pretty(&found)?),
        Output::Text => print!("{}", text(&found)),
    }
    Ok(Verdict::Done)
}

fn text(found: &Value) -> String {
    let mut out = String::new();
    let lines = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(|text| plimsoll_report::clean(text).to_string()).collect()
    };
    for decision in found["decisions"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{} step {}", decision["at"].as_str().unwrap_or_default(), decision["step"]);
        for action in lines(&decision["actions"]) {
            let _ = writeln!(out, "  {action}");
        }
        for reason in lines(&decision["reasons"]) {
            let _ = writeln!(out, "    {reason}");
        }
    }
    if out.is_empty() { "nothing was decided yet\n".to_owned() } else { out }
}
