//! Live figures from outside: asks every source of the spec in its interval, and puts what came into the observation.
//!
//! A source has a task of its own, so that one that hangs delays no other and no step. What is kept is the last figure and
//! its age: a source that fails gives nothing new, the figure grows old, and the controller, which is told the age, removes
//! nothing because of it. Why it failed is shown beside it.
//!
//! Must never send anything but GET, and never put a secret into what is shown.

mod exposition;

pub use exposition::{write, write_gpus};

use crate::view::{MetricView, StateView};
use plimsoll_collect::history::SeriesId;
use plimsoll_collect::scrape::ScrapeError;
use plimsoll_collect::scrape::figure::Figure;
use plimsoll_collect::scrape::source::Source;
use plimsoll_model::metric::{Feeds, MetricSpec};
use plimsoll_model::spec::Spec;
use plimsoll_model::{Bytes, MetricReading, Millis, Quality, QueueObservation, ServiceName, ServiceObservation};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A source of one service.
type Key = (ServiceName, Feeds, String);

/// What is known of one source.
#[derive(Debug)]
struct Known {
    spec: MetricSpec,
    /// The last figure in thousandths, and when it was measured.
    figure: Option<(i64, Instant)>,
    asked: u64,
    failures: u64,
    fault: Option<String>,
}

/// Every source of the spec that is in force.
#[derive(Debug, Default)]
pub struct MetricsIn {
    known: Rc<RefCell<BTreeMap<Key, Known>>>,
    tasks: BTreeMap<Key, Task>,
    /// The spec that the tasks were last made for.
    followed: Option<Rc<Spec>>,
}

