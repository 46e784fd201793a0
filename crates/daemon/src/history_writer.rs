//! Samples to the history store, on a thread of their own: every tenth batch waits for the disk, and a step must not.
//!
//! The queue is short and full means "the disk is slower than the ticks": then a batch is dropped and said so. History is
//! evidence for people; nothing is decided from it.

use plimsoll_collect::history::{History, SeriesId};
use plimsoll_model::Timestamp;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Batches that may wait: a disk that stalls for this many ticks loses samples.
const BATCHES_MAX: usize = 32;

type Batch = (Timestamp, Vec<(SeriesId, i64)>);

/// Writes batches in order.
#[derive(Debug)]
pub struct HistoryWriter {
    batches: SyncSender<Batch>,
    fault: Arc<Mutex<Option<String>>>,
}

impl HistoryWriter {
    /// Starts the thread; it ends with this value, after the batches that wait.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(history: Arc<History>) -> std::io::Result<Self> {
        let (batches, waiting) = sync_channel::<Batch>(BATCHES_MAX);
        let fault = Arc::new(Mutex::new(None));
        let reported = fault.clone();
        std::thread::Builder::new().name("history".to_owned()).spawn(move || {
            for (at, samples) in waiting {
                let outcome = history.append(at, &samples).err().map(|error| error.to_string());
                *reported.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
            }
        })?;
        Ok(Self { batches, fault })
    }

    /// Hands a batch over without waiting.
    pub fn append(&self, at: Timestamp, samples: Vec<(SeriesId, i64)>) {
        if let Err(TrySendError::Full(_)) = self.batches.try_send((at, samples)) {
            let lost = Some(format!("the disk is slower than the ticks; samples of {at} were not kept"));
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = lost;
        }
    }

    /// Why the last batch was not kept, if so.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
