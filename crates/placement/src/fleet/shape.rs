//! The shape of a task: everything of it that placing looks at.
//!
//! Tasks of one shape are equal as far as nodes are concerned, so whatever is computed about a shape (which nodes its
//! selector admits, its score on a node) is computed once and kept. Name, priority, times, user and gang are no part of
//! it; labels and tenant are, because the rules between tasks look at them.

use super::error::FleetError;
use super::gpus::GpuNeed;
use super::labels::Condition;
use super::row::{LANE_MAX, Lane, Row, mib_up};
use plimsoll_model::cluster::{
    Demand, GPU_WHOLE, GpuDemand, Isolation, LatencyBound, Requirement, SpreadRule, Task, TaskAffinity, Toleration,
    VolumeKind, VolumeRequest,
};
use std::collections::BTreeMap;

/// A shape by number, in order of interning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(pub u32);

/// What two tasks have to share to be of one shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShapeKey {
    requests: Demand,
    class: Option<String>,
    labels: BTreeMap<String, String>,
    tenant: String,
    isolation: Isolation,
    selector: Vec<Requirement>,
    prefers: Vec<(Requirement, u32)>,
    affinity: Vec<TaskAffinity>,
    spread: Vec<SpreadRule>,
    tolerations: Vec<Toleration>,
    volumes: Vec<VolumeRequest>,
    near: Option<LatencyBound>,
}

impl ShapeKey {
    pub(super) fn of(task: &Task) -> Self {
        Self {
            requests: task.requests.clone(),
            class: task.class.clone(),
            labels: task.labels.clone(),
            tenant: if task.tenant.is_empty() { task.queue.clone() } else { task.tenant.clone() },
            isolation: task.isolation,
            selector: task.selector.clone(),
            prefers: task.prefers.clone(),
            affinity: task.affinity.clone(),
            spread: task.spread.clone(),
            tolerations: task.tolerations.clone(),
            volumes: task.volumes.clone(),
            near: task.near.clone(),
        }
    }
}

/// A shape in numbers.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What it needs, lane by lane; the lane of whole GPUs is zero for a share and the other way round.
    pub need: Row,
    /// Its GPUs.
    pub gpu: GpuNeed,
    /// Extended resources beyond the first: `(column, amount)`.
    pub more: Box<[(u16, i32)]>,
    /// Its static filter.
    pub filter: u32,
    /// Models of GPU that will do, by number; empty is any.
    pub models: Box<[u16]>,
    /// Its class by number, where it names one.
    pub class: Option<u32>,
    /// Wishes about labels with their weights.
    pub prefers: Box<[(Condition, u32)]>,
    /// Whether it has such wishes.
    pub has_wishes: bool,
}

/// What decides by a node's description alone.
#[derive(Debug, Clone)]
pub(super) struct StaticFilter {
    pub(super) models: Box<[u16]>,
    pub(super) selector: Vec<Condition>,
    pub(super) tolerations: Vec<Toleration>,
}

/// By what static filters are told apart.
pub(super) type FilterKey = (Vec<u16>, Vec<Requirement>, Vec<Toleration>);

/// The GPUs asked for.
pub(super) fn gpu_need(task: &str, asked: &GpuDemand) -> Result<GpuNeed, FleetError> {
    let (count, milli) = (asked.count, asked.milli);
    if count == 0 {
        return Ok(GpuNeed::default());
    }
    let name = || task.to_owned();
    if milli == 0 || milli > GPU_WHOLE {
        return Err(FleetError::GpuMilli { task: name(), count, milli });
    }
    if count > 1 && milli < GPU_WHOLE {
        return Err(FleetError::ShareOfMany { task: name(), count, milli });
    }
    // More than a node can have is a shape all the same: it is refused everywhere, with its number.
    Ok(GpuNeed { count: u8::try_from(count).unwrap_or(u8::MAX), milli: milli as u16 })
}

/// The lanes of a demand, without the extended one.
pub(super) fn need_row(task: &Task, gpu: GpuNeed) -> Result<Row, FleetError> {
    let asked = &task.requests;
    let local = task.volumes.iter().filter(|volume| volume.kind == VolumeKind::Local);
    let disk = local.fold(mib_up(asked.disk), |sum, volume| sum.saturating_add(mib_up(volume.size)));
    let mut row = Row::default();
    let named = [
        (Lane::Cpu, "requests.cpu in millicores", asked.cpu.0),
        (Lane::Memory, "requests.memory in MiB", mib_up(asked.memory)),
        (Lane::Disk, "requests.disk with local volumes in MiB", disk),
        (Lane::Network, "requests.network_mbps", asked.network_mbps),
    ];
    for (lane, field, value) in named {
        row.set(lane, lane_value(&task.id, field, value)?);
    }
    row.set(Lane::GpuTotal, gpu.total());
    if gpu.is_share() {
        row.set(Lane::GpuShare, i32::from(gpu.milli));
    } else {
        row.set(Lane::GpuWhole, i32::from(gpu.count));
    }
    Ok(row)
}

/// `value` as a lane holds it.
pub(super) fn lane_value(of: &str, field: &str, value: u64) -> Result<i32, FleetError> {
    let too_large = || FleetError::TooLarge { of: of.to_owned(), field: field.to_owned(), value, most: LANE_MAX };
    i32::try_from(value).map_err(|_| too_large())
}
