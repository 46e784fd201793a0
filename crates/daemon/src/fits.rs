//! Carries out orders to fit models, on a thread of their own: fitting is an effect, and no step waits for it.
//!
//! The data are the very samples that the controller saw, read back from the history store (and from the file of recorded
//! demand that warmed the forecast up). They are taken only if their hash is the order's: a model fitted to other data
//! than the journal names could not be fitted again by anybody.

use plimsoll_collect::history::{History, SeriesId};
use plimsoll_controller::fit::data_hash;
use plimsoll_controller::{Fit, Input};
use plimsoll_model::{FitOrder, MilliRps, ServiceName, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::mpsc;

/// Orders that may wait; a service has at most one out, and what does not fit is ordered again at its next turn.
const ORDERS_MAX: usize = 1_024;
/// The history is read in pieces this long, so that it gives the samples themselves and no summaries.
const PIECE_MS: i64 = 3_600_000;
/// The newest samples may still be on their way to the store; this often they are looked for again.
const TRIES: u32 = 20;
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// Priority of the thread below everything that serves: what it uses is what nobody else wants.
const NICE: i32 = 10;

/// Recorded demand from before the first step, by service.
pub type Past = BTreeMap<ServiceName, Vec<(Timestamp, MilliRps)>>;

/// Takes orders.
#[derive(Debug)]
pub struct FitWorker {
    orders: SyncSender<FitOrder>,
}

impl FitWorker {
    /// Starts the thread, which sends what it has fitted to `done`; it ends with this value.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(history: Option<Arc<History>>, past: Past, done: mpsc::Sender<Input>) -> std::io::Result<Self> {
        let (orders, waiting) = sync_channel(ORDERS_MAX);
        let bench = Bench { history, past, done };
        std::thread::Builder::new().name("fit".to_owned()).spawn(move || bench.work(&waiting))?;
        Ok(Self { orders })
    }

    /// Hands an order over without waiting. One too many is dropped: the controller orders again.
    pub fn carry_out(&self, order: FitOrder) {
        let _ = self.orders.try_send(order);
    }
}

/// The series that a service's samples are kept in, exactly as the controller saw them.
pub fn demand_series(service: &ServiceName) -> Option<SeriesId> {
    SeriesId::try_new(format!("service/{service}/demand_milli_rps")).ok()
}

struct Bench {
    history: Option<Arc<History>>,
    past: Past,
    done: mpsc::Sender<Input>,
}

impl Bench {
    fn work(&self, waiting: &Receiver<FitOrder>) {
        // Threads have priorities of their own here. Without the right to lower it, it runs like any other.
        let _ = rustix::process::nice(NICE);
        for order in waiting {
            let fits = match self.data(&order) {
                Ok(samples) => order.models.iter().map(|model| fit(model, &order, &samples)).collect(),
                Err(why) => {
                    let refused = |model: &String| Fit { model: model.clone(), parameters: Err(why.clone()) };
                    order.models.iter().map(refused).collect()
                }
            };
            let (service, until, data_hash) = (order.service, order.until, order.data_hash);
            if self.done.blocking_send(Input::Fitted { service, until, data_hash, fits }).is_err() {
                return;
            }
        }
    }

    /// Exactly the data that the order names.
    fn data(&self, order: &FitOrder) -> Result<Vec<(Timestamp, MilliRps)>, String> {
        let mut found = 0;
        for tried in 0..TRIES {
            if tried > 0 {
                std::thread::sleep(TRY_AGAIN);
            }
            let samples = self.samples(order)?;
            if data_hash(&samples) == order.data_hash {
                return Ok(samples);
            }
            found = samples.len();
        }
        Err(format!(
            "the history from {} to {} has {found} samples that are not the {} that were ordered",
            order.from, order.until, order.samples
        ))
    }

    fn samples(&self, order: &FitOrder) -> Result<Vec<(Timestamp, MilliRps)>, String> {
        let within = |at: &Timestamp| (order.from..=order.until).contains(at);
        let past = self.past.get(&order.service).into_iter().flatten();
        let mut samples: Vec<(Timestamp, MilliRps)> = past.copied().filter(|(at, _)| within(at)).collect();
        let begin = samples.last().map_or(order.from, |(at, _)| Timestamp(at.0 + 1));
        let (Some(history), Some(series)) = (&self.history, demand_series(&order.service)) else {
            return Ok(samples);
        };
        let mut from = begin.0;
        while from <= order.until.0 {
            let to = (from + PIECE_MS).min(order.until.0 + 1);
            let points = history.query(&series, Timestamp(from), Timestamp(to), usize::MAX);
            let points = points.map_err(|error| format!("the history cannot be read: {error}"))?;
            samples.extend(points.iter().map(|point| (point.at, MilliRps(point.max.max(0).cast_unsigned()))));
            from = to;
        }
        Ok(samples)
    }
}

fn fit(model: &str, order: &FitOrder, samples: &[(Timestamp, MilliRps)]) -> Fit {
    let samples: Vec<(Timestamp, f64)> = samples.iter().map(|(at, rate)| (*at, rate.0 as f64)).collect();
    let guest = plimsoll_forecast::online::Guest {
        model,
        step: order.step,
        origin: order.origin,
        horizon: order.horizon,
        seasons: &order.seasons,
        seed: order.seed,
    };
    let parameters = guest.fit(&samples).map_err(|error| error.to_string());
    let parameters = parameters.and_then(|fitted| serde_json::to_string(&fitted).map_err(|error| error.to_string()));
    Fit { model: model.to_owned(), parameters }
}
