//! How servers differ, found out by asking: which way to hold a model to a schema they know, what the bound on tokens is
//! called, whether they take a temperature.
//!
//! A refusal (400, 404 of no model, 415, 422, 501) changes one thing, and what a server took once is kept for the next question.

/// How the answer is held to the schema, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `response_format: json_schema`.
    Schema,
    /// `response_format: json_object`, the schema in words.
    Object,
    /// The schema in words.
    Words,
}

impl Format {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schema => "json_schema",
            Self::Object => "json_object",
            Self::Words => "words",
        }
    }
}

/// What a server takes, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quirks {
    /// How it is held to a schema.
    pub format: Format,
    /// The bound on tokens is `max_completion_tokens` and not `max_tokens`.
    pub new_bound: bool,
    /// It takes `temperature`.
    pub temperature: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { format: Format::Schema, new_bound: false, temperature: true }
    }
}

impl Quirks {
    /// What to try after a refusal with this status and body; none where nothing is left.
    #[must_use]
    pub fn after_refusal(self, status: u16, body: &str) -> Option<Self> {
        if !matches!(status, 400 | 415 | 422 | 501) {
            return None;
        }
        if !self.new_bound && body.contains("max_completion_tokens") {
            return Some(Self { new_bound: true, ..self });
        }
        if self.temperature && body.contains("temperature") {
            return Some(Self { temperature: false, ..self });
        }
        let format = match self.format {
            Format::Schema => Format::Object,
            Format::Object => Format::Words,
            Format::Words => return None,
        };
        Some(Self { format, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_changes_one_thing_and_they_end() {
        let first = Quirks::default();
        assert!(first.after_refusal(400, "use max_completion_tokens").unwrap().new_bound);
        assert!(!first.after_refusal(400, "temperature must be 1").unwrap().temperature);
        assert_eq!(first.after_refusal(401, "no"), None);
        let (mut now, mut steps) = (first, 0);
        while let Some(next) = now.after_refusal(422, "temperature max_completion_tokens response_format") {
            (now, steps) = (next, steps + 1);
        }
        assert_eq!((steps, now.format), (4, Format::Words));
    }
}
