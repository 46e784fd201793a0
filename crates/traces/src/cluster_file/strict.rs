//! Reading serialised nouns without overlooking anything: unknown and repeated fields are errors, and errors have a path.
//!
//! The nouns themselves accept unknown fields, because a newer journal must stay readable; a file that a person writes must
//! not. serde hands the known names to `deserialize_struct`, so this reader needs no list of its own that could drift.

use plimsoll_config::nearest;
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Map, Value};
use std::fmt;

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Path of the field from the line's root.
    pub(super) path: String,
    /// What is wrong with it.
    pub(super) problem: String,
}

impl Wrong {
    pub(super) fn at(path: &str, problem: &str) -> Self {
        Self { path: path.to_owned(), problem: problem.to_owned() }
    }

    /// The line is no JSON; serde's own place is given as a byte of this line.
    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        Self::at("(whole line)", &format!("is not JSON as it must be: {reason} (byte {})", error.column()))
    }

    pub(super) fn unknown(field: &str, known: &[&str]) -> Self {
        let hint = crate::did_you_mean(nearest(field, known.iter().copied()));
        let field: String = field.chars().take(80).collect();
        Self::at(&field, &format!("is not known{hint}; known are {}", known.join(", ")))
    }

    /// The same, seen from one level further out.
    pub(super) fn inside(mut self, outer: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{outer}{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::at("", &problem.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::at("", &format!("{found} is not {}", in_words(&expected.to_string())))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let hint = crate::did_you_mean(nearest(variant, expected.iter().copied()));
        let variant: String = variant.chars().take(80).collect();
        Self::at("", &format!("{variant:?} is not known{hint}; known are {}", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at(field, "is missing")
    }
}

/// The range of a type of Rust, which means nothing to who wrote the file.
fn in_words(expected: &str) -> String {
    match expected {
        "u64" => "a whole number from 0 to 18446744073709551615".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "i64" => "a whole number from -9223372036854775808 to 9223372036854775807".into(),
        "i32" => "a whole number from -2147483648 to 2147483647".into(),
        other => match other.strip_prefix("struct ") {
            Some(noun) => format!("the fields of a {noun}"),
            None => other.to_owned(),
        },
    }
}

/// A deserialiser over a parsed line.
#[derive(Clone, Copy)]
pub(super) struct Strict<'de>(pub(super) &'de Value);

impl<'de> Strict<'de> {
    fn map<V: Visitor<'de>>(map: &'de Map<String, Value>, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_map(Fields { rest: map.iter(), value: None })
    }
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { rest: items.iter(), index: 0 }),
            Value::Object(map) => Self::map(map, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Object(map) => match map.keys().find(|key| !known.contains(&key.as_str())) {
                Some(stranger) => Err(Wrong::unknown(stranger, known)),
                None => Self::map(map, visitor),
            },
            // A derived reader takes a list for a struct, by place; in a file that would be a riddle.
            Value::Array(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(de::Error::custom("is not one of the known words")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Fields<'de> {
    rest: serde_json::map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((key, value));
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let Some((key, value)) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its name"));
        };
        seed.deserialize(Strict(value)).map_err(|wrong: Wrong| wrong.inside(key))
    }
}

struct Items<'de> {
    rest: std::slice::Iter<'de, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        seed.deserialize(Strict(value)).map(Some).map_err(|wrong: Wrong| wrong.inside(&format!("[{index}]")))
    }
}

/// A parsed line in which no object names a field twice (`serde_json::Value` keeps the last in silence).
pub(super) struct Unique(pub(super) Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            found.push(item);
        }
        Ok(found.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let Unique(value) = fields.next_value()?;
            if found.insert(key.clone(), value).is_some() {
                return Err(de::Error::custom(format_args!("the field {key:?} stands twice in one object")));
            }
        }
        Ok(found.into())
    }
}
