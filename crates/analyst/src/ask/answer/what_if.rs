//! What another load would bring: the recorded one and the other, run in the twin under the very controller that runs live.

use super::super::parse::Scenario;
use super::super::prose::Draft;
use super::super::time::{DAY_MS, weekday};
use super::{Answer, AskError, Ground, Told, clock};
use crate::ask::Question;
use crate::evidence::{Fact, Figure, Source, rounded};
use crate::gate::{Record, Terms, alone};
use crate::history::History;
use plimsoll_model::MilliRps;
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::Spec;
use plimsoll_twin::backtest::{Between, Course, Load, Protocol, Watch};

/// The part of the history that is run and not counted, per cent: everything starts there.
const SKIP_PCT: u64 = 10;

/// Answers by running both.
///
/// # Errors
/// [`AskError`] where the twin cannot run it.
pub fn what_if(history: &History, scenario: Scenario, spec: &Spec, service: &ServiceName) -> Result<Answer, AskError> {
    let ground = Ground::of(history);
    let refused = |why: String| AskError::Twin { why };
    let known = spec.services.get(service).ok_or_else(|| refused(format!("the spec has no service {service}")))?;
    let record =
        Record::of(history, known, spec.clock.speed, &Terms::default()).map_err(|error| refused(error.to_string()))?;
    let (other, hours) = changed(&record.load, scenario);
    let all = record.load.rate.len() as u64;
    let protocol = Protocol { skip: record.protocol.tick.saturating_mul(all * SKIP_PCT / 100), ..record.protocol };
    let mut patched = known.clone();
    // Sizes are not simulated.
    patched.scaling.vertical = None;
    let spec = alone(spec, service, patched);
    let run = |load: &Load| -> Result<Vec<Figure>, AskError> {
        let course =
            Course::try_new(load, Between::Held, protocol.clone()).map_err(|error| refused(error.to_string()))?;
        let run = course.run_watched(&spec, &Watch::default(), |_| {}).map_err(|error| refused(error.to_string()))?;
        Ok(figures(&course, &run.supply.ready, &run.supply.billed, protocol.tick.0))
    };
    let (now, then) = (run(&record.load)?, run(&other)?);
    let told = told(&ground, scenario, (now, then), hours, known.replicas_max);
    let mut answer = ground.finish(&Question::WhatIf(scenario), told);
    // Times of day stand in the question itself.
    answer.names.extend([scenario.from, scenario.until].into_iter().flatten().map(clock));
    Ok(answer)
}

/// The load with the scenario in it, and for how many hours it holds. Where the history has no such day, its last day stands
/// for it.
fn changed(load: &Load, scenario: Scenario) -> (Load, f64) {
    let step = i64::try_from(load.step.0).unwrap_or(i64::MAX);
    let at = |index: usize| load.start.0.saturating_add(step.saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)));
    let count = load.rate.len();
    let is_day = |index: &usize| scenario.day.is_none_or(|day| weekday(at(*index)) == day as u32);
    let has_day = (0..count).any(|index| is_day(&index));
    let last_day = at(count).saturating_sub(DAY_MS);
    let is_time = |index: usize| {
        let in_day = at(index).rem_euclid(DAY_MS);
        let (from, until) = (scenario.from.map_or(0, |at| at.ms()), scenario.until.map_or(DAY_MS, |at| at.ms()));
        if from <= until { (from..until).contains(&in_day) } else { in_day >= from || in_day < until }
    };
    let holds = |index: usize| is_time(index) && if has_day { is_day(&index) } else { at(index) >= last_day };
    let rate = load.rate.iter().enumerate().map(|(index, rate)| match rate {
        Some(rate) if holds(index) => Some(MilliRps((rate.0 as f64 * scenario.times + 0.5) as u64)),
        other => *other,
    });
    let hours = (0..count).filter(|index| holds(*index)).count() as f64 * load.step.0 as f64 / 3_600_000.0;
    (Load { rate: rate.collect(), ..load.clone() }, hours)
}

/// What a run comes to.
fn figures(course: &Course, ready: &[u32], billed: &[u32], tick_ms: u64) -> Vec<Figure> {
    let need = course.need();
    let figure = |name, value: f64, unit| Figure { name, value: rounded(value), unit };
    let slots = need.len().max(1) as f64;
    let short = need.iter().zip(ready).filter(|(need, ready)| ready < need).count() as f64;
    let hours = billed.iter().map(|replicas| f64::from(*replicas)).sum::<f64>() * tick_ms as f64 / 3_600_000.0;
    vec![
        figure("most_replicas", f64::from(billed.iter().copied().max().unwrap_or(0)), ""),
        figure("most_needed", f64::from(need.iter().copied().max().unwrap_or(0)), ""),
        figure("replica_hours", hours, "h"),
        figure("short_of_time", 100.0 * short / slots, "%"),
    ]
}

