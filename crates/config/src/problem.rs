//! Everything that can be wrong with a spec file, with its operands.
//!
//! Each problem says itself in three parts: a message (what is wrong), a label (under the caret, what would be right)
//! and help (what to write instead). `found` and `expected` stand apart too, for programs.

/// Whether a problem stops the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The spec cannot be used.
    Error,
    /// The spec can be used, but probably not as meant.
    Warning,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file could not be read.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// What the system says.
        reason: String,
    },
    /// The file is larger than any spec.
    #[error("the file is larger than {max} bytes, the most that is read")]
    TooLarge {
        /// The bound.
        max: u64,
    },
    /// Not UTF-8.
    #[error("the file is not UTF-8 text: byte 0x{byte:02x} at offset {offset}")]
    NotUtf8 {
        /// The byte.
        byte: u8,
        /// Where.
        offset: usize,
    },
    /// Not TOML.
    #[error("invalid TOML: {reason}")]
    Syntax {
        /// What the parser says.
        reason: String,
    },
    /// Not YAML, or more of it than is read.
    #[error("invalid YAML: {reason}")]
    NotYaml {
        /// What the parser says.
        reason: String,
    },
    /// A key that means nothing here.
    #[error("unknown field `{name}`")]
    UnknownField {
        /// The key.
        name: String,
        /// The nearest field there is.
        near: Option<&'static str>,
        /// All fields there are.
        known: Vec<&'static str>,
        /// Tables that have a field of this very name.
        elsewhere: Vec<String>,
    },
    /// A field that has no default is not there.
    #[error("missing field `{name}`")]
    Missing {
        /// The field.
        name: &'static str,
        /// What may stand there.
        expected: String,
    },
    /// A value of the wrong type or shape.
    #[error("{found} is not a valid `{name}`{}{why}", if why.is_empty() { "" } else { ": " })]
    Invalid {
        /// The field.
        name: String,
        /// The value as written.
        found: String,
        /// What about it is wrong; may be empty.
        why: String,
        /// What may stand there.
        expected: String,
        /// The nearest word that may stand there.
        near: Option<String>,
    },
    /// A quantity beyond its bounds.
    #[error("{found} is out of range for `{name}`")]
    OutOfRange {
        /// The field.
        name: String,
        /// The value as written.
        found: String,
        /// The bounds.
        range: String,
    },
    /// A chosen name of the wrong shape.
    #[error("{name:?} cannot be the name of a {what}: {why}")]
    BadName {
        /// What it names.
        what: String,
        /// The name.
        name: String,
        /// What about it is wrong.
        why: String,
        /// What a name is.
        expected: &'static str,
    },
    /// Two fields that contradict each other.
    #[error("{what}")]
    Conflict {
        /// What contradicts what, with both values.
        what: String,
        /// The value as written.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A name that refers to nothing.
    #[error("there is no service `{name}`")]
    UnknownService {
        /// The name.
        name: String,
        /// The nearest there is.
        near: Option<String>,
        /// All there are.
        known: Vec<String>,
    },
    /// A listener that other machines can reach, unasked.
    #[error("{address} can be reached from other machines")]
    Exposed {
        /// The address.
        address: String,
    },
    /// A placeholder that is nearly `{port}`, and no `{port}`.
    #[error("service `{service}` is never told its port")]
    NoPort {
        /// The service.
        service: String,
        /// The placeholder that looks mistyped.
        near: String,
    },
    /// More is asked for than there is.
    #[error("`{name}` can never fit: it asks for {asked} of {what}, the node has {room}")]
    NeverFits {
        /// The service or job.
        name: String,
        /// CPU or memory.
        what: &'static str,
        /// What it asks for.
        asked: String,
        /// What there is.
        room: String,
    },
    /// A file that the spec names is not there.
    #[error("the file of `{name}` cannot be read: {reason}")]
    NoFile {
        /// The field.
        name: &'static str,
        /// The path as written.
        found: String,
        /// What the system says.
        reason: String,
    },
    /// Allowed, but probably not meant.
    #[error("{what}")]
    Doubtful {
        /// What is doubtful.
        what: String,
        /// The value as written.
        found: String,
        /// What to do about it.
        advice: String,
    },
}

