//! One field of the spec file is one entry: name, kind, range, default and its reason, docs, effect of a reload.
//!
//! Reading, defaults, range errors, suggestions, the JSON Schema, the reference page and the reload plan are all driven
//! by these entries, so none of them can say something that the others do not. A default exists here and nowhere else.

use crate::form::Form;
use crate::unit::Unit;

/// A table of the file: what may stand in it.
#[derive(Debug)]
pub struct Section {
    /// Its name in the JSON Schema.
    pub name: &'static str,
    /// Where it stands in the file, with `NAME` for a chosen name.
    pub path: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// What may stand in it, in the order of the reference page.
    pub fields: &'static [Field],
    /// The fields that a plain value in place of the table sets: `replicas = 3`.
    pub short: &'static [&'static str],
}

impl Section {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key in the file.
    pub name: &'static str,
    /// What it holds and in which range.
    pub kind: Kind,
    /// What holds where it is left out.
    pub fallback: Fallback,
    /// One sentence.
    pub doc: &'static str,
    /// What else there is to know; may be empty.
    pub long: &'static str,
    /// What a reload with another value does.
    pub reload: Reload,
}

impl Field {
    /// A field whose change takes effect without replacing anything.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, fallback: Fallback, doc: &'static str) -> Self {
        Self { name, kind, fallback, doc, long: "", reload: Reload::Live }
    }

    /// Adds what else there is to know.
    #[must_use]
    pub const fn long(self, long: &'static str) -> Self {
        Self { long, ..self }
    }

    /// A change holds for what is started from then on.
    #[must_use]
    pub const fn starts(self) -> Self {
        Self { reload: Reload::Next, ..self }
    }

    /// A change replaces the running replicas, one after the other.
    #[must_use]
    pub const fn replaces(self) -> Self {
        Self { reload: Reload::Replace, ..self }
    }

    /// A change needs a restart of `plimsoll up`.
    #[must_use]
    pub const fn restarts(self) -> Self {
        Self { reload: Reload::Restart, ..self }
    }
}

