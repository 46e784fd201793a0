//! Memory and descriptors of a process over time, and whether they grow.
//!
//! # Source
//! Theil–Sen: the median of the slopes of all pairs (Theil 1950, Sen 1968), which bursts of connections do not bend.

use std::fmt;

/// Of a process's life, what is left out: pools, maps and allocator arenas fill first.
const WARM_UP_SHARE: f64 = 0.25;
/// Growth over the rest of its life that is noise of an allocator: so much of the median, or so many bytes.
const GROWTH_SHARE: f64 = 0.05;
const MEMORY_NOISE: f64 = 4.0 * 1024.0 * 1024.0;
/// And of descriptors: connections come and go.
const DESCRIPTOR_NOISE: f64 = 16.0;
/// Samples that slopes are taken of: all pairs of them.
const SAMPLES_MAX: usize = 400;

/// What one process held.
#[derive(Debug, Default)]
pub struct Vitals {
    samples: Vec<(f64, f64, f64)>,
}

impl Vitals {
    /// Looks at a process; nothing is kept of one that is gone.
    pub fn sample(&mut self, pid: u32, now_ms: u64) {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return };
        let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return };
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let Some(kib) = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok()) else { return };
        self.samples.push((now_ms as f64 / 1_000.0, kib * 1_024.0, entries.count() as f64));
    }

    /// What is to be said of the process.
    pub fn trend(&self) -> Option<Trend> {
        let (first, last) = (self.samples.first()?.0, self.samples.last()?.0);
        let from = first + (last - first) * WARM_UP_SHARE;
        let kept: Vec<_> = self.samples.iter().filter(|sample| sample.0 >= from).copied().collect();
        let kept: Vec<_> = kept.iter().step_by(kept.len().div_ceil(SAMPLES_MAX).max(1)).copied().collect();
        let seconds = last - from;
        let of = |pick: fn(&(f64, f64, f64)) -> f64| {
            let points: Vec<(f64, f64)> = kept.iter().map(|sample| (sample.0, pick(sample))).collect();
            let middle = median(points.iter().map(|point| point.1).collect());
            (middle, slope(&points))
        };
        let (memory, descriptors) = (of(|sample| sample.1), of(|sample| sample.2));
        Some(Trend { seconds, memory, descriptors })
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs =
        points.iter().enumerate().flat_map(|(at, first)| points[at + 1..].iter().map(move |second| (first, second)));
    median(pairs.filter(|(a, b)| b.0 > a.0).map(|(a, b)| (b.1 - a.1) / (b.0 - a.0)).collect())
}

/// Median and slope per second, after the warm-up.
#[derive(Debug, Clone, Copy)]
pub struct Trend {
    seconds: f64,
    memory: (f64, f64),
    descriptors: (f64, f64),
}

impl Trend {
    /// What grows, if anything does.
    pub fn verdict(&self) -> Vec<String> {
        let check = |what: &str, (middle, slope): (f64, f64), noise: f64| {
            let growth = slope * self.seconds;
            let most = (middle * GROWTH_SHARE).max(noise);
            (growth > most).then(|| format!("{what} grew by {growth:.0} in {:.0} s; {most:.0} is noise", self.seconds))
        };
        let memory = check("memory in bytes", self.memory, MEMORY_NOISE);
        memory.into_iter().chain(check("descriptors", self.descriptors, DESCRIPTOR_NOISE)).collect()
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory {:.1} MiB, {:+.2} KiB/s; descriptors {:.0}, {:+.4}/s, over {:.0} s after the warm-up",
            self.memory.0 / 1_048_576.0,
            self.memory.1 / 1_024.0,
            self.descriptors.0,
            self.descriptors.1,
            self.seconds
        )
    }
}