impl Problem {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::NotUtf8 { .. } => "not-utf8",
            Self::Syntax { .. } | Self::NotYaml { .. } => "syntax",
            Self::UnknownField { .. } => "unknown-field",
            Self::Missing { .. } => "missing-field",
            Self::Invalid { .. } => "invalid-value",
            Self::OutOfRange { .. } => "out-of-range",
            Self::BadName { .. } => "bad-name",
            Self::Conflict { .. } => "conflict",
            Self::UnknownService { .. } => "unknown-service",
            Self::Exposed { .. } => "exposed",
            Self::NoPort { .. } => "no-port",
            Self::NeverFits { .. } => "never-fits",
            Self::NoFile { .. } => "no-file",
            Self::Doubtful { .. } => "doubtful",
        }
    }

    /// Whether it stops the spec.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        if matches!(self, Self::Doubtful { .. }) { Severity::Warning } else { Severity::Error }
    }

    /// The value found, as written; none where nothing was.
    #[must_use]
    pub fn found(&self) -> Option<String> {
        match self {
            Self::UnknownField { name, .. } | Self::UnknownService { name, .. } | Self::BadName { name, .. } => {
                Some(name.clone())
            }
            Self::Invalid { found, .. }
            | Self::OutOfRange { found, .. }
            | Self::Conflict { found, .. }
            | Self::NoFile { found, .. }
            | Self::Doubtful { found, .. } => Some(found.clone()),
            Self::Exposed { address } => Some(address.clone()),
            Self::NoPort { near, .. } => Some(near.clone()),
            Self::NeverFits { asked, .. } => Some(asked.clone()),
            _ => None,
        }
    }

    /// What would be right: a range, a list of choices, a description.
    #[must_use]
    pub fn expected(&self) -> Option<String> {
        match self {
            Self::UnknownField { known, .. } => Some(format!("one of {}", known.join(", "))),
            Self::UnknownService { known, .. } if known.is_empty() => Some("a service; there is none".to_owned()),
            Self::UnknownService { known, .. } => Some(format!("one of {}", known.join(", "))),
            Self::Missing { expected, .. } | Self::Invalid { expected, .. } | Self::Conflict { expected, .. } => {
                Some(expected.clone())
            }
            Self::OutOfRange { range, .. } => Some(range.clone()),
            Self::BadName { expected, .. } => Some((*expected).to_owned()),
            Self::NoPort { .. } => Some("{port}".to_owned()),
            Self::Exposed { .. } => Some("a loopback address, or `expose = true`".to_owned()),
            Self::NeverFits { room, .. } => Some(format!("at most {room}")),
            _ => None,
        }
    }

    /// The text under the caret.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::UnknownField { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::UnknownField { .. } => "no field has this name".to_owned(),
            Self::UnknownService { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Invalid { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Missing { name, .. } => format!("`{name}` has to be set here"),
            Self::Invalid { expected, .. } | Self::Conflict { expected, .. } => format!("expected {expected}"),
            Self::OutOfRange { range, .. } => format!("allowed is {range}"),
            Self::Doubtful { .. } | Self::Syntax { .. } | Self::NotYaml { .. } | Self::NoFile { .. } => String::new(),
            Self::NoPort { .. } => "`{port}` does not occur in it".to_owned(),
            _ => self.expected().map(|expected| format!("expected {expected}")).unwrap_or_default(),
        }
    }

    /// Lines that say what to write instead.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::UnknownField { known, elsewhere, .. } => {
                let mut help = vec![format!("the fields here are {}", known.join(", "))];
                if !elsewhere.is_empty() {
                    help.push(format!("a field of this name stands {}", elsewhere.join(", ")));
                }
                help
            }
            Self::UnknownService { known, .. } if !known.is_empty() => {
                vec![format!("the services are {}", known.join(", "))]
            }
            Self::Missing { name, expected, .. } => vec![format!("`{name}` is {expected}")],
            Self::Invalid { near: Some(_), expected, .. } => vec![format!("expected {expected}")],
            Self::Exposed { address } => vec![
                format!("listen on 127.0.0.1 or [::1] instead of {address},"),
                "or set `expose = true` beside it if other machines are meant to reach it".to_owned(),
            ],
            Self::NoPort { near, .. } => vec![format!("did you mean `{{port}}` where it says `{near}`?")],
            Self::Doubtful { advice, .. } => vec![advice.clone()],
            Self::NotUtf8 { .. } => vec!["save the file as UTF-8".to_owned()],
            _ => Vec::new(),
        }
    }
}
