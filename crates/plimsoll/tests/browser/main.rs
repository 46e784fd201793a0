//! The dashboard in a real browser, on a real daemon with real load: what a person, a keyboard and a screen reader get.
//!
//! One installation and one browser for all checks, because starting them is what takes the time; each check stands alone on a
//! page that was loaded anew, and their count is printed at the end. With `PLIMSOLL_PICTURES=1` the pictures of the docs are
//! made: `PLIMSOLL_PICTURES=1 cargo test -p plimsoll --test browser`.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

#[path = "../common/mod.rs"]
mod common;

mod analyst;
mod chromium;
mod pictures;

use chromium::Page;
use common::load::RunningLoad;
use common::{Installation, eventually, follower};
use serde_json::{Value, json};

/// Size of a usual window, and of a phone.
const DESK: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);

/// What is checked.
type Check = (&'static str, fn(&Stage));

const CHECKS: &[Check] = &[
    ("it loads without an error, and asks nobody but the daemon", it_loads),
    ("it follows the daemon without being asked", it_follows),
    ("a replica, a service's decisions and a stretch of time can be looked into", it_drills_down),
    ("an operator's order is shown with the reasons", it_shows_orders),
    ("dark and light can both be read, as the system says and as chosen", it_has_two_themes),
    ("a phone needs no sideways scrolling and its buttons can be hit", it_fits_a_phone),
    ("everything can be reached and used by keyboard", it_works_by_keyboard),
    ("a screen reader is told what everything is", it_can_be_heard),
    ("a daemon that is gone is said to be gone", it_says_when_nobody_answers),
];

/// A running installation and a browser.
struct Stage {
    installation: Installation,
    page: Page,
    url: String,
}

impl Stage {
    /// The page anew.
    fn load(&self, (width, height): (u32, u32), scheme: &str) {
        self.page.size(width, height, width < 600);
        self.page.prefer(scheme);
        self.page.go("about:blank");
        self.page.go(&self.url);
        self.page.eval("localStorage.clear()");
        self.page.go("about:blank");
        self.page.go(&self.url);
        self.page.wait(
            "the first state",
            "document.querySelectorAll('.tile').length >= 2 && document.getElementById('feed').children.length > 0",
        );
    }

    fn text(&self, selector: &str) -> String {
        self.page
            .eval(&format!("document.querySelector({selector:?}).innerText"))
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[test]
fn the_dashboard_in_a_browser() {
    let Some(program) = chromium::program() else {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none(), "chromium is missing");
        println!("did not run: the_dashboard_in_a_browser: needs chromium");
        return;
    };
    let spec = follower("shop", 2).replace("[api]", "[clock]\nspeed = 10\n[api]");
    let installation = Installation::start(&spec);
    installation.wait_ready("web", 2);
    let file: Value =
        serde_json::from_slice(&std::fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let url = format!("http://{}/", file["api"].as_str().unwrap());
    let stage = Stage { installation, page: Page::open(program), url };
    let load = RunningLoad::constant(&stage.installation.gateway(), 30.0, 60.0, 0.0);
    eventually("some load", || (stage.installation.service("web")["traffic"]["finished"].as_u64()? > 0).then_some(()));
    for (name, check) in CHECKS {
        eprintln!("browser: {name}");
        if *name == CHECKS[CHECKS.len() - 1].0 {
            pictures(&stage);
        }
        check(&stage);
    }
    drop(load);
    if pictures::are_wanted() {
        pictures::of_the_day(&stage.page);
    }
    println!("browser: {} checks passed", CHECKS.len());
}

fn it_loads(stage: &Stage) {
    stage.load(DESK, "light");
    assert_eq!(stage.page.events("Runtime.exceptionThrown"), [] as [Value; 0]);
    let errors: Vec<Value> = stage
        .page
        .events("Log.entryAdded")
        .into_iter()
        .filter(|it| it["params"]["entry"]["level"] == "error")
        .collect();
    assert_eq!(errors, [] as [Value; 0]);
    let asked: Vec<String> = stage
        .page
        .events("Network.requestWillBeSent")
        .iter()
        .map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned())
        .collect();
    assert!(asked.iter().any(|url| url.contains("/v1/history")), "{asked:?}");
    let foreign: Vec<&String> = asked
        .iter()
        .filter(|url| !url.starts_with(&stage.url) && !url.starts_with("data:") && *url != "about:blank")
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(
        stage.text("#name").contains("shop") && stage.text("#health").contains("healthy"),
        "{}",
        stage.text("header")
    );
    stage.page.wait("a drawn load", "document.querySelector('svg.p .area.s-load') !== null");
}

fn it_follows(stage: &Stage) {
    stage.load(DESK, "light");
    stage.page.wait("two replicas", "document.querySelector('article .now b').textContent.startsWith('2')");
    stage.installation.stdout(&["scale", "web", "3", "--for", "1h", "--by", "browser"]);
    stage.page.wait("a third one, without a reload", "document.querySelectorAll('.tile.ready').length === 3");
    stage.installation.stdout(&["resume", "web", "--by", "browser"]);
    stage.page.wait("two again", "document.querySelectorAll('.tile.ready').length === 2");
    let clock = stage.text("#clock");
    stage.page.wait("the clock goes on", &format!("document.getElementById('clock').textContent !== {clock:?}"));
}

fn it_drills_down(stage: &Stage) {
    stage.load(DESK, "light");
    stage.page.eval("document.querySelector('.tile').click()");
    stage.page.wait("the replica", "!document.getElementById('pop').hidden");
    let shown = stage.text("#pop");
    for part in ["web/", "Endpoint", "127.0.0.1", "Reserved", "syscalls"] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    stage.page.eval("document.body.click()");
    assert_eq!(stage.page.eval("document.getElementById('pop').hidden"), json!(true));
    stage.page.eval("(() => { const s = document.getElementById('filter'); s.value = 'web'; s.dispatchEvent(new Event('change')); })()");
    stage.page.wait("its decisions with actions and reasons", "document.querySelectorAll('#feed li.d .act').length > 0 && document.querySelectorAll('#feed li.d .rs').length > 0");
    stage.page.eval("[...document.querySelectorAll('#spans button')].find(b => b.textContent === '1 h').click()");
    stage.page.wait("another stretch", "document.querySelector('#spans [aria-pressed=true]').textContent === '1 h' && document.querySelector('svg.p').getAttribute('aria-label').includes('1 h')");
}

fn it_shows_orders(stage: &Stage) {
    stage.load(DESK, "light");
    stage.installation.stdout(&["pause", "web", "--for", "1h", "--by", "browser"]);
    stage.page.wait("the order", "document.querySelector('article').innerText.includes('by order of browser')");
    stage.installation.stdout(&["resume", "web", "--by", "browser"]);
    stage.page.wait("its end", "!document.querySelector('article').innerText.includes('by order of browser')");
}

/// Contrast of every text with what is behind it, by WCAG 2.2; those under 4.5 (3 where it is large), with where they are.
const CONTRAST: &str = r#"(() => {
  const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]));
  const behind = node => { const all = []; for (let n = node; n; n = n.parentElement) all.push(parse(getComputedStyle(n).backgroundColor)); return all.reverse().reduce((c, b) => over(b, c), [255, 255, 255]); };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || !node.checkVisibility({ visibilityProperty: true }) || node.closest("script,style,.vh,.skip,noscript,option")) continue;
    const style = getComputedStyle(node), svg = node instanceof SVGElement, under = behind(svg ? node.closest(".card") : node);
    const [a, b] = [light(over(parse(svg ? style.fill : style.color), under)), light(under)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    if (svg && node.style.fill) continue;
    if (ratio < (large ? 3 : 4.5)) poor.push(text + ": " + ratio.toFixed(2));
  }
  return poor;
})()"#;

