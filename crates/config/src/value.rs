//! Checked values with their places: what reading makes of a file, before it becomes a spec.

use std::collections::BTreeMap;
use std::ops::Range;

/// A checked value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `true` or `false`.
    Flag(bool),
    /// A quantity in its unit's base.
    Number(i64),
    /// The word `"unlimited"`.
    Unlimited,
    /// Text of the right form, or a chosen word.
    Text(String),
    /// A list of texts.
    Texts(Vec<Item>),
    /// Environment variables.
    Variables(BTreeMap<String, Item>),
    /// A table.
    Table(Table),
    /// A list of tables.
    Tables(Vec<Table>),
    /// Tables by name.
    Named(BTreeMap<String, Table>),
}

/// A text and where it stands.
#[derive(Debug, Clone)]
pub struct Item {
    /// The text.
    pub text: String,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// One field as found or defaulted.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// The value; none where it is absent or broken.
    pub value: Option<Value>,
    /// It was given (or required), but wrong; that is already reported.
    pub broken: bool,
    /// Where the value stands; none for a default.
    pub span: Option<Range<usize>>,
}

/// A table with every field of its section.
#[derive(Debug, Clone)]
pub struct Table {
    /// Where it stands.
    pub span: Range<usize>,
    /// Its path.
    pub path: String,
    /// The fields.
    pub entries: BTreeMap<&'static str, Entry>,
}

impl Table {
    fn value(&self, name: &str) -> Option<&Value> {
        self.entries.get(name)?.value.as_ref()
    }

    /// Whether the field was given, but wrong.
    #[must_use]
    pub fn is_broken(&self, name: &str) -> bool {
        self.entries.get(name).is_none_or(|entry| entry.broken)
    }

    /// Whether the file says something here.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| entry.span.is_some())
    }

    /// Where the value stands, or the table where it was left out.
    #[must_use]
    pub fn span_of(&self, name: &str) -> Range<usize> {
        self.entries.get(name).and_then(|entry| entry.span.clone()).unwrap_or_else(|| self.span.clone())
    }

    /// A flag; false where it is absent.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Flag(true)))
    }

    /// A quantity; none where it is absent or unlimited.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.value(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A quantity that is not negative; zero where it is absent.
    #[must_use]
    pub fn unsigned(&self, name: &str) -> u64 {
        self.number(name).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
    }

    /// A count; zero where it is absent.
    #[must_use]
    pub fn count(&self, name: &str) -> u32 {
        u32::try_from(self.unsigned(name)).unwrap_or(u32::MAX)
    }

    /// A text or a word.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A list of texts; empty where it is absent.
    #[must_use]
    pub fn texts(&self, name: &str) -> &[Item] {
        match self.value(name) {
            Some(Value::Texts(items)) => items,
            _ => &[],
        }
    }

    /// Environment variables.
    pub fn variables(&self, name: &str) -> impl Iterator<Item = (&String, &Item)> {
        match self.value(name) {
            Some(Value::Variables(variables)) => Some(variables.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }

    /// A table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        match self.value(name) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// A list of tables; empty where it is absent.
    #[must_use]
    pub fn tables(&self, name: &str) -> &[Table] {
        match self.value(name) {
            Some(Value::Tables(tables)) => tables,
            _ => &[],
        }
    }

    /// Tables by name.
    pub fn named(&self, name: &str) -> impl Iterator<Item = (&String, &Table)> {
        match self.value(name) {
            Some(Value::Named(tables)) => Some(tables.iter()),
            _ => None,
        }
        .into_iter()
        .flatten()
    }
}
