//! Total requests per second of an LLM service, by 10 minutes over 14 days (ServeGen, m-large).
//!
//! # Source
//! Y. Xiang et al., "ServeGen: Workload Characterization and Generation of Large Language Model Serving in Production" (2025).

use super::SetError;
use crate::dataset::find;
use crate::{RateSeries, Recorded};

/// The sum over all clients of the given model family.
///
/// # Errors
/// [`SetError`].
pub fn total_rate() -> Result<Recorded, SetError> {
    let path = find("servegen/total_rate_dev_mlarge_10min.csv.gz")?;
    Ok(Recorded::from(RateSeries::read(&path.to_string_lossy())?).named("servegen-m-large"))
}
