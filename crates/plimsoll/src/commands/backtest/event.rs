//! `--event`: something that is announced when it starts, as `plimsoll event` announces it to a running daemon.

use super::input;
use anyhow::{Context, bail};
use plimsoll_config::unit::{self, Unit};
use plimsoll_model::scaling::{CurvePoint, EventSpec, Expected};
use plimsoll_model::{Event, MilliRps, Millis, Permille};

/// Reads the events that were typed. A rate is in units of the load; `scale` turns it into the course's.
pub fn read(typed: &[String]) -> anyhow::Result<Vec<Event>> {
    typed.iter().map(|text| one(text).with_context(|| format!("--event {text}"))).collect()
}

fn one(text: &str) -> anyhow::Result<Event> {
    let (name, rest) = text.split_once('@').context("it is not NAME@START,FOR,LOAD")?;
    let [start, length, load] = rest.split(',').collect::<Vec<_>>()[..] else { bail!("it is not NAME@START,FOR,LOAD") };
    if name.is_empty() {
        bail!("it has no name");
    }
    let start = input::moment(start).context("START")?;
    let length = unit::duration(length).with_context(|| format!("FOR {length:?}"))?;
    if length == Millis::ZERO {
        bail!("FOR is 0: an event ends after it starts");
    }
    let expected = match load.contains('/') {
        true => Expected::Rate(MilliRps(positive(Unit::Rate.parse(load), load)?)),
        false => Expected::Factor(Permille(positive(Unit::Thousandths.decimal(load), load)?)),
    };
    let curve = vec![CurvePoint { at: Millis::ZERO, expected }];
    let spec = EventSpec { name: name.to_owned(), start, end: start.plus(length), curve };
    Ok(Event { spec, by: "backtest".to_owned() })
}

fn positive(number: Result<i64, unit::UnitError>, text: &str) -> anyhow::Result<u64> {
    let number = number.with_context(|| format!("LOAD {text:?}"))?;
    u64::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .with_context(|| format!("LOAD {text:?}: allowed are factors and rates above 0"))
}

/// The events in the units of one course: a rate is `factor` times what was typed, as the load is.
pub fn scaled(events: &[Event], factor: f64) -> Vec<Event> {
    let mut events = events.to_vec();
    for point in events.iter_mut().flat_map(|event| &mut event.spec.curve) {
        if let Expected::Rate(rate) = &mut point.expected {
            // Typed in thousandths per second; the factor is per whole one.
            rate.0 = (rate.0 as f64 * factor / 1_000.0).round() as u64;
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_a_bad_one_says_which_part() {
        let events = read(&["sale@1970-01-01T01:00,2h,2.5".to_owned(), "x@0,1m,500/s".to_owned()]).unwrap();
        assert_eq!((events[0].spec.start.0, events[0].spec.end.0), (3_600_000, 3 * 3_600_000));
        assert_eq!(events[0].spec.curve[0].expected, Expected::Factor(Permille(2_500)));
        assert_eq!(scaled(&events, 2.0)[1].spec.curve[0].expected, Expected::Rate(MilliRps(1_000)));
        for (text, why) in [
            ("sale", "NAME@START,FOR,LOAD"),
            ("@0,1m,2", "no name"),
            ("sale@noon,1m,2", "START"),
            ("sale@0,soon,2", "FOR"),
            ("sale@0,0s,2", "ends after it starts"),
            ("sale@0,1m,-2", "above 0"),
            ("sale@0,1m,0/s", "above 0"),
        ] {
            let error = format!("{:#}", read(&[text.to_owned()]).unwrap_err());
            assert!(error.contains(why) && error.contains("--event"), "{text}: {error}");
        }
    }
}
