//! What a scheduler is told: order, backfill, patience, estimates, nodes, quotas, classes.

use super::estimate::Estimates;
use crate::backfill::Backfill;
use crate::elastic::ElasticPolicy;
use crate::order::{Patience, QueueOrder};
use crate::policy::NodePolicy;
use crate::rules::budget::DisruptionBudget;
use crate::rules::class::Classes;
use plimsoll_model::cluster::QuotaSpec;
use plimsoll_model::quantity::{Millis, Permille};
use std::collections::BTreeMap;

/// What becomes of a task that does not fit when its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Misfit {
    /// It waits.
    #[default]
    Wait,
    /// It is dropped, and a decision says so: the protocol of packing experiments.
    Drop,
}

/// Whom fair orders charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChargeTo {
    /// The user.
    #[default]
    User,
    /// The queue (group, project), by its whole path.
    Queue,
}

/// What one class of tasks does differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassPolicy {
    /// Bands of classes go strictly one after the other, the lowest first; classes without a policy are in band 0.
    pub band: i32,
    /// How its nodes are chosen; none is as everybody's.
    pub node: Option<NodePolicy>,
}

/// What a scheduler is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerPolicy {
    /// In which order waiting tasks are looked at.
    pub order: QueueOrder,
    /// What may start before its turn.
    pub backfill: Backfill,
    /// How long a task lets others go first.
    pub patience: Patience,
    /// Where expected run times come from.
    pub estimates: Estimates,
    /// What a task without an estimate is expected to run, services excepted: these have no end.
    pub estimate_unknown: Millis,
    /// How a node is chosen.
    pub node: NodePolicy,
    /// What becomes of a task that does not fit.
    pub misfit: Misfit,
    /// Whom fair orders charge.
    pub charge_to: ChargeTo,
    /// Time in which past use loses half its weight.
    pub half_life: Millis,
    /// What users and queues may have and are promised.
    pub quotas: Vec<QuotaSpec>,
    /// Whether a queue that is below its guarantee gets back, by preemption, what others borrowed.
    pub reclaim: bool,
    /// Whether tasks that may be stopped make way for more important ones whose turn it is, and, with `reclaim`, for
    /// what others were promised. Best with an order that puts the important first.
    pub preemption: bool,
    /// How many tasks of a service may be away at once because they were stopped.
    pub budgets: Vec<DisruptionBudget>,
    /// How a task gets its class that names none; none leaves it without.
    pub class_rules: Option<Classes>,
    /// Classes with a policy of their own, by name.
    pub classes: BTreeMap<String, ClassPolicy>,
    /// How elastic tasks grow and shrink.
    pub elastic: ElasticPolicy,
    /// Seed of everything that is random in node choice.
    pub seed: u64,
}

impl SchedulerPolicy {
    /// An order and a backfill with first fit and nothing else: no patience, requests believed, no quotas.
    #[must_use]
    pub fn new(order: QueueOrder, backfill: Backfill) -> Self {
        Self {
            order,
            backfill,
            patience: Patience::Endless,
            estimates: Estimates::Requested,
            estimate_unknown: Millis(86_400_000),
            node: NodePolicy::single("first-fit", crate::score::Scorer::Constant),
            misfit: Misfit::Wait,
            charge_to: ChargeTo::User,
            half_life: Millis(7 * 86_400_000),
            quotas: Vec::new(),
            reclaim: false,
            preemption: false,
            budgets: Vec::new(),
            class_rules: None,
            classes: BTreeMap::new(),
            elastic: ElasticPolicy::Fixed,
            seed: 0,
        }
    }

    /// Our own: smallest predicted area first, for the queue and for backfill alike, by EASY, with patience.
    ///
    /// Small tasks go first, which is what the slowdown of the many asks for; nobody waits much longer than a FIFO queue
    /// would have made them, because patience follows the work that was ahead at submission. Run times are predicted from
    /// the user's last similar tasks for the order alone; reservations rest on what was asked for. Found by search on
    /// HPC2N, RICC and two Lublin logs (`docs/queues.md`).
    #[must_use]
    pub fn patient_saf() -> Self {
        let order = QueueOrder::SmallestArea;
        Self {
            patience: Patience::FairStart {
                least: Millis(6 * 3_600_000),
                ahead: Permille(500),
                most: Millis(96 * 3_600_000),
            },
            estimates: Estimates::History { similar: true, request: Permille(100), reservations: false },
            ..Self::new(order, Backfill::Easy(order))
        }
    }

    /// The same with classes: tasks get theirs by these rules, and classes that carry a node policy use it.
    ///
    /// # Errors
    /// The class and the name of a node policy that there is none of.
    pub fn with_classes(mut self, classes: Classes) -> Result<Self, (String, String)> {
        for (class, name) in &classes.policies {
            let node = NodePolicy::by_name(name).ok_or_else(|| (class.clone(), name.clone()))?;
            self.classes.entry(class.clone()).or_insert(ClassPolicy { band: 0, node: None }).node = Some(node);
        }
        self.class_rules = Some(classes);
        Ok(self)
    }

    /// A policy of the catalogue: `patient-saf`, `fifo`, `easy`, `easy-sjbf`, `conservative`, or `ORDER`,
    /// `ORDER+BACKFILL` with names of
    /// [`crate::order::catalogue`] and [`Backfill::by_name`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if name == "patient-saf" {
            return Some(Self::patient_saf());
        }
        if let Some((order, backfill)) = name.split_once('+') {
            return Some(Self::new(QueueOrder::by_name(order)?, Backfill::by_name(backfill)?));
        }
        if let Some(order) = QueueOrder::by_name(name) {
            return Some(Self::new(order, Backfill::None));
        }
        Backfill::by_name(name).map(|backfill| Self::new(QueueOrder::Fifo, backfill))
    }
}
