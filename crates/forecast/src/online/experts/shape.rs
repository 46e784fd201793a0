//! The season's shape at the present level: the profile's value, times how the present compares with the profile.

use super::profile::Profile;
use crate::online::codec::{Fields, Io};
use plimsoll_model::quantity::Timestamp;

/// Weight of a new step in the present level and in the profile's level beside it.
const WEIGHT: f64 = 0.15;
/// The present is at most this many times the profile, and at least its inverse: beyond that they have nothing in common.
const RATIO_MAX: f64 = 4.0;

/// The present level and the profile's over the same steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    level: f64,
    profile: f64,
    is_known: bool,
}

impl Shape {
    /// Takes a step, before the profiles take it. The longest season that knows this time speaks.
    pub fn update(&mut self, at: Timestamp, value: f64, profiles: &[Profile]) {
        let Some(season) = seasonal(at, profiles) else {
            self.is_known = false;
            return;
        };
        if std::mem::replace(&mut self.is_known, true) {
            self.level += WEIGHT * (value - self.level);
            self.profile += WEIGHT * (season - self.profile);
        } else {
            (self.level, self.profile) = (value, season);
        }
    }

    pub fn value(&self, to: Timestamp, profiles: &[Profile]) -> Option<f64> {
        let season = seasonal(to, profiles).filter(|_| self.is_known)?;
        let ratio = self.level / self.profile;
        (ratio > 0.0).then(|| season * ratio.clamp(1.0 / RATIO_MAX, RATIO_MAX))
    }
}

fn seasonal(at: Timestamp, profiles: &[Profile]) -> Option<f64> {
    profiles.first().and_then(|profile| profile.value(at))
}

impl Fields for Shape {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.f64(&mut self.level);
        io.f64(&mut self.profile);
        io.flag(&mut self.is_known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::Millis;

    #[test]
    fn twice_the_usual_load_is_expected_to_stay_twice_as_high() {
        let mut profile = vec![Profile::new(Millis(400), Millis(100), 0)];
        let mut shape = Shape::default();
        let mut step = |at: i64, value: f64, profile: &mut Vec<Profile>| {
            shape.update(Timestamp(at), value, profile);
            profile[0].update(Timestamp(at), value);
        };
        for index in 0..12 {
            step(index * 100 + 50, [10.0, 20.0, 40.0, 20.0][index as usize % 4], &mut profile);
        }
        for index in 12..26 {
            step(index * 100 + 50, [20.0, 40.0, 80.0, 40.0][index as usize % 4], &mut profile.clone());
        }
        let said = shape.value(Timestamp(2_650), &profile).unwrap();
        assert!((said - 80.0).abs() < 12.0, "{said}");
    }
}
