//! The calendar of a drawn series: how long a day is in steps, what a day looks like, and how the days of a week differ.

use super::{between, chance, magnitude, pick};
use plimsoll_stats::Random;

/// A day in steps, for the usual steps: an hour, 5, 10, 15 and 30 minutes, a minute, 2 hours, a day within a week.
const DAYS: &[(usize, f64)] =
    &[(24, 0.28), (288, 0.22), (144, 0.1), (96, 0.08), (48, 0.06), (1440, 0.05), (12, 0.03), (7, 0.03), (0, 0.15)];

/// Day and week in steps.
#[derive(Debug)]
pub(super) struct Clock {
    pub day: usize,
    /// Whether the days of a week differ.
    pub week: bool,
    /// Place in the week of the first value.
    phase: usize,
}

/// How the seasons move a series: about mean 0 and deviation 1.
#[derive(Debug)]
pub(super) struct Profile {
    day: Vec<f32>,
    /// What the day turns into in the course of the series.
    later: Option<Vec<f32>>,
    weekend: Option<Vec<f32>>,
    /// Factor and offset of each day of the week.
    days: [(f64, f64); 7],
    /// Deviation of a day's own factor.
    unsteady: f64,
    /// Probability per step that the clock slips by `slip` steps: summer time, or samples lost without a trace.
    slips: f64,
    slip: usize,
}

impl Clock {
    pub fn draw(random: &mut Random) -> Self {
        let day = match pick(random, DAYS) {
            0 => magnitude(random, 5.0, 400.0) as usize,
            day => day,
        };
        let week = day <= 288 && chance(random, 0.55);
        Self { day, week, phase: random.below(7 * day as u64) as usize }
    }

    pub fn seasons(&self) -> Vec<usize> {
        if self.week { vec![self.day, 7 * self.day] } else { vec![self.day] }
    }
}

impl Profile {
    pub fn draw(random: &mut Random, clock: &Clock) -> Self {
        let later = chance(random, 0.15).then(|| shape(random, clock.day));
        let weekend = (clock.week && chance(random, 0.4)).then(|| shape(random, clock.day));
        let mut days = [(1.0, 0.0); 7];
        if clock.week {
            let wobble = between(random, 0.0, 0.25);
            days.iter_mut().for_each(|day| {
                *day = (1.0 + wobble * random.normal(), wobble * random.normal());
            });
            let quiet = (between(random, 0.1, 1.0), -between(random, 0.0, 1.5));
            days[5..].iter_mut().for_each(|day| *day = (day.0 * quiet.0, day.1 + quiet.1));
        }
        let unsteady = if chance(random, 0.5) { between(random, 0.0, 0.3) } else { 0.0 };
        let slips = if chance(random, 0.12) { magnitude(random, 0.001, 0.004) } else { 0.0 };
        let slip = (clock.day / 24).max(1);
        Self { day: shape(random, clock.day), later, weekend, days, unsteady, slips, slip }
    }