fn it_has_two_themes(stage: &Stage) {
    let dark = "(() => { const c = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return c[0] + c[1] + c[2] < 200; })()";
    for (scheme, is_dark) in [("light", false), ("dark", true)] {
        stage.load(DESK, scheme);
        assert_eq!(stage.page.eval(dark), json!(is_dark), "{scheme}");
        assert_eq!(stage.page.eval(CONTRAST), json!([]), "text that is hard to read in {scheme}");
    }
    // The button goes through dark and light back to what the system says, and is remembered.
    stage.load(DESK, "light");
    stage.page.eval("document.getElementById('theme').click()");
    assert_eq!(stage.page.eval(dark), json!(true));
    stage.page.go("about:blank");
    stage.page.go(&stage.url);
    assert_eq!(stage.page.eval(dark), json!(true), "it is remembered");
    stage.page.eval("document.getElementById('theme').click()");
    assert_eq!(stage.page.eval(dark), json!(false));
    assert_eq!(
        stage.page.eval("document.getElementById('theme').getAttribute('aria-label')"),
        json!("Theme: light. Change")
    );
}

fn it_fits_a_phone(stage: &Stage) {
    stage.load(PHONE, "light");
    assert_eq!(
        stage.page.eval("document.documentElement.scrollWidth <= innerWidth"),
        json!(true),
        "no sideways scrolling"
    );
    let cut = "[...document.querySelectorAll('.card, .kpi, .tile, .seg, header')].filter(n => n.checkVisibility() && (n.getBoundingClientRect().right > innerWidth + 1 || n.getBoundingClientRect().left < -1)).map(n => n.className || n.tagName)";
    assert_eq!(stage.page.eval(cut), json!([]), "nothing sticks out");
    let small = "[...document.querySelectorAll('button, select, summary')].filter(n => n.checkVisibility()).map(n => [n, n.getBoundingClientRect()]).filter(([n, r]) => r.width < 24 || r.height < 24).map(([n, r]) => (n.id || n.textContent) + ' ' + r.width + 'x' + r.height)";
    assert_eq!(stage.page.eval(small), json!([]), "targets of at least 24 by 24 pixels (WCAG 2.2, 2.5.8)");
    // Whoever taps a tile has it on the screen.
    stage.page.eval("document.querySelector('.tile').scrollIntoView({ block: 'center', behavior: 'instant' })");
    stage.page.eval("document.querySelector('.tile').click()");
    stage.page.wait("the replica", "!document.getElementById('pop').hidden");
    let inside = "(() => { const r = document.getElementById('pop').getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight + 1; })()";
    assert_eq!(stage.page.eval(inside), json!(true), "the replica's figures are on the screen");
}