fn told(
    ground: &Ground<'_>,
    scenario: Scenario,
    (now, then): (Vec<Figure>, Vec<Figure>),
    hours: f64,
    most: u32,
) -> Told {
    let start = ground.history.start_ms;
    let fact =
        |id: &str, name, figures| Fact { source: Source::Twin, ..ground.fact(id.to_owned(), name, figures, start) };
    let now = fact("W1", "the recorded load in the twin", now);
    let then = fact("W2", "the other load in the twin", then);
    let plain = |name, value: f64, unit| Figure { name, value: rounded(value), unit };
    let asked = fact(
        "W3",
        "the load that was asked about",
        vec![plain("times", scenario.times, ""), plain("hours", hours, "h")],
    );
    let all = vec![now.clone(), then.clone(), asked.clone()];
    let when = when(scenario);
    let two = |before: &str, name: &str| {
        let draft = Draft::default().name(&ground.service).words(before).figure(&then, name)?;
        draft.words(" instead of ").figure(&now, name)
    };
    let mut told: Told = Vec::new();
    let mut tell = |draft: Option<Draft>| told.extend(draft.map(|draft| (draft, all.clone())));
    let opening = Draft::default().words("Run in the twin with ").figure(&asked, "times");
    let opening =
        opening.and_then(|draft| draft.words(" times the load").name(&when).words(", for ").figure(&asked, "hours"));
    tell(opening.map(|draft| draft.words(" of the recorded time")));
    tell(two(" would run at most ", "most_replicas").map(|draft| draft.words(" replicas")));
    tell(two(" would need at most ", "most_needed").map(|draft| draft.words(" to serve within its objective")));
    tell(two(" would pay for ", "replica_hours").map(|draft| draft.words(" of replicas")));
    tell(two(" would be short of ready replicas for ", "short_of_time").map(|draft| draft.words(" of the time")));
    let needed = then.figures.iter().find(|figure| figure.name == "most_needed").map_or(0.0, |figure| figure.value);
    if needed > f64::from(most)
        && let Some(bounds) = ground.pack.fact("P1")
    {
        let draft = Draft::default().words("Its spec allows at most ").figure(bounds, "max");
        tell(draft.map(|draft| draft.words(": that is too few")));
    }
    told
}

/// When the scenario holds, in words.
fn when(scenario: Scenario) -> String {
    let mut words = scenario.day.map_or_else(String::new, |day| format!(" on {day:?}s"));
    if let Some(from) = scenario.from {
        words.push_str(&format!(" from {}", clock(from)));
    }
    if let Some(until) = scenario.until {
        words.push_str(&format!(" until {}", clock(until)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Day, TimeOfDay};
    use plimsoll_model::{Millis, Timestamp};

    /// Three days by the hour from Thursday, the first of January 1970.
    fn load() -> Load {
        Load { start: Timestamp(0), step: Millis(3_600_000), rate: vec![Some(MilliRps(1_000)); 72], memory: Vec::new() }
    }

    fn scenario(day: Option<Day>, from: Option<u32>, until: Option<u32>) -> Scenario {
        let at = |hour: Option<u32>| hour.map(|hour| TimeOfDay { hour, minute: 0 });
        Scenario { times: 3.0, day, from: at(from), until: at(until) }
    }

    fn where_it_holds(scenario: Scenario) -> Vec<usize> {
        let (load, hours) = changed(&load(), scenario);
        let found: Vec<usize> = (0..72).filter(|index| load.rate[*index] == Some(MilliRps(3_000))).collect();
        assert_eq!(hours, found.len() as f64);
        found
    }

    #[test]
    fn it_holds_on_the_day_and_at_the_time_that_was_asked_about() {
        assert_eq!(where_it_holds(scenario(None, None, None)).len(), 72);
        assert_eq!(where_it_holds(scenario(Some(Day::Friday), None, None)), (24..48).collect::<Vec<_>>());
        assert_eq!(where_it_holds(scenario(Some(Day::Friday), Some(9), Some(12))), [33, 34, 35]);
        assert_eq!(where_it_holds(scenario(Some(Day::Thursday), Some(23), Some(1))), [0, 23]);
    }

    #[test]
    fn a_day_that_the_history_lacks_is_its_last() {
        assert_eq!(where_it_holds(scenario(Some(Day::Monday), None, None)), (48..72).collect::<Vec<_>>());
    }
}