    /// The seasons' course over `len` steps.
    pub fn course(&self, random: &mut Random, clock: &Clock, len: usize) -> Vec<f64> {
        let (mut own, mut slipped) = (1.0, 0);
        let mut course = Vec::with_capacity(len);
        for step in 0..len {
            if self.slips > 0.0 && chance(random, self.slips) {
                slipped += self.slip;
            }
            let at = clock.phase + step + slipped;
            let (slot, weekday) = (at % clock.day, at / clock.day % 7);
            if slot == 0 && self.unsteady > 0.0 {
                own = 1.0 + 0.5 * (own - 1.0) + self.unsteady * random.normal();
            }
            let table = if weekday >= 5 { self.weekend.as_ref().unwrap_or(&self.day) } else { &self.day };
            let mut value = f64::from(table[slot]);
            if let Some(later) = &self.later {
                let share = step as f64 / len as f64;
                value += share * (f64::from(later[slot]) - value);
            }
            let (factor, offset) = self.days[weekday];
            course.push(value * factor * own + offset);
        }
        course
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Waves,
    Bumps,
    Knots,
    Hours,
    Slots,
}

/// One day of `period` steps with mean 0 and deviation 1.
fn shape(random: &mut Random, period: usize) -> Vec<f32> {
    let kinds =
        [(Shape::Waves, 0.35), (Shape::Bumps, 0.25), (Shape::Knots, 0.2), (Shape::Hours, 0.1), (Shape::Slots, 0.1)];
    let mut table = match pick(random, &kinds) {
        Shape::Waves => waves(random, period),
        Shape::Bumps => bumps(random, period),
        Shape::Knots => knots(random, period),
        Shape::Hours => hours(random, period),
        Shape::Slots => (0..period).map(|_| random.normal() as f32).collect(),
    };
    standardise(&mut table);
    if chance(random, 0.25) {
        let rough = between(random, 0.02, 0.4);
        table.iter_mut().for_each(|value| *value += (rough * random.normal()) as f32);
    }
    table
}

/// A few harmonics whose amplitudes fall; each turned by its own angle, computed by rotation.
fn waves(random: &mut Random, period: usize) -> Vec<f32> {
    let mut table = vec![0.0_f32; period];
    let harmonics = (1 + random.below(6) as usize).min(period / 2);
    let fall = between(random, 0.3, 2.0);
    for harmonic in 1..=harmonics {
        let amplitude = random.normal() * libm::pow(harmonic as f64, -fall);
        let turn = std::f64::consts::TAU * harmonic as f64 / period as f64;
        let angle = std::f64::consts::TAU * random.unit();
        let (sine, cosine) = libm::sincos(turn);
        let (mut y, mut x) = libm::sincos(angle);
        for value in &mut table {
            *value += (amplitude * y) as f32;
            (x, y) = (x * cosine - y * sine, x * sine + y * cosine);
        }
    }
    table
}

/// One to three rush hours.
fn bumps(random: &mut Random, period: usize) -> Vec<f32> {
    let mut table = vec![0.0_f32; period];
    for _ in 0..=random.below(3) {
        let (centre, height) = (random.unit(), between(random, 0.3, 1.5));
        let width = between(random, 0.02, 0.2);
        for (slot, value) in table.iter_mut().enumerate() {
            let away = (slot as f64 / period as f64 - centre).abs();
            let away = away.min(1.0 - away) / width;
            *value += (height * libm::exp(-0.5 * away * away)) as f32;
        }
    }
    table
}

/// Straight lines between random heights.
fn knots(random: &mut Random, period: usize) -> Vec<f32> {
    let count = (3 + random.below(12) as usize).min(period);
    let heights: Vec<f64> = (0..count).map(|_| random.normal()).collect();
    let at = |slot: usize| {
        let place = slot as f64 * count as f64 / period as f64;
        let (index, share) = (place as usize % count, place - place.floor());
        (heights[index] * (1.0 - share) + heights[(index + 1) % count] * share) as f32
    };
    (0..period).map(at).collect()
}

/// Open and closed, with a slope between.
fn hours(random: &mut Random, period: usize) -> Vec<f32> {
    let (open, slope) = (between(random, 0.1, 0.8), between(random, 0.0, 0.15));
    let start = random.unit();
    let at = |slot: usize| {
        let place = slot as f64 / period as f64 + 1.0 - start;
        let place = place - place.floor();
        let up = if slope > 0.0 { (place / slope).min(1.0) } else { 1.0 };
        let down = if slope > 0.0 { ((open + slope - place) / slope).clamp(0.0, 1.0) } else { f64::from(place < open) };
        up.min(down) as f32
    };
    (0..period).map(at).collect()
}

fn standardise(table: &mut [f32]) {
    let count = table.len() as f32;
    let mean = table.iter().sum::<f32>() / count;
    let variance = table.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / count;
    let factor = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
    table.iter_mut().for_each(|value| *value = (*value - mean) * factor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_mean_zero_and_a_deviation_about_one() {
        let mut random = Random::new(1);
        for period in [5, 24, 288] {
            for _ in 0..50 {
                let table = shape(&mut random, period);
                assert!(table.iter().all(|value| value.is_finite()));
                let mean = table.iter().sum::<f32>() / period as f32;
                assert!(mean.abs() < 0.6, "{mean}");
            }
        }
    }

    #[test]
    fn the_course_repeats_after_a_week_when_days_are_steady() {
        let mut random = Random::new(2);
        let clock = Clock { day: 24, week: true, phase: 5 };
        let profile = Profile { later: None, unsteady: 0.0, slips: 0.0, ..Profile::draw(&mut random, &clock) };
        let course = profile.course(&mut random, &clock, 400);
        assert!((0..200).all(|step| (course[step] - course[step + 168]).abs() < 1e-9));
    }
}