fn it_works_by_keyboard(stage: &Stage) {
    stage.load(DESK, "light");
    let focused = "(document.activeElement.id || document.activeElement.className || document.activeElement.tagName)";
    stage.page.press("Tab");
    assert_eq!(stage.page.eval(focused), json!("skip"), "the first stop leads past the header");
    assert_eq!(stage.page.eval("document.activeElement.getBoundingClientRect().left >= 0"), json!(true), "and is seen");
    stage.page.press("Enter");
    stage.page.wait("the services", "location.hash === '#main'");
    stage.load(DESK, "light");
    // Every stop is seen, and the order is that of the page.
    let mut stops = Vec::new();
    for _ in 0..40 {
        stage.page.press("Tab");
        let stop = stage.page.eval(focused).as_str().unwrap().to_owned();
        if stop == "BODY" {
            break;
        }
        let ring = "(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || document.activeElement.className === 'skip'; })()";
        assert_eq!(stage.page.eval(ring), json!(true), "the focus on {stop} is seen");
        if stop.starts_with("tile") && !stops.iter().any(|it: &String| it.starts_with("tile")) {
            stage.page.wait("a replica in focus is shown", "!document.getElementById('pop').hidden");
            stage.page.press("Escape");
            stage.page.wait("Escape hides it", "document.getElementById('pop').hidden");
            stage.page.press("Enter");
            stage.page.wait("Enter shows it again", "!document.getElementById('pop').hidden");
            stage.page.press("Escape");
        }
        if stop == "plots" {
            stage.page.press("ArrowLeft");
            assert_eq!(
                stage.page.eval("document.querySelectorAll('svg.p .x').length > 0"),
                json!(true),
                "arrows read values"
            );
        }
        stops.push(stop);
    }
    let place = |wanted: &str| {
        stops
            .iter()
            .position(|stop| stop.starts_with(wanted))
            .unwrap_or_else(|| panic!("{wanted} cannot be reached: {stops:?}"))
    };
    let order = [place("skip"), place("theme"), place("plots"), place("tile"), place("filter"), place("feed")];
    assert!(order.is_sorted(), "{stops:?}");
}

