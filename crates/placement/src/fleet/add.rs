//! Taking in a node.

use super::error::FleetError;
use super::gpus::{GPUS_MAX, GpuBlock};
use super::labels::next_number;
use super::nodes::{NO_GPUS, NodeKind};
use super::row::{Lane, Row, mib_down};
use super::shape::lane_value;
use super::{Fleet, NodeIx};
use plimsoll_model::cluster::Node;
use plimsoll_model::quantity::Permille;
use std::collections::BTreeMap;

/// Most nodes; a node and a place in a search share one word.
const NODES_MAX: u64 = 1 << 24;
/// Most models of GPU.
const MODELS_MAX: u64 = 1 << 16;

impl Fleet {
    /// Takes in a node. Zone, provider and site become labels of these names, unless the node has such a label already.
    ///
    /// # Errors
    /// When the name is missing or taken, or a quantity is larger than the compact form holds; nothing is changed then.
    pub fn add(&mut self, node: &Node) -> Result<NodeIx, FleetError> {
        if node.name.is_empty() {
            return Err(FleetError::NoName);
        }
        let Err(at) = self.nodes.find(&node.name) else {
            return Err(FleetError::DuplicateNode { name: node.name.clone() });
        };
        let number = next_number(self.nodes.len(), "nodes", NODES_MAX)?;
        let kind = self.kind_of(node)?;
        self.largest = self.largest.most(&kind.capacity);
        let room = kind.capacity;
        self.nodes.by_name.insert(at, number);
        self.nodes.names.push(node.name.as_str().into());
        self.nodes.free.push(room);
        for (column, free) in self.nodes.more.iter_mut().enumerate() {
            free.push(kind.more.get(column).copied().unwrap_or(0));
        }
        self.nodes.state.push(node.state);
        self.nodes.since.push(node.since);
        self.nodes.label_set.push(self.labels.set(&labels_of(node)));
        self.nodes.taint_set.push(self.labels.taint_set(&node.taints));
        self.nodes.gpu_block.push(if node.capacity.gpus.count == 0 { NO_GPUS } else { self.nodes.gpus.len() as u32 });
        if node.capacity.gpus.count > 0 {
            self.nodes.gpus.push(GpuBlock::new(node.capacity.gpus.count as u8));
        }
        self.nodes.price.push(node.price_micros_per_hour);
        let speeds = self.speeds_of(node);
        let speeds = self.nodes.speed_number(speeds);
        self.nodes.speed_set.push(speeds);
        let kind = self.nodes.kind_number(kind);
        self.nodes.kind.push(kind);
        self.judge_filters_on(number as usize);
        self.changes.fit(self.nodes.len());
        self.changes.push(number);
        let Self { nodes, labels, shapes, relations, .. } = self;
        relations.node_added(super::Surroundings { nodes, labels, shapes }, NodeIx(number));
        Ok(NodeIx(number))
    }

    fn kind_of(&mut self, node: &Node) -> Result<NodeKind, FleetError> {
        let has = &node.capacity;
        let mut capacity = Row::default();
        let named = [
            (Lane::Cpu, "capacity.cpu in millicores", has.cpu.0),
            (Lane::Memory, "capacity.memory in MiB", mib_down(has.memory)),
            (Lane::Disk, "capacity.disk in MiB", mib_down(has.disk)),
            (Lane::Network, "capacity.network_mbps", has.network_mbps),
        ];
        for (lane, field, value) in named {
            capacity.set(lane, lane_value(&node.name, field, value)?);
        }
        let gpus = has.gpus.count;
        if gpus as usize > GPUS_MAX {
            let (of, field) = (node.name.clone(), "capacity.gpus.count".to_owned());
            return Err(FleetError::TooLarge { of, field, value: u64::from(gpus), most: GPUS_MAX as u64 });
        }
        GpuBlock::new(gpus as u8).summarise(&mut capacity);
        let mut amounts = Vec::with_capacity(has.extended.len());
        for (name, amount) in &has.extended {
            amounts.push((name, lane_value(&node.name, &format!("capacity.extended.{name}"), *amount)?));
        }
        let model = if gpus == 0 { "" } else { has.gpus.model.as_str() };
        let model = self.model_number(model)?;
        let mut kind = NodeKind { capacity, more: Vec::new(), model };
        for (name, amount) in amounts {
            match self.extended_column(name) {
                None => kind.capacity.set(Lane::Extended, amount),
                Some(column) => {
                    kind.more.resize(kind.more.len().max(column + 1), 0);
                    kind.more[column] = amount;
                }
            }
        }
        Ok(kind)
    }

    /// The number of a model of GPU.
    pub(super) fn model_number(&mut self, model: &str) -> Result<u16, FleetError> {
        if self.models.find(model).is_none() {
            next_number(self.models.len(), "models of GPU", MODELS_MAX)?;
        }
        Ok(self.models.number(model) as u16)
    }

    /// Where an extended resource stands: none is the lane of the row, otherwise its column.
    pub(super) fn extended_column(&mut self, name: &str) -> Option<usize> {
        let number = self.extended.number(name) as usize;
        let column = number.checked_sub(1)?;
        while self.nodes.more.len() <= column {
            let nodes = self.nodes.free.len();
            self.nodes.more.push(vec![0; nodes]);
        }
        Some(column)
    }

    fn speeds_of(&mut self, node: &Node) -> Vec<(u32, Permille)> {
        let mut speeds: Vec<(u32, Permille)> =
            node.speed.iter().map(|(class, speed)| (self.classes.number(class), *speed)).collect();
        speeds.sort_unstable();
        speeds
    }
}

fn labels_of(node: &Node) -> BTreeMap<String, String> {
    let mut labels = node.labels.clone();
    for (key, value) in [("zone", &node.zone), ("provider", &node.provider), ("site", &node.site)] {
        if let Some(value) = value {
            labels.entry(key.to_owned()).or_insert_with(|| value.clone());
        }
    }
    labels
}
