//! Why the number of replicas became what it is: the decision that was asked about, its reason, and what was measured then.

use super::super::parse::Day;
use super::super::prose::Draft;
use super::super::time::{DAY_MS, TimeOfDay, weekday};
use super::{AskError, Ground, Told, clock, quotable};
use crate::evidence::{Fact, Figure, rounded};
use crate::history::{Decided, Sample};

/// How far a decision may be from the time of day that was named.
const NEAR_MS: i64 = 45 * 60_000;
/// Samples before the decision that it is compared with.
const BEFORE: usize = 10;
/// Changes that are listed where the one asked about is not there.
const LISTED: usize = 12;

pub fn sentences(
    ground: &Ground<'_>,
    replicas: Option<u32>,
    at: Option<TimeOfDay>,
    day: Option<Day>,
) -> Result<Told, AskError> {
    let (index, decided) = chosen(ground, replicas, at, day)?;
    let decision = decision_fact(ground, index, decided);
    let mut told: Told = Vec::new();
    let went = Draft::default().words("At ").moment(&decision).words(" ").name(&ground.service);
    let went =
        went.words(" went from ").figure(&decision, "from").and_then(|it| it.words(" to ").figure(&decision, "to"));
    told.extend(went.map(|it| (it.words(" replicas"), vec![decision.clone()])));
    if !decision.words.is_empty() {
        told.push((Draft::default().words("The controller's reason: ").quote(&decision), vec![decision.clone()]));
    }
    told.extend(measured(ground, index, decided));
    told.extend(bounds(ground, &decision, decided));
    Ok(told)
}

/// The decision that was asked about: of those that fit the newest, or the one nearest to the time named.
fn chosen<'a>(
    ground: &Ground<'a>,
    replicas: Option<u32>,
    at: Option<TimeOfDay>,
    day: Option<Day>,
) -> Result<(usize, &'a Decided), AskError> {
    let service = || ground.service.clone();
    let all = || ground.history.decisions.iter().enumerate();
    if ground.history.decisions.is_empty() {
        return Err(AskError::NoDecision { service: service() });
    }
    let of_number = |decided: &Decided| replicas.is_none_or(|wanted| decided.to == wanted);
    let of_day = |decided: &Decided| day.is_none_or(|day| weekday(decided.at_ms) == day as u32);
    let away = |decided: &Decided| at.map_or(0, |at| apart(decided.at_ms.rem_euclid(DAY_MS), at.ms()));
    let fitting = all().filter(|(_, decided)| of_number(decided) && of_day(decided) && away(decided) <= NEAR_MS);
    // Of equals the newest: the last of the list.
    let best = fitting.min_by_key(|(index, decided)| (away(decided), std::cmp::Reverse(*index)));
    best.ok_or_else(|| {
        let mut known: Vec<String> = all().rev().take(LISTED).map(|(_, decided)| decided.to.to_string()).collect();
        known.reverse();
        let mut asked = replicas.map_or_else(|| "changed".to_owned(), |replicas| format!("taken to {replicas}"));
        if let Some(at) = at {
            asked.push_str(&format!(" at about {}", clock(at)));
        }
        if let Some(day) = day {
            asked.push_str(&format!(" on a {day:?}"));
        }
        AskError::NoSuchDecision { service: service(), asked, known: known.join(", ") }
    })
}

/// Between two times of day, the shorter way round.
fn apart(a: i64, b: i64) -> i64 {
    let straight = (a - b).abs();
    straight.min(DAY_MS - straight)
}

/// The decision as a fact, under the id that evidence packs give it.
fn decision_fact(ground: &Ground<'_>, index: usize, decided: &Decided) -> Fact {
    let whole = |name, value: u32| Figure { name, value: f64::from(value), unit: "" };
    let figures = vec![whole("from", decided.from), whole("to", decided.to)];
    let mut fact = ground.fact(format!("D{}", index + 1), "target changed", figures, decided.at_ms);
    fact.words = quotable(&decided.reason);
    fact
}

/// What was measured then, and some samples before.
fn measured(ground: &Ground<'_>, index: usize, decided: &Decided) -> Told {
    let history = ground.history;
    let since = decided.at_ms.saturating_sub(history.start_ms).max(0).unsigned_abs();
    let at = usize::try_from(since / history.step_ms.max(1)).unwrap_or(usize::MAX).min(history.samples.len() - 1);
    let then = sample_fact(ground, format!("N{}", index + 1), "measured then", at, &history.samples[at]);
    let mut told: Told = Vec::new();
    if then.figures.is_empty() {
        return told;
    }
    let before = at.saturating_sub(BEFORE);
    let earlier = sample_fact(ground, format!("B{}", index + 1), "measured before", before, &history.samples[before]);
    let line = Draft::default().words("Measured then: ").all(&then);
    told.push((line, vec![then]));
    if before < at && !earlier.figures.is_empty() {
        let line = Draft::default().words("And at ").moment(&earlier).words(": ").all(&earlier);
        told.push((line, vec![earlier]));
    }
    told
}

fn sample_fact(ground: &Ground<'_>, id: String, name: &'static str, at: usize, sample: &Sample) -> Fact {
    let known = [
        ("load", sample.rate_per_s, "/s"),
        ("ready", sample.ready, ""),
        ("cpu", sample.cpu_cores, "cores"),
        ("in_flight", sample.in_flight, ""),
        ("latency_median", sample.latency_p50_ms, "ms"),
        ("failed", sample.failed_per_s.filter(|failed| *failed > 0.0), "/s"),
        ("waiting", sample.queue, ""),
    ];
    let figures =
        known.into_iter().filter_map(|(name, value, unit)| Some(Figure { name, value: rounded(value?), unit }));
    let at_ms = ground.history.start_ms.saturating_add_unsigned(ground.history.step_ms.saturating_mul(at as u64));
    ground.fact(id, name, figures.collect(), at_ms)
}

/// Whether it stands at a bound.
fn bounds(ground: &Ground<'_>, decision: &Fact, decided: &Decided) -> Told {
    let Some(bounds) = ground.pack.fact("P1") else { return Vec::new() };
    let set = &ground.history.configured;
    let (name, words) = if set.replicas_max == Some(decided.to) {
        ("max", ", the most that its spec allows: more load would find no more replicas")
    } else if set.replicas_min == Some(decided.to) {
        ("min", ", the fewest that its spec allows")
    } else {
        return Vec::new();
    };
    let line = Draft::default().words("That is ").figure(bounds, name);
    let line = line.map(|mut line| {
        line.cite(decision);
        line.words(words)
    });
    line.map(|line| (line, vec![decision.clone()])).into_iter().collect()
}
