//! The policy file as text with other numbers in it: comments, order and everything that is not searched stay as they are.
//!
//! A policy file is the inside of a service's table; a whole spec of one service is taken too.

use crate::space::{self, Parameter, number};
use plimsoll_config::field::{Kind, Section};
use plimsoll_config::parse_policy;
use plimsoll_config::unit::Unit;
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

/// Why a text is no policy that can be searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML.
    #[error("{file}: {error}")]
    Syntax {
        /// Its name.
        file: String,
        /// Why.
        error: String,
    },
    /// TOML, and not a policy.
    #[error("{report}")]
    Refused {
        /// What is wrong with it, line by line.
        report: String,
    },
    /// Not one service.
    #[error("{file} has {services} services; a search tunes one")]
    Services {
        /// Its name.
        file: String,
        /// How many.
        services: usize,
    },
    /// A path through something that is no table.
    #[error("{file}: {path} cannot be written, because {part} is no table")]
    Place {
        /// Its name.
        file: String,
        /// The number.
        path: String,
        /// What is in the way.
        part: String,
    },
}

/// A policy that was read and can be changed.
#[derive(Debug, Clone)]
pub struct PolicyText {
    file: String,
    document: DocumentMut,
    /// Keys above `scaling`.
    above: Vec<String>,
}

impl PolicyText {
    /// Reads a policy; `file` is its name in messages.
    ///
    /// # Errors
    /// [`PolicyError`] where it is none.
    pub fn read(file: &str, text: &str) -> Result<Self, PolicyError> {
        let loaded = parse_policy(text, Path::new(file)).map_err(|report| refused(&report))?;
        let services = loaded.spec.services.len();
        if services != 1 {
            return Err(PolicyError::Services { file: file.to_owned(), services });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| PolicyError::Syntax {
            file: file.to_owned(),
            error: error.to_string(),
        })?;
        let mut above = Vec::new();
        if document.get("services").is_some()
            && let Some((name, _)) = loaded.spec.services.first_key_value()
        {
            above = vec!["services".to_owned(), name.as_str().to_owned()];
        }
        Ok(Self { file: file.to_owned(), document, above })
    }

    /// Every number below `scaling` that the file names, in its order, each with a range around its value.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut found = Vec::new();
        let mut at: &dyn TableLike = self.document.as_table();
        for key in self.above.iter().map(String::as_str).chain(["scaling"]) {
            match at.get(key).and_then(Item::as_table_like) {
                Some(inner) => at = inner,
                None => return found,
            }
        }
        walk(at, space::scaling(), "scaling", &mut found);
        found
    }

    /// The value that the file has at `path`, as text; none where it names none.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<String> {
        let mut at: &dyn TableLike = self.document.as_table();
        let mut keys = self.above.iter().map(String::as_str).chain(path.split('.')).peekable();
        while let Some(key) = keys.next() {
            let item = at.get(key)?;
            if keys.peek().is_none() {
                return item.as_value().map(written);
            }
            at = item.as_table_like()?;
        }
        None
    }

    /// The text with these values in place of its own.
    ///
    /// # Errors
    /// [`PolicyError::Place`] where something on the way to a value is no table, [`PolicyError::Refused`] where the values
    /// together are no policy.
    pub fn with(&self, values: &[(&Parameter, i64)]) -> Result<String, PolicyError> {
        let mut document = self.document.clone();
        for (parameter, value) in values {
            self.put(&mut document, parameter, *value)?;
        }
        let text = document.to_string();
        match parse_policy(&text, Path::new(&self.file)) {
            Ok(_) => Ok(text),
            Err(report) => Err(refused(&report)),
        }
    }

    fn put(&self, document: &mut DocumentMut, parameter: &Parameter, value: i64) -> Result<(), PolicyError> {
        let keys: Vec<&str> = self.above.iter().map(String::as_str).chain(parameter.path.split('.')).collect();
        let (last, tables) = keys.split_last().expect("invariant: a path has a last part");
        let mut at: &mut dyn TableLike = document.as_table_mut();
        for key in tables {
            let item = at.entry(key).or_insert_with(|| Item::Table(Table::new()));
            at = item.as_table_like_mut().ok_or_else(|| PolicyError::Place {
                file: self.file.clone(),
                path: parameter.path.clone(),
                part: (*key).to_owned(),
            })?;
        }
        let mut value = literal(parameter.unit, value);
        // What stands around the old value (spaces, a comment behind it) stays around the new one.
        if let Some(old) = at.get(last).and_then(Item::as_value) {
            *value.decor_mut() = old.decor().clone();
        }
        at.insert(last, Item::Value(value));
        Ok(())
    }
}