fn it_can_be_heard(stage: &Stage) {
    stage.load(DESK, "light");
    stage.page.wait(
        "drawn charts",
        "[...document.querySelectorAll('svg.p')].every(n => n.ariaLabel.includes('over the last'))",
    );
    let spoken = stage.page.spoken();
    let of = |role: &str| spoken.iter().filter(|(it, _)| it == role).map(|(_, name)| name.as_str()).collect::<Vec<_>>();
    for role in ["button", "image", "combobox", "link", "group", "heading"] {
        let nameless = of(role).iter().filter(|name| name.trim().is_empty()).count();
        assert_eq!(nameless, 0, "every {role} has a name: {:?}", of(role));
        assert!(!of(role).is_empty(), "there is a {role}");
    }
    assert!(
        of("main").len() == 1 && of("banner").len() == 1 && of("complementary").len() == 1,
        "landmarks: {spoken:?}"
    );
    let headings = stage.page.eval(
        "[...document.querySelectorAll('h1,h2,h3')].filter(n => n.checkVisibility()).map(n => n.tagName).join(' ')",
    );
    assert!(headings.as_str().unwrap().starts_with("H1 H2"), "{headings}");
    assert!(
        of("image").iter().any(|name| name.starts_with("Requests per second of web over the last")),
        "{:?}",
        of("image")
    );
    assert!(
        of("button").iter().any(|name| name.contains("Replica web/") && name.contains("ready")),
        "{:?}",
        of("button")
    );
    assert!(of("status").len() == 1, "what changes is announced");
    assert_eq!(stage.page.eval("document.documentElement.lang"), json!("en"));
    assert_eq!(stage.page.eval("document.title"), json!("shop · Plimsoll"));
    let twice = stage.page.eval("(() => { const ids = [...document.querySelectorAll('[id]')].map(n => n.id); return ids.filter((id, i) => ids.indexOf(id) !== i); })()");
    assert_eq!(twice, json!([]), "ids are unique");
}

fn it_says_when_nobody_answers(stage: &Stage) {
    stage.load(DESK, "light");
    let pid = stage.installation.daemon_pid();
    common::signal(pid, rustix::process::Signal::STOP);
    let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        stage.page.wait("no answer", "document.getElementById('health').textContent.startsWith('no answer') && document.body.classList.contains('stale')");
    }));
    common::signal(pid, rustix::process::Signal::CONT);
    said.unwrap();
    stage.page.wait("it is back", "document.getElementById('health').textContent === 'healthy'");
}

/// Pictures can be taken of every size and scheme.
fn pictures(stage: &Stage) {
    for (name, size, scheme) in [
        ("dashboard.png", DESK, "light"),
        ("dashboard-dark.png", DESK, "dark"),
        ("dashboard-phone.png", PHONE, "light"),
    ] {
        stage.load(size, scheme);
        stage.page.wait("a drawn load", "document.querySelector('svg.p .area.s-load') !== null");
        pictures::take(&stage.page, name);
    }
}
