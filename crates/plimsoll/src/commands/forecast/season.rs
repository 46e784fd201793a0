//! Which seasons a series has: as typed, or found in it.

use anyhow::{Context, bail};
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
