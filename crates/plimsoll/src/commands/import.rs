//! `plimsoll import hpa`: objects of Kubernetes as policies.

use crate::Verdict;
use crate::args::{ImportHpa, Output};
use anyhow::bail;
use plimsoll_config::hpa_file::{HpaFile, load_hpa};
use plimsoll_model::ServiceName;
use serde_json::json;

/// Reads the file and prints what it says as a policy.
pub fn hpa(typed: &ImportHpa) -> anyhow::Result<Verdict> {
    let file = match load_hpa(&typed.file) {
        Ok(file) => file,
        Err(report) => {
            match typed.output {
                Output::Text => eprint!("{report}"),
                Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
            }
            return Ok(Verdict::No);
        }
    };
    if let (Some(name), many @ 2..) = (&typed.service, file.objects.len()) {
        bail!(
            "--service {name}: {} holds {many} objects; leave it out, each gets the name that it has",
            typed.file.display()
        );
    }
    eprint!("{}", file.warnings);
    for note in &file.notes {
        eprintln!("{}: {note}", typed.file.display());
    }
    match typed.output {
        Output::Text => print!("{}", text(typed, &file)?),
        Output::Json => {
            let objects = file.objects.iter().map(|object| {
                json!({
                    "name": object.name, "namespace": object.namespace, "target": object.target, "line": object.line,
                    "replicas": { "min": object.replicas_min, "max": object.replicas_max },
                    "hpa": object.hpa, "policy": object.policy(),
                })
            });
            let objects: Vec<_> = objects.collect();
            println!("{}", serde_json::to_string_pretty(&json!({ "objects": objects, "notes": file.notes }))?);
        }
    }
    let loses = file.notes.iter().any(|note| note.contains("decides too"));
    Ok(if loses { Verdict::No } else { Verdict::Done })
}

/// One object is a policy file; several are services of a spec, by their names.
fn text(typed: &ImportHpa, file: &HpaFile) -> anyhow::Result<String> {
    let mut text = String::new();
    for object in &file.objects {
        let separator = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{separator}# {}, {}:{}\n", object.origin(), typed.file.display(), object.line));
        match (&typed.service, file.objects.len()) {
            (None, 1) => text.push_str(&object.policy()),
            (name, _) => {
                let name = name.as_deref().unwrap_or(&object.name);
                if let Err(error) = ServiceName::try_new(name) {
                    bail!(
                        "{}:{}: {name:?} cannot be the name of a service: {error}",
                        typed.file.display(),
                        object.line
                    );
                }
                text.push_str(&object.service(name));
            }
        }
    }
    Ok(text)
}
