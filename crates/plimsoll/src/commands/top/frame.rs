//! A picture as lines: the whole of what is drawn, without a terminal.
//!
//! As many lines as there are rows, none wider than the columns; text from the daemon goes through `clean`, so that nothing in
//! it can steer the terminal.

use super::picture::{COURSE, Picture};
use super::screen::{Screen, Sort, cpu_millicores};
use crate::args::TopView;
use plimsoll_daemon::view::{ReplicaView, ServiceView, StateView};
use plimsoll_model::{Bytes, Micros, MilliRps, Millicores, Millis, Permille};
use plimsoll_report::{Style, Tone, clean, pad_left, pad_right, sparkline, truncate, wrap};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// What it is to the reader.
    pub tone: Tone,
    /// It is chosen.
    pub is_chosen: bool,
}

impl Line {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain, is_chosen: false }
    }

    fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

const KEYS: [&str; 13] = [
    "Up, Down, k, j     choose, or move a list",
    "PgUp, PgDn         ten at once",
    "Home, End, g, G    to the start, to the end",
    "Enter, Right       look into the service",
    "d                  its decisions, with their reasons",
    "r                  its replicas",
    "o                  the service again",
    "Esc, Left          back",
    "s                  sort by name, load, p99, CPU, failures",
    "/                  filter by name (Enter keeps it, Esc clears it)",
    "Space              hold the picture, and let it go on",
    "?                  these keys",
    "q, Ctrl-C          end",
];

/// The lines of a frame.
pub fn lines(picture: &Picture, screen: &Screen, (columns, rows): (u16, u16), style: &Style) -> Vec<Line> {
    let (columns, rows) = (usize::from(columns), usize::from(rows));
    let mut top = header(picture, screen, columns);
    let foot = footer(screen);
    let room = rows.saturating_sub(top.len() + 1);
    let body = if screen.is_help {
        KEYS.iter().map(|key| Line::of(*key)).collect()
    } else {
        match screen.view {
            TopView::Services => services(picture, screen, columns, room),
            TopView::Service => service(picture, screen, columns, style),
            TopView::Decisions => decisions(picture, screen, columns),
            TopView::Replicas => replicas(picture, screen, columns),
        }
    };
    // A list that was moved past its end stays at its last line.
    let skip =
        if matches!(screen.view, TopView::Services) { 0 } else { screen.scroll.min(body.len().saturating_sub(room)) };
    top.extend(body.into_iter().skip(skip).take(room));
    top.resize_with(rows.saturating_sub(1), || Line::of(""));
    top.push(Line::of(foot).tone(Tone::Dim));
    for line in &mut top {
        line.text = truncate(&clean(&line.text), columns, style);
    }
    top
}

/// A line as it is written to a terminal.
pub fn painted(line: &Line, columns: u16, style: &Style) -> String {
    if !line.is_chosen || !style.colour {
        return style.paint(&line.text, line.tone);
    }
    format!("\x1b[7m{}\x1b[0m", pad_right(&line.text, usize::from(columns)))
}

fn header(picture: &Picture, screen: &Screen, columns: usize) -> Vec<Line> {
    let state = &picture.state;
    let health = if state.healthy { "healthy" } else { "NOT HEALTHY" };
    let speed = if state.speed == 1 { String::new() } else { format!(" ×{}", state.speed) };
    let held = if screen.is_held { "  [held]" } else { "" };
    let first = format!(
        "{}  {health}  {}{speed}  up {}  step {}{held}",
        state.name,
        state.trace_time,
        Millis(state.uptime_ms / 1_000 * 1_000),
        state.steps
    );
    let node = &state.node;
    let second = format!(
        "node  CPU {} of {}, {} reserved   memory {} of {}   {} connections",
        Millicores(node.used.cpu_millicores),
        Millicores(node.allocatable.cpu_millicores),
        Millicores(node.reserved.cpu_millicores),
        Bytes(node.used.memory_bytes),
        Bytes(node.allocatable.memory_bytes),
        state.gateway.connections_open,
    );
    let tone = if state.healthy { Tone::Good } else { Tone::Bad };
    let mut lines = vec![Line::of(first).tone(tone), Line::of(second)];
    if let Some(finding) = state.findings.first() {
        let more = if state.findings.len() > 1 { format!(" (+{})", state.findings.len() - 1) } else { String::new() };
        lines.push(
            Line::of(format!("!{more} {}", wrap(finding, columns.saturating_sub(8)).swap_remove(0))).tone(Tone::Warn),
        );
    }
    lines.push(Line::of(""));
    lines
}

fn footer(screen: &Screen) -> String {
    if screen.is_filtering {
        return format!("filter: {}_   Enter keeps it, Esc clears it", screen.filter);
    }
    if screen.is_help {
        return "any key goes back".to_owned();
    }
    match screen.view {
        TopView::Services => {
            let filter =
                if screen.filter.is_empty() { "filter".to_owned() } else { format!("filter: {}", screen.filter) };
            format!("Enter look  d decisions  r replicas  s sort: {}  / {filter}  ? keys  q quit", screen.sort.word())
        }
        _ => "Esc back  d decisions  r replicas  o service  Up Down move  ? keys  q quit".to_owned(),
    }
}

