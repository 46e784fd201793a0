//! The streaming forecaster that a controller carries per service: simple experts, their fusion, and calibration last.
//!
//! A [`Stream`] takes samples as they come, in O(1) each, and at any moment says upper quantiles of the demand a few
//! minutes ahead. Samples become steps ([`StreamSettings`] says how). Experts each say a point, fused at the median. Upper
//! ends (kinds of spread times their reach, a learnt expectile regression, guests) each follow their own coverage and are
//! fused by what they lost; a conformal correction comes last. Nothing is fitted here: what workers fitted joins as
//! a guest ([`Stream::adopt`]), and what is known of the future is told ([`Stream::know`]).
//!
//! Cold start: for the first hour, and until 60 forecasts were scored, quantiles from 0.9 on are at least what the reactive
//! rule provides (the greatest of five steps over 0.7); [`StreamForecast::is_floor`] says so.
//!
//! The state is small (at most [`STATE_BYTES_MAX`] for one horizon), exact (floats are kept as they are computed with), and
//! serialises to bytes or to one base64 string. It must not panic on any bytes or samples, and knows no replicas.
//!
//! # Source
//! Points: P. Gaillard, G. Stoltz, T. van Erven, "A Second-order Bound with Excess Losses", COLT 2014 (ML-Poly, gradient trick,
//! sleeping experts). Coverage: I. Gibbs, E. Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021;
//! A. Angelopoulos, E. Candès, R. Tibshirani, "Conformal PID Control for Time Series Prediction", 2023. The upper end:
//! W. K. Newey, J. L. Powell, "Asymmetric Least Squares Estimation and Testing", 1987.

mod clock;
mod codec;
mod correction;
mod ends;
mod experts;
mod explain;
mod fusion;
mod guest;
mod health;
mod joining;
mod lane;
mod learning;
mod others;
mod settings;
mod sketch;
mod spread;
mod state;
mod stream;
mod tracker;
mod upper;
mod waiting;

pub use codec::RestoreError;
pub use explain::{Explanation, LaneExplanation, Part, Regime};
pub use guest::Guest;
pub use health::{Health, HourCoverage, LaneHealth, Verdict};
pub use settings::{HORIZONS_MAX, SEASONS_MAX, SettingsError, StreamSettings};
pub use stream::{AdoptError, GUESTS_MAX, HORIZON_BYTES_MAX, STATE_BYTES_MAX, Stream, StreamForecast, Weight};
