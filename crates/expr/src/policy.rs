//! A policy file: a header of `# key: value` lines, then one expression.
//!
//! The header ends at the first line that is no comment. In it every line is a key with its value, or continues the value above
//! it with two or more spaces after the `#`. Whatever is neither is refused, so that a misspelt key is never a silent default.

use crate::arena::Limits;
use crate::compile::{CompileError, Compiled, Options};
use crate::expr::Expr;
use crate::output::Output;
use crate::parse::ParseError;
use crate::schema::Schema;
use crate::unit::{Dimension, Unit};
use std::fmt;

/// What a policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// A score of nodes: the highest wins.
    NodeScore,
    /// An order of a queue: the lowest goes first.
    QueueOrder,
    /// A number of replicas.
    Replicas,
}

impl PolicyKind {
    /// The word of the header.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NodeScore => "node",
            Self::QueueOrder => "queue",
            Self::Replicas => "scaling",
        }
    }
}

/// Who goes first among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Ties {
    /// The lowest name, byte by byte.
    #[default]
    LowestName,
    /// The lowest number.
    LowestId,
    /// Drawn by a seed that the caller hands in.
    Random,
}

/// Which of a node's accelerators a share of one takes, for scores of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum GpuPick {
    /// The fullest that fits.
    #[default]
    Tightest,
    /// The one after which expected tasks can use most of what is left.
    LeastFragmentation,
    /// Drawn by a seed that the caller hands in.
    Random,
}

/// A policy as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, as in commands.
    pub name: String,
    /// What it decides.
    pub kind: PolicyKind,
    /// Who goes first among equals; the lowest name where the file does not say.
    pub ties: Ties,
    /// Results are cut off to whole numbers from 0 to this one.
    pub round: Option<u32>,
    /// Which accelerator a share takes; the fullest that fits where the file does not say. A queue order never says.
    pub gpus: GpuPick,
    /// Of a number of replicas: the prices that its margins rest on, to start a replica and to keep one; none where the file
    /// does not say.
    pub prices: [Option<u32>; 2],
    /// Where it comes from, a paper or a search.
    pub source: Option<String>,
    /// What it is, for people.
    pub about: Option<String>,
    /// What is computed.
    pub expr: Expr,
}

/// Why a text is no policy. Its file's name is the caller's to add.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A header line that is no `# key: value`.
    #[error("line {line}: `{text}` is not `# key: value`; the keys are {KEYS}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// As written, perhaps shortened.
        text: String,
    },
    /// A key that is none.
    #[error("line {line}: there is no key `{key}`; the keys are {KEYS}")]
    Key {
        /// Counted from 1.
        line: usize,
        /// As written.
        key: String,
    },
    /// A key that stands twice.
    #[error("line {line}: `{key}` stands a second time")]
    Twice {
        /// Counted from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A value that the key does not allow.
    #[error("line {line}: `{key}: {value}` is wrong; it is {allowed}")]
    Value {
        /// Counted from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// As written, perhaps shortened.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A key that every file has.
    #[error("the header has no `# {key}: …`, which is {allowed}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// What follows the header is no expression.
    #[error(transparent)]
    Expression(#[from] ParseError),
}

const KEYS: &str = "name, kind, ties, round, gpus, price, price_keep, source, about";
const NAME_ALLOWED: &str = "letters, digits, `-`, `_` and dots, at most 64 bytes";
const KIND_ALLOWED: &str = "`node`, `queue` or `scaling`";
const TIES_ALLOWED: &str = "`lowest-name`, `lowest-id` or `random`";
const ROUND_ALLOWED: &str = "a whole number from 1 to 1000000";
const GPUS_ALLOWED: &str = "`tightest`, `least-fragmentation` or `random`, and only of a node score";
const PRICE_ALLOWED: &str = "a whole number from 1 to 1000000, and only of a number of replicas";
/// Highest price.
const PRICE_MAX: u32 = 1_000_000;
const NAME_BYTES_MAX: usize = 64;
const LEVELS_MAX: u32 = 1_000_000;

/// One key of the header.
struct Entry {
    line: usize,
    key: String,
    value: String,
}

impl PolicyFile {
    /// Reads a policy.
    ///
    /// # Errors
    /// With the line, what stands there and what may stand there.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let limits = Limits::default();
        // The length is looked at before the header is, so that a huge one costs nothing.
        let entries = if text.len() > limits.bytes { Vec::new() } else { header(text)? };
        let expr = Expr::parse_within(text, limits)?;
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        let text_of = |key: &str| find(key).map(|entry| entry.value.clone());
        let name =
            required(find("name"), "name", NAME_ALLOWED, |value| is_policy_name(value).then(|| value.to_owned()))?;
        let kind = required(find("kind"), "kind", KIND_ALLOWED, |value| match value {
            "node" => Some(PolicyKind::NodeScore),
            "queue" => Some(PolicyKind::QueueOrder),
            "scaling" => Some(PolicyKind::Replicas),
            _ => None,
        })?;
        let ties = optional(find("ties"), "ties", TIES_ALLOWED, |value| match value {
            "lowest-name" => Some(Ties::LowestName),
            "lowest-id" => Some(Ties::LowestId),
            "random" => Some(Ties::Random),
            _ => None,
        })?;
        let levels = |value: &str| value.parse::<u32>().ok().filter(|levels| (1..=LEVELS_MAX).contains(levels));
        let round = optional(find("round"), "round", ROUND_ALLOWED, levels)?;
        let gpus = optional(find("gpus"), "gpus", GPUS_ALLOWED, |value| match value {
            _ if kind != PolicyKind::NodeScore => None,
            "tightest" => Some(GpuPick::Tightest),
            "least-fragmentation" => Some(GpuPick::LeastFragmentation),
            "random" => Some(GpuPick::Random),
            _ => None,
        })?;
        let price = |key: &'static str| {
            let read = |value: &str| value.parse::<u32>().ok().filter(|price| (1..=PRICE_MAX).contains(price));
            optional(find(key), key, PRICE_ALLOWED, |value| read(value).filter(|_| kind == PolicyKind::Replicas))
        };
        let prices = [price("price")?, price("price_keep")?];
        let (source, about) = (text_of("source"), text_of("about"));
        let (ties, gpus) = (ties.unwrap_or_default(), gpus.unwrap_or_default());
        Ok(Self { name, kind, ties, round, gpus, prices, source, about, expr })
    }

    /// What integer a result becomes: levels if the file rounds; otherwise millionths for scores of nodes, and for orders of
    /// queues an integer for each value, because times and areas span more than any fixed scale; thousandths for replicas.
    pub fn output(&self) -> Output {
        match (self.round, self.kind) {
            (Some(levels), _) => Output::Levels(levels),
            (None, PolicyKind::NodeScore) => Output::default(),
            (None, PolicyKind::QueueOrder) => Output::Order,
            // Its base unit is the thousandth.
            (None, PolicyKind::Replicas) => Output::Decimals(0),
        }
    }

    /// Makes the expression ready over the inputs of a schema. A score of nodes is a plain number; an order of a queue may have
    /// any unit, unless it is rounded; a number of replicas is in replicas.
    ///
    /// # Errors
    /// When a unit does not fit or a name is not declared.
    pub fn compile(&self, schema: &Schema) -> Result<Compiled, CompileError> {
        let is_plain = self.kind == PolicyKind::NodeScore || self.round.is_some();
        let replicas = Unit::of(Dimension::Replica);
        let unit = if self.kind == PolicyKind::Replicas { Some(replicas) } else { is_plain.then_some(Unit::PLAIN) };
        Compiled::with(&self.expr, schema, Options { unit, output: self.output() })
    }
}