/// Widths of the columns before the last one, which has what is left.
const WIDTHS: [usize; 6] = [10, 7, 7, 9, 7, 6];

fn services(picture: &Picture, screen: &Screen, columns: usize, room: usize) -> Vec<Line> {
    let listed = screen.listed(picture);
    let name = listed.iter().map(|service| service.name.chars().count()).max().unwrap_or(0).clamp(8, columns / 4);
    let row = |first: &str, cells: [&str; 6], last: &str| {
        let cells: Vec<String> = cells.iter().zip(WIDTHS).map(|(cell, width)| pad_left(cell, width)).collect();
        format!("{}{}  {last}", pad_right(&truncate(first, name, &Style::ascii(columns)), name), cells.concat())
    };
    let mark =
        |sort: Sort, title: &'static str| if screen.sort == sort { format!("{title}<") } else { title.to_owned() };
    let titles = [
        mark(Sort::Load, "LOAD"),
        "READY".to_owned(),
        "TARGET".to_owned(),
        mark(Sort::Cpu, "CPU"),
        mark(Sort::P99, "P99"),
        mark(Sort::Failed, "FAIL"),
    ];
    let titles = titles.each_ref().map(String::as_str);
    let mut lines = vec![Line::of(row(&mark(Sort::Name, "SERVICE"), titles, "LAST REASON")).tone(Tone::Strong)];
    let chosen = screen.chosen(picture).map(|service| service.name.as_str());
    let place = listed.iter().position(|service| Some(service.name.as_str()) == chosen).unwrap_or(0);
    // The chosen row stays in sight.
    let skip = (place + 2).saturating_sub(room);
    for service in listed.iter().skip(skip) {
        let traffic = service.traffic;
        let cells = [
            traffic.map_or_else(dash, |traffic| MilliRps(traffic.rate_milli_rps).to_string()),
            service.ready.to_string(),
            service.target.to_string(),
            Millicores(cpu_millicores(service)).to_string(),
            traffic
                .filter(|traffic| traffic.finished > 0)
                .map_or_else(dash, |traffic| Micros(traffic.latency_p99_us).to_string()),
            traffic.map_or_else(dash, |traffic| traffic.failed.to_string()),
        ];
        let text = row(&service.name, cells.each_ref().map(String::as_str), &said(service));
        let tone = tone(service);
        lines.push(Line { text, tone, is_chosen: Some(service.name.as_str()) == chosen });
    }
    if listed.is_empty() {
        lines.push(Line::of(if screen.filter.is_empty() {
            "the spec names no services"
        } else {
            "no service has that in its name"
        }));
    }
    lines
}

fn dash() -> String {
    "-".to_owned()
}

fn said(service: &ServiceView) -> String {
    match (&service.order, service.withheld.first()) {
        (Some(order), _) => format!("ordered: {order}"),
        (None, Some(withheld)) => format!("held back: {withheld}"),
        (None, None) => service.reason.clone(),
    }
}

fn tone(service: &ServiceView) -> Tone {
    let failed = service.traffic.is_some_and(|traffic| traffic.failed > 0);
    match () {
        () if failed || (service.ready == 0 && service.target > 0) => Tone::Bad,
        () if service.ready < service.target || !service.withheld.is_empty() => Tone::Warn,
        () => Tone::Plain,
    }
}

/// The heading of every view of one service.
fn headed(screen: &Screen, what: &str) -> Vec<Line> {
    let name = screen.service.as_deref().unwrap_or("no service");
    vec![Line::of(format!("{name}{what}")).tone(Tone::Strong)]
}

fn service(picture: &Picture, screen: &Screen, columns: usize, style: &Style) -> Vec<Line> {
    let Some(service) = screen.chosen(picture) else { return headed(screen, ": there is no such service") };
    let mut lines = headed(screen, "");
    let traffic = service.traffic.unwrap_or_default();
    let replicas = format!("{} ready, {} running, {} wanted", service.ready, service.current, service.target);
    lines.push(Line::of(format!("replicas  {replicas}")).tone(tone(service)));
    if service.traffic.is_some() {
        lines.push(Line::of(format!(
            "load      {}   p50 {}   p99 {}   {} failed, {} shed of {}",
            MilliRps(traffic.rate_milli_rps),
            Micros(traffic.latency_p50_us),
            Micros(traffic.latency_p99_us),
            traffic.failed,
            traffic.shed,
            traffic.finished
        )));
    }
    if let Some(course) = picture.courses.get(&service.name).filter(|course| course.iter().flatten().count() > 1) {
        let most = course.iter().flatten().copied().fold(0.0, f64::max);
        let room = columns.saturating_sub(24).min(COURSE);
        lines.push(Line::of(format!(
            "          {}  at most {}",
            sparkline(course, room, None, &Style { colour: false, ..*style }),
            MilliRps((most * 1_000.0) as u64)
        )));
    }
    if let Some(forecast) = service.forecast {
        lines.push(Line::of(format!(
            "expected  {} (median), {} (covered)",
            MilliRps(forecast.p50_milli_rps),
            MilliRps(forecast.high_milli_rps)
        )));
    }
    lines.extend(told("why       ", &service.reason, columns, Tone::Plain));
    if let Some(order) = &service.order {
        lines.extend(told("ordered   ", order, columns, Tone::Warn));
    }
    for withheld in &service.withheld {
        lines.extend(told("held back ", withheld, columns, Tone::Warn));
    }
    lines.push(Line::of(""));
    lines.extend(table(service, columns));
    lines.push(Line::of(""));
    lines.extend(feed(picture, &service.name, columns).into_iter().take(60));
    lines
}

