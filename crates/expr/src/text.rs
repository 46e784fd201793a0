//! An expression serialised is its text: what people read in a journal is what is read back.

use crate::expr::Expr;
use crate::parse::ParseError;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::str::FromStr;

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl FromStr for Expr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_the_text() {
        let expr: Expr = "a/b".parse().unwrap();
        let json = serde_json::to_string(&expr).unwrap();
        assert_eq!(json, "\"a / b\"");
        assert_eq!(serde_json::from_str::<Expr>(&json).unwrap(), expr);
        let error = serde_json::from_str::<Expr>("\"a +\"").unwrap_err().to_string();
        assert!(error.starts_with("line 1, column 4: expected a number"), "{error}");
    }
}
