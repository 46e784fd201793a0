//! The tools: a verb each, its fields, and how they become words of a command line.

use anyhow::{Context, bail, ensure};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Longest text of a field, bytes.
const TEXT_MAX: usize = 1_000;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// A whole number from 0.
    Number,
    /// The path of a file below the directory of `--files`.
    File,
}

/// A field of a tool.
#[derive(Debug)]
pub struct FieldEntry {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// Whether it has to be there.
    pub is_required: bool,
    /// The flag that it is typed with; none for a word that stands alone.
    pub flag: Option<&'static str>,
}

/// A tool.
#[derive(Debug)]
pub struct ToolEntry {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The verb and what always follows it.
    pub verb: &'static [&'static str],
    /// Its fields, in the order in which they are typed.
    pub fields: &'static [FieldEntry],
    /// Whether it looks at a running installation.
    pub is_live: bool,
    /// What is done to a proposal once a person has confirmed it; none for a tool that only reads.
    pub confirms: Option<&'static str>,
}

const fn field(name: &'static str, about: &'static str, holds: Holds, flag: Option<&'static str>) -> FieldEntry {
    FieldEntry { name, about, holds, is_required: false, flag }
}

const fn required(name: &'static str, about: &'static str, holds: Holds) -> FieldEntry {
    FieldEntry { name, about, holds, is_required: true, flag: None }
}

const HISTORY: FieldEntry =
    field("history", "recorded history of a service: a JSON or CSV file (docs/analyst.md)", Holds::File, None);
const SCENARIO: FieldEntry =
    field("scenario", "a simulated history instead, by number", Holds::Number, Some("--scenario"));
const LIVE: FieldEntry = field(
    "service",
    "a service of the running installation instead: what it has measured so far",
    Holds::Text,
    Some("--live"),
);
const PROPOSAL: FieldEntry = required("id", "the proposal, as `proposals` lists it", Holds::Text);

/// All of them.
pub const TOOLS: [ToolEntry; 13] = [
    ToolEntry {
        name: "status",
        about: "Services, replicas, load and jobs of the running installation.",
        verb: &["status", "--output", "json"],
        fields: &[],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "explain",
        about: "Why a service of the running installation has the replicas it has: every vote with its numbers, what bounded it, and \
                what would have changed it.",
        verb: &["explain", "--output", "json"],
        fields: &[
            required("service", "the service or job", Holds::Text),
            field(
                "at",
                "the decision in force at this trace time, as 2018-01-07T13:05:00Z; the last if absent",
                Holds::Text,
                Some("--at"),
            ),
        ],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "decisions",
        about: "What the running installation decided, the newest first: actions and reasons.",
        verb: &["decisions", "--output", "json"],
        fields: &[
            field("service", "only about this service", Holds::Text, None),
            field("limit", "at most so many, 1 to 1000; 50 if absent", Holds::Number, Some("--limit")),
            field("before", "only steps before this number", Holds::Number, Some("--before")),
        ],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "ask",
        about: "A question in plain words about the running installation, or about a recorded history: why it scaled, what limits it, \
                what would be better, what another load would bring. Every number of the answer is a figure of a fact that it cites.",
        verb: &["ask", "--output", "json"],
        fields: &[
            required("question", "the question, such as: why did web scale to 14 at nine?", Holds::Text),
            HISTORY,
            SCENARIO,
        ],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "evidence",
        about: "The facts of a running service or of a recorded history, with ids, units, sources and trust classes, secrets cut.",
        verb: &["analyst", "evidence", "--output", "json"],
        fields: &[HISTORY, SCENARIO, LIVE, field("tokens", "most tokens", Holds::Number, Some("--tokens"))],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "diagnose",
        about: "What is wrong with a running service, or by a recorded history: causes with a confidence and their facts, and proposals. \
                Rules, no model.",
        verb: &["analyst", "diagnose", "--output", "json"],
        fields: &[HISTORY, SCENARIO, LIVE],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "findings",
        about: "What the running installation's own analyst last found in a service: why it looked, what rules and model said.",
        verb: &["analyst", "findings", "--output", "json"],
        fields: &[required("service", "the service", Holds::Text)],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "proposals",
        about: "Proposals of the running installation, or one with its verdict, its proof and what became of it.",
        verb: &["analyst", "proposals", "--output", "json"],
        fields: &[field("id", "one proposal; all if absent", Holds::Text, None)],
        is_live: true,
        confirms: None,
    },
    ToolEntry {
        name: "approve",
        about: "Lets a proved proposal come into force, on trial first. The person at the client is asked and has to confirm.",
        verb: &["analyst", "approve", "--by=mcp"],
        fields: &[PROPOSAL],
        is_live: true,
        confirms: Some("let this proposal come into force, on trial first"),
    },
    ToolEntry {
        name: "reject",
        about: "Rejects a proposal, or takes back one that is in force. The person at the client is asked and has to confirm.",
        verb: &["analyst", "reject", "--by=mcp"],
        fields: &[PROPOSAL],
        is_live: true,
        confirms: Some("reject this proposal, or take it back if it is in force"),
    },
    ToolEntry {
        name: "decide",
        about: "What a policy would decide for one observation, with every reason and what another load would have brought.",
        verb: &["decide", "--output", "json"],
        fields: &[
            required("policy", "a policy file or a spec", Holds::File),
            required("observation", "what is observed, JSON", Holds::File),
            field("service", "which service, where the policy is a spec of several", Holds::Text, Some("--service")),
        ],
        is_live: false,
        confirms: None,
    },
    ToolEntry {
        name: "check",
        about: "Whether a spec is valid, and everything that is wrong with it.",
        verb: &["check"],
        fields: &[required("spec", "the spec, TOML", Holds::File)],
        is_live: false,
        confirms: None,
    },
    ToolEntry {
        name: "policies",
        about: "The scheduling policies there are: node choice, queue order, backfill; what they look at and cost.",
        verb: &["policies", "--output", "json"],
        fields: &[],
        is_live: false,
        confirms: None,
    },
];

