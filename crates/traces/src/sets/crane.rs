//! Crane's production CPU series, by the minute: the given ones, 0 to 10.
//!
//! `periods.csv` beside them says which season the tests of Crane assert of each.
//!
//! # Source
//! gocrane/crane, `pkg/prediction/dsp`.

use super::{SetError, members, stem};
use crate::{RateSeries, Recorded};

/// The series, named `crane-0` to `crane-10`, in that order.
///
/// # Errors
/// [`SetError`].
pub fn series() -> Result<Vec<Recorded>, SetError> {
    let number = |member: &str| stem(member)?.strip_prefix("input").map(ToOwned::to_owned);
    let mut found = members("crane-dsp/crane_dev_0_10.tar.xz", number, |file, number, reader| {
        Ok(Recorded::from(RateSeries::read_from(file, reader)?).named(format!("crane-{number}")))
    })?;
    // By number: crane-10 follows crane-9 and not crane-1.
    found.sort_by_key(|series| (series.name.len(), series.name.clone()));
    Ok(found)
}