#[derive(Debug)]
struct Task {
    spec: MetricSpec,
    asking: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl MetricsIn {
    /// Asks what `spec` says from now on; sources that it does not change go on. Must be called on a `LocalSet`.
    pub fn follow(&mut self, spec: &Rc<Spec>) {
        if self.followed.as_ref().is_some_and(|followed| Rc::ptr_eq(followed, spec)) {
            return;
        }
        self.followed = Some(spec.clone());
        let wanted: BTreeMap<Key, &MetricSpec> = spec
            .services
            .iter()
            .flat_map(|(name, service)| service.metrics.iter().map(move |metric| (key(name, metric), metric)))
            .collect();
        self.tasks.retain(|key, task| wanted.get(key).is_some_and(|spec| **spec == task.spec));
        self.known.borrow_mut().retain(|key, _| wanted.contains_key(key));
        for (key, metric) in wanted {
            if self.tasks.contains_key(&key) {
                continue;
            }
            let known = Known { spec: metric.clone(), figure: None, asked: 0, failures: 0, fault: None };
            self.known.borrow_mut().insert(key.clone(), known);
            let asking = tokio::task::spawn_local(ask_on(self.known.clone(), key.clone(), metric.clone()));
            self.tasks.insert(key, Task { spec: metric.clone(), asking });
        }
    }

    /// Puts what is known into the observations of the services.
    pub fn fill(&self, services: &mut BTreeMap<ServiceName, ServiceObservation>) {
        for ((service, _, name), known) in self.known.borrow().iter() {
            let (Some((value_milli, measured)), Some(seen)) = (known.figure, services.get_mut(service)) else {
                continue;
            };
            place(seen, known, name, (value_milli, age_ms(measured)));
        }
        // Without a number of items nothing can be said of a queue.
        let has_queue = |service: &ServiceName| {
            let key = (service.clone(), Feeds::Queue, String::new());
            self.known.borrow().get(&key).is_some_and(|known| known.figure.is_some())
        };
        services.iter_mut().filter(|(name, _)| !has_queue(name)).for_each(|(_, seen)| seen.queue = None);
    }

    /// The sources of one service, for people.
    #[must_use]
    pub fn view(&self, service: &ServiceName) -> Vec<MetricView> {
        let known = self.known.borrow();
        let own = known.iter().filter(|((of, _, _), _)| of == service);
        own.map(|((_, feeds, _), known)| MetricView {
            name: known.spec.name.clone(),
            feeds: serde_json::to_value(feeds)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default(),
            value_milli: known.figure.map(|(value, _)| value),
            age_ms: known.figure.map(|(_, measured)| age_ms(measured)),
            age_max_ms: known.spec.age_max().get(),
            asked: known.asked,
            failures: known.failures,
            fault: known.fault.clone(),
        })
        .collect()
    }
}

/// A service has one queue, whatever its figures are called.
fn key(service: &ServiceName, metric: &MetricSpec) -> Key {
    let name = if metric.feeds == Feeds::Metric { metric.name.clone() } else { String::new() };
    (service.clone(), metric.feeds, name)
}

fn age_ms(measured: Instant) -> u64 {
    u64::try_from(measured.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn place(seen: &mut ServiceObservation, known: &Known, name: &str, (value_milli, age_ms): (i64, u64)) {
    let age_max_ms = known.spec.age_max().get();
    if known.spec.feeds == Feeds::Metric {
        let reading = MetricReading { value_milli, age_ms, age_max_ms: Some(age_max_ms) };
        seen.metrics.insert(name.to_owned(), reading);
        return;
    }
    let positive = u64::try_from(value_milli).unwrap_or(0);
    let queue = seen.queue.get_or_insert_with(QueueObservation::default);
    match known.spec.feeds {
        // A part of an item waits too.
        Feeds::Queue | Feeds::Metric => queue.waiting = positive.div_ceil(1_000),
        // Thousandths of a second are milliseconds.
        Feeds::QueueOldest => queue.oldest_ms = positive,
        Feeds::QueueWork => queue.remaining_work_ms = Some(positive),
    }
    // A queue is as old as its oldest figure, and as strict as its strictest.
    let gaps = queue.quality.gaps.saturating_add(known.failures);
    queue.quality = Quality { age_ms: queue.quality.age_ms.max(age_ms), gaps, ..queue.quality };
    queue.age_max_ms = Some(queue.age_max_ms.map_or(age_max_ms, |other| other.min(age_max_ms)));
}

/// Asks one source for as long as the task lives.
async fn ask_on(known: Rc<RefCell<BTreeMap<Key, Known>>>, key: Key, spec: MetricSpec) {
    let interval = Duration::from_millis(spec.interval.get().max(1));
    let mut source = match Source::try_new(spec) {
        Ok(source) => source,
        Err(error) => {
            note(&known, &key, Err(error));
            return;
        }
    };
    let began = Instant::now();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let answer = source.ask(now_ms).await;
        note(&known, &key, answer);
    }
}

fn note(known: &RefCell<BTreeMap<Key, Known>>, key: &Key, answer: Result<Figure, ScrapeError>) {
    let mut known = known.borrow_mut();
    let Some(known) = known.get_mut(key) else { return };
    known.asked += 1;
    match answer {
        Ok(figure) => {
            known.figure = Some((figure.value_milli, measured(figure)));
            known.fault = None;
        }
        // The first look at a counter is no failure: there is nothing to measure growth from yet.
        Err(ScrapeError::First) => known.fault = None,
        Err(error) => {
            known.failures += 1;
            known.fault = Some(error.to_string());
        }
    }
}

/// When a figure was measured: at its own time, where its source says one that is past.
fn measured(figure: Figure) -> Instant {
    let age = figure.at.map_or(0, |at| crate::clock::wall_ms().saturating_sub(at.0).max(0).unsigned_abs());
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(age)).unwrap_or(now)
}

/// What is wrong with sources, one line each.
#[must_use]
pub fn findings(service: &str, metrics: &[MetricView]) -> Vec<String> {
    let one = |metric: &MetricView| {
        let old = match metric.age_ms {
            Some(age) if age <= metric.age_max_ms => return None,
            Some(age) => format!("is {} old, at most {} may remove replicas", Millis(age), Millis(metric.age_max_ms)),
            None if metric.fault.is_none() => return None,
            None => "was never had".to_owned(),
        };
        let why = metric.fault.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("{service}: metric {} {old}{why}", metric.name))
    };
    metrics.iter().filter_map(one).collect()
}

/// What the history keeps of figures from outside and of GPUs.
#[must_use]
pub fn samples(state: &StateView) -> Vec<(SeriesId, i64)> {
    let mut samples = Vec::new();
    let mut add = |series: String, value: Option<i64>| {
        samples.extend(SeriesId::try_new(series).ok().zip(value));
    };
    for service in &state.services {
        for metric in &service.metrics {
            // What is too old is a gap: the figure of now is not known.
            let value = metric.value_milli.filter(|_| metric.age_ms.is_some_and(|age| age <= metric.age_max_ms));
            let name = if metric.feeds == "metric" { series_name(&metric.name) } else { metric.feeds.clone() };
            add(format!("service/{}/metric/{name}_milli", service.name), value);
        }
    }
    let signed = |value: Option<u64>| value.and_then(|value| i64::try_from(value).ok());
    for gpu in &state.node.gpus {
        add(format!("gpu/{}/utilization_permille", gpu.index), signed(gpu.utilization_permille));
        add(format!("gpu/{}/memory_used_bytes", gpu.index), signed(gpu.memory_used_bytes));
        add(format!("gpu/{}/power_milliwatts", gpu.index), signed(gpu.power_milliwatts));
        add(format!("gpu/{}/temperature_celsius", gpu.index), signed(gpu.temperature_celsius));
    }
    samples
}