impl ToolEntry {
    /// As the protocol describes it.
    pub fn described(&self) -> Tool {
        let properties: serde_json::Map<String, Value> = self
            .fields
            .iter()
            .map(|field| {
                let kind = if field.holds == Holds::Number {
                    json!({"type": "integer", "minimum": 0, "description": field.about})
                } else {
                    json!({"type": "string", "maxLength": TEXT_MAX, "description": field.about})
                };
                (field.name.to_owned(), kind)
            })
            .collect();
        let required: Vec<&str> =
            self.fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false
        });
        let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
        let notes = ToolAnnotations::new().read_only(self.confirms.is_none()).open_world(false);
        Tool::new(self.name, self.about, Arc::new(schema)).with_annotations(notes)
    }

    /// The words of the command line for these arguments, on this installation where the tool looks at one.
    ///
    /// # Errors
    /// For a field that is unknown, missing, too long, of another type, or a file outside of the directory.
    pub fn words(
        &self,
        arguments: &JsonObject,
        files: Option<&Path>,
        installation: &[String],
    ) -> anyhow::Result<Vec<String>> {
        let known = || self.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        for name in arguments.keys() {
            ensure!(
                self.fields.iter().any(|field| field.name == name),
                "there is no field {name:?}; there is: {}",
                known()
            );
        }
        let mut words: Vec<String> = self.verb.iter().map(|&word| word.to_owned()).collect();
        let mut alone = Vec::new();
        for field in self.fields {
            let Some(value) = arguments.get(field.name).filter(|value| !value.is_null()) else {
                ensure!(!field.is_required, "the field {} is missing: {}", field.name, field.about);
                continue;
            };
            let text = text(field, value, files)?;
            match field.flag {
                // As one word: a value that begins with a dash stays a value.
                Some(flag) => words.push(format!("{flag}={text}")),
                None => alone.push(text),
            }
        }
        if self.is_live {
            words.extend(installation.iter().cloned());
        }
        if !alone.is_empty() {
            // What stands alone stands behind `--`, and is never read as a flag.
            words.push("--".to_owned());
            words.extend(alone);
        }
        Ok(words)
    }
}

fn text(field: &FieldEntry, value: &Value, files: Option<&Path>) -> anyhow::Result<String> {
    let name = field.name;
    match (field.holds, value) {
        (Holds::Number, Value::Number(number)) => {
            let number =
                number.as_u64().with_context(|| format!("{name} is {number}: a whole number from 0 is wanted"))?;
            Ok(number.to_string())
        }
        (Holds::Number, _) => bail!("{name}: a whole number from 0 is wanted"),
        (_, Value::String(text)) => {
            ensure!(text.len() <= TEXT_MAX, "{name} has {} bytes; at most {TEXT_MAX} are read", text.len());
            ensure!(!text.contains('\0'), "{name} has a zero byte");
            if field.holds == Holds::File { file(name, text, files) } else { Ok(text.clone()) }
        }
        _ => bail!("{name}: text is wanted"),
    }
}

/// The file, if it lies below the directory whatever links and dots its path has.
fn file(name: &str, path: &str, files: Option<&Path>) -> anyhow::Result<String> {
    let Some(directory) = files else {
        bail!("{name}: this server reads no files; whoever starts it can allow a directory with --files DIR");
    };
    let outside = || format!("{name}: {path:?} is no file below the directory of --files");
    let found = directory.join(path).canonicalize().ok().with_context(outside)?;
    ensure!(found.starts_with(directory) && found.is_file(), outside());
    Ok(found.display().to_string())
}
