//! `plimsoll top`: a running installation in the terminal.
//!
//! Three parts that know nothing of each other: `screen` turns keys into what is looked at, `frame` turns what is looked at and
//! one picture of the daemon into lines, and `terminal` puts lines on a real terminal. What is here brings them together: a
//! thread reads keys, another asks the daemon, so that neither waits for the other. Nothing here writes to the daemon.

mod frame;
#[cfg(test)]
mod frame_tests;
mod keys;
mod picture;
mod screen;
mod terminal;

use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Top, TopView};
use anyhow::bail;
use picture::{Picture, take};
use plimsoll_report::Style;
use screen::{Screen, Then};
use std::io::Read as _;
use std::time::Duration;
use terminal::Terminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// The size where nothing says another.
const SIZE: (u16, u16) = (80, 24);

/// Shows pictures until `q`, or one.
pub fn run(top: &Top) -> anyhow::Result<Verdict> {
    let daemon = Daemon::find(&top.installation)?;
    let mut screen = Screen { service: top.service.clone(), ..Screen::default() };
    screen.view = top.view.unwrap_or(if top.service.is_some() { TopView::Service } else { TopView::Services });
    if screen.view != TopView::Services && screen.service.is_none() {
        bail!("--view {:?} is of one service: name it", screen.view);
    }
    let first = take(&daemon, looked_into(&screen).as_deref())?;
    if let Some(name) = screen.service.as_deref().filter(|name| !frame::has(&first.state, name)) {
        let names: Vec<&str> = first.state.services.iter().map(|service| service.name.as_str()).collect();
        bail!("there is no service {name}; there are {}", names.join(", "));
    }
    if top.once {
        let size = top.size.or_else(Terminal::size).unwrap_or(SIZE);
        let style = Style { colour: false, ..Style::of_stdout() };
        for line in frame::lines(&first, &screen, size, &style) {
            println!("{}", line.text.trim_end());
        }
        return Ok(Verdict::Done);
    }
    let terminal = Terminal::take()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(watch_and_draw(top, daemon, screen, first, &terminal));
    drop(terminal);
    done?;
    Ok(Verdict::Done)
}

/// The service whose decisions are needed.
fn looked_into(screen: &Screen) -> Option<String> {
    screen.service.clone().filter(|_| screen.view != TopView::Services)
}

async fn watch_and_draw(
    top: &Top,
    daemon: Daemon,
    mut screen: Screen,
    first: Picture,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let interval = Duration::from_secs_f64(top.interval.clamp(0.1, 3_600.0));
    let (wanted, asked) = watch::channel(looked_into(&screen));
    let mut pictures = ask(daemon, asked, interval);
    let mut typed = read_keys();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut resized = signal(SignalKind::window_change())?;
    let mut picture = first;
    let mut fault: Option<String> = None;
    loop {
        draw(top, &picture, &screen, fault.as_deref(), terminal)?;
        tokio::select! {
            found = pictures.recv() => match found {
                Some(Ok(new)) if !screen.is_held => (picture, fault) = (new, None),
                Some(Ok(_)) => fault = None,
                Some(Err(why)) => fault = Some(why),
                None => return Ok(()),
            },
            bytes = typed.recv() => {
                for key in bytes.map_or_else(|| vec![keys::Key::Interrupt], |bytes| keys::keys(&bytes)) {
                    match screen.press(key, &picture) {
                        Then::Quit => return Ok(()),
                        Then::Ask => drop(wanted.send(looked_into(&screen))),
                        Then::Stay => {}
                    }
                }
            }
            _ = resized.recv() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        }
    }
}

fn draw(
    top: &Top,
    picture: &Picture,
    screen: &Screen,
    fault: Option<&str>,
    terminal: &Terminal,
) -> std::io::Result<()> {
    let size = top.size.or_else(Terminal::size).unwrap_or(SIZE);
    let style = Style { width: usize::from(size.0), ..Style::of_stdout() };
    let mut lines: Vec<String> =
        frame::lines(picture, screen, size, &style).iter().map(|line| frame::painted(line, size.0, &style)).collect();
    if let (Some(why), Some(last)) = (fault, lines.last_mut()) {
        let text = plimsoll_report::truncate(
            &plimsoll_report::clean(&format!("no answer: {why}")),
            usize::from(size.0),
            &style,
        );
        *last = style.paint(&text, plimsoll_report::Tone::Bad);
    }
    terminal.draw(&lines)
}

/// Asks the daemon again and again, and at once when another service is looked at. Ends with whoever listens.
fn ask(
    daemon: Daemon,
    mut asked: watch::Receiver<Option<String>>,
    interval: Duration,
) -> mpsc::Receiver<Result<Picture, String>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        loop {
            let service = asked.borrow_and_update().clone();
            let found = take(&daemon, service.as_deref()).map_err(|error| format!("{error:#}"));
            if sender.blocking_send(found).is_err() {
                return;
            }
            // Another service, or the time between two pictures; a closed channel is the end.
            if let Ok(Err(_)) = runtime.block_on(async { tokio::time::timeout(interval, asked.changed()).await }) {
                return;
            }
        }
    });
    receiver
}

/// Reads what is typed. The thread waits in a read when the rest ends, and ends with the process.
fn read_keys() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count) = std::io::stdin().lock().read(&mut buffer) {
            if count == 0 || sender.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
