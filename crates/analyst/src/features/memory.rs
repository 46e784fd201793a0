//! Memory: how near its limit, whether it follows requests in flight, and whether it grows with age.

use super::math;
use crate::history::History;
use serde::Serialize;

/// What memory is like.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Memory {
    /// Median of one replica, MiB.
    pub typical_mib: f64,
    /// The 0.95 quantile of the largest replica as a share of the limit.
    pub peak_of_limit: Option<f64>,
    /// The median as a share of the request.
    pub of_request: Option<f64>,
    /// Correlation of memory with requests in flight per replica.
    pub with_in_flight: Option<f64>,
    /// Memory without requests in flight, by that line, as a share of the limit.
    pub idle_of_limit: Option<f64>,
    /// Correlation of the oldest replica's memory with its age while it lives, with what requests in flight explain taken
    /// out.
    pub with_age: Option<f64>,
    /// How much the oldest replica's memory grows per hour of its age, as a share of the typical.
    pub growth_per_hour: Option<f64>,
    /// How much it grew over the longest life seen, as a share of the typical.
    pub growth: Option<f64>,
    /// Replicas killed for want of memory.
    pub kills: f64,
    /// Kills per thousand replica samples.
    pub kill_rate: f64,
    /// Median age at which replicas are killed, as a share of the window; none without kills.
    pub age_at_kill: Option<f64>,
}

/// Looks at memory; none where it was not measured.
pub(super) fn of(history: &History) -> Option<Memory> {
    let mean = history.column(|sample| sample.memory_mib);
    let typical_mib = math::at(&mean, 0.5).filter(|typical| *typical > 0.0)?;
    let most = history.column(|sample| sample.memory_max_mib.or(sample.memory_mib));
    let ready = history.column(|sample| sample.ready);
    let held = math::over(&history.column(|sample| sample.in_flight), &ready);
    let limit = history.configured.limit_memory_mib.filter(|limit| *limit > 0.0);
    let follows = math::line(&held, &mean);
    let (growth_per_hour, growth, with_age) = ageing(history, typical_mib);
    let kills: f64 = math::finite(&history.column(|sample| sample.out_of_memory)).iter().sum();
    let lived: f64 = math::finite(&ready).iter().sum();
    Some(Memory {
        typical_mib,
        peak_of_limit: limit.and_then(|limit| Some(math::at(&most, 0.95)? / limit)),
        of_request: history.configured.request_memory_mib.filter(|r| *r > 0.0).map(|request| typical_mib / request),
        with_in_flight: follows.map(|line| line.correlation),
        idle_of_limit: follows.zip(limit).map(|(line, limit)| line.intercept / limit),
        with_age,
        growth_per_hour,
        growth,
        kills,
        kill_rate: if lived > 0.0 { kills * 1_000.0 / lived } else { 0.0 },
        age_at_kill: age_at_kill(history),
    })
}

/// Growth of the oldest replica per hour and over the longest life, as shares of `typical`, and how straight it is.
///
/// Within one life only: a younger replica that becomes the oldest starts anew.
fn ageing(history: &History, typical: f64) -> (Option<f64>, Option<f64>, Option<f64>) {
    let age = history.column(|sample| sample.age_oldest_s);
    let memory = history.column(|sample| sample.memory_oldest_mib);
    let held = history.column(|sample| Some(sample.in_flight? / sample.ready.filter(|ready| *ready > 0.0)?));
    let mut lives: Vec<[Vec<f64>; 3]> = Vec::new();
    let mut before = f64::INFINITY;
    for at in (0..age.len()).filter(|at| age[*at].is_finite() && memory[*at].is_finite()) {
        if age[at] <= before {
            lives.push(Default::default());
        }
        before = age[at];
        if let Some([ages, memories, holds]) = lives.last_mut() {
            ages.push(age[at]);
            memories.push(memory[at]);
            holds.push(held[at]);
        }
    }
    let longest = lives.iter().max_by_key(|life| life[0].len()).filter(|life| life[0].len() >= 12);
    let Some([ages, memories, holds]) = longest else { return (None, None, None) };
    let Some(line) = math::line(ages, memories) else { return (None, None, None) };
    let correlation = |a: &[f64], b: &[f64]| math::line(a, b).map_or(0.0, |line| line.correlation);
    let straight = partial(line.correlation, correlation(holds, memories), correlation(holds, ages));
    let lived = ages[ages.len() - 1] - ages[0];
    (Some(line.slope * 3_600.0 / typical), Some(line.slope * lived / typical), Some(straight))
}

