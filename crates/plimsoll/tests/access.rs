//! Who may do what, on a real installation: every route of the OpenAPI document asked with every kind of token, TLS beyond
//! loopback, tokens that are revoked, and the audit of it all.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, PLIMSOLL, eventually, follower};
use plimsoll_http_client::{Ask, Budget, Trust, exchange};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// The page that shows the table of routes.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md");
const BEGIN: &str = "<!-- routes: written by the test, UPDATE_EXPECT=1 cargo test -p plimsoll --test access -->\n";
const END: &str = "<!-- end of routes -->\n";

/// A spec whose API needs a token, within TLS where a certificate is named.
fn spec(name: &str, api: &str) -> String {
    follower(name, 1).replace("listen = \"127.0.0.1:0\"\n", &format!("listen = \"127.0.0.1:0\"\n{api}\n"))
        + "\n[jobs.tidy]\ncommand = [\"true\"]\nrequests = { cpu = \"10m\", memory = \"1MiB\" }\nschedule = \"manual\"\n"
}

/// A certificate for `localhost` and its key in `dir`.
fn certificate(dir: &Path) -> PathBuf {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.join("api.pem"), made.cert.pem()).unwrap();
    fs::write(dir.join("api.key"), made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(dir.join("api.key"), fs::Permissions::from_mode(0o600)).unwrap();
    dir.join("api.pem")
}

fn secret(installation: &Installation, name: &str, role: &str) -> String {
    installation.stdout(&["token", "create", name, "--role", role]).trim().to_owned()
}

fn api(installation: &Installation) -> String {
    let file: Value = serde_json::from_slice(&fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    file["api"].as_str().unwrap().to_owned()
}

/// The status of one request on a connection of its own; the rest of the answer is not waited for, because some never end.
fn status(api: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> u16 {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(common::PATIENCE)).unwrap();
    let shown = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{shown}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{method} {path} gave no answer");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Every operation of the document: method, path, and the role that it says it needs.
fn operations(document: &Value) -> Vec<(String, String, String)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let role = operation["x-plimsoll-role"].as_str().unwrap_or("unsaid").to_owned();
            all.push((method.to_uppercase(), path.clone(), role));
        }
    }
    // Ends the daemon, so it comes last.
    all.sort_by_key(|(method, path, _)| (path == "/v1/shutdown", path.clone(), method.clone()));
    all
}

/// Whether a caller who was let in or turned away got this.
fn is_let_in(status: u16) -> bool {
    !matches!(status, 401 | 403)
}

#[test]
fn every_route_of_the_document_lets_in_whom_it_says_and_the_page_shows_it() {
    let mut installation = Installation::prepare(&spec("roles", "require_token = true"), &[]);
    installation.up_until(|installation| installation.get_as_owner("/v1/state"));
    let callers: Vec<(&str, Option<String>)> = vec![
        ("nobody", None),
        ("read", Some(secret(&installation, "eyes", "read"))),
        ("submit", Some(secret(&installation, "ci", "submit"))),
        ("operate", Some(secret(&installation, "ops", "operate"))),
    ];
    let document = installation.get_as_owner("/v1/openapi.json").unwrap();
    let address = api(&installation);
    let rank = |role: &str| ["none", "read", "submit", "operate"].iter().position(|known| *known == role);
    let mut page = String::from(
        "| route | needs | no token | `read` | `submit` | `operate` |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let operations = operations(&document);
    assert!(operations.len() >= 17, "{operations:?}");
    for (method, path, needs) in &operations {
        let needed = rank(needs).unwrap_or_else(|| panic!("{method} {path} says no role"));
        let concrete = path.replace("{service}", "nosuch").replace("{job}", "nosuch");
        let mut row = format!("| `{method} {path}` | {needs} |");
        for (rank, (caller, token)) in callers.iter().enumerate() {
            // What is sent is nothing that could be done, but for the last one of all.
            let status = status(&address, method, &concrete, token.as_deref(), "");
            let expected = rank >= needed;
            assert_eq!(is_let_in(status), expected, "{method} {path} by {caller}: {status}");
            assert_eq!(status == 401, !expected && rank == 0, "{method} {path} by {caller}: {status}");
            assert!(status < 500 || (path == "/healthz" && status == 503), "{method} {path} by {caller}: {status}");
            row += if expected { " yes |" } else { " no |" };
        }
        page += &format!("{row}\n");
    }
    installation.ended();
    let written = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = written.split_once(BEGIN).expect("the page has a place for the table");
    let (table, after) = rest.split_once(END).expect("the place has an end");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{page}{END}{after}")).unwrap();
    } else {
        assert_eq!(table, page, "docs/access.md is stale: UPDATE_EXPECT=1 cargo test -p plimsoll --test access");
    }
}

