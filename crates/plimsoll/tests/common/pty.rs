//! A program under a pseudo-terminal: what it draws, what is typed, and how it leaves the terminal.
#![allow(clippy::unwrap_used, reason = "a harness that cannot go on should stop the test where it stands")]

use super::{PLIMSOLL, eventually};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A running program and its terminal.
pub struct Pty {
    master: File,
    /// Held, so that the terminal outlives the program and its attributes can be read.
    slave: OwnedFd,
    child: Child,
    told: RefCell<Vec<u8>>,
}

impl Pty {
    /// Runs a command of the binary on a state directory, in a terminal of this size.
    pub fn run(state_dir: &Path, arguments: &[&str], columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        tcsetwinsize(&slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(PLIMSOLL)
            .args(arguments)
            .env("PLIMSOLL_STATE_DIR", state_dir)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("COLUMNS")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self { master: File::from(master), slave, child, told: RefCell::default() }
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Everything that was drawn so far.
    pub fn told(&self) -> String {
        loop {
            let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
            if ready == 0 || !fds[0].revents().contains(PollFlags::IN) {
                return String::from_utf8_lossy(&self.told.borrow()).into_owned();
            }
            let mut buffer = [0; 4096];
            let count = (&self.master).read(&mut buffer).unwrap_or(0);
            self.told.borrow_mut().extend_from_slice(&buffer[..count]);
        }
    }

    /// The last whole frame, without colours.
    pub fn frame(&self) -> String {
        let told = self.told();
        let whole = told.rfind("\x1b[?2026l").map_or("", |end| &told[..end]);
        plain(whole.rsplit("\x1b[?2026h").next().unwrap_or_default())
    }

    /// Waits for a frame.
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(&format!("{what}; the last frame is below"), || {
            let frame = self.frame();
            wanted(&frame).then_some(frame)
        })
    }

    /// Another size, and the signal that says so.
    pub fn resize(&self, columns: u16, rows: u16) {
        tcsetwinsize(&self.slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        self.signal(rustix::process::Signal::WINCH);
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        super::signal(self.child.id(), signal);
    }

    /// Waits for the end.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the program's end", || {
            // What nobody reads would stop it.
            self.told();
            self.child.try_wait().unwrap()
        })
    }

    /// Whether the terminal reads lines and echoes, as a shell needs it.
    pub fn is_cooked(&self) -> bool {
        tcgetattr(&self.slave).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- last frame ---\n{}", self.frame());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without escape sequences.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\x1b' {
            out.push(character);
            continue;
        }
        // `ESC [ … letter`
        rest.by_ref().skip(1).find(char::is_ascii_alphabetic);
    }
    out
}
