//! The policies that are compared: every combination of the node choices, orders, backfills and ties that were typed.

use super::Experiment;
use crate::args::{Elastic, Simulate};
use anyhow::{Context, bail};
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::elastic::ElasticPolicy;
use plimsoll_placement::order::{self, QueueOrder};
use plimsoll_placement::policy::{NodePolicy, TextPolicy, Ties, catalogue, from_file_text, shipped};
use plimsoll_placement::rules::class::Classes;
use plimsoll_placement::scheduler::{ChargeTo, Misfit, SchedulerPolicy};

/// Names of backfills, as typed.
pub const BACKFILLS: &[&str] =
    &["none", "easy", "easy-sjbf", "easy-ORDER", "conservative", "greedy", "rls", "rls-none"];
/// Most combinations: a table of more columns is no table.
const CONTESTANTS_MAX: usize = 32;

/// Most bytes of a policy file.
const FILE_SIZE_MAX: u64 = 64 << 10;

/// One combination.
#[derive(Debug, Clone)]
pub struct Contestant {
    /// What tells it apart from the others.
    pub label: String,
    /// How a node is chosen, as typed.
    pub node: String,
    /// Queue order.
    pub order: String,
    /// Backfill.
    pub backfill: String,
    /// Ties.
    pub ties: &'static str,
    /// Whether elastic tasks change.
    pub elastic: bool,
    policy: SchedulerPolicy,
}

impl Contestant {
    /// Whether a seed changes its choices.
    pub fn is_random(&self) -> bool {
        self.policy.node.ties == Ties::Random
    }

    /// What the scheduler is told in this experiment.
    pub fn policy(&self, experiment: &Experiment, seed: u64) -> SchedulerPolicy {
        let misfit = if experiment.is_open() { Misfit::Drop } else { Misfit::Wait };
        let class_rules = experiment.with_classes.then(Classes::standard);
        let charge_to = if experiment.has_no_users() { ChargeTo::Queue } else { ChargeTo::User };
        let quotas = experiment.quotas.clone();
        SchedulerPolicy { seed, misfit, quotas, charge_to, class_rules, ..self.policy.clone() }
    }
}

/// What was typed, in the order typed: the last flag changes fastest.
pub fn contestants(typed: &Simulate) -> anyhow::Result<Vec<Contestant>> {
    let nodes = each("--policy", &typed.policy, node_policy)?;
    let orders = each("--order", &typed.order, queue_order)?;
    let backfills = each("--backfill", &typed.backfill, backfill)?;
    let ties = each("--ties", &typed.ties, tie_rule)?;
    let mut found = Vec::new();
    for (node_name, node) in &nodes {
        for (order_name, order) in &orders {
            for (backfill_name, backfill) in or_default(&backfills, ("none".to_owned(), Backfill::None)) {
                for ties in or_default(&ties, (String::new(), node.ties)) {
                    for elastic in &typed.elastic {
                        let node = node.clone().with_ties(ties.1);
                        let policy = policy(node, order, &backfill, *elastic);
                        let policy = SchedulerPolicy { preemption: typed.preempt, ..policy };
                        found.push(Contestant {
                            label: String::new(),
                            node: node_name.clone(),
                            order: order_name.clone(),
                            backfill: backfill_name.clone(),
                            ties: tie_name(ties.1),
                            elastic: *elastic == Elastic::Grow,
                            policy,
                        });
                    }
                }
            }
        }
    }
    if found.len() > CONTESTANTS_MAX {
        bail!("{} combinations of policies: at most {CONTESTANTS_MAX} are compared", found.len());
    }
    label(&mut found, typed);
    Ok(found)
}

fn policy(node: NodePolicy, order: &Order, backfill: &Backfill, elastic: Elastic) -> SchedulerPolicy {
    let elastic = if elastic == Elastic::Grow { ElasticPolicy::Marginal } else { ElasticPolicy::Fixed };
    let queue = match order {
        Order::Of(order) => SchedulerPolicy::new(order.clone(), backfill.clone()),
        Order::Whole(policy) => (**policy).clone(),
    };
    SchedulerPolicy { node, elastic, ..queue }
}

/// What `--order` names.
#[derive(Debug, Clone)]
enum Order {
    /// An order, which goes with any backfill.
    Of(QueueOrder),
    /// A whole policy of the queue, which brings its backfill, patience and estimates along.
    Whole(Box<SchedulerPolicy>),
}

