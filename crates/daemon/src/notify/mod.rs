//! Webhooks: who is told of burns, crash loops and a frozen daemon.
//!
//! After each step the facts are looked at ([`watch`]); what is to be said goes into a bounded queue per receiver without
//! waiting, and a task of its own sends it ([`send`]). A receiver that hangs or refuses costs its own messages and nothing else.
//!
//! Must never make a step wait.

mod send;
mod watch;

pub use watch::Facts;

use plimsoll_model::Timestamp;
use plimsoll_model::operations::WebhookSpec;
use send::{Message, Tally};
use serde_json::json;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::mpsc;
use watch::{Notice, Watch};

/// What became of the messages to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookFigures {
    /// Taken by the receiver.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Without room in the queue.
    pub dropped: u64,
    /// Why the last one that failed did.
    pub fault: Option<String>,
}

#[derive(Debug)]
struct Hook {
    spec: WebhookSpec,
    watch: Watch,
    queue: mpsc::Sender<Message>,
    tally: Rc<Tally>,
}

/// All receivers.
#[derive(Debug, Default)]
pub struct Notifier {
    hooks: BTreeMap<String, Hook>,
    said: u64,
}

impl Notifier {
    /// Makes the receivers those of a spec; one that is the same keeps its queue and what it was told.
    pub fn adopt(&mut self, specs: &BTreeMap<String, WebhookSpec>) {
        self.hooks.retain(|name, hook| specs.get(name) == Some(&hook.spec));
        for (name, spec) in specs {
            self.hooks.entry(name.clone()).or_insert_with(|| {
                let (queue, messages) = mpsc::channel(spec.queue_max.max(1) as usize);
                let tally = Rc::new(Tally::default());
                tokio::task::spawn_local(send::run(spec.clone(), messages, tally.clone()));
                Hook { watch: Watch::new(spec), spec: spec.clone(), queue, tally }
            });
        }
    }

    /// Tells whom it concerns what has begun and what is over.
    pub fn look(&mut self, installation: &str, at: Timestamp, facts: &Facts<'_>) {
        for hook in self.hooks.values_mut() {
            for notice in hook.watch.look(Instant::now(), facts) {
                self.said += 1;
                let message = message(installation, at, self.said, &notice);
                if hook.queue.try_send(message).is_err() {
                    hook.tally.dropped.set(hook.tally.dropped.get() + 1);
                }
            }
        }
    }

    /// Whether nobody is to be told anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hooks.is_empty()
    }

    /// What became of the messages, by receiver.
    #[must_use]
    pub fn figures(&self) -> BTreeMap<String, HookFigures> {
        let figures = |tally: &Tally| HookFigures {
            sent: tally.sent.get(),
            failed: tally.failed.get(),
            dropped: tally.dropped.get(),
            fault: tally.fault.borrow().clone(),
        };
        self.hooks.iter().map(|(name, hook)| (name.clone(), figures(&hook.tally))).collect()
    }
}

/// The message of a notice; its schema is in `docs/integrations.md`.
fn message(installation: &str, at: Timestamp, number: u64, notice: &Notice) -> Message {
    let wall_ms = crate::clock::wall_ms();
    let id = format!("{installation}-{wall_ms}-{number}");
    let event = notice.occasion.word();
    let body = json!({
        "version": 1,
        "id": id,
        "event": event,
        "state": if notice.is_firing { "firing" } else { "resolved" },
        "installation": installation,
        "service": notice.service,
        "summary": notice.summary,
        "details": notice.details,
        "at_ms": at.get(),
        "wall_ms": wall_ms,
    });
    Message { id, event, body: body.to_string() }
}
