//! Taking in a task's shape, and judging static filters.

use super::error::FleetError;
use super::labels::{next_number, repelled, unwelcome};
use super::row::Lane;
use super::shape::{FilterKey, ShapeKey, StaticFilter, gpu_need, lane_value, need_row};
use super::{Fleet, NodeIx, Shape, ShapeId};
use crate::score::ONE;
use plimsoll_model::cluster::Task;

/// Most shapes.
const SHAPES_MAX: u64 = 1 << 31;

impl Fleet {
    /// The shape of a task: a new one, or that of an equal task before it.
    ///
    /// # Errors
    /// When the task asks for something that no node could ever give: parts of several GPUs, or more of a resource than
    /// the compact form counts. A task that is merely too large for these nodes has a shape; see [`Fleet::fits_empty`].
    pub fn intern(&mut self, task: &Task) -> Result<ShapeId, FleetError> {
        let key = ShapeKey::of(task);
        if let Some(shape) = self.shape_numbers.get(&key) {
            return Ok(*shape);
        }
        let id = ShapeId(next_number(self.shapes.len(), "shapes of tasks", SHAPES_MAX)?);
        self.relations.check(task)?;
        let shape = self.shape_of(task)?;
        self.shapes.push(shape);
        self.shape_numbers.insert(key, id);
        let Self { nodes, labels, shapes, relations, .. } = self;
        relations.learn(super::Surroundings { nodes, labels, shapes }, id, task);
        Ok(id)
    }

    fn shape_of(&mut self, task: &Task) -> Result<Shape, FleetError> {
        let gpu = gpu_need(&task.id, &task.requests.gpu)?;
        let mut need = need_row(task, gpu)?;
        let mut amounts = Vec::with_capacity(task.requests.extended.len());
        for (name, amount) in &task.requests.extended {
            amounts.push((name, lane_value(&task.id, &format!("requests.extended.{name}"), *amount)?));
        }
        let mut models = Vec::new();
        if gpu.count > 0 {
            for model in &task.requests.gpu.models {
                models.push(self.model_number(model)?);
            }
        }
        models.sort_unstable();
        models.dedup();
        let mut more = Vec::new();
        for (name, amount) in amounts {
            match self.extended_column(name) {
                None => need.set(Lane::Extended, amount),
                Some(column) => more.push((column as u16, amount)),
            }
        }
        let filter = self.filter_number(task, &models);
        let prefers: Vec<_> =
            task.prefers.iter().map(|(wish, weight)| (self.labels.condition(wish), *weight)).collect();
        Ok(Shape {
            need,
            gpu,
            more: more.into(),
            filter,
            models: models.into(),
            class: task.class.as_ref().map(|class| self.classes.number(class)),
            has_wishes: !prefers.is_empty(),
            prefers: prefers.into(),
        })
    }

    fn filter_number(&mut self, task: &Task, models: &[u16]) -> u32 {
        let key: FilterKey = (models.to_vec(), task.selector.clone(), task.tolerations.clone());
        if let Some(number) = self.filter_numbers.get(&key) {
            return *number;
        }
        let number = self.filters.len() as u32;
        let selector = task.selector.iter().map(|condition| self.labels.condition(condition)).collect();
        self.filters.push(StaticFilter { models: models.into(), selector, tolerations: task.tolerations.clone() });
        self.filter_numbers.insert(key, number);
        if number.is_multiple_of(64) {
            let nodes = self.nodes.len();
            self.nodes.passes.push(vec![0; nodes]);
        }
        for node in 0..self.nodes.len() {
            self.judge_filter(number, node);
        }
        number
    }

    fn judge_filter(&mut self, filter: u32, node: usize) {
        let rules = &self.filters[filter as usize];
        let model = self.nodes.kinds[self.nodes.kind[node] as usize].model;
        let labels = self.labels.labels(self.nodes.label_set[node]);
        let taints = self.labels.taints(self.nodes.taint_set[node]);
        let passes = (rules.models.is_empty() || rules.models.contains(&model))
            && rules.selector.iter().all(|condition| condition.holds(labels))
            && repelled(taints, &rules.tolerations).is_none();
        self.nodes.passes[filter as usize / 64][node] |= u64::from(passes) << (filter % 64);
    }

    /// Judges every filter on a node that has just been added.
    pub(super) fn judge_filters_on(&mut self, node: usize) {
        self.nodes.passes.iter_mut().for_each(|column| column.push(0));
        for filter in 0..self.filters.len() as u32 {
            self.judge_filter(filter, node);
        }
    }

    /// How well a node meets a shape's wishes about its description, 0 to [`ONE`]: the weight of those it meets over
    /// the weight of all.
    #[must_use]
    pub fn wishes_met(&self, shape: ShapeId, node: NodeIx) -> i64 {
        let prefers = &self.shape(shape).prefers;
        let all: i64 = prefers.iter().map(|(_, weight)| i64::from(*weight)).sum();
        if all == 0 {
            return 0;
        }
        let labels = self.labels.labels(self.nodes.label_set[node.0 as usize]);
        let met = prefers.iter().filter(|(wish, _)| wish.holds(labels));
        let met: i64 = met.map(|(_, weight)| i64::from(*weight)).sum();
        (i128::from(met) * i128::from(ONE) / i128::from(all)) as i64
    }

    /// How many taints of a node would rather not have tasks of this shape.
    #[must_use]
    pub fn unwelcome(&self, shape: ShapeId, node: NodeIx) -> usize {
        let filter = &self.filters[self.shape(shape).filter as usize];
        unwelcome(self.labels.taints(self.nodes.taint_set[node.0 as usize]), &filter.tolerations)
    }

    /// Whether some node has a taint that would rather not have tasks of some sort.
    #[must_use]
    pub fn has_unwelcoming_nodes(&self) -> bool {
        self.labels.has_soft_taints()
    }

    pub(super) fn filter(&self, filter: u32) -> &StaticFilter {
        &self.filters[filter as usize]
    }
}
