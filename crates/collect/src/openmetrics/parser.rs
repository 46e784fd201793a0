//! Lines into families. A family is one run of lines: metadata first, then samples, and its names, with every suffix
//! its kind has, are its own in the whole document.

use crate::openmetrics::check::check;
use crate::openmetrics::line::{Line, read};
use crate::openmetrics::{Family, FamilyKind, Sample};
use std::collections::BTreeSet;

/// Longest text that is read.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct ParseError {
    /// The line, from 1. A rule about a whole family names the line after it.
    pub line: usize,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// Reads a whole document, up to and including its `# EOF`.
///
/// # Errors
/// [`ParseError`] with the first rule that is broken.
pub fn parse(text: &str) -> Result<Vec<Family>, ParseError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(ParseError { line: 0, rule: "the text is longer than 64 MiB" });
    }
    let body = text.strip_suffix('\n').unwrap_or(text);
    let mut document = Document::default();
    for (index, line) in body.split('\n').enumerate() {
        document.take(line).map_err(|rule| ParseError { line: index + 1, rule })?;
    }
    let line = body.split('\n').count();
    if document.has_ended {
        Ok(document.families)
    } else {
        Err(ParseError { line, rule: "the text ends without `# EOF`" })
    }
}

#[derive(Default)]
struct Document {
    families: Vec<Family>,
    /// The family that lines are added to; it moves to `families` when the next one begins.
    open: Option<Open>,
    /// Every name that a finished family has, suffixes included.
    taken: BTreeSet<String>,
    has_ended: bool,
}

struct Open {
    family: Family,
    kind: Option<FamilyKind>,
}

impl Document {
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        if self.has_ended {
            return Err("there is text after `# EOF`");
        }
        match read(line)? {
            Line::Type { name, kind } => {
                let kind = FamilyKind::from_name(kind).ok_or("the type is not one of the format's")?;
                let open = self.metadata(name)?;
                set(&mut open.kind, kind)
            }
            Line::Help { name, text } => {
                let open = self.metadata(name)?;
                set(&mut open.family.help, text)
            }
            Line::Unit { name, unit } => {
                let open = self.metadata(name)?;
                set(&mut open.family.unit, unit.to_owned())
            }
            Line::Sample(sample) => self.sample(sample),
            Line::End => {
                self.has_ended = true;
                self.close()
            }
        }
    }

    /// The family that metadata for `name` belongs to.
    fn metadata(&mut self, name: &str) -> Result<&mut Open, &'static str> {
        if self.open.as_ref().is_none_or(|open| open.family.name != name) {
            self.close()?;
        }
        let open = self.open.get_or_insert_with(|| Open::new(name));
        if open.family.samples.is_empty() { Ok(open) } else { Err("metadata comes before the samples") }
    }

    fn sample(&mut self, sample: Sample) -> Result<(), &'static str> {
        if !self.open.as_ref().is_some_and(|open| open.has(&sample.name)) {
            self.close()?;
        }
        let open = self.open.get_or_insert_with(|| Open::new(&sample.name));
        open.family.samples.push(sample);
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let Some(Open { mut family, kind }) = self.open.take() else { return Ok(()) };
        family.kind = kind.unwrap_or(FamilyKind::Unknown);
        let mut names: BTreeSet<String> =
            family.kind.suffixes().iter().map(|suffix| format!("{}{suffix}", family.name)).collect();
        names.insert(family.name.clone());
        if names.iter().any(|name| self.taken.contains(name)) {
            return Err("the name is already another family's, or one of its samples'");
        }
        check(&family)?;
        self.taken.extend(names);
        self.families.push(family);
        Ok(())
    }
}

impl Open {
    fn new(name: &str) -> Self {
        let (kind, samples) = (FamilyKind::Unknown, Vec::new());
        Self { family: Family { name: name.to_owned(), kind, help: None, unit: None, samples }, kind: None }
    }

    /// Whether a sample of this name belongs to the family.
    fn has(&self, sample: &str) -> bool {
        let suffix = sample.strip_prefix(self.family.name.as_str());
        suffix.is_some_and(|suffix| self.kind.unwrap_or(FamilyKind::Unknown).suffixes().contains(&suffix))
    }
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    if place.replace(value).is_some() { Err("the metadata occurs twice") } else { Ok(()) }
}