#[test]
fn without_tokens_loopback_stays_open_to_look_and_closed_to_change() {
    let installation = Installation::start(&spec("open", ""));
    let address = api(&installation);
    assert_eq!(status(&address, "GET", "/v1/state", None, ""), 200);
    assert_eq!(status(&address, "POST", "/v1/reload", None, ""), 401);
    assert_eq!(status(&address, "POST", "/v1/jobs/tidy/run", None, ""), 401);
    let owner = fs::read_to_string(installation.state_dir().join("token")).unwrap();
    assert_eq!(status(&address, "POST", "/v1/jobs/tidy/run", Some(owner.trim()), ""), 200);
    // A named token counts from the moment that it is made, and not after it is revoked.
    let ci = secret(&installation, "ci", "submit");
    assert_eq!(status(&address, "POST", "/v1/jobs/tidy/run", Some(&ci), ""), 200);
    assert_eq!(status(&address, "POST", "/v1/reload", Some(&ci), ""), 403);
    let listed = installation.stdout(&["token", "list"]);
    assert!(listed.contains("ci") && listed.contains("submit") && !listed.contains(&ci), "{listed}");
    installation.stdout(&["token", "revoke", "ci"]);
    assert_eq!(status(&address, "POST", "/v1/jobs/tidy/run", Some(&ci), ""), 401);
    // The secret is nowhere in the state directory.
    assert!(!holds(&installation.state_dir(), ci.rsplit('_').next().unwrap()));
    // A page of another origin may not write, whatever it shows.
    let foreign = |field: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let owner = owner.trim();
        write!(
            stream,
            "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner}\r\n{field}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(foreign("Origin: http://evil.example").starts_with("HTTP/1.1 403"));
    assert!(foreign("Sec-Fetch-Site: cross-site").starts_with("HTTP/1.1 403"));
    assert!(foreign("Origin: http://localhost").starts_with("HTTP/1.1 200"));
}

/// Whether a file below holds this text.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = if path.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

fn remote(arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PLIMSOLL);
    command.args(arguments).env_remove("PLIMSOLL_STATE_DIR").env_remove("PLIMSOLL_TOKEN");
    command.envs(env.iter().copied()).output().unwrap()
}

