//! A request to end early that still gives a report: Ctrl-C in the binary, the end of a test.

use tokio::sync::watch;

/// The side that stops. Dropping it stops nothing.
#[derive(Debug, Clone)]
pub struct StopHandle(watch::Sender<bool>);

/// The side that listens.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A connected pair.
    #[must_use]
    pub fn pair() -> (StopHandle, Self) {
        let (sender, receiver) = watch::channel(false);
        (StopHandle(sender), Self(receiver))
    }

    /// A stop that never comes.
    #[must_use]
    pub fn never() -> Self {
        Self::pair().1
    }

    /// Whether it has come.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it comes; for ever when its handle is gone without having stopped.
    pub async fn stopped(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl StopHandle {
    /// Asks the run to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
