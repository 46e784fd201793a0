//! The bytes of a chat completion: what is sent, and what is read of an answer.
//!
//! Of the answer only the first choice's text, why it ended and what it cost are read; whatever else stands there is left.
//! A server that streams although it was not asked to is read as well, event by event. Nothing is trusted: counts are
//! bounded, text is cut, and bytes that are no such answer are an error with a cleaned excerpt.
//!
//! # Source
//! OpenAI API reference, "Create chat completion", fields `response_format`, `max_tokens`, `max_completion_tokens`, `usage`; WHATWG HTML,
//! 9.2.6 "Interpreting an event stream", of which `data` fields alone are used.

use crate::budget::Tokens;
use crate::key::Key;
use crate::quirks::{Format, Quirks};
use plimsoll_analyst::evidence::{secrets, text};
use plimsoll_analyst::prompt::Prompt;
use serde_json::{Value, json};

/// Longest text of a model that is read, bytes.
const TEXT_MAX: usize = 64 * 1_024;
/// Most tokens that a report is believed.
const TOKENS_MAX: u64 = 100_000_000;

/// One more turn of the conversation: what the model said, and what was wrong with it.
#[derive(Debug, Clone)]
pub struct Repair {
    /// Its words, cut.
    pub said: String,
    /// The reader's message.
    pub wrong: String,
}

/// The body of a question.
#[must_use]
pub fn body(model: &str, prompt: &Prompt, repair: Option<&Repair>, quirks: Quirks, answer_tokens_max: u32) -> String {
    let system = match quirks.format {
        Format::Schema => prompt.system.clone(),
        Format::Object | Format::Words => {
            format!("{}\nThe JSON object must fit this JSON Schema: {}", prompt.system, prompt.schema)
        }
    };
    let mut messages =
        vec![json!({ "role": "system", "content": system }), json!({ "role": "user", "content": prompt.user })];
    if let Some(repair) = repair {
        messages.push(json!({ "role": "assistant", "content": repair.said }));
        let again = format!("That does not hold: {}. Answer again with the JSON object alone.", repair.wrong);
        messages.push(json!({ "role": "user", "content": again }));
    }
    let mut body = json!({ "model": model, "messages": messages, "stream": false });
    body[if quirks.new_bound { "max_completion_tokens" } else { "max_tokens" }] = json!(answer_tokens_max);
    if quirks.temperature {
        body["temperature"] = json!(0);
    }
    match quirks.format {
        Format::Schema => {
            let schema = json!({ "name": "answer", "strict": true, "schema": prompt.schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        Format::Object => body["response_format"] = json!({ "type": "json_object" }),
        Format::Words => {}
    }
    body.to_string()
}

/// What of an answer is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The model's words, cut at 64 KiB.
    pub text: String,
    /// It was cut off by the bound on tokens.
    pub is_cut: bool,
    /// What the server says it cost.
    pub tokens: Option<Tokens>,
}

/// Reads an answer.
///
/// # Errors
/// What is wrong, in one cleaned line.
pub fn completion(content_type: &str, bytes: &[u8]) -> Result<Completion, String> {
    if content_type.starts_with("text/event-stream") {
        return streamed(bytes);
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|_| format!("no JSON, it begins with {:?}", excerpt(bytes, None)))?;
    let choice = value.pointer("/choices/0").ok_or("it has no choices")?;
    let message = &choice["message"];
    let said = content(&message["content"]).ok_or_else(|| match message["refusal"].is_string() {
        true => "the model refuses to answer",
        false => "the first choice has no text",
    })?;
    Ok(Completion { text: cut(said), is_cut: choice["finish_reason"] == "length", tokens: tokens(&value["usage"]) })
}

/// A text, or the texts of a list of parts.
fn content(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(|part| part["text"].as_str()).collect()),
        _ => None,
    }
}

fn streamed(bytes: &[u8]) -> Result<Completion, String> {
    let stream = std::str::from_utf8(bytes).map_err(|_| "the stream is no UTF-8")?;
    let mut whole = Completion { text: String::new(), is_cut: true, tokens: None };
    let mut is_any = false;
    for line in stream.lines() {
        let Some(event) = line.strip_prefix("data:").map(str::trim) else { continue };
        if event == "[DONE]" {
            break;
        }
        let event: Value = serde_json::from_str(event).map_err(|_| "an event of the stream is no JSON")?;
        let choice = &event["choices"][0];
        if let Some(more) = choice["delta"]["content"].as_str() {
            is_any = true;
            whole.text.push_str(more);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            whole.is_cut = reason == "length";
        }
        whole.tokens = tokens(&event["usage"]).or(whole.tokens);
    }
    whole.text = cut(whole.text);
    if is_any { Ok(whole) } else { Err("the stream has no text".to_owned()) }
}