#[test]
fn another_machine_is_reached_within_tls_with_a_token_that_nobody_sees() {
    let mut installation = Installation::prepare("", &[]);
    let authority = certificate(installation.dir.path());
    installation.write_spec(&spec("tls", "certificate = \"api.pem\"\nkey = \"api.key\"\nrequire_token = true"));
    // The command line of this machine takes the certificate from the state directory.
    installation.up_until(|installation| {
        let output = installation.run(&["status", "--output", "json"]);
        output.status.success().then(|| serde_json::from_slice::<Value>(&output.stdout).unwrap())
    });
    let operate = secret(&installation, "ops", "operate");
    let read = secret(&installation, "eyes", "read");
    let port = api(&installation).rsplit(':').next().unwrap().to_owned();
    let server = format!("https://localhost:{port}");
    let ca = authority.to_str().unwrap().to_owned();
    let with = |arguments: &[&str], token: &str| {
        let mut all = arguments.to_vec();
        all.extend(["--server", &server, "--ca", &ca]);
        remote(&all, &[("PLIMSOLL_TOKEN", token)])
    };
    let text = |output: &Output| {
        let both = [&output.stdout[..], &output.stderr[..]].concat();
        String::from_utf8(both).unwrap()
    };
    let seen = with(&["status"], &read);
    assert!(seen.status.success() && text(&seen).contains("web"), "{}", text(&seen));
    let refused = with(&["scale", "web", "2", "--by", "me"], &read);
    assert!(text(&refused).contains("this needs the role operate; token eyes has read"), "{}", text(&refused));
    let done = with(&["scale", "web", "2", "--by", "me"], &operate);
    assert!(text(&done).contains("by order of me via ops"), "{}", text(&done));
    let nobody = with(&["status"], "");
    assert!(text(&nobody).contains("PLIMSOLL_TOKEN"), "{}", text(&nobody));
    let wrong = with(&["status"], &format!("{read}0"));
    assert!(text(&wrong).contains("the token is wrong") && !text(&wrong).contains(&read), "{}", text(&wrong));
    // Without the authority the certificate is nobody's; without TLS there is no answer at all.
    let untrusted = remote(&["status", "--server", &server], &[("PLIMSOLL_TOKEN", &read)]);
    assert!(!untrusted.status.success() && !text(&untrusted).contains(&read), "{}", text(&untrusted));
    let clear = remote(&["status", "--server", "http://192.0.2.1:7411"], &[("PLIMSOLL_TOKEN", &read)]);
    assert!(text(&clear).contains("in the clear"), "{}", text(&clear));
    let local = with(&["explain", "web"], &operate);
    assert!(text(&local).contains("--server: this command reads the state directory"), "{}", text(&local));
    // A file does as well.
    let file = installation.dir.path().join("ops.token");
    fs::write(&file, format!("{operate}\n")).unwrap();
    let by_file = remote(
        &["audit", "--server", &server, "--ca", &ca, "--token-file", file.to_str().unwrap(), "--output", "json"],
        &[],
    );
    let audit: Value = serde_json::from_slice(&by_file.stdout).unwrap_or_else(|_| panic!("{}", text(&by_file)));
    let scaled = audit["requests"].as_array().unwrap().iter().find(|it| it["status"] == 200).unwrap();
    assert_eq!((scaled["who"].as_str(), scaled["subject"].as_str()), (Some("token ops"), Some("web")));
    // Reading the certificate again serves the new one, and what began goes on.
    certificate(installation.dir.path());
    installation.stdout(&["reload"]);
    let again = with(&["status"], &read);
    assert!(again.status.success(), "{}", text(&again));
}

