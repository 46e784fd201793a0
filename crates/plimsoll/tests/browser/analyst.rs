//! The analyst's page in a browser: a question, proposals with their proofs, and who may answer them.

use super::chromium::{self, Page};
use super::common::load::RunningLoad;
use super::common::{Installation, eventually};
use super::pictures::take;
use super::{CONTRAST, DESK, PHONE};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Two services with four times the replicas they need; ten seconds of trace time are one of ours.
const SPEC: &str = r#"
name = "shop"
tick = "1s"
clock = { speed = 10 }
[analyst]
every = "20s"
[analyst.evolve]
every = "1m"
cpu = "1s"
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/left"
service = "left"
[[gateway.routes]]
path = "/right"
service = "right"
SERVICES
"#;

const SERVICE: &str = r#"
[services.NAME]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--latency-ms", "20"]
replicas = { min = 4, max = 6 }
requests = { cpu = "100m", memory = "16MiB" }
health = { path = "/healthz", interval = "500ms" }
startup = "200ms"
grace = "1s"
analyst = { mode = "advise", trial = "10h" }
[services.NAME.scaling]
request_rate = "200/s"
stabilization = { down = "5s" }
"#;

struct Stage {
    installation: Installation,
    page: Page,
    url: String,
    /// Tokens made so far.
    signed: Cell<u32>,
}

