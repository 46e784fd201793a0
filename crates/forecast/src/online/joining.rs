//! How a running stream takes in what comes late: models that were fitted a while ago, and another horizon.

use super::lane::Lane;
use super::settings::{SettingsError, StreamSettings};
use super::stream::{AdoptError, Stream, lane_quantile};
use crate::{Fitted, Forecaster as _, Sample};
use plimsoll_model::quantity::{Millis, Timestamp};

impl Stream {
    /// Takes a model that was fitted to the samples up to `until`, after it has seen those `since` (oldest first), which this
    /// stream has taken already.
    ///
    /// # Errors
    /// As [`Stream::adopt`].
    pub fn adopt_late(
        &mut self,
        name: &str,
        mut model: Fitted,
        until: Timestamp,
        since: &[(Timestamp, f64)],
    ) -> Result<(), AdoptError> {
        let index = |at: Timestamp| self.clock.index(at, self.settings.step);
        let mut since = since.iter().skip_while(|(at, _)| index(*at) <= index(until)).peekable();
        for step in index(until).saturating_add(1)..=self.now {
            let (mut sum, mut count) = (0.0, 0_u32);
            while let Some((_, value)) = since.next_if(|(at, _)| index(*at) <= step) {
                sum += value;
                count += 1;
            }
            // A step without a sample is 0 / 0: a gap.
            model.update(&Sample::of(sum / f64::from(count)));
        }
        self.adopt(name, model)
    }

    /// The models that were adopted, with what they have seen since.
    pub fn guests(&self) -> impl Iterator<Item = (&str, &Fitted)> {
        self.guests.iter().filter_map(|guest| Some((guest.name.as_str(), guest.model.as_ref()?)))
    }

    /// Middle of the first step; none before the first sample.
    #[must_use]
    pub fn origin(&self) -> Option<Timestamp> {
        self.clock.origin()
    }

    /// Looks ahead so far from now on. What was learnt of the series stays. Errors at a horizon of another number of steps say
    /// little of this one: weights and margins begin with those of the nearest that is at least half and at most twice as
    /// far, else they are learnt again.
    ///
    /// # Errors
    /// [`SettingsError`] when these horizons can not be; then nothing changes.
    pub fn retarget(&mut self, horizons: Vec<Millis>) -> Result<(), SettingsError> {
        if horizons == self.settings.horizons {
            return Ok(());
        }
        let settings = StreamSettings { horizons, ..self.settings.clone() };
        settings.check()?;
        let quantile = lane_quantile(&settings);
        let mut known = std::mem::take(&mut self.lanes);
        for horizon in &settings.horizons {
            let steps = settings.steps(*horizon);
            let place = known.iter().position(|lane| lane.steps == steps);
            self.lanes.push(match place {
                Some(place) => known.swap_remove(place),
                None => nearest(&known, steps).map_or_else(|| Lane::new(steps, quantile), |lane| lane.heir(steps)),
            });
        }
        self.settings = settings;
        Ok(())
    }
}

/// The horizon closest to `steps`, unless it is less than half or more than twice as far: its margins then say too little.
fn nearest(known: &[Lane], steps: u32) -> Option<&Lane> {
    let is_alike = |lane: &&Lane| lane.steps.max(steps) <= lane.steps.min(steps).saturating_mul(2);
    known.iter().filter(is_alike).min_by_key(|lane| (lane.steps.abs_diff(steps), lane.steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::LastValue;
    use crate::{Data, Fit, Series};
    use plimsoll_model::quantity::Permille;

    fn stream() -> Stream {
        let settings = StreamSettings::daily_and_weekly(Millis(60_000), vec![Millis(300_000)], Permille(990));
        let mut stream = Stream::try_new(settings).unwrap();
        (0..200_i64).for_each(|minute| assert!(stream.observe(Timestamp(minute * 60_000), minute as f64)));
        stream
    }

    #[test]
    fn a_model_that_comes_late_has_seen_what_the_stream_has_seen() {
        let mut stream = stream();
        let past: Vec<f64> = (0..190).map(f64::from).collect();
        let fitted = LastValue.fit(&Data::alone(Series::untimed(&past), &[]), 0).unwrap();
        let since: Vec<(Timestamp, f64)> =
            (185..200_i64).map(|minute| (Timestamp(minute * 60_000), minute as f64)).collect();
        stream.adopt_late("last", fitted, Timestamp(189 * 60_000), &since).unwrap();
        let all: Vec<f64> = (0..200).map(f64::from).collect();
        let whole = LastValue.fit(&Data::alone(Series::untimed(&all), &[]), 0).unwrap();
        assert_eq!(stream.guests().collect::<Vec<_>>(), [("last", &whole)]);
    }

    #[test]
    fn another_horizon_keeps_what_was_learnt_of_the_series() {
        let mut stream = stream();
        let (origin, before) = (stream.origin(), stream.forecast(Timestamp(204 * 60_000), Permille(500)).unwrap());
        assert!(stream.retarget(vec![Millis(u64::MAX)]).is_err());
        stream.retarget(vec![Millis(600_000)]).unwrap();
        let after = stream.forecast(Timestamp(209 * 60_000), Permille(500)).unwrap();
        assert_eq!((stream.origin(), after.horizon), (origin, Millis(600_000)));
        assert!((before.point - 199.0).abs() < 10.0 && (after.point - 199.0).abs() < 20.0, "{}", after.point);
    }
}
