//! What a series is like: its seasons, the moments where it changed, and values that do not belong to it.
//!
//! Everything here looks and reports; nothing alters a series. What is refused is refused with a typed reason, so that
//! whoever asked can say why.

mod change_points;
mod cusum;
mod fft;
mod outliers;
mod periods;
mod repeats;
mod spectrum;

pub use change_points::{Change, ChangePoint, change_points};
pub use cusum::{Alarm, Cusum, Direction};
pub use outliers::{Outlier, outliers, replaced, running_median};
pub use periods::{Candidate, Periods, Refusal, Verdict, periods};