/// Correlation of a and b with c taken out, from those of a with b, a with c and b with c.
fn partial(ab: f64, ac: f64, bc: f64) -> f64 {
    let rest = (1.0 - ac * ac) * (1.0 - bc * bc);
    if rest > 1e-6 { ((ab - ac * bc) / libm::sqrt(rest)).clamp(-1.0, 1.0) } else { 0.0 }
}

/// How old the oldest replica was before a kill that made it younger, as a share of the window: how long one lasts at most.
fn age_at_kill(history: &History) -> Option<f64> {
    let span = history.span_s();
    let killed = history.samples.windows(2).filter_map(|pair| {
        let (before, after) = (pair[0].age_oldest_s?, pair[1].age_oldest_s.unwrap_or(0.0));
        (pair[1].out_of_memory? > 0.0 && after < before).then_some(before / span)
    });
    math::at(&killed.collect::<Vec<_>>(), 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Configured, Sample};

    fn history(of: impl Fn(f64) -> Sample) -> History {
        History {
            service: "web".into(),
            start_ms: 0,
            step_ms: 60_000,
            configured: Configured {
                limit_memory_mib: Some(1_000.0),
                request_memory_mib: Some(500.0),
                ..Configured::default()
            },
            samples: (0..200).map(|at| of(f64::from(at))).collect(),
            events: Vec::new(),
            decisions: Vec::new(),
            forecasts: Vec::new(),
        }
    }

    fn sample(memory: f64, age: f64, in_flight: f64) -> Sample {
        Sample {
            memory_mib: Some(memory),
            memory_max_mib: Some(memory),
            memory_oldest_mib: Some(memory),
            age_oldest_s: Some(age),
            ready: Some(2.0),
            in_flight: Some(in_flight),
            ..Sample::default()
        }
    }

    #[test]
    fn growth_with_age_is_found_within_a_life() {
        // Killed after 100 minutes at 600 MiB, from 100.
        let memory = of(&history(|at| Sample {
            out_of_memory: Some(f64::from(u8::from(at == 100.0))),
            ..sample(100.0 + 5.0 * (at % 100.0), 60.0 * (at % 100.0), 3.0)
        }))
        .unwrap();
        assert!(memory.with_age.unwrap() > 0.999 && memory.growth.unwrap() > 1.0, "{memory:?}");
        assert!((memory.growth_per_hour.unwrap() * memory.typical_mib - 300.0).abs() < 1.0);
        assert_eq!(memory.kills, 1.0);
        assert!((memory.age_at_kill.unwrap() - 0.495).abs() < 0.01);
    }

    #[test]
    fn memory_that_follows_requests_is_told_from_memory_that_is_always_there() {
        let follows = of(&history(|at| sample(100.0 + 20.0 * (at % 7.0), 60.0 * at, 2.0 * (at % 7.0)))).unwrap();
        assert!(follows.with_in_flight.unwrap() > 0.999 && (follows.idle_of_limit.unwrap() - 0.1).abs() < 1e-6);
        let idle = of(&history(|at| sample(950.0 + (at % 7.0), 60.0 * at, 2.0 * (at % 7.0)))).unwrap();
        assert!((idle.idle_of_limit.unwrap() - 0.95).abs() < 1e-6 && idle.peak_of_limit.unwrap() > 0.95);
        assert_eq!(idle.of_request.map(|share| share > 1.9), Some(true));
        assert!(of(&history(|_| Sample::default())).is_none());
    }
}
