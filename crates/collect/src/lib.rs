//! Samples in: what every workload and the host use, kept as history, and shown in a format that others read.
//!
//! - [`usage`] reads CPU, memory, disk, network and connections of each workload from its cgroup, and from `/proc`
//!   where there is none.
//! - [`host`] reads the node: CPU and memory used, free disk, pressure, and what may be given to workloads.
//! - [`utilization`] defines the three utilisations, so that no two places compute them differently.
//! - [`history`] is the embedded store: every sample for a while, one-minute and hourly summaries for longer.
//! - [`openmetrics`] writes and reads the text format of `/metrics`.
//! - [`scrape`] asks others: any `/metrics` page, any PromQL query.
//! - [`gpu`] reads NVIDIA's GPUs where their library is.
//!
//! Nothing here smooths a figure or fills a gap. A source that could not be read is absent, a counter that went
//! backwards gives no rate for that interval, and both are counted in the [`Quality`](plimsoll_model::Quality) that
//! decisions cite.

mod counter;
pub mod gpu;
pub mod history;
pub mod host;
mod kept;
pub mod openmetrics;
mod parse;
pub mod scrape;
pub mod usage;
pub mod utilization;
