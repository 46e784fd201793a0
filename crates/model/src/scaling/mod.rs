//! Scaling policies whose parameters are a page of their own.

pub mod cron;
pub mod hpa;
pub mod hpa_reason;
pub mod kpa;
pub mod quantity;
