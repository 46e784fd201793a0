//! Every public set of series by name, read where it lies.
//!
//! One file per set. Each says what the set is, what was done to its times (most sets are a grid already; where a clock is
//! loose the file says how its samples are laid on slots) and gives [`Recorded`] series with gaps as NaN. A set that is not
//! on this machine is a [`Missing`] with its name; nothing here fetches anything.

mod bitbrains;
mod cloud_monitoring;
mod cluster;
mod crane;
mod genai;
mod labelled;
mod m4;
mod nab;
mod planetlab;
mod servegen;
mod web_traffic;

pub use bitbrains::{cpu_mhz, cpu_percent};
pub use cloud_monitoring::requests as cloud_monitoring;
pub use cluster::{alibaba_2018, azure_cpu_2017};
pub use crane::series as crane;
pub use genai::pod_memory;
pub use labelled::{Labelled, Measure, microsoft_labelled, nab_labelled};
pub use m4::{HOURLY_HORIZON, HOURLY_SEASONS, Split, hourly};
pub use nab::{cloudwatch, cloudwatch_known_cause};
pub use planetlab::{DAYS as PLANETLAB_DAYS, day as planetlab_day};
pub use servegen::total_rate;
pub use web_traffic::{nasa, twitter, world_cup_98};

use crate::dataset::{Missing, find};
use crate::source::Source;
use crate::{ReadError, Recorded};
use std::io::Read;
use std::path::Path;

/// Why a set could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It is not on this machine.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It is here and could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// One set that can be asked for by name.
pub struct Set {
    /// Its name: lower case with hyphens.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Reads all of its series.
    pub read: fn() -> Result<Vec<Recorded>, SetError>,
}

/// All of them.
pub const SETS: &[Set] = &[
    Set { name: "m4-hourly", about: "414 hourly series of the M4 competition (training parts)", read: m4::training },
    Set {
        name: "world-cup-98",
        about: "requests/s by the minute, FIFA 1998, to 24 June",
        read: || one(world_cup_98()),
    },
    Set { name: "nasa", about: "requests/s by the minute, Kennedy Space Center 1995", read: || one(nasa()) },
    Set { name: "twitter", about: "requests/s by the minute, a stream of tweets", read: || one(twitter()) },
    Set { name: "crane", about: "11 production CPU series by the minute", read: crane },
    Set { name: "nab-cloudwatch", about: "17 AWS CloudWatch metrics by 5 minutes", read: cloudwatch },
    Set { name: "genai-memory", about: "memory use of the pods of an image service, every 57 s", read: pod_memory },
    Set { name: "bitbrains-cpu", about: "CPU % of 500 VMs by 5 minutes, July 2013", read: cpu_percent },
    Set { name: "bitbrains-mhz", about: "CPU MHz of 500 VMs by 5 minutes, July 2013", read: cpu_mhz },
    Set { name: "planetlab", about: "CPU % of VMs by 5 minutes, a day each", read: planetlab::all },
    Set { name: "servegen", about: "requests/s by 10 minutes of an LLM service, 14 days", read: || one(total_rate()) },
    Set { name: "cloud-monitoring", about: "requests/s of an API, MongoDB and ingress", read: cloud_monitoring },
    Set { name: "alibaba-2018", about: "mean usage of a cluster by 5 minutes", read: alibaba_2018 },
    Set { name: "azure-cpu-2017", about: "summed CPU of Azure VMs by 5 minutes", read: azure_cpu_2017 },
];

/// The set of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.name == name)
}

fn one(series: Result<Recorded, SetError>) -> Result<Vec<Recorded>, SetError> {
    series.map(|series| vec![series])
}

/// Opens a set's file as a stream and hands it to `read` with the name that errors give it.
pub(crate) fn with_set<T>(
    set: &str,
    read: impl FnOnce(&str, &mut dyn Read) -> Result<T, ReadError>,
) -> Result<T, SetError> {
    let source = Source::parse(&find(set)?.to_string_lossy());
    Ok(source.with_reader(|reader| read(set, reader))?)
}

/// Reads every member of a set's tar whose name `wanted` gives a series' name, sorted by that name.
fn members(
    set: &str,
    wanted: impl Fn(&str) -> Option<String>,
    mut read: impl FnMut(&str, String, &mut dyn Read) -> Result<Recorded, ReadError>,
) -> Result<Vec<Recorded>, SetError> {
    let path = find(set)?;
    let mut found = Vec::new();
    crate::source::each_member(&path, |member, reader| {
        if let Some(name) = wanted(member) {
            found.push(read(&format!("{set}#{member}"), name, reader)?);
        }
        Ok(())
    })?;
    found.sort_by(|one: &Recorded, other| one.name.cmp(&other.name));
    Ok(found)
}

/// `b` for `a/b.csv`.
fn stem(member: &str) -> Option<String> {
    let path = Path::new(member);
    let is_table = path.extension().is_some_and(|extension| extension == "csv");
    is_table.then(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_lead_to_their_set() {
        assert_eq!(by_name("crane").map(|set| set.name), Some("crane"));
        assert!(by_name("Crane").is_none());
        assert_eq!((stem("data/a-b.csv"), stem("data/a-b.csv-metadata.json")), (Some("a-b".into()), None));
    }
}