/// A sentence behind its heading, over as many lines as it needs.
fn told(head: &str, text: &str, columns: usize, tone: Tone) -> Vec<Line> {
    let room = columns.saturating_sub(head.len()).max(10);
    let line = |(index, part): (usize, String)| {
        let head = if index == 0 { head.to_owned() } else { " ".repeat(head.len()) };
        Line::of(format!("{head}{part}")).tone(tone)
    };
    wrap(&clean(text), room).into_iter().enumerate().map(line).collect()
}

fn decisions(picture: &Picture, screen: &Screen, columns: usize) -> Vec<Line> {
    let mut lines = headed(screen, ": decisions, newest first");
    lines.extend(feed(picture, screen.service.as_deref().unwrap_or_default(), columns));
    lines
}

fn feed(picture: &Picture, service: &str, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for decision in picture.decisions.iter().filter(|it| it.services.iter().any(|name| name == service)) {
        let actions = if decision.actions.is_empty() { "nothing done".to_owned() } else { decision.actions.join(", ") };
        let at = format!("{} step {}  ", decision.at, decision.step);
        lines.extend(told(&at, &actions, columns, Tone::Strong));
        for reason in &decision.reasons {
            lines.extend(told("    ", reason, columns, Tone::Dim));
        }
    }
    if lines.is_empty() {
        lines.push(Line::of("nothing was decided of it since the daemon started").tone(Tone::Dim));
    }
    lines
}

fn replicas(picture: &Picture, screen: &Screen, columns: usize) -> Vec<Line> {
    let Some(service) = screen.chosen(picture) else { return headed(screen, ": there is no such service") };
    let mut lines = headed(screen, &format!(": {} replicas", service.replicas.len()));
    lines.extend(table(service, columns));
    lines
}

fn table(service: &ServiceView, columns: usize) -> Vec<Line> {
    let row = |cells: [&str; 7]| {
        let [id, phase, age, cpu, memory, flight, endpoint] = cells;
        let ends = [pad_right(id, 14), pad_right(phase, 10)].concat();
        let numbers =
            [(age, 8), (cpu, 13), (memory, 9), (flight, 7)].map(|(cell, width)| pad_left(cell, width)).concat();
        format!("{ends}{numbers}  {endpoint}")
    };
    let head = row(["REPLICA", "PHASE", "AGE", "CPU", "MEMORY", "FLIGHT", "ENDPOINT"]);
    let mut lines = vec![Line::of(head).tone(Tone::Strong)];
    for replica in &service.replicas {
        let phase = phase(replica);
        let used = replica
            .cpu_millicores
            .map_or_else(dash, |cpu| format!("{} of {}", Millicores(cpu), Millicores(replica.requests.cpu_millicores)));
        let cells = [
            truncate(&replica.id, 13, &Style::ascii(columns)),
            phase.clone(),
            Millis(replica.since_ms / 1_000 * 1_000).to_string(),
            used,
            replica.memory_bytes.map_or_else(dash, |memory| Bytes(memory).to_string()),
            replica.in_flight.map_or_else(dash, |count| count.to_string()),
            replica.endpoint.clone().unwrap_or_default(),
        ];
        let tone = match phase.as_str() {
            "ready" | "running" => Tone::Plain,
            "exited" => Tone::Bad,
            _ => Tone::Warn,
        };
        lines.push(Line::of(row(cells.each_ref().map(String::as_str))).tone(tone));
        if let Some(why) = &replica.ejected {
            lines.extend(told("    ejected: ", why, columns, Tone::Warn));
        }
        if let Some(share) = replica.throttled_permille.filter(|share| *share > 0) {
            lines.push(Line::of(format!("    throttled {} of its time", Permille(share))).tone(Tone::Warn));
        }
    }
    if service.replicas.is_empty() {
        lines.push(Line::of("no replica runs").tone(Tone::Dim));
    }
    lines
}

fn phase(replica: &ReplicaView) -> String {
    let value = serde_json::to_value(replica.phase).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether the service is there at all.
pub fn has(state: &StateView, service: &str) -> bool {
    state.services.iter().any(|it| it.name == service)
}
