//! Golden frames: a picture and what is looked at, as the lines that a terminal of 80×24 gets.

use super::frame::lines;
use super::keys::Key;
use super::picture::Picture;
use super::screen::{Screen, Then};
use crate::args::TopView;
use expect_test::{Expect, expect};
use plimsoll_report::{Style, width};
use serde_json::json;

fn picture() -> Picture {
    let replica = |id: &str, phase: &str, cpu: u64| {
        json!({
            "id": id, "pid": 4711, "phase": phase, "since_ms": 65_400, "cpu_millicores": cpu, "memory_bytes": 12_582_912,
            "throttled_permille": if cpu > 90 { 120 } else { 0 }, "requests": { "cpu_millicores": 100, "memory_bytes": 33_554_432 },
            "limits": { "cpu": null, "memory": null, "pids": null }, "endpoint": "127.0.0.1:40001", "in_flight": 2,
            "ejected": null, "isolation": null
        })
    };
    let traffic = |rate: u64, p99: u64, failed: u64| {
        json!({ "rate_milli_rps": rate, "in_flight_milli": 2_000, "finished": 240, "failed": failed, "shed": 0,
            "latency_p50_us": 3_000, "latency_p99_us": p99 })
    };
    let service = |name: &str,
                   target: u32,
                   replicas: Vec<serde_json::Value>,
                   traffic: serde_json::Value,
                   held: &[&str]| {
        json!({ "name": name, "target": target, "current": replicas.len(), "ready": replicas.len(), "replicas": replicas,
            "traffic": traffic, "forecast": null, "order": null, "withheld": held,
            "reason": format!("120/s arriving, 50/s wanted per replica: {target} replicas, in a sentence that is longer than the line") })
    };
    let state = json!({
        "name": "shop", "version": "0.1.0", "trace_time_ms": 1_515_330_300_000_i64, "trace_time": "2018-01-07T13:05:00Z",
        "speed": 60, "uptime_ms": 185_000, "steps": 120, "healthy": true, "findings": ["web/3 was killed by signal 9", "another"],
        "node": { "allocatable": { "cpu_millicores": 4_000, "memory_bytes": 8_589_934_592_u64 },
            "reserved": { "cpu_millicores": 500, "memory_bytes": 167_772_160 },
            "used": { "cpu_millicores": 312, "memory_bytes": 1_181_116_006 },
            "pressure": { "cpu_permille": null, "memory_permille": null, "io_permille": null }, "disk_free_bytes": null },
        "services": [
            service("web", 3, vec![replica("web/1", "ready", 95), replica("web/2", "ready", 40)], traffic(120_000, 12_000, 0), &["no room: 1 replica of 100m"]),
            service("api", 1, vec![replica("api/7", "ready", 10)], traffic(9_500, 88_000, 3), &[]),
            service("idle", 0, vec![], serde_json::Value::Null, &[]),
        ],
        "jobs": [], "announced": [],
        "gateway": { "pid": 5, "connected": true, "adopted": false, "connections_open": 17, "listeners": ["127.0.0.1:8080"] }
    });
    let decisions = json!([
        { "step": 118, "at_ms": 0, "at": "2018-01-07T13:03:00Z", "services": ["web"], "actions": ["start web/2"],
          "reasons": ["120/s arriving over 50/s wanted per replica is 3 replicas, and 1 runs; one more fits on the node"] },
        { "step": 7, "at_ms": 0, "at": "2018-01-07T12:07:00Z", "services": ["api"], "actions": [], "reasons": ["nothing to do"] }
    ]);
    let course = vec![Some(10.0), Some(60.0), Some(120.0), None, Some(110.0)];
    Picture {
        state: serde_json::from_value(state).unwrap(),
        decisions: serde_json::from_value(decisions).unwrap(),
        courses: [("web".to_owned(), course)].into(),
    }
}