/// Names of whole policies of the queue.
pub const WHOLE: &[&str] = &["patient-saf"];

/// A policy file, where what was typed is one.
fn file(typed: &str) -> anyhow::Result<Option<TextPolicy>> {
    let path = std::path::Path::new(typed);
    if path.extension().is_none_or(|extension| extension != "policy") && !path.is_file() {
        return Ok(None);
    }
    let size = std::fs::metadata(path).context("cannot be read")?.len();
    if size > FILE_SIZE_MAX {
        bail!("has {size} bytes; a policy has at most {FILE_SIZE_MAX}");
    }
    let text = std::fs::read_to_string(path).context("cannot be read")?;
    Ok(Some(from_file_text(typed, &text)?))
}

/// Each name with what it means.
fn each<T>(
    flag: &str,
    names: &[String],
    meaning: impl Fn(&str) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<(String, T)>> {
    names.iter().map(|name| Ok((name.clone(), meaning(name).with_context(|| format!("{flag} {name}"))?))).collect()
}

fn or_default<T: Clone>(typed: &[T], default: T) -> Vec<T> {
    if typed.is_empty() { vec![default] } else { typed.to_vec() }
}

/// A label names only what differs.
fn label(contestants: &mut [Contestant], typed: &Simulate) {
    for it in contestants.iter_mut() {
        let mut parts: Vec<&str> = Vec::new();
        let queue_differs = typed.order.len() > 1 || typed.backfill.len() > 1;
        if typed.policy.len() > 1 || !(queue_differs || typed.ties.len() > 1 || typed.elastic.len() > 1) {
            parts.push(&it.node);
        }
        if typed.order.len() > 1 {
            parts.push(&it.order);
        }
        if typed.backfill.len() > 1 {
            parts.push(&it.backfill);
        }
        if typed.ties.len() > 1 {
            parts.push(it.ties);
        }
        if typed.elastic.len() > 1 {
            parts.push(if it.elastic { "grow" } else { "fixed" });
        }
        it.label = parts.join(" ");
    }
}

fn node_policy(name: &str) -> anyhow::Result<NodePolicy> {
    match file(name)? {
        Some(TextPolicy::Node(policy)) => return Ok(policy),
        Some(TextPolicy::Queue(_)) => bail!("this file orders a queue (`kind: queue`): it goes with --order"),
        None => {}
    }
    NodePolicy::by_name(name).with_context(|| {
        let ours = shipped().iter().map(|policy| policy.name);
        let known: Vec<&str> = catalogue().iter().map(|entry| entry.name).chain(ours).collect();
        format!("there is {}, or the path of a policy file", known.join(", "))
    })
}

fn queue_order(name: &str) -> anyhow::Result<Order> {
    match file(name)? {
        Some(TextPolicy::Queue(order)) => return Ok(Order::Of(order)),
        Some(TextPolicy::Node(_)) => bail!("this file scores nodes (`kind: node`): it goes with --policy"),
        None => {}
    }
    if WHOLE.contains(&name)
        && let Some(policy) = SchedulerPolicy::by_name(name)
    {
        return Ok(Order::Whole(Box::new(policy)));
    }
    QueueOrder::by_name(name).map(Order::Of).with_context(|| {
        let orders = order::catalogue().iter().map(|entry| entry.name);
        let known: Vec<&str> = orders.chain(WHOLE.iter().copied()).collect();
        format!("there is {}, or the path of a policy file", known.join(", "))
    })
}

fn backfill(name: &str) -> anyhow::Result<Backfill> {
    Backfill::by_name(name).with_context(|| format!("there is {}", BACKFILLS.join(", ")))
}

fn tie_rule(name: &str) -> anyhow::Result<Ties> {
    [Ties::LowestName, Ties::LowestId, Ties::Random]
        .into_iter()
        .find(|ties| tie_name(*ties) == name)
        .context("there is lowest-name, lowest-id, random")
}

/// How a rule for ties is typed.
pub const fn tie_name(ties: Ties) -> &'static str {
    match ties {
        Ties::LowestName => "lowest-name",
        Ties::LowestId => "lowest-id",
        Ties::Random => "random",
    }
}
