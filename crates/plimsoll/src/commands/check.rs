//! `plimsoll check` and `plimsoll schema`.

use crate::Verdict;
use crate::args::{Check, Output, SchemaOf};

/// Validates a spec.
pub fn run(check: &Check) -> anyhow::Result<Verdict> {
    let (report, verdict, spec) = match plimsoll_config::load(&check.spec) {
        Ok(loaded) => (loaded.warnings, Verdict::Done, Some(loaded.spec)),
        Err(report) => (report, Verdict::No, None),
    };
    match check.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
        Output::Text => {
            eprint!("{report}");
            if let Some(spec) = spec {
                println!(
                    "{}: {} services, {} jobs: the spec holds",
                    check.spec.display(),
                    spec.services.len(),
                    spec.jobs.len()
                );
            }
        }
    }
    Ok(verdict)
}

/// Prints a JSON Schema.
pub fn schema(of: SchemaOf) -> anyhow::Result<Verdict> {
    let schema = match of {
        SchemaOf::Spec => plimsoll_config::schema(),
        SchemaOf::History => super::analyst::history_schema(),
        SchemaOf::Proposal => super::gate::proposal_schema(),
        SchemaOf::Verdict => super::gate::verdict_schema(),
        SchemaOf::Observation => super::decide::observation_schema(),
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(Verdict::Done)
}
