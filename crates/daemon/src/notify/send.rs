//! Messages to one receiver: signed, tried again, bounded, and waited for by nobody.
//!
//! # Source
//! RFC 2104 (HMAC). The signature covers the time too, so that a message cannot be sent again later by somebody else.

use crate::api::access::hex;
use hyper::header::{HeaderName, HeaderValue};
use plimsoll_http_client::{Ask, Budget, Url, exchange};
use plimsoll_model::operations::WebhookSpec;
use ring::hmac;
use std::cell::{Cell, RefCell};
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 64 * 1024;
/// Largest secret that is read, bytes.
const SECRET_MAX: u64 = 4_096;
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(3_600);

/// What became of messages.
#[derive(Debug, Default)]
pub struct Tally {
    /// Taken by the receiver.
    pub sent: Cell<u64>,
    /// Given up.
    pub failed: Cell<u64>,
    /// Without room in the queue.
    pub dropped: Cell<u64>,
    /// Why the last one that failed did.
    pub fault: RefCell<Option<String>>,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Tells it from all others; the same at every try.
    pub id: String,
    /// What it is about.
    pub event: &'static str,
    /// JSON.
    pub body: String,
}

/// Sends what comes, in order, until nobody can send more.
pub async fn run(spec: WebhookSpec, mut messages: mpsc::Receiver<Message>, tally: Rc<Tally>) {
    while let Some(message) = messages.recv().await {
        match deliver(&spec, &message).await {
            Ok(()) => {
                tally.sent.set(tally.sent.get() + 1);
                *tally.fault.borrow_mut() = None;
            }
            Err(why) => {
                tally.failed.set(tally.failed.get() + 1);
                *tally.fault.borrow_mut() = Some(why);
            }
        }
    }
}

async fn deliver(spec: &WebhookSpec, message: &Message) -> Result<(), String> {
    let url: Url = spec.url.parse().map_err(|error: plimsoll_http_client::UrlError| error.to_string())?;
    let budget = Budget { deadline: Duration::from_millis(spec.timeout.get()), body_bytes_max: ANSWER_MAX };
    let mut pause = Duration::from_millis(spec.backoff.get());
    let mut why = String::new();
    for tried in 1..=spec.tries.max(1) {
        let ask = signed(Ask::post_json(url.clone(), message.body.clone()), spec, message)?;
        match exchange(ask, budget).await {
            Ok(answer) if answer.status.is_success() => return Ok(()),
            // It understood and does not want it: saying it again would not help.
            Ok(answer) if answer.status.is_client_error() && !matches!(answer.status.as_u16(), 408 | 429) => {
                return Err(format!("{}: it answered {}", spec.url, answer.status));
            }
            Ok(answer) => why = format!("{}: it answered {} {tried} times", spec.url, answer.status),
            Err(error) => why = format!("{}: {error}", spec.url),
        }
        if tried < spec.tries {
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(BACKOFF_MAX);
        }
    }
    Err(why)
}

fn signed(mut ask: Ask, spec: &WebhookSpec, message: &Message) -> Result<Ask, String> {
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            ask.headers.push((HeaderName::from_static(name), value));
        }
    };
    add("x-plimsoll-event", message.event);
    add("x-plimsoll-delivery", &message.id);
    if let Some(path) = &spec.secret {
        let secret = secret(path)?;
        let seconds = crate::clock::wall_ms() / 1_000;
        add("x-plimsoll-signature", &signature(&secret, seconds, &message.body));
    }
    Ok(ask)
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA-256 of `SECONDS.BODY`.
#[must_use]
pub fn signature(secret: &[u8], seconds: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("t={seconds},v1={}", hex(hmac::sign(&key, format!("{seconds}.{body}").as_bytes()).as_ref()))
}

/// Read each time, so that a secret that was changed is used at once.
fn secret(path: &str) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("secret {path}: {error}");
    let file = std::fs::metadata(path).map_err(failed)?;
    let mode = file.permissions().mode() & 0o777;
    if mode & 0o027 != 0 {
        return Err(format!("secret {path}: other users may read it (mode {mode:03o}); allowed is 600, 640 or less"));
    }
    if file.len() > SECRET_MAX {
        return Err(format!("secret {path}: longer than {SECRET_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let secret = bytes.trim_ascii();
    if secret.is_empty() { Err(format!("secret {path}: it is empty")) } else { Ok(secret.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_time_and_body() {
        // By another implementation: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let expected = "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature(b"key", 1_700_000_000, "{\"a\":1}"), expected);
    }

    #[test]
    fn a_secret_that_others_may_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "  s3cret\n").unwrap();
        let text = path.to_str().unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(secret(text).unwrap_err().contains("mode 644"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret(text).unwrap(), b"s3cret");
        std::fs::write(&path, "\n").unwrap();
        assert!(secret(text).unwrap_err().contains("empty"));
    }
}