fn check(screen: &Screen, size: (u16, u16), wanted: &Expect) {
    let shown = lines(&picture(), screen, size, &Style::unicode(usize::from(size.0)));
    assert_eq!(shown.len(), usize::from(size.1), "as many lines as rows");
    for line in &shown {
        assert!(width(&line.text) <= usize::from(size.0), "too wide: {}", line.text);
    }
    let marked = |line: &super::frame::Line| {
        // A sign on every line: what is expected is written indented, and common blanks would count as indentation.
        let mark = if line.is_chosen { ">" } else { "|" };
        format!("{}\n", format!("{mark}{}", line.text).trim_end())
    };
    wanted.assert_eq(&shown.iter().map(marked).collect::<String>());
}

#[test]
fn services_are_listed_with_their_load_and_last_reason() {
    check(
        &Screen::default(),
        (80, 16),
        &expect![[r#"
            |shop  healthy  2018-01-07T13:05:00Z ×60  up 3m5s  step 120
            |node  CPU 312m of 4000m, 500m reserved   memory 1.1GiB of 8.0GiB   17 connectio…
            |! (+1) web/3 was killed by signal 9
            |
            |SERVICE<      LOAD  READY TARGET      CPU    P99  FAIL  LAST REASON
            >api          9.5/s      1      1      10m 88.0ms     3  120/s arriving, 50/s wa…
            |idle             -      0      0       0m      -     -  120/s arriving, 50/s wa…
            |web          120/s      2      3     135m 12.0ms     0  held back: no room: 1 r…
            |
            |
            |
            |
            |
            |
            |
            |Enter look  d decisions  r replicas  s sort: name  / filter  ? keys  q quit
        "#]],
    );
}

#[test]
fn a_service_shows_its_figures_reasons_replicas_and_decisions() {
    let screen = Screen { view: TopView::Service, service: Some("web".to_owned()), ..Screen::default() };
    check(
        &screen,
        (80, 24),
        &expect![[r#"
            |shop  healthy  2018-01-07T13:05:00Z ×60  up 3m5s  step 120
            |node  CPU 312m of 4000m, 500m reserved   memory 1.1GiB of 8.0GiB   17 connectio…
            |! (+1) web/3 was killed by signal 9
            |
            |web
            |replicas  2 ready, 2 running, 3 wanted
            |load      120/s   p50 3.0ms   p99 12.0ms   0 failed, 0 shed of 240
            |          ▂▅█ ▇  at most 120/s
            |why       120/s arriving, 50/s wanted per replica: 3 replicas, in a sentence
            |          that is longer than the line
            |held back no room: 1 replica of 100m
            |
            |REPLICA       PHASE          AGE          CPU   MEMORY FLIGHT  ENDPOINT
            |web/1         ready         1m5s  95m of 100m  12.0MiB      2  127.0.0.1:40001
            |    throttled 12% of its time
            |web/2         ready         1m5s  40m of 100m  12.0MiB      2  127.0.0.1:40001
            |
            |2018-01-07T13:03:00Z step 118  start web/2
            |    120/s arriving over 50/s wanted per replica is 3 replicas, and 1 runs; one
            |    more fits on the node
            |
            |
            |
            |Esc back  d decisions  r replicas  o service  Up Down move  ? keys  q quit
        "#]],
    );
}

#[test]
fn decisions_and_replicas_and_help_fit_a_small_terminal() {
    let of = |view| Screen { view, service: Some("web".to_owned()), ..Screen::default() };
    check(
        &of(TopView::Decisions),
        (60, 12),
        &expect![[r#"
            |shop  healthy  2018-01-07T13:05:00Z ×60  up 3m5s  step 120
            |node  CPU 312m of 4000m, 500m reserved   memory 1.1GiB of 8…
            |! (+1) web/3 was killed by signal 9
            |
            |web: decisions, newest first
            |2018-01-07T13:03:00Z step 118  start web/2
            |    120/s arriving over 50/s wanted per replica is 3
            |    replicas, and 1 runs; one more fits on the node
            |
            |
            |
            |Esc back  d decisions  r replicas  o service  Up Down move …
        "#]],
    );
    check(
        &of(TopView::Replicas),
        (60, 12),
        &expect![[r#"
            |shop  healthy  2018-01-07T13:05:00Z ×60  up 3m5s  step 120
            |node  CPU 312m of 4000m, 500m reserved   memory 1.1GiB of 8…
            |! (+1) web/3 was killed by signal 9
            |
            |web: 2 replicas
            |REPLICA       PHASE          AGE          CPU   MEMORY FLIG…
            |web/1         ready         1m5s  95m of 100m  12.0MiB     …
            |    throttled 12% of its time
            |web/2         ready         1m5s  40m of 100m  12.0MiB     …
            |
            |
            |Esc back  d decisions  r replicas  o service  Up Down move …
        "#]],
    );
    check(
        &Screen { is_help: true, ..Screen::default() },
        (60, 12),
        &expect![[r#"
            |shop  healthy  2018-01-07T13:05:00Z ×60  up 3m5s  step 120
            |node  CPU 312m of 4000m, 500m reserved   memory 1.1GiB of 8…
            |! (+1) web/3 was killed by signal 9
            |
            |Up, Down, k, j     choose, or move a list
            |PgUp, PgDn         ten at once
            |Home, End, g, G    to the start, to the end
            |Enter, Right       look into the service
            |d                  its decisions, with their reasons
            |r                  its replicas
            |o                  the service again
            |any key goes back
        "#]],
    );
}

#[test]
fn keys_choose_sort_filter_look_into_and_go_back() {
    let picture = picture();
    let mut screen = Screen::default();
    let listed =
        |screen: &Screen| screen.listed(&picture).iter().map(|it| it.name.clone()).collect::<Vec<_>>().join(" ");
    let chosen = |screen: &Screen| screen.chosen(&picture).map(|it| it.name.clone()).unwrap_or_default();
    assert_eq!((listed(&screen), chosen(&screen)), ("api idle web".to_owned(), "api".to_owned()));
    assert_eq!(screen.press(Key::Char('s'), &picture), Then::Stay);
    assert_eq!((listed(&screen), screen.sort.word()), ("web api idle".to_owned(), "load"));
    screen.press(Key::Char('s'), &picture);
    assert_eq!((listed(&screen), screen.sort.word()), ("api web idle".to_owned(), "p99"));
    screen.press(Key::Down, &picture);
    assert_eq!(chosen(&screen), "web");
    assert_eq!(screen.press(Key::Enter, &picture), Then::Ask);
    assert_eq!((screen.view, screen.service.as_deref()), (TopView::Service, Some("web")));
    assert_eq!(screen.press(Key::Char('d'), &picture), Then::Ask);
    assert_eq!(screen.view, TopView::Decisions);
    screen.press(Key::Back, &picture);
    assert_eq!(screen.view, TopView::Service);
    assert_eq!(screen.press(Key::Back, &picture), Then::Ask);
    assert_eq!((screen.view, chosen(&screen).as_str()), (TopView::Services, "web"));
    for key in [Key::Char('/'), Key::Char('a'), Key::Char('q'), Key::Erase, Key::Char('p'), Key::Enter] {
        assert_eq!(screen.press(key, &picture), Then::Stay, "letters go into the filter");
    }
    assert_eq!((listed(&screen), screen.filter.as_str()), ("api".to_owned(), "ap"));
    screen.press(Key::Back, &picture);
    assert_eq!(listed(&screen), "api web idle");
    screen.press(Key::Char('?'), &picture);
    assert_eq!((screen.is_help, screen.press(Key::Char('q'), &picture)), (true, Then::Stay), "any key leaves the help");
    screen.press(Key::Char(' '), &picture);
    assert!(screen.is_held);
    assert_eq!(screen.press(Key::Interrupt, &picture), Then::Quit);
    assert_eq!(screen.press(Key::Char('q'), &picture), Then::Quit);
}

#[test]
fn text_of_the_daemon_cannot_steer_the_terminal() {
    let mut picture = picture();
    picture.state.services[0].reason = "\x1b[2J\x07gone".to_owned();
    picture.state.services[0].name = "we\x1b]0;b".to_owned();
    for view in [TopView::Services, TopView::Service] {
        let screen = Screen { view, service: Some("we\x1b]0;b".to_owned()), ..Screen::default() };
        for line in lines(&picture, &screen, (80, 24), &Style::unicode(80)) {
            assert!(!line.text.contains(['\x1b', '\x07']), "{:?}", line.text);
        }
    }
}
