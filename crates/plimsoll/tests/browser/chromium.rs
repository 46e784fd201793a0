//! A headless Chromium, driven by the DevTools protocol over two pipes.
//!
//! Pipes and not a WebSocket: a message is JSON with a zero byte behind it, so no further crate is needed. The browser wants
//! them as descriptors 3 and 4; a shell makes those of its standard input and output.
//!
//! # Source
//! Chrome DevTools Protocol, and Chromium's switch `--remote-debugging-pipe`.

use crate::common::PATIENCE;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// The browser with one page.
pub struct Page {
    child: Child,
    input: RefCell<ChildStdin>,
    messages: Receiver<Value>,
    events: RefCell<Vec<Value>>,
    session: String,
    number: Cell<u64>,
    _profile: tempfile::TempDir,
}

/// The program, where there is one.
pub fn program() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
}

impl Page {
    /// Starts a browser with an empty page.
    pub fn open(program: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("plmweb").tempdir().unwrap();
        let mut child = Command::new("/bin/sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, program])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"])
            // What is not this machine cannot be found, whatever the page tries.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = RefCell::new(child.stdin.take().unwrap());
        let output = child.stdout.take().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap_or_default()).is_err() {
                    return;
                }
            }
        });
        let mut page = Self {
            child,
            input,
            messages,
            events: RefCell::default(),
            session: String::new(),
            number: Cell::new(0),
            _profile: profile,
        };
        let target = page.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = page.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        page.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page
    }

    /// Calls a method and waits for its answer; events that come before it are kept.
    pub fn call(&self, method: &str, params: Value) -> Value {
        let number = self.number.get() + 1;
        self.number.set(number);
        let mut message = json!({ "id": number, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut input = self.input.borrow_mut();
        input.write_all(format!("{message}\0").as_bytes()).unwrap();
        input.flush().unwrap();
        drop(input);
        loop {
            let message = self.hear().unwrap_or_else(|| panic!("no answer to {method} in {PATIENCE:?}"));
            if message["id"] == number {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.borrow_mut().push(message);
        }
    }

    fn hear(&self) -> Option<Value> {
        self.messages.recv_timeout(PATIENCE).ok()
    }

    /// Events of a method that came so far.
    pub fn events(&self, method: &str) -> Vec<Value> {
        while let Ok(message) = self.messages.try_recv() {
            self.events.borrow_mut().push(message);
        }
        self.events.borrow().iter().filter(|event| event["method"] == method).cloned().collect()
    }

    /// Goes to an address and waits for the document to be there.
    pub fn go(&self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        self.wait("the document", &format!("document.readyState === 'complete' && location.href.startsWith({url:?})"));
    }

    /// The value of an expression.
    pub fn eval(&self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait(&self, what: &str, expression: &str) {
        let begun = Instant::now();
        while self.eval(expression) != json!(true) {
            if begun.elapsed() > PATIENCE {
                panic!("waited {PATIENCE:?} for {what}: {expression}\n{}", self.eval("document.body.innerText"));
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// The size of the window, in CSS pixels.
    pub fn size(&self, width: u32, height: u32, is_phone: bool) {
        let scale = if is_phone { 2 } else { 1 };
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone });
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    /// What the system prefers.
    pub fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Presses a key, as a person does.
    pub fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowLeft" => 37,
            "ArrowDown" => 40,
            _ => 0,
        };
        let base = json!({ "key": key, "code": key, "windowsVirtualKeyCode": code });
        let mut down = base.clone();
        down["type"] = json!("rawKeyDown");
        self.call("Input.dispatchKeyEvent", down);
        if key == "Enter" {
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": "char", "text": "\r", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13 }),
            );
        }
        let mut up = base;
        up["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", up);
    }

    /// A picture of the window as PNG, in base64 as the browser gives it.
    pub fn picture(&self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        base64(answer["data"].as_str().unwrap())
    }

    /// What a screen reader is told: role and name of everything that is not ignored.
    pub fn spoken(&self) -> Vec<(String, String)> {
        let answer = self.call("Accessibility.getFullAXTree", json!({}));
        let nodes = answer["nodes"].as_array().unwrap();
        let text = |node: &Value, key: &str| node[key]["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .iter()
            .filter(|node| node["ignored"] == false)
            .map(|node| (text(node, "role"), text(node, "name")))
            .collect()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Decodes base64 of RFC 4648; what is no digit is skipped.
fn base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for digit in text.bytes().filter_map(digit) {
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    out
}