/// A policy as a file that reads back as the same policy.
impl fmt::Display for PolicyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.word();
        let ties = match self.ties {
            Ties::LowestName => "lowest-name",
            Ties::LowestId => "lowest-id",
            Ties::Random => "random",
        };
        writeln!(f, "# name: {}\n# kind: {kind}\n# ties: {ties}", self.name)?;
        if let Some(levels) = self.round {
            writeln!(f, "# round: {levels}")?;
        }
        match self.gpus {
            GpuPick::Tightest => {}
            GpuPick::LeastFragmentation => writeln!(f, "# gpus: least-fragmentation")?,
            GpuPick::Random => writeln!(f, "# gpus: random")?,
        }
        for (key, price) in ["price", "price_keep"].into_iter().zip(self.prices) {
            if let Some(price) = price {
                writeln!(f, "# {key}: {price}")?;
            }
        }
        for (key, text) in [("source", &self.source), ("about", &self.about)] {
            if let Some(text) = text {
                writeln!(f, "# {key}: {}", one_line(text))?;
            }
        }
        writeln!(f, "\n{}", self.expr)
    }
}

/// Words with one space between them: a value never ends its line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn header(text: &str) -> Result<Vec<Entry>, PolicyError> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some(comment) = line.strip_prefix('#') else { break };
        let (number, text) = (at + 1, shortened(line));
        let is_continued = comment.starts_with("  ") || comment.starts_with('\t');
        match (is_continued, entries.last_mut(), comment.split_once(':')) {
            (true, Some(above), _) => {
                above.value = one_line(&format!("{} {comment}", above.value));
            }
            (false, _, Some((key, value))) => {
                let (key, value) = (key.trim().to_owned(), one_line(value));
                if !KEYS.split(", ").any(|known| known == key) {
                    return Err(PolicyError::Key { line: number, key: shortened(&key) });
                }
                if entries.iter().any(|entry| entry.key == key) {
                    return Err(PolicyError::Twice { line: number, key });
                }
                entries.push(Entry { line: number, key, value });
            }
            _ => return Err(PolicyError::Line { line: number, text }),
        }
    }
    Ok(entries)
}

