//! What one replica carries: as typed, or the most that one really carried.

use super::observed::Observed;
use anyhow::bail;

/// What one replica carries, and where that is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Capacity {
    /// At 100 %, in units of the load.
    pub full: f64,
    /// A sentence, where it was not typed.
    pub note: Option<String>,
}

/// Share of the moments whose load per replica is not looked at: a single busy moment is chance.
const QUANTILE: f64 = 0.99;

/// The capacity of one replica. Without a typed one it is the load that a replica really carried in its busiest hundredth of
/// the time, taken as the share that it may carry: nobody knows more, and the report says so.
pub fn capacity(typed: Option<f64>, usable: f64, observed: &Observed) -> anyhow::Result<Capacity> {
    match typed {
        Some(full) if full > 0.0 => return Ok(Capacity { full, note: None }),
        Some(full) => bail!("--capacity {full}: a replica that carries nothing helps nobody; allowed is more than 0"),
        None => {}
    }
    if observed.unit == "cores" {
        return Ok(Capacity { full: 1.0, note: Some("a replica is taken as one core (--capacity)".to_owned()) });
    }
    let Some(replicas) = &observed.replicas else {
        bail!(
            "nothing says what one replica carries: give --capacity, or --replicas-query or --replicas to learn it from"
        );
    };
    let mut each: Vec<f64> = observed
        .load
        .values
        .iter()
        .zip(replicas)
        .filter(|(load, replicas)| load.is_finite() && **replicas >= 1.0)
        .map(|(load, replicas)| load / replicas)
        .collect();
    each.sort_by(f64::total_cmp);
    let rank = ((each.len() as f64 * QUANTILE).ceil() as usize).clamp(1, each.len().max(1)) - 1;
    match each.get(rank).copied().filter(|busy| *busy > 0.0) {
        Some(busy) => {
            let note = format!(
                "a replica was seen to carry {busy:.1} {unit} (99th percentile), which is taken as the {usable:.0} % it may \
                 carry: {full:.1} at 100 % (--capacity says better)",
                unit = observed.unit,
                usable = usable * 100.0,
                full = busy / usable,
            );
            Ok(Capacity { full: busy / usable, note: Some(note) })
        }
        None => {
            bail!("no moment has both load and replicas, so nothing says what one replica carries: give --capacity")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Millis, Timestamp};
    use plimsoll_traces::Recorded;

    fn observed(load: &[f64], replicas: Option<&[f64]>) -> Observed {
        let load = Recorded { name: "x".into(), start: Timestamp(0), step: Millis(1_000), values: load.into() };
        let replicas = replicas.map(Into::into);
        Observed { source: "x".into(), unit: "requests/s", load, replicas, memory: None, gets: 0, notes: Vec::new() }
    }

    #[test]
    fn what_a_replica_really_carried_is_taken_where_nothing_was_typed() {
        let seen = observed(&[10.0, f64::NAN, 80.0, 90.0], Some(&[1.0, 1.0, 2.0, 0.0]));
        let found = capacity(None, 0.8, &seen).unwrap();
        assert_eq!(found.full, 50.0);
        assert!(found.note.unwrap().contains("carry 40.0 requests/s"));
        assert_eq!(capacity(Some(7.0), 0.8, &seen).unwrap(), Capacity { full: 7.0, note: None });
    }

    #[test]
    fn without_anything_to_learn_it_from_it_is_asked_for() {
        assert!(capacity(None, 0.8, &observed(&[1.0], None)).is_err());
        assert!(capacity(None, 0.8, &observed(&[0.0], Some(&[1.0]))).is_err());
        assert!(capacity(Some(0.0), 0.8, &observed(&[1.0], None)).is_err());
    }
}
