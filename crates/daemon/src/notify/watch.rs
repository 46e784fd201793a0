//! When somebody is to be told: what begins and what is over, each once.
//!
//! A burn is seen in two windows, so that one bad minute of a quiet hour is none and one that is over is soon known to be:
//! over the last hour (or since the start) and over the last five minutes, ten times the share of failures that is allowed.
//!
//! Pure: time and facts are handed in.
//!
//! # Source
//! Google, The Site Reliability Workbook, chapter 5, "Multiwindow, multi-burn-rate alerts"; there 14.4 times for a window of
//! an hour, which uses up 2 % of a month's budget; ten times uses up 1.4 %.

use crate::traffic::Totals;
use plimsoll_model::ServiceName;
use plimsoll_model::operations::{Occasion, WebhookSpec};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How many times too fast the error budget is used up in a burn.
pub const BURN: u64 = 10;
/// The windows that a burn is seen in.
pub const WINDOWS: [Duration; 2] = [Duration::from_secs(3_600), Duration::from_secs(300)];
/// Fewest failed requests of a burn: three of four test requests are none.
const FAILED_MIN: u64 = 10;
/// Counts are kept so far apart.
const GRAIN: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    /// Requests by service, since the daemon started.
    pub totals: Option<&'a BTreeMap<ServiceName, Totals>>,
    /// Services in a crash loop: exits in a row, and the last cause.
    pub crash_loops: BTreeMap<ServiceName, (u32, String)>,
    /// Why nothing is decided.
    pub frozen: Option<String>,
}

/// What somebody is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Of what.
    pub occasion: Occasion,
    /// About which service; none is about all of them.
    pub service: Option<ServiceName>,
    /// It begins; else it is over.
    pub is_firing: bool,
    /// In a sentence.
    pub summary: String,
    /// The numbers.
    pub details: Value,
}

/// Counts of one service over time.
#[derive(Debug, Clone, Default)]
struct Past(VecDeque<(Instant, u64, u64)>);

impl Past {
    fn note(&mut self, now: Instant, totals: Totals) {
        let is_due = self.0.back().is_none_or(|(at, ..)| now.saturating_duration_since(*at) >= GRAIN);
        if is_due {
            self.0.push_back((now, totals.finished, totals.failed));
        }
        // The newest that is old enough is the beginning of the longest window.
        while self.0.get(1).is_some_and(|(at, ..)| now.saturating_duration_since(*at) >= WINDOWS[0]) {
            self.0.pop_front();
        }
    }

    /// Finished and failed within the last `window`, or since the first look.
    fn within(&self, now: Instant, window: Duration, totals: Totals) -> (u64, u64) {
        let begin = self.0.iter().rev().find(|(at, ..)| now.saturating_duration_since(*at) >= window);
        let (_, finished, failed) = begin.or(self.0.front()).copied().unwrap_or((now, 0, 0));
        (totals.finished.saturating_sub(finished), totals.failed.saturating_sub(failed))
    }
}

/// What was said already, and what it takes to say more.
#[derive(Debug, Clone)]
pub struct Watch {
    events: Vec<Occasion>,
    errors_max: u64,
    past: BTreeMap<ServiceName, Past>,
    firing: BTreeSet<(Occasion, Option<ServiceName>)>,
}

impl Watch {
    /// For a receiver.
    #[must_use]
    pub fn new(spec: &WebhookSpec) -> Self {
        let errors_max = spec.errors_max.get();
        Self { events: spec.events.clone(), errors_max, past: BTreeMap::new(), firing: BTreeSet::new() }
    }

    /// What is to be told at `now`.
    pub fn look(&mut self, now: Instant, facts: &Facts<'_>) -> Vec<Notice> {
        let mut standing: BTreeMap<(Occasion, Option<ServiceName>), (String, Value)> = BTreeMap::new();
        for (service, totals) in facts.totals.into_iter().flatten() {
            if let Some(told) = self.burn(now, service, *totals) {
                standing.insert((Occasion::SloBurn, Some(service.clone())), told);
            }
        }
        for (service, (exits, cause)) in &facts.crash_loops {
            let summary = format!("a replica of {service} ended {exits} times in a row: {cause}");
            let told = (summary, json!({ "exits": exits, "cause": cause }));
            standing.insert((Occasion::CrashLoop, Some(service.clone())), told);
        }
        if let Some(why) = &facts.frozen {
            let told = (format!("nothing is decided: {why}"), json!({ "why": why }));
            standing.insert((Occasion::Frozen, None), told);
        }
        standing.retain(|(occasion, _), _| self.events.contains(occasion));
        let over: Vec<_> = self.firing.iter().filter(|known| !standing.contains_key(known)).cloned().collect();
        let mut notices = Vec::new();
        for (occasion, service) in over {
            self.firing.remove(&(occasion, service.clone()));
            let of = service.as_ref().map(|service| format!(" of {service}")).unwrap_or_default();
            let summary = format!("{}{of} is over", occasion.word());
            notices.push(Notice { occasion, service, is_firing: false, summary, details: json!({}) });
        }
        for ((occasion, service), (summary, details)) in standing {
            if self.firing.insert((occasion, service.clone())) {
                notices.push(Notice { occasion, service, is_firing: true, summary, details });
            }
        }
        notices
    }

