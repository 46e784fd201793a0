//! From parsed TOML to checked values, driven by the table of fields.
//!
//! Every problem is noted and reading goes on with the next field, so one pass finds them all. A field with a problem is
//! kept as broken: later checks that need it stay silent instead of reporting what follows from the first mistake.

use crate::field::{ENTRIES_MAX, Fallback, Field, Kind, Section};
use crate::form::Form;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::report::Diagnostic;
use crate::scalar::{self, Fault, Scalar};
use crate::table::elsewhere;
use crate::value::{Entry, Item, Table, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Characters of a value that are repeated in a message.
const FOUND_LEN_MAX: usize = 60;

/// Problems of one file that are kept. A file with more is no spec; this bounds the time to say so.
const PROBLEMS_MAX: usize = 1_000;

/// Reads one file.
pub struct Reader<'a> {
    text: &'a str,
    /// The problems so far, in no order.
    pub diagnostics: Vec<Diagnostic>,
    /// Problems beyond those that are kept.
    pub omitted: usize,
    /// Places of values that no report may repeat.
    pub secrets: Vec<Range<usize>>,
}

impl<'a> Reader<'a> {
    /// A reader of this text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text, diagnostics: Vec::new(), omitted: 0, secrets: Vec::new() }
    }

    /// Notes a problem.
    pub fn note(&mut self, field: &str, span: Option<Range<usize>>, problem: Problem) {
        self.push(Diagnostic { problem, field: field.to_owned(), span, related: None });
    }

    /// Notes a problem that has to do with another place too.
    pub fn note_related(
        &mut self,
        field: &str,
        span: Range<usize>,
        problem: Problem,
        related: Option<(Range<usize>, String)>,
    ) {
        self.push(Diagnostic { problem, field: field.to_owned(), span: Some(span), related });
    }

    fn push(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.omitted += 1;
        } else {
            self.diagnostics.push(diagnostic);
        }
    }

    fn is_full(&self) -> bool {
        self.diagnostics.len() >= PROBLEMS_MAX
    }

    /// The text of a span, shortened, as it stands in the file.
    #[must_use]
    pub fn found(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let short: String = line.chars().take(FOUND_LEN_MAX).collect();
        if short.len() < text.len() { format!("{short}…") } else { short }
    }

    /// Reads a table of the file against its section. `span` is where the table stands, for what is missing in it.
    pub fn table(&mut self, found: &DeTable<'_>, span: Range<usize>, section: &'static Section, path: &str) -> Table {
        let meant = self.unknown_fields(found, section, path);
        let mut entries = BTreeMap::new();
        for field in section.fields {
            let path = join(path, field.name);
            let entry = match found.get_key_value(field.name) {
                Some((_, value)) => {
                    let read = self.value(field, value, &path);
                    Entry { broken: read.is_none(), value: read, span: Some(value.span()) }
                }
                // The mistyped field is already reported; that the right one is missing would say it twice.
                None if meant.contains(&field.name) => Entry { broken: true, ..Entry::default() },
                None => self.left_out(field, &span, &path),
            };
            entries.insert(field.name, entry);
        }
        Table { span, path: path.to_owned(), entries }
    }

    /// Notes every key that is no field; the fields that were probably meant.
    fn unknown_fields(&mut self, found: &DeTable<'_>, section: &'static Section, path: &str) -> Vec<&'static str> {
        let known: Vec<&'static str> = section.fields.iter().map(|field| field.name).collect();
        let mut meant = Vec::new();
        for (key, _) in found.iter().filter(|(key, _)| section.field(key.get_ref()).is_none()) {
            if self.is_full() {
                self.omitted += 1;
                continue;
            }
            let near = nearest(key.get_ref(), known.iter().copied());
            meant.extend(near);
            let elsewhere = if near.is_none() { elsewhere(key.get_ref()) } else { Vec::new() };
            let name = key.get_ref().to_string();
            let problem = Problem::UnknownField { name, near, known: known.clone(), elsewhere };
            self.note(&join(path, key.get_ref()), Some(key.span()), problem);
        }
        meant
    }

    fn left_out(&mut self, field: &'static Field, table: &Range<usize>, path: &str) -> Entry {
        let value = match field.fallback {
            Fallback::Required => {
                let expected = field.kind.expected();
                self.note(path, Some(table.clone()), Problem::Missing { name: field.name, expected });
                return Entry { broken: true, ..Entry::default() };
            }
            Fallback::Is(literal, _) => scalar::check(field, &literal.into()).ok(),
            Fallback::Absent(_) => None,
            Fallback::Inner => match field.kind {
                Kind::Table(section) => Some(Value::Table(self.table(&DeTable::new(), table.clone(), section, path))),
                _ => None,
            },
        };
        Entry { value, ..Entry::default() }
    }

    fn value(&mut self, field: &'static Field, value: &Spanned<DeValue<'_>>, path: &str) -> Option<Value> {
        let span = value.span();
        if let Some(problem) = too_many(field, value.get_ref()) {
            self.note(path, Some(span), problem);
            return None;
        }
        match (field.kind, value.get_ref()) {
            (Kind::Table(section), DeValue::Table(table)) => Some(Value::Table(self.table(table, span, section, path))),
            (Kind::Table(section), _) if !section.short.is_empty() => self.short(section, value, path),
            (Kind::Tables(section), DeValue::Array(list)) => {
                let mut tables = Vec::new();
                for (index, item) in list.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    match item.get_ref() {
                        DeValue::Table(table) => tables.push(self.table(table, item.span(), section, &path)),
                        _ => self.invalid(&path, field.name, item.span(), "", "a table".to_owned()),
                    }
                }
                Some(Value::Tables(tables))
            }
            (Kind::Named(section), DeValue::Table(table)) => Some(self.named(table, section, field.name, path)),
            (Kind::Texts { form, min }, DeValue::Array(list)) => {
                if list.len() < min {
                    let expected = format!("at least {min}, each {}", form.noun());
                    self.invalid(path, field.name, span, "the list is too short", expected);
                    return None;
                }
                self.items(list.iter(), field, path)
            }
            (Kind::Choices(_), DeValue::Array(list)) => self.items(list.iter(), field, path),
            (Kind::Texts { .. } | Kind::Choices(_), other) => {
                let (found, name) = (self.found(&span), field.name.to_owned());
                let near = other.as_str().map(|_| format!("[{found}]"));
                let (why, expected) = ("it is not a list".to_owned(), field.kind.expected());
                self.note(path, Some(span), Problem::Invalid { name, found, why, expected, near });
                None
            }
            (Kind::Variables, DeValue::Table(table)) => Some(self.variables(table, path)),
            (Kind::Text(Form::Moment), DeValue::Datetime(_)) => {
                let text = self.text.get(span.clone()).unwrap_or_default();
                self.checked(field, field.name, &Scalar::Text(text), span, path)
            }
            (_, other) => self.checked(field, field.name, &other.into(), span, path),
        }
    }

    /// A plain value in place of a table.
    fn short(&mut self, section: &'static Section, value: &Spanned<DeValue<'_>>, path: &str) -> Option<Value> {
        let before = self.diagnostics.len();
        let mut entries = BTreeMap::new();
        for field in section.fields {
            // One mistake in the value is reported once, however many fields it sets.
            let entry = if section.short.contains(&field.name) {
                if self.diagnostics.len() > before {
                    continue;
                }
                let read = self.value(field, value, path);
                Entry { broken: read.is_none(), value: read, span: Some(value.span()) }
            } else {
                self.left_out(field, &value.span(), &join(path, field.name))
            };
            entries.insert(field.name, entry);
        }
        let table = Table { span: value.span(), path: path.to_owned(), entries };
        (self.diagnostics.len() == before).then_some(Value::Table(table))
    }

    fn named(&mut self, found: &DeTable<'_>, section: &'static Section, what: &str, path: &str) -> Value {
        let mut tables = BTreeMap::new();
        for (key, value) in found {
            let name = key.get_ref().to_string();
            let path = join(path, &name);
            if let Err(why) = Form::Name.check(&name) {
                let what = what.trim_end_matches('s').to_owned();
                let problem = Problem::BadName { what, name: name.clone(), why, expected: Form::Name.noun() };
                self.note(&path, Some(key.span()), problem);
            }
            match value.get_ref() {
                DeValue::Table(table) => {
                    tables.insert(name, self.table(table, value.span(), section, &path));
                }
                _ => self.invalid(&path, &name, value.span(), "", format!("a table, written [{path}]")),
            }
        }
        Value::Named(tables)
    }

    fn items<'v, 'i: 'v>(
        &mut self,
        list: impl Iterator<Item = &'v Spanned<DeValue<'i>>>,
        field: &'static Field,
        path: &str,
    ) -> Option<Value> {
        let before = self.diagnostics.len();
        let mut items = Vec::new();
        for (index, item) in list.enumerate() {
            let path = format!("{path}[{index}]");
            let read = self.checked(field, field.name, &item.get_ref().into(), item.span(), &path);
            if let Some(Value::Text(text)) = read {
                items.push(Item { text, span: item.span() });
            }
        }
        (self.diagnostics.len() == before).then_some(Value::Texts(items))
    }

    fn variables(&mut self, found: &DeTable<'_>, path: &str) -> Value {
        let mut variables = BTreeMap::new();
        for (key, value) in found {
            let name = key.get_ref().to_string();
            let path = join(path, &name);
            if name.is_empty() || name.contains(['=', '\0']) {
                let what = "environment variable".to_owned();
                let (why, expected) = ("no variable can have it".to_owned(), "a name, not empty and without '='");
                self.note(&path, Some(key.span()), Problem::BadName { what, name: name.clone(), why, expected });
            }
            match value.get_ref() {
                DeValue::String(text) => match Form::Argument.check(text) {
                    Ok(()) => {
                        variables.insert(name, Item { text: text.to_string(), span: value.span() });
                    }
                    Err(why) => self.invalid(&path, &name, value.span(), &why, Form::Argument.noun().to_owned()),
                },
                DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
                    let found = self.found(&value.span());
                    let near = Some(format!("{found:?}"));
                    let (why, expected) = ("an environment holds only text".to_owned(), "a string".to_owned());
                    self.note(&path, Some(value.span()), Problem::Invalid { name, found, why, expected, near });
                }
                _ => self.invalid(&path, &name, value.span(), "", "a string".to_owned()),
            }
        }
        Value::Variables(variables)
    }

    fn invalid(&mut self, path: &str, name: &str, span: Range<usize>, why: &str, expected: String) {
        let found = self.found(&span);
        let problem = Problem::Invalid { name: name.to_owned(), found, why: why.to_owned(), expected, near: None };
        self.note(path, Some(span), problem);
    }

    fn checked(
        &mut self,
        field: &'static Field,
        name: &str,
        raw: &Scalar<'_>,
        span: Range<usize>,
        path: &str,
    ) -> Option<Value> {
        let fault = match scalar::check(field, raw) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let found = self.found(&span);
        let name = name.to_owned();
        let expected = match field.kind {
            Kind::Texts { form, .. } => form.noun().to_owned(),
            Kind::Choices(choices) => Kind::Choice(choices).expected(),
            kind => kind.expected(),
        };
        let problem = match fault {
            Fault::Range(range) => Problem::OutOfRange { name, found, range },
            Fault::Invalid(why, near) => Problem::Invalid { name, found, why, expected, near },
        };
        self.note(path, Some(span), problem);
        None
    }
}

/// A list, or a table of chosen names, with more entries than any spec needs.
fn too_many(field: &Field, value: &DeValue<'_>) -> Option<Problem> {
    let entries = match (field.kind, value) {
        (_, DeValue::Array(list)) => list.len(),
        (Kind::Named(_) | Kind::Variables, DeValue::Table(table)) => table.len(),
        _ => 0,
    };
    let (name, found) = (field.name.to_owned(), format!("{entries} entries"));
    (entries > ENTRIES_MAX).then(|| Problem::OutOfRange { name, found, range: format!("at most {ENTRIES_MAX}") })
}

/// `a.b`, with quotes where the key is no bare key.
#[must_use]
pub fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