fn optional<T>(
    entry: Option<&Entry>,
    key: &'static str,
    allowed: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, PolicyError> {
    let Some(Entry { line, value, .. }) = entry else { return Ok(None) };
    let wrong = || PolicyError::Value { line: *line, key, value: shortened(value), allowed };
    read(value).map(Some).ok_or_else(wrong)
}

fn required<T>(
    entry: Option<&Entry>,
    key: &'static str,
    allowed: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, PolicyError> {
    optional(entry, key, allowed, read)?.ok_or(PolicyError::Missing { key, allowed })
}

fn is_policy_name(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= NAME_BYTES_MAX && text.chars().all(is_part)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Input;
    use crate::unit::Measure;

    const FILE: &str = "# name: least-free\n# kind: node\n# ties: lowest-id\n# round: 100\n\
        # about: Packs what is\n#   nearly full.\n\n# Free comments: allowed here.\nlet share = cpu_free / cpu_cap;\n100 * (1 - share)\n";

    #[test]
    fn a_file_gives_its_keys_and_its_expression() {
        let policy = PolicyFile::parse(FILE).unwrap();
        assert_eq!(
            (policy.name.as_str(), policy.kind, policy.ties),
            ("least-free", PolicyKind::NodeScore, Ties::LowestId)
        );
        assert_eq!((policy.output(), policy.source.as_deref()), (Output::Levels(100), None));
        assert_eq!(policy.about.as_deref(), Some("Packs what is nearly full."));
        assert_eq!(PolicyFile::parse(&policy.to_string()).unwrap(), policy);
        let replicas =
            PolicyFile::parse("# name: x\n# kind: scaling\n# price: 80\n# price_keep: 160\n\n2replica").unwrap();
        assert_eq!((replicas.prices, replicas.output()), ([Some(80), Some(160)], Output::Decimals(0)));
        assert_eq!(PolicyFile::parse(&replicas.to_string()).unwrap(), replicas);
        let inputs = ["cpu_free", "cpu_cap"].map(|name| Input::column(name, Measure::MILLICORES, 0, 1_000));
        let compiled = policy.compile(&Schema::try_new(inputs.to_vec()).unwrap()).unwrap();
        assert_eq!(compiled.eval_row(&[333, 1_000]).unwrap(), 66);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let cases = [
            ("a", "the header has no `# name: …`, which is letters, digits, `-`, `_` and dots, at most 64 bytes"),
            ("# name: x\na", "the header has no `# kind: …`, which is `node`, `queue` or `scaling`"),
            ("# name: x\n# kind: nodes\na", "line 2: `kind: nodes` is wrong; it is `node`, `queue` or `scaling`"),
            (
                "# name: x y\n# kind: node\na",
                "line 1: `name: x y` is wrong; it is letters, digits, `-`, `_` and dots, at most 64 bytes",
            ),
            (
                "# name: x\n# kind: node\n# Ties: random\na",
                "line 3: there is no key `Ties`; the keys are name, kind, ties, round, gpus, price, price_keep, source, about",
            ),
            ("# name: x\n# name: y\na", "line 2: `name` stands a second time"),
            (
                "# a policy\na",
                "line 1: `# a policy` is not `# key: value`; the keys are name, kind, ties, round, gpus, price, price_keep, source, about",
            ),
            (
                "# name: x\n# kind: node\n# round: 0\na",
                "line 3: `round: 0` is wrong; it is a whole number from 1 to 1000000",
            ),
            (
                "# name: x\n# kind: node\n# price: 80\na",
                "line 3: `price: 80` is wrong; it is a whole number from 1 to 1000000, and only of a number of replicas",
            ),
            (
                "# name: x\n# kind: node\n\na +",
                "line 4, column 4: expected a number, a name, a function or `(`, found the end of the text",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(PolicyFile::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_score_of_nodes_may_say_which_gpu_a_share_takes_and_an_order_may_not() {
        let read =
            |kind: &str, gpus: &str| PolicyFile::parse(&format!("# name: x\n# kind: {kind}\n# gpus: {gpus}\n\n1\n"));
        let policy = read("node", "least-fragmentation").unwrap();
        assert_eq!(policy.gpus, GpuPick::LeastFragmentation);
        assert_eq!(PolicyFile::parse(&policy.to_string()).unwrap(), policy);
        assert_eq!(read("node", "tightest").unwrap().gpus, GpuPick::default());
        let wrong = "line 3: `gpus: tightest` is wrong; it is `tightest`, `least-fragmentation` or `random`, and only of a node score";
        assert_eq!(read("queue", "tightest").unwrap_err().to_string(), wrong);
        assert!(matches!(read("node", "any"), Err(PolicyError::Value { key: "gpus", .. })));
    }

    #[test]
    fn an_order_keeps_every_difference_and_may_have_a_unit() {
        let policy = PolicyFile::parse("# name: fifo\n# kind: queue\n\nsubmit").unwrap();
        let schema = Schema::try_new(vec![Input::column("submit", Measure::SECONDS, 0, 1 << 40)]).unwrap();
        let compiled = policy.compile(&schema).unwrap();
        let keys = [1_i64 << 39, (1 << 39) + 1].map(|submit| compiled.eval_row(&[submit]).unwrap());
        assert!(keys[0] < keys[1]);
        let score = PolicyFile::parse("# name: s\n# kind: node\n\nsubmit").unwrap();
        assert!(score.compile(&schema).unwrap_err().to_string().contains("a plain number is wanted"));
    }
}