/// What a reload with another value does, from the mildest to the hardest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// Takes effect at once; nothing that runs is touched.
    Live,
    /// Holds for what is started from then on; what runs goes on with the old value.
    Next,
    /// Running replicas are replaced, because what they were started with changed. A run of a job is not: for jobs this
    /// is [`Reload::Next`].
    Replace,
    /// Takes effect at the next start of `plimsoll up`.
    Restart,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A number with a unit, in the unit's base, bounds included.
    Quantity {
        /// What it counts.
        unit: Unit,
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// `"unlimited"` is a value too.
        unlimited: bool,
    },
    /// Text of a form.
    Text(Form),
    /// One of a few words.
    Choice(&'static [Choice]),
    /// A list of texts.
    Texts {
        /// The form of each.
        form: Form,
        /// Fewest.
        min: usize,
    },
    /// A list of words, each of a few.
    Choices(&'static [Choice]),
    /// Environment variables: name = text.
    Variables,
    /// A table.
    Table(&'static Section),
    /// A list of tables, written `[[…]]`.
    Tables(&'static Section),
    /// A table of tables by chosen names.
    Named(&'static Section),
}

/// One word that may be chosen.
#[derive(Debug)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What holds where a field is left out.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// It may not be left out.
    Required,
    /// This value, for this reason.
    Is(Literal, &'static str),
    /// No value; this is what that means.
    Absent(&'static str),
    /// For a table: each of its own fields' defaults.
    Inner,
}

/// A default, as it would be written in the file.
#[derive(Debug, Clone, Copy)]
pub enum Literal {
    /// A string.
    Text(&'static str),
    /// An integer.
    Integer(i64),
    /// A number with decimals.
    Decimal(&'static str),
    /// `true` or `false`.
    Flag(bool),
}

impl Literal {
    /// As TOML.
    #[must_use]
    pub fn toml(self) -> String {
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(digits) => digits.to_owned(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

impl Kind {
    /// What may stand here, for a message: `an integer, 1 to 1000`.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Quantity { unit, unlimited, .. } => {
                let or = if *unlimited { ", or \"unlimited\"" } else { "" };
                format!("{}, {}{or}", unit.noun(), self.range().unwrap_or_default())
            }
            Self::Text(form) => form.noun().to_owned(),
            Self::Choice(choices) => format!("one of {}", words(choices)),
            Self::Texts { form: Form::Argument, .. } => "a list of strings".to_owned(),
            Self::Texts { form, .. } => format!("a list of strings, each {}", form.noun()),
            Self::Choices(choices) => format!("a list, each one of {}", words(choices)),
            Self::Variables => "a table of environment variables, each NAME = \"text\"".to_owned(),
            Self::Table(section) => {
                let names: Vec<&str> = section.fields.iter().map(|field| field.name).collect();
                let short = section.short.last().and_then(|name| section.field(name));
                let or = short.map(|field| format!("; or for short {}", field.kind.expected())).unwrap_or_default();
                format!("a table of {}{or}", names.join(", "))
            }
            Self::Tables(section) => format!("a list of tables, written [[{}]]", section.path),
            Self::Named(section) => format!("tables by name, written [{}]", section.path),
        }
    }

    /// The range of a quantity, as written: `1s to 1h`.
    #[must_use]
    pub fn range(&self) -> Option<String> {
        match self {
            Self::Quantity { unit, min, max, .. } => Some(format!("{} to {}", unit.print(*min), unit.print(*max))),
            _ => None,
        }
    }
}

/// These fields one after the other, for sections of two files that share some.
///
/// # Panics
/// While compiling, when there are not `N` of them.
#[must_use]
pub const fn joined<const N: usize>(parts: &[&[Field]]) -> [Field; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut count) = (0, 0);
    while part < parts.len() {
        let mut at = 0;
        while at < parts[part].len() {
            all[count] = parts[part][at];
            count += 1;
            at += 1;
        }
        part += 1;
    }
    assert!(count == N, "N is the number of fields");
    all
}

/// The words of a choice, for a message.
#[must_use]
pub fn words(choices: &[Choice]) -> String {
    choices.iter().map(|choice| format!("\"{}\"", choice.word)).collect::<Vec<_>>().join(", ")
}

/// Whole things, `min` to `max`.
#[must_use]
pub const fn count(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Count, min, max, unlimited: false }
}

/// A duration, bounds in milliseconds.
#[must_use]
pub const fn duration(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Duration, min, max, unlimited: false }
}

/// A size, bounds in bytes.
#[must_use]
pub const fn bytes(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Bytes, min, max, unlimited: false }
}

/// CPU, bounds in millicores.
#[must_use]
pub const fn cpu(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Cpu, min, max, unlimited: false }
}

/// A share, bounds in thousandths.
#[must_use]
pub const fn share(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Share, min, max, unlimited: false }
}

/// A rate, bounds in thousandths of a request per second.
#[must_use]
pub const fn rate(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Rate, min, max, unlimited: false }
}

/// A plain number, bounds in thousandths.
#[must_use]
pub const fn thousandths(min: i64, max: i64) -> Kind {
    Kind::Quantity { unit: Unit::Thousandths, min, max, unlimited: false }
}

/// The same quantity, or `"unlimited"`.
#[must_use]
pub const fn or_unlimited(kind: Kind) -> Kind {
    match kind {
        Kind::Quantity { unit, min, max, .. } => Kind::Quantity { unit, min, max, unlimited: true },
        other => other,
    }
}

/// Most entries of one list or one table of chosen names: services, routes, arguments, variables. A spec of more was
/// generated by mistake, and checks between entries stay cheap.
pub const ENTRIES_MAX: usize = 1_000;

/// One second in milliseconds.
pub const SECOND: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// One day in milliseconds.
pub const DAY: i64 = 24 * HOUR;
/// One kibibyte.
pub const KIB: i64 = 1 << 10;
/// One mebibyte.
pub const MIB: i64 = 1 << 20;
/// One gibibyte.
pub const GIB: i64 = 1 << 30;
/// One tebibyte.
pub const TIB: i64 = 1 << 40;
