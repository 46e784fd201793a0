//! JSON as it goes to a person, to a program, and to a log.

use serde::Serialize;

/// Indented, ending in a line end; for `--json` on a terminal and for files that people read.
///
/// # Errors
/// When the value cannot be serialised, such as a map whose keys are no strings.
pub fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

/// Without blanks and without a line end; for HTTP bodies.
///
/// # Errors
/// When the value cannot be serialised.
pub fn compact(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

/// One record of a JSON-lines stream: [`compact`] with a line end. JSON escapes line ends within strings, so a record
/// is always one line.
///
/// # Errors
/// When the value cannot be serialised.
pub fn line(value: &impl Serialize) -> Result<String, serde_json::Error> {
    compact(value).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_form_ends_as_its_reader_expects() {
        let value = json!({ "a": [1, "x\ny"] });
        assert_eq!(compact(&value).unwrap(), r#"{"a":[1,"x\ny"]}"#);
        assert_eq!(line(&value).unwrap().lines().count(), 1);
        assert_eq!(pretty(&value).unwrap(), "{\n  \"a\": [\n    1,\n    \"x\\ny\"\n  ]\n}\n");
    }
}