/// A name that a series may have: what it may not hold becomes `_`.
fn series_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' }).collect()
}

/// GPUs as they are shown.
#[must_use]
pub fn gpus(gpus: &[plimsoll_model::observation::GpuObservation]) -> Vec<crate::view::GpuView> {
    let one = |gpu: &plimsoll_model::observation::GpuObservation| crate::view::GpuView {
        index: gpu.index,
        name: gpu.name.clone(),
        uuid: gpu.uuid.clone(),
        utilization_permille: gpu.utilization.map(plimsoll_model::Permille::get),
        memory_used_bytes: gpu.memory_used.map(Bytes::get),
        memory_total_bytes: gpu.memory_total.map(Bytes::get),
        power_milliwatts: gpu.power_milliwatts,
        temperature_celsius: gpu.temperature_celsius,
        processes: gpu
            .processes
            .iter()
            .map(|process| crate::view::GpuProcessView {
                pid: process.pid,
                memory_bytes: process.memory.map(Bytes::get),
            })
            .collect(),
    };
    gpus.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::metric::{Combine, MetricAsk, ReadAs};

    fn spec(name: &str, feeds: Feeds) -> MetricSpec {
        MetricSpec {
            name: name.to_owned(),
            feeds,
            url: "http://127.0.0.1:1/".to_owned(),
            ask: MetricAsk::Select("a".to_owned()),
            read: ReadAs::Auto,
            combine: Combine::Sum,
            interval: Millis(5_000),
            timeout: Millis(1_000),
            stale_after: None,
            size_max: Bytes(1 << 20),
            auth: None,
            ca_file: None,
        }
    }

    fn known(metrics: &MetricsIn, name: &str, feeds: Feeds, figure: Option<i64>) {
        let service = ServiceName::try_new("shop").unwrap();
        let figure = figure.map(|value| (value, Instant::now()));
        let spec = spec(name, feeds);
        let known = Known { spec: spec.clone(), figure, asked: 1, failures: 0, fault: None };
        metrics.known.borrow_mut().insert(key(&service, &spec), known);
    }

    fn observed(metrics: &MetricsIn) -> ServiceObservation {
        let service = ServiceName::try_new("shop").unwrap();
        let mut all = BTreeMap::from([(service.clone(), ServiceObservation::default())]);
        metrics.fill(&mut all);
        all.remove(&service).unwrap()
    }

    #[test]
    fn figures_arrive_under_their_names_and_a_queue_is_put_together() {
        let metrics = MetricsIn::default();
        known(&metrics, "orders", Feeds::Metric, Some(1_500));
        known(&metrics, "jobs", Feeds::Queue, Some(2_001));
        known(&metrics, "oldest", Feeds::QueueOldest, Some(2_500));
        let seen = observed(&metrics);
        let reading = seen.metrics["orders"];
        assert_eq!((reading.value_milli, reading.age_max_ms), (1_500, Some(15_000)));
        let queue = seen.queue.unwrap();
        assert_eq!((queue.waiting, queue.oldest_ms, queue.remaining_work_ms), (3, 2_500, None));
    }

    #[test]
    fn a_queue_of_which_nobody_knows_the_length_is_not_observed() {
        let metrics = MetricsIn::default();
        known(&metrics, "jobs", Feeds::Queue, None);
        known(&metrics, "oldest", Feeds::QueueOldest, Some(2_500));
        assert_eq!(observed(&metrics).queue, None);
    }

    #[test]
    fn a_source_that_failed_says_why_and_keeps_its_last_figure() {
        let metrics = MetricsIn::default();
        known(&metrics, "orders", Feeds::Metric, Some(7));
        let service = ServiceName::try_new("shop").unwrap();
        let key = (service.clone(), Feeds::Metric, "orders".to_owned());
        note(&metrics.known, &key, Err(ScrapeError::Status { status: 503 }));
        let view = metrics.view(&service).remove(0);
        assert_eq!((view.value_milli, view.failures, view.fault.as_deref()), (Some(7), 1, Some("it answered 503")));
        assert_eq!(findings("shop", std::slice::from_ref(&view)), [] as [String; 0], "it is young enough");
        let old = MetricView { age_ms: Some(60_000), ..view };
        let said = findings("shop", &[old]).remove(0);
        assert_eq!(said, "shop: metric orders is 1m old, at most 15s may remove replicas: it answered 503");
        assert_eq!(observed(&metrics).metrics["orders"].value_milli, 7);
    }
}
