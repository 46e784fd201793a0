//! What a score of nodes may name.
//!
//! `_free` is before the task is there, `_left` after, `_cap` what the node has in all, `_req` what the task asks,
//! `_max` the largest capacity of any node. Intervals are what the fleet can hold at all (a lane below 2^31, sixteen GPUs
//! a node), so what is proved from them holds for every cluster.

use super::input::{InputEntry, Scope, Step};
use crate::fleet::{GPUS_MAX, LANE_MAX, Lane};
use plimsoll_expr::Schema;

/// Where the value of an input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeSource {
    /// A lane of what is free.
    Free(Lane),
    /// The same less what the task asks.
    Left(Lane),
    /// A lane of the node's capacity.
    Cap(Lane),
    /// A lane of what the task asks.
    Req(Lane),
    /// A lane of the largest capacities.
    Max(Lane),
    /// GPUs that stay wholly free.
    WholeLeft,
    /// What is left on the GPU of a share.
    ShareLeft,
    /// The most that is left on any one GPU.
    LargestLeft,
    /// Whether a share takes a wholly free GPU.
    Opens,
    /// Whether no room is left on the node's GPUs.
    Full,
    /// Whether tasks of the same sort run there.
    Alike,
    /// Whether tasks of another sort run there.
    Unlike,
    /// GPUs asked for.
    GpuCount,
    /// Thousandths asked of each.
    GpuMilli,
    /// Fall of fragmentation on the usual GPUs.
    FragFall,
    /// The same on the best GPU.
    FragFallBest,
    /// Price of the node.
    Price,
    /// Price of the dearest node.
    PriceMax,
    /// Speed of the node for the task's class.
    Speed,
}

type Entry = InputEntry<NodeSource>;

const LANE: i64 = LANE_MAX as i64;
const GPUS: i64 = GPUS_MAX as i64;
const MILLI: i64 = 1_000 * GPUS;
/// Billionths of all GPUs of a node.
const NANO: i64 = 1_000_000_000 * GPUS;
/// A thousand million units of the currency per hour.
const PRICE: i64 = 1_000_000_000_000_000;

const fn entry(
    name: &'static str,
    source: NodeSource,
    step: Step,
    most: i64,
    scope: Scope,
    meaning: &'static str,
) -> Entry {
    InputEntry { name, source, step, least: 0, most, scope, meaning }
}