    fn burn(&mut self, now: Instant, service: &ServiceName, totals: Totals) -> Option<(String, Value)> {
        let past = self.past.entry(service.clone()).or_default();
        past.note(now, totals);
        let windows = WINDOWS.map(|window| past.within(now, window, totals));
        let bound = self.errors_max.saturating_mul(BURN);
        let burns = |(finished, failed): (u64, u64)| {
            failed >= FAILED_MIN && failed.saturating_mul(1_000) >= finished.saturating_mul(bound)
        };
        if !windows.iter().all(|window| burns(*window)) {
            return None;
        }
        let [(_, hour), (finished, failed)] = windows;
        let share = plimsoll_model::Permille(failed * 1_000 / finished.max(1));
        let allowed = plimsoll_model::Permille(self.errors_max);
        let summary = format!("{failed} of the last {finished} requests of {service} failed ({share}); {allowed} may");
        let details = json!({
            "finished": finished, "failed": failed, "failed_hour": hour, "errors_max_permille": self.errors_max,
            "burn": BURN, "window_s": WINDOWS[1].as_secs(),
        });
        Some((summary, details))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Millis, Permille};

    fn spec(events: &[Occasion]) -> WebhookSpec {
        WebhookSpec {
            url: "http://127.0.0.1:9/".to_owned(),
            secret: None,
            events: events.to_vec(),
            errors_max: Permille(10),
            timeout: Millis(1),
            tries: 1,
            backoff: Millis(1),
            queue_max: 1,
        }
    }

    fn totals(finished: u64, failed: u64) -> BTreeMap<ServiceName, Totals> {
        [(ServiceName::try_new("shop").unwrap(), Totals { finished, failed, ..Totals::default() })].into()
    }

    #[test]
    fn a_burn_is_told_when_it_begins_and_when_it_is_over() {
        let (start, mut watch) = (Instant::now(), Watch::new(&spec(&Occasion::ALL)));
        let mut look = |seconds: u64, finished, failed| {
            let totals = totals(finished, failed);
            let facts = Facts { totals: Some(&totals), ..Facts::default() };
            let told = watch.look(start + Duration::from_secs(seconds), &facts);
            told.into_iter().map(|notice| notice.is_firing).collect::<Vec<_>>()
        };
        assert_eq!(look(0, 0, 0), Vec::<bool>::new());
        assert_eq!(look(60, 6_000, 5), Vec::<bool>::new(), "within the budget");
        assert_eq!(look(120, 12_000, 1_500), vec![true], "a quarter of the last minute, more than a tenth of all");
        assert_eq!(look(130, 13_000, 1_800), Vec::<bool>::new(), "said already");
        // Five minutes without a failure: the short window is clean, the long one is not.
        assert_eq!(look(500, 14_000, 1_800), vec![false]);
    }

    #[test]
    fn a_few_failures_or_an_old_bad_minute_are_no_burn() {
        let (start, mut watch) = (Instant::now(), Watch::new(&spec(&Occasion::ALL)));
        let mut told = 0;
        // Three of four requests at night; then a day of load; then one bad window of five minutes within it.
        for (seconds, finished, failed) in [(0, 0, 0), (10, 4, 3), (1_800, 100_000, 3), (1_900, 100_200, 60)] {
            let totals = totals(finished, failed);
            let facts = Facts { totals: Some(&totals), ..Facts::default() };
            told += watch.look(start + Duration::from_secs(seconds), &facts).len();
        }
        assert_eq!(told, 0);
    }

    #[test]
    fn only_what_a_receiver_wants_is_told_and_each_thing_once() {
        let mut watch = Watch::new(&spec(&[Occasion::Frozen]));
        let shop = ServiceName::try_new("shop").unwrap();
        let crash_loops = BTreeMap::from([(shop, (6, "killed by signal 9".to_owned()))]);
        let facts = Facts { crash_loops, frozen: Some("the disk is full".to_owned()), ..Facts::default() };
        let first = watch.look(Instant::now(), &facts);
        assert_eq!((first.len(), first[0].occasion, first[0].is_firing), (1, Occasion::Frozen, true));
        assert_eq!(watch.look(Instant::now(), &facts), Vec::new());
        let over = watch.look(Instant::now(), &Facts::default());
        assert_eq!((over.len(), over[0].is_firing), (1, false));
    }

    #[test]
    fn what_is_remembered_of_an_hour_is_bounded() {
        let (start, mut past) = (Instant::now(), Past::default());
        for second in 0..20_000 {
            past.note(start + Duration::from_secs(second), Totals::default());
        }
        assert!(past.0.len() <= 362, "{}", past.0.len());
    }
}