fn tokens(usage: &Value) -> Option<Tokens> {
    let count = |name: &str| usage[name].as_u64().map(|count| count.min(TOKENS_MAX));
    Some(Tokens { read: count("prompt_tokens")?, written: count("completion_tokens")? })
}

fn cut(mut text: String) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The names of the models that a list has.
///
/// # Errors
/// What is wrong, in one cleaned line.
pub fn models(bytes: &[u8]) -> Result<Vec<String>, String> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|_| format!("no JSON, it begins with {:?}", excerpt(bytes, None)))?;
    let list = value["data"].as_array().or_else(|| value["models"].as_array()).ok_or("it has no list of models")?;
    let name = |model: &Value| model["id"].as_str().or_else(|| model["name"].as_str()).map(text::name);
    Ok(list.iter().filter_map(name).take(1_000).collect())
}

/// Words of a server in one short line: without the key, without what looks like a secret, of plain characters.
#[must_use]
pub fn excerpt(bytes: &[u8], key: Option<&Key>) -> String {
    let words = String::from_utf8_lossy(&bytes[..bytes.len().min(2_048)]).into_owned();
    let words = key.map_or_else(|| words.clone(), |key| key.cut_from(&words));
    text::plain(&secrets::cut(&words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prompt() -> Prompt {
        Prompt {
            system: "S".into(),
            user: "U".into(),
            schema: json!({ "type": "object" }),
            hash: "h".into(),
            ids: Vec::new(),
            figures: Vec::new(),
        }
    }

    #[test]
    fn a_question_has_the_schema_where_the_server_takes_it_and_in_words_where_not() {
        let of = |quirks, repair: Option<&Repair>| -> Value {
            serde_json::from_str(&body("m", &prompt(), repair, quirks, 64)).unwrap()
        };
        let schema = of(Quirks::default(), None);
        assert_eq!(schema["response_format"]["json_schema"]["schema"]["type"], "object");
        assert_eq!(
            (&schema["max_tokens"], &schema["stream"], &schema["temperature"]),
            (&json!(64), &json!(false), &json!(0))
        );
        let words = Quirks { format: Format::Words, new_bound: true, temperature: false };
        let repair = Repair { said: "{}".into(), wrong: "no".into() };
        let words = of(words, Some(&repair));
        assert!(words["response_format"].is_null() && words["temperature"].is_null() && words["max_tokens"].is_null());
        assert!(words["messages"][0]["content"].as_str().unwrap().contains("JSON Schema: {\"type\":\"object\"}"));
        assert_eq!(words["messages"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn answers_are_read_whole_in_parts_and_streamed() {
        let whole = br#"{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
        let read = completion("application/json", whole).unwrap();
        assert_eq!((read.text.as_str(), read.is_cut, read.tokens), ("{}", false, Some(Tokens { read: 9, written: 2 })));
        let parts = br#"{"choices":[{"message":{"content":[{"type":"text","text":"{"},{"text":"}"}]},"finish_reason":"length"}]}"#;
        let read = completion("application/json", parts).unwrap();
        assert_eq!((read.text.as_str(), read.is_cut, read.tokens), ("{}", true, None));
        let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n\n: ping\ndata: {\"choices\":[{\"delta\":{\"content\":\"}\"},\"finish_reason\":\"stop\"}]}\ndata: [DONE]\n";
        let read = completion("text/event-stream; charset=utf-8", stream).unwrap();
        assert_eq!((read.text.as_str(), read.is_cut), ("{}", false));
        assert!(
            completion("text/event-stream", b"data: {\"choices\":[{\"delta\":{\"content\":\"{\"}}]}\n").unwrap().is_cut
        );
    }

    #[test]
    fn what_is_no_answer_is_an_error_with_a_cleaned_excerpt() {
        let said = completion("text/html", b"<html><script>token=hunter2hunter2</script>").unwrap_err();
        assert!(said.contains("no JSON") && !said.contains("hunter2") && !said.contains("<script"), "{said}");
        assert!(completion("", b"{}").unwrap_err().contains("no choices"));
        let refused = br#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#;
        assert!(completion("", refused).unwrap_err().contains("refuses"));
        assert_eq!(models(br#"{"data":[{"id":"a/b:1"},{"id":3}]}"#).unwrap(), ["a/b_1"]);
        assert!(models(b"[]").is_err());
        let key = Key::new("zq").unwrap();
        assert!(!excerpt(b"bad zq here", Some(&key)).contains("zq"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), is_stream in any::<bool>()) {
            let _ = completion(if is_stream { "text/event-stream" } else { "" }, &bytes);
            let _ = (models(&bytes), excerpt(&bytes, None));
        }
    }
}
