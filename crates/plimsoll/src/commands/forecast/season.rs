//! Which seasons a series has: as typed, or found in it.

use anyhow::{Context, bail};
use plimsoll_forecast::detect::{Candidate, Verdict, periods};
use plimsoll_model::Millis;
use plimsoll_traces::Recorded;

/// What `--season` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Season {
    /// Look for them.
    Auto,
    /// Lengths in steps, or in time.
    Are(Vec<Length>),
}

/// One season's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// In values.
    Steps(usize),
    /// In time.
    Time(Millis),
}

impl std::str::FromStr for Season {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.trim() {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Are(Vec::new())),
            list => Ok(Self::Are(list.split(',').map(|one| one.trim().parse()).collect::<anyhow::Result<_>>()?)),
        }
    }
}

impl std::str::FromStr for Length {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if let Ok(steps) = text.parse::<usize>() {
            return Ok(Self::Steps(steps));
        }
        let time = plimsoll_config::unit::duration(text);
        time.map(Self::Time).with_context(|| format!("{text:?} is neither a number of values nor a time such as 1d"))
    }
}

impl Length {
    /// In values of the series.
    pub fn steps(self, step: Millis) -> anyhow::Result<usize> {
        match self {
            Self::Steps(steps) => Ok(steps),
            Self::Time(time) if time.get() % step.get().max(1) != 0 => {
                bail!("{time} is not a whole number of steps of {step}")
            }
            Self::Time(time) => Ok(usize::try_from(time.get() / step.get().max(1)).unwrap_or(usize::MAX)),
        }
    }
}

/// The seasons of a series in steps, shortest first, and how they came about.
pub fn of(series: &Recorded, typed: &Season) -> anyhow::Result<(Vec<usize>, String)> {
    match typed {
        Season::Auto => Ok(found(series)),
        Season::Are(lengths) => {
            let steps: anyhow::Result<Vec<usize>> = lengths.iter().map(|length| length.steps(series.step)).collect();
            let mut steps = steps.with_context(|| format!("--season for {}", series.name))?;
            steps.sort_unstable();
            steps.dedup();
            if let Some(short) = steps.iter().find(|steps| **steps < 2) {
                bail!("--season {short}: a season has at least 2 values");
            }
            Ok((steps, "as typed".to_owned()))
        }
    }
}

/// A day and a week are judged in any case: people live by them.
const HINTS: [Millis; 2] = [Millis(86_400_000), Millis(7 * 86_400_000)];

fn found(series: &Recorded) -> (Vec<usize>, String) {
    let hints: Vec<usize> = HINTS.iter().filter_map(|hint| Length::Time(*hint).steps(series.step).ok()).collect();
    let judged = periods(&series.values, &hints);
    let say = |candidate: &Candidate| match candidate.verdict {
        Verdict::Found => format!("{} repeats ({:.2})", candidate.period, candidate.strength),
        Verdict::Refused(why) => format!("{} is none: {why}", candidate.period),
    };
    let each: Vec<String> = judged.candidates.iter().map(say).collect();
    let why = if each.is_empty() { "nothing repeats".to_owned() } else { each.join("; ") };
    (judged.found(), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Timestamp;

    fn hours(values: Vec<f64>) -> Recorded {
        Recorded { name: "web".into(), start: Timestamp(0), step: Millis(3_600_000), values }
    }

    #[test]
    fn lengths_are_values_or_times_and_wrong_ones_are_named() {
        let typed: Season = "1d, 168".parse().unwrap();
        assert_eq!(of(&hours(vec![1.0; 400]), &typed).unwrap().0, [24, 168]);
        assert_eq!(of(&hours(vec![]), &"none".parse().unwrap()).unwrap().0, Vec::<usize>::new());
        let wrong = of(&hours(vec![]), &"90m".parse().unwrap()).unwrap_err();
        assert_eq!(format!("{wrong:#}"), "--season for web: 1h30m is not a whole number of steps of 1h");
        assert!("often".parse::<Season>().is_err());
    }

    #[test]
    fn a_day_is_found_where_there_is_one_and_refused_where_there_is_none() {
        let day = |hour: usize| [3.0, 9.0, 5.0, 1.0][hour % 24 / 6];
        let (seasons, why) = of(&hours((0..240).map(day).collect()), &Season::Auto).unwrap();
        assert_eq!(seasons, [24], "{why}");
        assert!(of(&hours(vec![5.0; 240]), &Season::Auto).unwrap().0.is_empty());
    }
}
