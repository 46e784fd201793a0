//! Runs the policies on the series of one set and prints what they cost.

use super::policies::{INFORMED, POLICIES, Policy, QUANTILE};
use plimsoll_forecast::score::{Provision, provision};
use plimsoll_traces::Recorded;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Steps and violations by hour of the day.
type Hours = [[u32; 2]; 24];

/// What one policy cost on every series that has a demand, and its coverage by hour of the day.
struct Outcome {
    scores: Vec<Provision>,
    /// Steps and violations by hour (UTC), all series together.
    hours: Hours,
}

/// Prints the table of one set at one horizon.
pub fn judge(about: &str, series: &[Recorded], ahead: usize, tested: Option<usize>, is_informed: bool) {
    let informed: &[Policy] = if is_informed { INFORMED } else { &[] };
    let policies: Vec<&Policy> = POLICIES.iter().chain(informed).collect();
    let started = std::time::Instant::now();
    let outcomes: Vec<Outcome> = policies.iter().map(|policy| run(policy.capacity, series, ahead, tested)).collect();
    let count = outcomes[0].scores.len();
    let steps = outcomes[0].scores.iter().map(|score| score.steps).max().unwrap_or(0);
    println!("{about}: {count} series with a demand, {steps} decisions at most, {ahead} steps ahead");
    println!(
        "{:<28} {:>13} {:>13} {:>17} {:>15} {:>10} {:>9}",
        "policy (mean / median)", "V %", "U %", "H %", "pinball %", "|V-1|", "in 2 s.e."
    );
    for (policy, outcome) in policies.iter().zip(&outcomes) {
        row(policy.name, &outcome.scores);
    }
    for (policy, ours) in policies.iter().zip(&outcomes).skip(POLICIES.len() - 1) {
        for (against, goal) in [(0, 1.0 / 3.0), (3, 0.8), (2, 0.8), (4, 0.8)] {
            ratios(policy.name, policies[against].name, goal, &ours.scores, &outcomes[against].scores);
        }
    }
    for (policy, outcome) in policies.iter().zip(&outcomes).skip(3) {
        let share =
            |[steps, above]: &[u32; 2]| format!("{:.1}", 100.0 * f64::from(*above) / f64::from((*steps).max(1)));
        println!("V % by hour, {:<28} {}", policy.name, outcome.hours.iter().map(share).collect::<Vec<_>>().join(" "));
    }
    println!("({:.1} s)\n", started.elapsed().as_secs_f64());
}

/// All series, shared among the cores.
fn run(
    capacity: fn(&Recorded, usize) -> Vec<f64>,
    series: &[Recorded],
    ahead: usize,
    tested: Option<usize>,
) -> Outcome {
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Provision, Hours)>> = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(series.len());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(one) = series.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = std::ptr::from_ref(one) as usize;
                    let (score, hours) = judge_one(one, &capacity(one, ahead), tested);
                    found.lock().expect("no thread panicked").push((place, score, hours));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread panicked");
    found.sort_by_key(|(place, ..)| *place);
    let mut outcome = Outcome { scores: Vec::new(), hours: [[0; 2]; 24] };
    for (_, score, hours) in found.into_iter().filter(|(_, score, _)| score.headroom.is_finite()) {
        outcome.scores.push(score);
        for (sum, hour) in outcome.hours.iter_mut().zip(hours) {
            *sum = [sum[0] + hour[0], sum[1] + hour[1]];
        }
    }
    outcome
}

fn judge_one(series: &Recorded, capacity: &[f64], tested: Option<usize>) -> (Provision, Hours) {
    let len = series.values.len();
    let from = len - tested.unwrap_or(len / 2).min(len);
    let mut hours = [[0; 2]; 24];
    for index in from..len {
        let (demand, capacity) = (series.values[index], capacity[index]);
        let at = series.start.plus(series.step.saturating_mul(index as u64)).0;
        let hour = &mut hours[at.div_euclid(3_600_000).rem_euclid(24) as usize];
        *hour = [hour[0] + u32::from(demand.is_finite()), hour[1] + u32::from(demand > capacity)];
    }
    (provision(&series.values[from..], &capacity[from..], QUANTILE), hours)
}

fn row(name: &str, scores: &[Provision]) {
    let both = |figure: fn(&Provision) -> f64| {
        let mut values: Vec<f64> = scores.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (100.0 * mean, 100.0 * values[values.len() / 2])
    };
    let (v, u, h, p) = (both(|s| s.violations), both(|s| s.unserved), both(|s| s.headroom), both(|s| s.pinball));
    let (_, off) = both(|s| (s.violations - 0.01).abs());
    let within = scores.iter().filter(|score| {
        let error = (0.01 * 0.99 / score.steps as f64).sqrt();
        (score.violations - 0.01).abs() <= 2.0 * error
    });
    println!(
        "{name:<28} {:>6.2} /{:>5.2} {:>6.3} /{:>5.2} {:>9} /{:>6.2} {:>7.3} /{:>6.3} {:>10.2} {:>8.0}%",
        v.0,
        v.1,
        u.0,
        u.1,
        large(h.0),
        h.1,
        p.0,
        p.1,
        off,
        100.0 * within.count() as f64 / scores.len() as f64
    );
}

/// Two decimals, or a power of ten for what has run away.
fn large(value: f64) -> String {
    if value.abs() < 1e5 { format!("{value:.2}") } else { format!("{value:.1e}") }
}

/// Median over series, and ratio of the means, of our spare capacity over another policy's.
fn ratios(ours_name: &str, name: &str, goal: f64, ours: &[Provision], theirs: &[Provision]) {
    let mean =
        |scores: &[Provision], of: fn(&Provision) -> f64| scores.iter().map(of).sum::<f64>() / scores.len() as f64;
    let median = |of: fn(&Provision) -> f64| {
        let sorted = |scores: &[Provision]| {
            let mut values: Vec<f64> = scores.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        sorted(ours) / sorted(theirs)
    };
    println!(
        "{ours_name} over {name}: H {:.3} (means) {:.3} (medians), goal {goal:.3}; pinball {:.3} {:.3}",
        mean(ours, |s| s.headroom) / mean(theirs, |s| s.headroom),
        median(|s| s.headroom),
        mean(ours, |s| s.pinball) / mean(theirs, |s| s.pinball),
        median(|s| s.pinball),
    );
}