#[test]
fn beyond_loopback_nothing_is_served_without_a_certificate() {
    let installation = Installation::prepare(
        &spec("bare", "").replace("listen = \"127.0.0.1:0\"\n", "listen = \"0.0.0.0:0\"\nexpose = true\n"),
        &[],
    );
    let output = installation.run(&["up", installation.spec_path().to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("tokens would travel in the clear"), "{said}");
}

#[test]
fn the_audit_says_who_asked_for_what_and_survives_a_crash() {
    let mut installation = Installation::start(&spec("audit", ""));
    installation.wait_ready("web", 1);
    let address = api(&installation);
    let (ci, eyes) = (secret(&installation, "ci", "submit"), secret(&installation, "eyes", "read"));
    assert_eq!(status(&address, "POST", "/v1/jobs/tidy/run", Some(&ci), ""), 200);
    let event =
        "{\"name\":\"sale\",\"service\":\"web\",\"for_ms\":60000,\"factor_permille\":1500,\"by\":\"shop team\"}";
    assert_eq!(status(&address, "POST", "/v1/events", Some(&ci), event), 200);
    assert_eq!(status(&address, "POST", "/v1/events", Some(&ci), "{\"name\":1}"), 400);
    assert_eq!(status(&address, "POST", "/v1/services/web/wheel", Some(&eyes), "{}"), 403);
    assert_eq!(status(&address, "PUT", "/v1/policy", None, "x"), 401);
    installation.stdout(&["scale", "web", "2", "--by", "alice"]);
    installation.kill_daemon();
    let audit: Value = serde_json::from_str(&installation.stdout(&["audit", "--output", "json"])).unwrap();
    let told: Vec<(String, String, u64)> = audit["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let who = it["who"].as_str().unwrap().split(" (").next().unwrap().to_owned();
            let what = format!("{} {}", it["method"].as_str().unwrap(), it["path"].as_str().unwrap());
            (who, what, it["status"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        ("token ci", "POST /v1/jobs/tidy/run", 200),
        ("token ci", "POST /v1/events", 200),
        ("token ci", "POST /v1/events", 400),
        ("token eyes", "POST /v1/services/web/wheel", 403),
        ("anonymous", "PUT /v1/policy", 401),
        ("owner", "POST /v1/services/web/wheel", 200),
    ];
    let expected: Vec<_> = expected.map(|(who, what, status)| (who.to_owned(), what.to_owned(), status)).into();
    assert_eq!(told, expected);
    let event = &audit["requests"][1];
    assert_eq!(event["request"]["by"], "shop team", "what came, as it came");
    let text = installation.stdout(&["audit", "--service", "web"]);
    assert_eq!(text.matches("/v1/services/web/wheel").count(), 2, "{text}");
    assert!(!text.contains("/v1/jobs") && text.contains("2 replicas by order of alice"), "{text}");
    assert!(installation.stdout(&["audit", "--since", "1ms"]).contains("no request"));
    // The records are no part of what is decided.
    installation.up();
    let replayed: Value = serde_json::from_str(&installation.stdout(&["replay", "--output", "json"])).unwrap();
    assert_eq!(replayed["different"], 0, "{replayed}");
}

#[test]
fn whoever_is_turned_away_a_thousand_times_fills_no_disk_and_is_counted() {
    let installation = Installation::start(&spec("noise", ""));
    let address = api(&installation);
    for _ in 0..1_000 {
        assert_eq!(status(&address, "POST", "/v1/reload", Some("plim_x_00"), ""), 401);
    }
    let metrics = installation.get("/metrics").unwrap().as_str().unwrap().to_owned();
    assert!(metrics.contains("plimsoll_api_refused_total{status=\"401\"} 1000"), "{metrics}");
    let audit: Value = eventually("the records", || {
        let audit: Value = serde_json::from_str(&installation.stdout(&["audit", "--output", "json"])).unwrap();
        (audit["requests"].as_array()?.len() >= 20).then_some(audit)
    });
    let requests = audit["requests"].as_array().unwrap();
    assert!(requests.len() < 100, "{}", requests.len());
    let mut by_status: BTreeMap<u64, usize> = BTreeMap::new();
    requests.iter().for_each(|it| *by_status.entry(it["status"].as_u64().unwrap()).or_default() += 1);
    assert_eq!(by_status.len(), 1, "{by_status:?}");
}

#[test]
fn a_body_that_never_comes_and_one_that_is_too_long_are_refused() {
    let installation = Installation::start(&spec("slow", ""));
    let owner = fs::read_to_string(installation.state_dir().join("token")).unwrap();
    let mut stream = TcpStream::connect(api(&installation)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let owner = owner.trim();
    write!(
        stream,
        "PUT /v1/policy HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {owner}\r\nContent-Length: 100\r\n\r\nname"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 408");
    let url = format!("http://{}/v1/policy", api(&installation));
    let mut ask = Ask::post_json(url.parse().unwrap(), vec![b'x'; (1 << 20) + 1]).bearer(owner).trusting(Trust::System);
    ask.method = "PUT".parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(exchange(ask, Budget::default()));
    // A client that goes on sending may see the connection end instead of the answer.
    assert!(answer.map_or(true, |answer| answer.status.as_u16() == 413));
}
