//! Who gets in with what.

use super::*;
use crate::api::Source;
use hyper::header::{AUTHORIZATION, HeaderValue};
use std::path::Path;

const LOCAL: &str = "127.0.0.1:5000";
const REMOTE: &str = "192.0.2.7:5000";
const OWNER: &str = "0123456789abcdef0123456789abcdef";

fn source(from: &str) -> Source {
    Source { local: "192.0.2.1:7411".parse().ok(), from: from.parse().unwrap(), is_secure: true }
}

fn access(dir: &Path, requires_token: bool) -> Access {
    Access::new(OWNER.to_owned(), dir.join("tokens.json"), requires_token)
}

fn ask(access: &Access, method: &str, path: &str, shown: Option<&str>, from: &str) -> Result<Caller, u16> {
    let mut headers = HeaderMap::new();
    if let Some(shown) = shown {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(shown).unwrap());
    }
    let method: Method = method.parse().unwrap();
    access
        .ask((&method, path, &headers), source(from), (Instant::now(), 1_000))
        .map_err(|refused| refused.status.as_u16())
}

#[test]
fn on_loopback_everybody_reads_and_only_a_token_writes() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path(), false);
    assert_eq!(ask(&access, "GET", "/v1/state", None, LOCAL).unwrap().role, Some(Role::Read));
    assert_eq!(ask(&access, "POST", "/v1/reload", None, LOCAL), Err(401));
    assert_eq!(ask(&access, "GET", "/v1/audit", None, LOCAL), Err(401), "a token is what it lacks");
    let owner = format!("Bearer {OWNER}");
    assert_eq!(ask(&access, "POST", "/v1/reload", Some(&owner), LOCAL).unwrap().who, Who::Owner);
    assert_eq!(ask(&access, "GET", "/v1/state", Some("Bearer wrong"), LOCAL), Err(401), "a wrong token is not nobody");
}

#[test]
fn where_a_token_is_required_nobody_reads_without_and_health_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path(), true);
    let owner = format!("Bearer {OWNER}");
    assert_eq!(ask(&access, "GET", "/v1/state", None, REMOTE), Err(401));
    assert_eq!(ask(&access, "GET", "/healthz", None, REMOTE).unwrap().role, None);
    assert_eq!(ask(&access, "GET", "/v1/state", Some(&owner), REMOTE), Err(401), "the owner's stays at home");
    assert!(ask(&access, "GET", "/v1/state", Some(&owner), LOCAL).is_ok());
    assert!(ask(&access, "GET", "/v1/state", Some(&owner), "192.0.2.1:9").is_ok(), "from its own address");
}

#[test]
fn a_named_token_does_what_its_role_holds_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let (access, path) = (access(dir.path(), true), dir.path().join("tokens.json"));
    let secret = create(&path, "ci", Role::Submit, None, 0).unwrap();
    let shown = format!("Bearer {secret}");
    let allowed = |method: &str, path: &str| ask(&access, method, path, Some(&shown), REMOTE).map(|caller| caller.who);
    assert_eq!(allowed("GET", "/v1/state"), Ok(Who::Token("ci".to_owned())));
    assert_eq!(allowed("POST", "/v1/jobs/nightly/run"), Ok(Who::Token("ci".to_owned())));
    assert_eq!(allowed("POST", "/v1/services/shop/wheel"), Err(403));
    assert_eq!(allowed("POST", "/v1/whatever"), Err(403));
    revoke(&path, "ci").unwrap();
    assert_eq!(allowed("GET", "/v1/state"), Err(401));
}

#[test]
fn a_browser_looks_and_does_not_write() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path(), true);
    // The pair `x:0123456789abcdef0123456789abcdef` in base 64.
    let shown = Some("Basic eDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==");
    assert_eq!(ask(&access, "GET", "/", shown, LOCAL).unwrap().who, Who::Owner);
    assert_eq!(ask(&access, "POST", "/v1/reload", shown, LOCAL), Err(401));
    // To ask is to look.
    assert_eq!(ask(&access, "POST", "/v1/ask", shown, LOCAL).unwrap().who, Who::Owner);
}

#[test]
fn an_address_that_shows_wrong_tokens_again_and_again_is_not_listened_to() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path(), true);
    let secret = create(&dir.path().join("tokens.json"), "ci", Role::Read, None, 0).unwrap();
    let right = format!("Bearer {secret}");
    for _ in 0..failures::FAILURES_MAX {
        assert_eq!(ask(&access, "GET", "/v1/state", Some("Bearer plim_ci_00"), REMOTE), Err(401));
    }
    assert_eq!(ask(&access, "GET", "/v1/state", Some(&right), REMOTE), Err(429));
    assert!(ask(&access, "GET", "/v1/state", Some(&right), "192.0.2.8:1").is_ok());
}

#[test]
fn a_refusal_says_which_role_is_needed_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let access = access(dir.path(), true);
    let secret = create(&dir.path().join("tokens.json"), "eyes", Role::Read, None, 0).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {secret}")).unwrap());
    let at = (Instant::now(), 0);
    let refused = access.ask((&Method::POST, "/v1/reload", &headers), source(REMOTE), at).unwrap_err();
    assert_eq!(refused.detail, "this needs the role operate; token eyes has read");
    let refused = access.ask((&Method::POST, "/v1/reload", &HeaderMap::new()), source(REMOTE), at).unwrap_err();
    assert!(refused.detail.contains("of the role operate"), "{}", refused.detail);
}
