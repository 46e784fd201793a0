//! Requests to public web sites, by the minute: FIFA World Cup 1998, NASA Kennedy 1995, a stream of tweets.
//!
//! WorldCup98 is recorded by the minute (gaps kept); the other two by the second and averaged to minutes here. They carry no
//! date and start at time 0. All are requests per second.
//!
//! # Source
//! M. Arlitt, T. Jin, "1998 World Cup Web Site Access Logs"; M. Arlitt, C. Williamson, "Web server workload
//! characterization" (1996); Internet Traffic Archive. The tweets are those of the set's README.

use super::SetError;
use crate::dataset::find;
use crate::{RateSeries, Recorded};

/// Requests per second of each minute from 30 April 21:30 to 24 June 1998.
///
/// # Errors
/// [`SetError`].
pub fn world_cup_98() -> Result<Recorded, SetError> {
    Ok(read("web-traffic/wc98_per_minute_dev_to_0624.csv.xz")?.named("world-cup-98"))
}

/// Requests per second of each minute, 28 days from 1 July 1995.
///
/// # Errors
/// [`SetError`].
pub fn nasa() -> Result<Recorded, SetError> {
    Ok(read("web-traffic/nasa_per_second_dev.csv.xz")?.means_of(60).named("nasa"))
}

/// Requests per second of each minute, 15 days; its outages are zeros, as they were recorded.
///
/// # Errors
/// [`SetError`].
pub fn twitter() -> Result<Recorded, SetError> {
    Ok(read("web-traffic/twitter_per_second_dev.csv.xz")?.means_of(60).named("twitter"))
}

fn read(set: &str) -> Result<Recorded, SetError> {
    Ok(RateSeries::read(&find(set)?.to_string_lossy())?.into())
}