type Check = (&'static str, fn(&Stage));

const CHECKS: &[Check] = &[
    ("a question is asked and answered with its facts", it_answers),
    ("the dashboard's box leads to the answer", it_is_reached_from_the_dashboard),
    ("the last search for a formula is told", it_tells_of_searches),
    ("a proposal shows claim, evidence, verdict and proof", it_shows_the_proof),
    ("who has not the role operate sees no button", it_shows_no_button_to_readers),
    ("both themes can be read", it_has_two_themes),
    ("a phone needs no sideways scrolling", it_fits_a_phone),
    ("everything is reached by keyboard and has a name", it_can_be_used_without_a_mouse),
    ("a proposal is approved by whoever holds a token", it_approves),
    ("a proposal is rejected", it_rejects),
];

#[test]
fn the_analysts_page_in_a_browser() {
    let Some(program) = chromium::program() else {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none(), "chromium is missing");
        println!("did not run: the_analysts_page_in_a_browser: needs chromium");
        return;
    };
    let services = SERVICE.replace("NAME", "left") + &SERVICE.replace("NAME", "right");
    let installation = Installation::start(&SPEC.replace("SERVICES", &services));
    for name in ["left", "right"] {
        installation.wait_ready(name, 4);
    }
    let load = |name: &str| RunningLoad::constant(&format!("{}/{name}", installation.gateway()), 20.0, 900.0, 0.0);
    let loads = [load("left"), load("right")];
    let file: Value =
        serde_json::from_slice(&std::fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let url = format!("http://{}/analyst", file["api"].as_str().unwrap());
    let stage = Stage { installation, page: Page::open(program), url, signed: Cell::new(0) };
    // Proofs run at idle priority, and a browser beside them leaves them little.
    let deadline = Instant::now() + Duration::from_secs(150);
    while ["left", "right"].iter().any(|name| stage.waiting(name).is_none()) {
        assert!(Instant::now() < deadline, "{:?}", stage.proposals());
        std::thread::sleep(Duration::from_millis(200));
    }
    for (name, check) in CHECKS {
        eprintln!("browser: {name}");
        check(&stage);
    }
    let errors = stage.page.events("Runtime.exceptionThrown");
    assert_eq!(errors, [] as [Value; 0]);
    drop(loads);
    println!("browser, the analyst's page: {} checks passed", CHECKS.len());
}

impl Stage {
    fn load(&self, (width, height): (u32, u32), scheme: &str) {
        self.page.size(width, height, width < 600);
        self.page.prefer(scheme);
        self.page.go("about:blank");
        self.page.go(&self.url);
        self.page.wait("proposals", "document.querySelectorAll('article.p').length >= 2");
    }

    fn proposals(&self) -> Vec<Value> {
        let found = self.installation.get("/v1/proposals").unwrap_or_default();
        found["proposals"].as_array().cloned().unwrap_or_default()
    }

    /// The id of a proposal for this service that waits for a person.
    fn waiting(&self, service: &str) -> Option<String> {
        let all = self.proposals();
        let it = all.iter().find(|it| it["service"] == service && it["state"] == "waiting")?;
        Some(it["id"].as_str().unwrap().to_owned())
    }

    fn state(&self, id: &str) -> String {
        let found = self.installation.get(&format!("/v1/proposals/{id}")).unwrap_or_default();
        found["state"].as_str().unwrap_or_default().to_owned()
    }

    fn unfold(&self, id: &str) {
        self.page.eval(&format!("document.getElementById('h-{id}').click()"));
        self.page.wait("its body", &format!("document.querySelector('#b-{id} svg.plot') !== null"));
    }

    fn sign(&self, role: &str) {
        let name = format!("{role}-{}", self.signed.replace(self.signed.get() + 1));
        let secret = self.installation.stdout(&["token", "create", &name, "--role", role]);
        let secret = secret.trim();
        self.page.eval(&format!(
            "(() => {{ document.getElementById('token').value = {secret:?}; document.getElementById('use').click(); }})()"
        ));
        self.page.wait("the role", &format!("document.getElementById('who').textContent.endsWith('role {role}')"));
    }
}

fn it_answers(stage: &Stage) {
    stage.load(DESK, "light");
    stage.page.wait("examples", "document.querySelectorAll('#hints button').length === 4");
    stage.page.eval("(() => { document.getElementById('question').value = 'what limits left?'; document.getElementById('go').click(); })()");
    stage.page.wait(
        "an answer",
        "document.querySelectorAll('#answer .said p').length > 1 && document.querySelector('#answer .cite') !== null",
    );
    stage.page.eval("document.querySelector('#answer summary').click()");
    stage.page.wait("its facts", "document.querySelectorAll('#answer tbody tr').length > 0");
    stage.page.eval("(() => { document.getElementById('question').value = 'make me a sandwich'; document.getElementById('go').click(); })()");
    stage.page.wait("what can be asked", "document.getElementById('answer').innerText.includes('not understood')");
}

fn it_is_reached_from_the_dashboard(stage: &Stage) {
    stage.page.size(DESK.0, DESK.1, false);
    stage.page.go(&stage.url.replace("/analyst", "/"));
    stage.page.wait("the box", "document.querySelector('form.ask input') !== null");
    stage.page.eval("(() => { document.getElementById('q').value = 'what limits right?'; document.querySelector('form.ask button').click(); })()");
    stage.page.wait(
        "the answer",
        "location.pathname === '/analyst' && document.querySelectorAll('#answer .said p').length > 1",
    );
}

fn it_shows_the_proof(stage: &Stage) {
    stage.load(DESK, "light");
    let id = stage.waiting("left").unwrap();
    stage.unfold(&id);
    let shown = stage.page.eval(&format!("document.getElementById('b-{id}').innerText"));
    for part in ["Changes", "replicas min from 4", "Claim", "Evidence", "accepted", "What became of it", "rules"] {
        assert!(shown.as_str().unwrap().contains(part), "{part} is not in:\n{shown}");
    }
    let said = stage.page.eval(&format!("document.querySelector('#b-{id} svg.plot').getAttribute('aria-label')"));
    assert!(said.as_str().unwrap().contains("with confidence intervals: price over the incumbent"), "{said}");
    let intervals = stage.page.eval(&format!("document.querySelectorAll('#b-{id} svg .ci').length"));
    assert!(intervals.as_u64().unwrap() >= 4, "{intervals}");
    // What a person has unfolded stays so while news come in.
    std::thread::sleep(Duration::from_millis(3_500));
    assert_eq!(
        stage.page.eval(&format!("document.getElementById('h-{id}').getAttribute('aria-expanded')")),
        json!("true")
    );
}

fn it_tells_of_searches(stage: &Stage) {
    stage.load(DESK, "light");
    // A young history is too short to search on, which is said with its numbers.
    eventually("the page says of a search what the API says", || {
        let shown = stage.page.eval("document.getElementById('sought').innerText");
        let found = stage.installation.get("/v1/proposals")?;
        let of = found["searches"].as_array()?.first()?;
        let parts = [of["service"].as_str()?, of["because"].as_str()?, of["said"].as_str()?, "s of CPU"];
        parts.iter().all(|part| shown.as_str().is_some_and(|shown| shown.contains(part))).then_some(())
    });
}

fn it_shows_no_button_to_readers(stage: &Stage) {
    stage.load(DESK, "light");
    let id = stage.waiting("left").unwrap();
    stage.unfold(&id);
    assert_eq!(stage.page.eval("document.querySelectorAll('.acts').length"), json!(0));
    stage.sign("read");
    assert_eq!(stage.page.eval("document.querySelectorAll('.acts').length"), json!(0));
    assert_eq!(stage.page.eval("document.getElementById('token').value"), json!(""), "it is not left standing");
    stage.sign("operate");
    stage.page.wait("buttons", "document.querySelectorAll('.acts button').length === 2");
}

fn it_has_two_themes(stage: &Stage) {
    for scheme in ["light", "dark"] {
        stage.load(DESK, scheme);
        stage.sign("operate");
        let id = stage.waiting("left").unwrap();
        stage.unfold(&id);
        stage.page.wait("buttons", "document.querySelectorAll('.acts button').length === 2");
        assert_eq!(stage.page.eval(CONTRAST), json!([]), "text that is hard to read in {scheme}");
        stage.page.eval(&format!("document.getElementById('h-{id}').scrollIntoView({{ behavior: 'instant' }})"));
        take(&stage.page, &format!("analyst-{scheme}.png"));
    }
}

fn it_fits_a_phone(stage: &Stage) {
    stage.load(PHONE, "light");
    let id = stage.waiting("left").unwrap();
    stage.unfold(&id);
    assert_eq!(stage.page.eval("document.documentElement.scrollWidth <= innerWidth"), json!(true));
    let small = "[...document.querySelectorAll('button, summary, input')].filter(n => n.checkVisibility()).map(n => [n, n.getBoundingClientRect()]).filter(([n, r]) => r.width < 24 || r.height < 24).map(([n]) => n.id || n.textContent)";
    assert_eq!(stage.page.eval(small), json!([]), "targets of at least 24 by 24 pixels");
    take(&stage.page, "analyst-phone.png");
}

fn it_can_be_used_without_a_mouse(stage: &Stage) {
    stage.load(DESK, "light");
    let id = stage.waiting("left").unwrap();
    let (mut stops, mut unfolded) = (Vec::new(), false);
    for _ in 0..60 {
        stage.page.press("Tab");
        let stop = stage
            .page
            .eval("document.activeElement.id || document.activeElement.className || document.activeElement.tagName");
        let stop = stop.as_str().unwrap().to_owned();
        if stop == "BODY" {
            break;
        }
        let ring = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || document.activeElement.className === 'skip'; })()";
        assert_eq!(stage.page.eval(ring), json!(true), "the focus on {stop} is seen");
        if stop == format!("h-{id}") && !unfolded {
            stage.page.press("Enter");
            stage.page.wait("Enter unfolds it", &format!("document.querySelector('#b-{id} svg.plot') !== null"));
            assert_eq!(stage.page.eval("document.activeElement.id"), json!(stop), "and the focus stays");
            unfolded = true;
        }
        stops.push(stop);
    }
    assert!(unfolded, "{stops:?}");
    let place =
        |wanted: &str| stops.iter().position(|stop| stop == wanted).unwrap_or_else(|| panic!("{wanted}: {stops:?}"));
    assert!([place("skip"), place("question"), place("go"), place("token"), place("use")].is_sorted(), "{stops:?}");
    let spoken = stage.page.spoken();
    for role in ["button", "textbox", "image", "link", "heading", "region"] {
        let names: Vec<&String> = spoken.iter().filter(|(it, _)| it == role).map(|(_, name)| name).collect();
        assert!(!names.is_empty() && names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
    }
    let twice = stage.page.eval("(() => { const ids = [...document.querySelectorAll('[id]')].map(n => n.id); return ids.filter((id, i) => ids.indexOf(id) !== i); })()");
    assert_eq!(twice, json!([]), "ids are unique");
}

fn it_approves(stage: &Stage) {
    stage.load(DESK, "light");
    let id = stage.waiting("left").unwrap();
    stage.sign("operate");
    stage.unfold(&id);
    stage.page.eval(&format!("document.getElementById('y-{id}').click()"));
    stage.page.wait("it says so", &format!("document.getElementById('said').innerText.includes({id:?})"));
    eventually("it is on trial", || (stage.state(&id) == "on-trial").then_some(()));
    stage.page.wait("it can be taken back", &format!("document.getElementById('n-{id}')?.textContent === 'Take back'"));
    let audit = stage.installation.stdout(&["audit"]);
    assert!(audit.contains(&format!("/v1/proposals/{id}/approve")) && audit.contains("token operate-"), "{audit}");
}

fn it_rejects(stage: &Stage) {
    stage.load(DESK, "light");
    let id = stage.waiting("right").unwrap();
    stage.sign("operate");
    stage.unfold(&id);
    stage.page.eval(&format!("document.getElementById('n-{id}').click()"));
    eventually("it is rejected", || (stage.state(&id) == "rejected").then_some(()));
    stage.page.wait("no button is left", &format!("document.getElementById('n-{id}') === null"));
}
