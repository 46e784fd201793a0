//! Who asked for what goes into the journal, and what a reload does beside the spec.

use super::Engine;
use crate::audit::{Asked, Entry};
use crate::open::{certificate, keep_certificate};
use tokio::sync::oneshot;

impl Engine {
    /// Writes a record; whoever waits for it hears when it is on disk.
    pub(super) fn audit(&mut self, entry: &Entry, done: Option<oneshot::Sender<()>>) {
        if !self.recorder.audit(self.clock.now(), entry, done.is_some()) {
            self.shared.audit_lost.set(self.shared.audit_lost.get() + 1);
        }
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    /// Notes what a signal asked for and what became of it.
    pub(super) fn audit_signal(&mut self, name: &str, outcome: Result<&str, &str>) {
        let id = self.shared.next_request();
        self.audit(&Entry::Asked(Asked::signal(id, name)), None);
        let (status, said) = match outcome {
            Ok(said) => (200, said),
            Err(why) => (422, why),
        };
        self.audit(&Entry::answered(id, status, said), None);
    }

    /// SIGHUP.
    pub(super) fn reload_by_signal(&mut self) {
        let outcome = self.renew_certificate().and_then(|()| self.reload());
        self.audit_signal("SIGHUP", outcome.as_deref().map_err(String::as_str));
    }

    /// Reads the API's certificate again, for connections from now on; what cannot be used leaves the old one.
    pub(super) fn renew_certificate(&self) -> Result<(), String> {
        let renewed = certificate(&self.spec, self.shared.tls.borrow().as_ref());
        if let Some(tls) = renewed.map_err(|error| format!("api.certificate: {error}"))? {
            *self.shared.tls.borrow_mut() = Some(tls);
            let copy = self.shared.journal.with_file_name("api.pem");
            keep_certificate(&self.spec, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        }
        Ok(())
    }
}
