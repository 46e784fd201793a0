//! YAML as the tables that the spec's reader takes, with every place kept as bytes of the YAML file.
//!
//! So an object of Kubernetes is read against the same table of fields as a spec, and a mistake in it is shown in its own
//! file, with line, field, value and what may stand there. Only what such objects use is read: mappings with text keys,
//! lists, scalars. Aliases are refused, because a document of a few lines could stand for gigabytes.
//!
//! # Source
//! YAML 1.2.2, the core schema's integers and booleans; events by the `saphyr-parser` crate.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Deepest nesting; an object of Kubernetes has about ten levels.
const DEPTH_MAX: usize = 64;

/// A value with its place.
pub type Node<'t> = Spanned<DeValue<'t>>;

/// Why a text is not read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Where.
    pub span: Range<usize>,
    /// Why.
    pub reason: String,
}

/// The documents of a file, in their order; empty ones are left out.
///
/// # Errors
/// [`Unread`] at the first place that is no YAML, or more than these objects use.
pub fn documents(text: &str) -> Result<Vec<Node<'_>>, Unread> {
    let mut offsets: Vec<usize> = text.char_indices().map(|(offset, _)| offset).collect();
    offsets.push(text.len());
    let mut reader = Reader { parser: Parser::new_from_str(text), text, offsets };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamEnd | Event::Nothing => {}
            event => documents.extend(reader.node(event, span, 0)?),
        }
    }
    Ok(documents)
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    text: &'t str,
    /// Where each character begins, and the end.
    offsets: Vec<usize>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Range<usize>)>, Unread> {
        match self.parser.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, self.bytes(span)))),
            Some(Err(error)) => {
                let at = self.offset(error.marker().index());
                Err(Unread { span: at..at, reason: error.info().to_owned() })
            }
        }
    }

    fn offset(&self, character: usize) -> usize {
        self.offsets.get(character).copied().unwrap_or(self.text.len())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        self.offset(span.start.index())..self.offset(span.end.index())
    }

    fn expect(&mut self) -> Result<(Event<'t>, Range<usize>), Unread> {
        let at = self.text.len();
        self.next()?.ok_or_else(|| Unread { span: at..at, reason: "the document ends in the middle".to_owned() })
    }

    /// One value; none for a null.
    fn node(&mut self, event: Event<'t>, span: Range<usize>, depth: usize) -> Result<Option<Node<'t>>, Unread> {
        let at = span.clone();
        let refused = |reason: &str| Err(Unread { span: at, reason: reason.to_owned() });
        if depth > DEPTH_MAX {
            return refused("it is nested deeper than any object");
        }
        match event {
            Event::Scalar(_, ScalarStyle::Plain, ..) => {
                let written = self.text.get(span.clone()).unwrap_or_default().trim_end();
                Ok(scalar(written).map(|value| Spanned::new(span, value)))
            }
            Event::Scalar(text, ..) => Ok(Some(Spanned::new(span, DeValue::String(Cow::Owned(text.into_owned()))))),
            Event::SequenceStart(..) => self.list(span, depth).map(Some),
            Event::MappingStart(..) => self.table(span, depth).map(Some),
            Event::Alias(_) => refused("aliases are not read; write the value out"),
            _ => refused("a value is missing"),
        }
    }

    fn list(&mut self, span: Range<usize>, depth: usize) -> Result<Node<'t>, Unread> {
        let mut items = DeArray::new();
        loop {
            match self.expect()? {
                (Event::SequenceEnd, end) => {
                    return Ok(Spanned::new(span.start..end.start.max(span.end), DeValue::Array(items)));
                }
                (event, span) => {
                    if let Some(item) = self.node(event, span, depth + 1)? {
                        items.push(item);
                    }
                }
            }
        }
    }

    fn table(&mut self, span: Range<usize>, depth: usize) -> Result<Node<'t>, Unread> {
        let mut table = DeTable::new();
        loop {
            let (event, at) = self.expect()?;
            let key = match event {
                Event::MappingEnd => return Ok(Spanned::new(span, DeValue::Table(table))),
                Event::Scalar(text, ..) => Spanned::new(at.clone(), Cow::<str>::Owned(text.into_owned())),
                _ => return Err(Unread { span: at, reason: "a key is no text".to_owned() }),
            };
            let (event, span) = self.expect()?;
            let value = self.node(event, span, depth + 1)?;
            if table.contains_key::<str>(key.get_ref().as_ref()) {
                return Err(Unread { span: at, reason: format!("`{}` is set twice", key.get_ref()) });
            }
            // A null is as good as nothing.
            if let Some(value) = value {
                table.insert(key, value);
            }
        }
    }
}

/// A plain scalar by the core schema; decimals stay text, because a quantity is read exactly.
fn scalar(text: &str) -> Option<DeValue<'_>> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => None,
        "true" | "True" | "TRUE" => Some(DeValue::Boolean(true)),
        "false" | "False" | "FALSE" => Some(DeValue::Boolean(false)),
        // Written as TOML would write it, so that TOML's own reader takes it; else it stays text, and is told of as such.
        _ if is_integer(text) => DeValue::parse(text).ok().map(Spanned::into_inner),
        _ => Some(DeValue::String(Cow::Borrowed(text))),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_digits && (digits == "0" || !digits.starts_with('0'))
}