/// Free, left, capacity, request and largest of one lane.
const fn five(
    names: [&'static str; 5],
    lane: Lane,
    step: Step,
    most: i64,
    asked: i64,
    of: [&'static str; 5],
) -> [Entry; 5] {
    [
        entry(names[0], NodeSource::Free(lane), step, most, Scope::Node, of[0]),
        entry(names[1], NodeSource::Left(lane), step, most, Scope::After, of[1]),
        entry(names[2], NodeSource::Cap(lane), step, most, Scope::Node, of[2]),
        entry(names[3], NodeSource::Req(lane), step, asked, Scope::Task, of[3]),
        entry(names[4], NodeSource::Max(lane), step, most, Scope::Cluster, of[4]),
    ]
}

const CPU: [Entry; 5] = five(
    ["cpu_free", "cpu_left", "cpu_cap", "cpu_req", "cpu_max"],
    Lane::Cpu,
    Step::Millicore,
    LANE,
    LANE,
    [
        "CPU that is free before the task is there",
        "CPU that is left once it is there",
        "CPU of the node in all",
        "CPU that the task asks",
        "CPU of the node with the most",
    ],
);
const MEMORY: [Entry; 5] = five(
    ["memory_free", "memory_left", "memory_cap", "memory_req", "memory_max"],
    Lane::Memory,
    Step::Mebibyte,
    LANE,
    LANE,
    [
        "memory that is free before",
        "memory that is left after",
        "memory of the node in all",
        "memory that the task asks",
        "memory of the node with the most",
    ],
);
const DISK: [Entry; 5] = five(
    ["disk_free", "disk_left", "disk_cap", "disk_req", "disk_max"],
    Lane::Disk,
    Step::DiskMebibyte,
    LANE,
    LANE,
    [
        "local disk that is free before",
        "local disk that is left after",
        "local disk of the node in all",
        "local disk that the task asks, its local volumes included",
        "local disk of the node with the most",
    ],
);
const NETWORK: [Entry; 5] = five(
    ["network_free", "network_left", "network_cap", "network_req", "network_max"],
    Lane::Network,
    Step::MegabitPerSecond,
    LANE,
    LANE,
    [
        "bandwidth that is free before",
        "bandwidth that is left after",
        "bandwidth of the node in all",
        "bandwidth that the task asks",
        "bandwidth of the node with the most",
    ],
);
const EXTENDED: [Entry; 5] = five(
    ["extended_free", "extended_left", "extended_cap", "extended_req", "extended_max"],
    Lane::Extended,
    Step::Plain,
    LANE,
    LANE,
    [
        "the extended resource that was named first: what is free before",
        "what is left of it after",
        "what the node has of it in all",
        "what the task asks of it",
        "what the node with the most has of it",
    ],
);
const GPU: [Entry; 5] = five(
    ["gpu_free", "gpu_left", "gpu_cap", "gpu_total_req", "gpu_max"],
    Lane::GpuTotal,
    Step::Milligpu,
    MILLI,
    255_000,
    [
        "what is free before on all GPUs of the node together",
        "what is left after on all of them together",
        "all GPUs of the node",
        "all that the task asks of GPUs",
        "all GPUs of the node with the most",
    ],
);

const MORE: [Entry; 16] = [
    entry("gpu_req", NodeSource::GpuCount, Step::Plain, 255, Scope::Task, "how many GPUs the task asks; 1 for a share"),
    entry(
        "gpu_milli_req",
        NodeSource::GpuMilli,
        Step::Milligpu,
        1_000,
        Scope::Task,
        "how much it asks of each: a whole GPU, or the share of one",
    ),
    entry("gpu_count_cap", NodeSource::Cap(Lane::GpuWhole), Step::Plain, GPUS, Scope::Node, "GPUs of the node"),
    entry(
        "gpu_whole_free",
        NodeSource::Free(Lane::GpuWhole),
        Step::Plain,
        GPUS,
        Scope::Node,
        "GPUs of which nothing is taken",
    ),
    entry(
        "gpu_whole_left",
        NodeSource::WholeLeft,
        Step::Plain,
        GPUS,
        Scope::After,
        "GPUs of which nothing is taken once the task is there",
    ),
    entry(
        "gpu_share_left",
        NodeSource::ShareLeft,
        Step::Milligpu,
        1_000,
        Scope::After,
        "what is left on the GPU that a share takes, the fullest that fits; 0 for any other task",
    ),
    entry(
        "gpu_largest_left",
        NodeSource::LargestLeft,
        Step::Milligpu,
        1_000,
        Scope::After,
        "the most that is left on any one GPU",
    ),
    entry(
        "gpu_opens",
        NodeSource::Opens,
        Step::Plain,
        1,
        Scope::After,
        "1 where a share takes a wholly free GPU, 0 otherwise",
    ),
    entry(
        "gpu_full",
        NodeSource::Full,
        Step::Plain,
        1,
        Scope::After,
        "1 where the node has GPUs and nothing is left on them, 0 otherwise",
    ),
    entry(
        "gpu_alike",
        NodeSource::Alike,
        Step::Plain,
        1,
        Scope::Node,
        "1 where tasks run that ask for GPUs as this one does: a share, or as many whole ones",
    ),
    entry(
        "gpu_unlike",
        NodeSource::Unlike,
        Step::Plain,
        1,
        Scope::Node,
        "1 where tasks run that ask for GPUs otherwise",
    ),
    InputEntry {
        least: -NANO,
        ..entry(
            "frag_fall",
            NodeSource::FragFall,
            Step::Plain,
            NANO,
            Scope::After,
            "by how much the GPU room that expected tasks cannot use falls, in billionths of a GPU, on the usual GPUs",
        )
    },
    InputEntry {
        least: -NANO,
        ..entry(
            "frag_fall_best",
            NodeSource::FragFallBest,
            Step::Plain,
            NANO,
            Scope::After,
            "the same on the GPU where it falls most, which is what `gpus: least-fragmentation` takes",
        )
    },
    entry("price", NodeSource::Price, Step::Micromoney, PRICE, Scope::Node, "price of the node for an hour"),
    entry("price_max", NodeSource::PriceMax, Step::Micromoney, PRICE, Scope::Cluster, "price of the dearest node"),
    entry(
        "speed",
        NodeSource::Speed,
        Step::Plain,
        1_000_000,
        Scope::Node,
        "speed of the node for the task's class in thousandths; 1000 is the reference",
    ),
];

/// All of them, in the order of the documentation.
pub static NODE_INPUTS: [Entry; 46] = all();

const fn all() -> [Entry; 46] {
    let groups: [&[Entry]; 7] = [&CPU, &MEMORY, &DISK, &NETWORK, &EXTENDED, &GPU, &MORE];
    let mut all = [CPU[0]; 46];
    let (mut group, mut at) = (0, 0);
    while group < groups.len() {
        let mut index = 0;
        while index < groups[group].len() {
            all[at] = groups[group][index];
            index += 1;
            at += 1;
        }
        group += 1;
    }
    assert!(at == all.len(), "every place holds an input");
    all
}

/// The schema of node scores. Facts say what never exceeds what.
#[must_use]
pub fn node_schema() -> Schema {
    let is_scalar = |entry: &Entry| matches!(entry.scope, Scope::Task | Scope::Cluster);
    let inputs = NODE_INPUTS.iter().map(|entry| entry.input(is_scalar(entry))).collect();
    let schema = Schema::try_new(inputs).expect("invariant: the table of node inputs is a schema");
    let resources = ["cpu", "memory", "disk", "network", "extended", "gpu"];
    let chains = resources.into_iter().flat_map(|resource| {
        let name = move |what: &str| format!("{resource}_{what}");
        [(name("left"), name("free")), (name("free"), name("cap")), (name("cap"), name("max"))]
    });
    chains
        .chain(
            [("gpu_whole_left", "gpu_whole_free"), ("gpu_whole_free", "gpu_count_cap"), ("price", "price_max")]
                .map(|(small, large)| (small.to_owned(), large.to_owned())),
        )
        .fold(schema, |schema, (small, large)| {
            schema.with_fact(&small, &large).expect("invariant: facts name inputs of one unit")
        })
}