fn refused(report: &plimsoll_config::Report) -> PolicyError {
    PolicyError::Refused { report: report.lines().join("\n") }
}

fn walk(table: &dyn TableLike, section: &'static Section, path: &str, found: &mut Vec<Parameter>) {
    for (key, item) in table.iter() {
        let path = format!("{path}.{key}");
        match section.field(key).map(|field| field.kind) {
            Some(Kind::Quantity { unit, .. }) => {
                let value = item.as_value().and_then(|value| number(unit, &written(value)).ok());
                found.extend(value.and_then(|value| space::parameter(&path, value)));
            }
            Some(Kind::Table(inner)) => {
                if let Some(table) = item.as_table_like() {
                    walk(table, inner, &path, found);
                }
            }
            _ => {}
        }
    }
}

/// A value as it stands in the file, without quotes.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.value().clone(),
        other => other.to_string().trim().to_owned(),
    }
}

fn literal(unit: Unit, value: i64) -> Value {
    let text = unit.literal(value);
    text.parse().unwrap_or_else(|_| Value::from(unit.print(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "# mine\nstartup = \"90s\"\n[scaling]\ncpu = \"80%\" # of one core\nheadroom = { price = 80, price_keep = 160 }\n\
                          [scaling.stabilization]\ndown = \"5m\"\n";

    #[test]
    fn the_numbers_that_the_file_names_are_found_and_only_they_change() {
        let policy = PolicyText::read("p.toml", POLICY).unwrap();
        let found = policy.parameters();
        let paths: Vec<&str> = found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            paths,
            ["scaling.cpu", "scaling.headroom.price", "scaling.headroom.price_keep", "scaling.stabilization.down"]
        );
        assert_eq!(found.iter().map(|it| it.start).collect::<Vec<_>>(), [800, 80, 160, 300_000]);
        let text = policy.with(&[(&found[0], 750), (&found[1], 100), (&found[3], 60_000)]).unwrap();
        assert_eq!(
            text,
            POLICY.replace("\"80%\"", "\"75%\"").replace("price = 80", "price = 100").replace("\"5m\"", "\"1m\"")
        );
        assert_eq!(PolicyText::read("p.toml", &text).unwrap().parameters()[1].start, 100);
        assert_eq!(policy.value("scaling.cpu").as_deref(), Some("80%"));
        assert_eq!(policy.value("scaling.memory"), None);
    }

    #[test]
    fn a_number_that_the_file_leaves_out_is_put_in() {
        let policy = PolicyText::read("p.toml", "[scaling]\ncpu = \"80%\"\nheadroom = { price = 80 }\n").unwrap();
        let keep = space::parameter("scaling.headroom.price_keep", 160).unwrap();
        let down = space::parameter("scaling.step.down", 7).unwrap();
        let text = policy.with(&[(&keep, 200), (&down, 7)]).unwrap();
        assert!(text.contains("price_keep = 200") && text.contains("down = 7"), "{text}");
    }

    #[test]
    fn values_that_are_no_policy_together_are_refused_with_their_field() {
        let policy = PolicyText::read("p.toml", POLICY).unwrap();
        let price = &policy.parameters()[1];
        let error = policy.with(&[(price, 161)]).unwrap_err().to_string();
        assert!(error.contains("price"), "{error}");
        assert!(PolicyText::read("p.toml", "[scaling]\ncpu = \"0%\"\n").is_err());
        assert!(PolicyText::read("p.toml", "[scaling\n").is_err());
    }

    #[test]
    fn a_whole_spec_is_changed_where_its_service_stands() {
        let text = "name = \"x\"\n[services.shop]\ncommand = [\"a\"]\nreplicas = { min = 1, max = 2 }\n\
                    requests = { cpu = \"1\", memory = \"1GiB\" }\nscaling = { cpu = \"60%\" }\n";
        let policy = PolicyText::read("x.toml", text).unwrap();
        let found = policy.parameters();
        assert_eq!(policy.with(&[(&found[0], 550)]).unwrap(), text.replace("60%", "55%"));
    }
}
