//! Memory use (a share of the limit) of the pods of an image-generation service, every 57 s for 22.8 hours.
//!
//! All pods are sampled at the same moments, 57 s apart without jitter, which is the slot; a pod that was not there, or was
//! not sampled, has a gap. Pods come and go: only those with at least [`SAMPLES_MIN`] samples are given, because a series of
//! an hour says nothing of a policy. 49 rows name no pod and are dropped. Values as they stand (a few are -0.00001).
//!
//! # Source
//! Alibaba cluster-trace-v2026-GenAI, `pod_memory_util_anon`.

use super::{SetError, members, stem};
use crate::csv::Rows;
use crate::slots::Samples;
use crate::{ReadError, Recorded, date};
use plimsoll_model::Millis;
use std::collections::BTreeMap;
use std::io::Read;

/// Fewest samples of a pod that is given: 19 of the 22.8 hours.
pub const SAMPLES_MIN: usize = 1_200;
const STEP: Millis = Millis(57_000);

/// One series per pod, sorted by name.
///
/// # Errors
/// [`SetError`].
pub fn pod_memory() -> Result<Vec<Recorded>, SetError> {
    let mut pods = Vec::new();
    let set = "alibaba-genai-2026/pod_memory_util_anon.tar.gz";
    let wanted = |member: &str| stem(member).filter(|stem| !stem.starts_with("._"));
    members(set, wanted, |file, name, reader| {
        pods = table(file, reader)?;
        Ok(Recorded { name, start: plimsoll_model::Timestamp(0), step: STEP, values: Vec::new() })
    })?;
    Ok(pods)
}

fn table(file: &str, reader: &mut dyn Read) -> Result<Vec<Recorded>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let mut pods: BTreeMap<String, Samples> = BTreeMap::new();
    rows.next_row()?;
    while let Some(row) = rows.next_row()? {
        let (time, pod) = (row.field(1), row.field(2));
        let at = date::parse_time(time).ok_or_else(|| row.refuse("timestamp_anon", time, "Unix seconds"))?;
        let value = row.measured(row.field(0), "value")?;
        match pods.get_mut(pod) {
            Some(samples) => samples.push(at, value, row.number),
            None if pod.is_empty() => {}
            None => pods.entry(pod.to_owned()).or_default().push(at, value, row.number),
        }
    }
    let kept = pods.into_iter().filter(|(_, samples)| samples.0.len() >= SAMPLES_MIN);
    kept.map(|(pod, samples)| samples.in_slots(file, pod, STEP, true)).collect()
}
