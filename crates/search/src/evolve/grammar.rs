//! What a candidate may be made of: atoms that are plain numbers or of the unit wanted, and formulas over them.
//!
//! Units are what makes most random formulas nonsense. So the smallest part that is exchanged is a plain number already: an
//! input without a unit (scaled to a handy size), the quotient of two inputs of one unit, or an input over one of its
//! unit. What grows of these by `+ - * / min max if` has no unit either. Where the result has a unit, inputs of that unit are
//! atoms as they stand, and plain ones weigh them.

use super::writer::Refusal;
use plimsoll_expr::{BinaryOp, Expr, Input, Node, Schema, Suffix, UnaryOp, Unit};
use plimsoll_stats::Random;

/// Why there is no grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// An input that is not there.
    #[error("there is no input `{name}`; there is: {known}")]
    Unknown {
        /// As given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Nothing plain can be made of the inputs.
    #[error("no plain number can be made of the inputs {inputs}: give two of one unit, or one without")]
    NoAtoms {
        /// Those given.
        inputs: String,
    },
    /// A bound that leaves no room.
    #[error("formulas of at most {given} nodes: allowed are {least} to {most}")]
    Nodes {
        /// As given.
        given: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
}

/// Least and most of the bound on nodes.
pub const NODES: (u64, u64) = (5, 120);

/// Suffixes that stand for one handy amount of a unit.
const UNITS: [&str; 3] = ["gpu", "h", "cpu"];
/// The same where results have a unit: start-up times are minutes.
const UNITS_SMALL: [&str; 3] = ["gpu", "min", "cpu"];

/// What has to hold of a candidate beside its unit and size, or what is missing.
pub type Proof = fn(&Expr) -> Result<(), String>;

/// What candidates are written over.
#[derive(Debug, Clone)]
pub struct Grammar {
    schema: Schema,
    atoms: Vec<Expr>,
    /// Names of the inputs that may be used.
    inputs: Vec<String>,
    /// First words of the names of inputs: what kinds of cells there are.
    families: Vec<String>,
    nodes_max: u64,
    /// Of the result.
    unit: Unit,
    /// What has to hold beside units and size.
    proof: Option<Proof>,
}

impl Grammar {
    /// Formulas over these inputs of a schema, of at most `nodes_max` nodes when written out.
    ///
    /// # Errors
    /// [`GrammarError`].
    pub fn try_new(schema: Schema, inputs: &[&str], nodes_max: u64) -> Result<Self, GrammarError> {
        Self::of_unit(schema, inputs, nodes_max, Unit::PLAIN, None)
    }

    /// The same for results of a unit. `proof` is what has to hold of a candidate beside its unit and size.
    ///
    /// # Errors
    /// [`GrammarError`].
    pub fn of_unit(
        schema: Schema,
        inputs: &[&str],
        nodes_max: u64,
        unit: Unit,
        proof: Option<Proof>,
    ) -> Result<Self, GrammarError> {
        if !(NODES.0..=NODES.1).contains(&nodes_max) {
            return Err(GrammarError::Nodes { given: nodes_max, least: NODES.0, most: NODES.1 });
        }
        let known = || schema.inputs().iter().map(|input| input.name.clone()).collect::<Vec<_>>().join(", ");
        let mut used: Vec<&Input> = Vec::with_capacity(inputs.len());
        for name in inputs {
            let id =
                schema.id(name).ok_or_else(|| GrammarError::Unknown { name: (*name).to_owned(), known: known() })?;
            used.push(schema.input(id));
        }
        let mut families: Vec<String> = Vec::new();
        for input in &used {
            let family = family(&input.name);
            if !families.iter().any(|known| known == family) {
                families.push(family.to_owned());
            }
        }
        let atoms = atoms(&used, unit);
        if atoms.is_empty() {
            return Err(GrammarError::NoAtoms { inputs: inputs.join(", ") });
        }
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Self { schema, atoms, inputs, families, nodes_max, unit, proof })
    }

    /// The inputs there are.
    #[must_use]
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The most nodes of a candidate, shared ones counted as often as they are used.
    #[must_use]
    pub const fn nodes_max(&self) -> u64 {
        self.nodes_max
    }

    /// All atoms.
    #[must_use]
    pub fn atoms(&self) -> &[Expr] {
        &self.atoms
    }

    /// Whether an expression is a candidate: of the unit wanted over known inputs, not too large, and with its proof.
    #[must_use]
    pub fn allows(&self, expr: &Expr) -> bool {
        !expr.is_condition()
            && expr.occurrences() <= self.nodes_max
            && expr.unit(&self.schema) == Ok(self.unit)
            && self.proof.is_none_or(|proof| proof(expr).is_ok())
    }

    /// The same of what somebody else wrote, who may also name no input but those given.
    ///
    /// # Errors
    /// [`Refusal`], the first thing that is wrong.
    pub fn check(&self, expr: &Expr) -> Result<(), Refusal> {
        let unit = expr.unit(&self.schema).map_err(|error| Refusal::Units { said: error.to_string() })?;
        let wrong = |found: String| Err(Refusal::Kind { found, wanted: self.wanted() });
        if expr.is_condition() {
            return wrong("a condition".to_owned());
        }
        if unit != self.unit {
            return wrong(unit.to_string());
        }
        let foreign = |node: &Node| match node {
            Node::Input(name) if !self.inputs.iter().any(|known| *known == **name) => Some(name.to_string()),
            _ => None,
        };
        if let Some(name) = expr.nodes().iter().find_map(foreign) {
            return Err(Refusal::Input { name });
        }
        let (nodes, most) = (expr.occurrences(), self.nodes_max);
        if nodes > most {
            return Err(Refusal::Size { nodes, most });
        }
        self.proof.map_or(Ok(()), |proof| proof(expr)).map_err(|said| Refusal::Proof { said })
    }

    /// The inputs that may be used: name, unit and meaning.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, String, &str)> {
        let used = self.inputs.iter().filter_map(|name| self.schema.id(name));
        used.map(|id| {
            let input = self.schema.input(id);
            (&*input.name, input.measure.unit.to_string(), input.meaning.as_str())
        })
    }

    /// Whether it may be a part of one: a number that is plain or of the unit wanted.
    #[must_use]
    pub fn fits(&self, expr: &Expr) -> bool {
        !expr.is_condition() && expr.unit(&self.schema).is_ok_and(|unit| unit == Unit::PLAIN || unit == self.unit)
    }

    /// Whether results have a unit.
    #[must_use]
    pub fn has_unit(&self) -> bool {
        self.unit != Unit::PLAIN
    }

    /// What is wanted, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        self.unit.to_string()
    }

    /// Which families of inputs an expression names, one bit each; families beyond the eighth share the last.
    #[must_use]
    pub fn families_of(&self, expr: &Expr) -> u32 {
        let mut bits = 0;
        for node in expr.nodes() {
            let Node::Input(name) = node else { continue };
            if let Some(place) = self.families.iter().position(|known| known == family(name)) {
                bits |= 1 << place.min(7);
            }
        }
        bits
    }

    /// Names of the families whose bits are set.
    #[must_use]
    pub fn family_names(&self, bits: u32) -> String {
        let named = self.families.iter().enumerate().filter(|(place, _)| bits & (1 << place.min(&7)) != 0);
        named.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("+")
    }

    /// Some atom.
    pub(super) fn atom(&self, random: &mut Random) -> Expr {
        self.atoms[random.below(self.atoms.len() as u64) as usize].clone()
    }

    /// A small formula: an atom, a function of one, or two of them.
    pub(super) fn small(&self, random: &mut Random) -> Option<Expr> {
        let atom = self.atom(random);
        match random.below(10) {
            0..5 => Some(atom),
            // The root of a product of two has the unit of both.
            5 if self.has_unit() => {
                Expr::unary(UnaryOp::Sqrt, &Expr::binary(BinaryOp::Mul, &atom, &self.atom(random)).ok()?).ok()
            }
            5 => Expr::unary(UnaryOp::Sqrt, &atom).ok(),
            6 => Expr::unary(UnaryOp::Log2, &Expr::binary(BinaryOp::Add, &atom, &number(1.0)?).ok()?).ok(),
            7 => Expr::binary(BinaryOp::Mul, &number(weight(random))?, &atom).ok(),
            _ => Expr::binary(operator(random), &atom, &self.atom(random)).ok(),
        }
    }

    /// A small condition.
    pub(super) fn condition(&self, random: &mut Random) -> Option<Expr> {
        const BOUNDS: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0];
        let op = [BinaryOp::Lt, BinaryOp::Gt, BinaryOp::Eq][random.below(3) as usize];
        let bound = BOUNDS[random.below(BOUNDS.len() as u64) as usize];
        if self.has_unit() && random.below(2) == 0 {
            return Expr::binary(op, &self.atom(random), &self.atom(random)).ok();
        }
        Expr::binary(op, &self.atom(random), &number(bound)?).ok()
    }
}

/// `cpu` of `cpu_left`.
fn family(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

/// A plain number as an expression, with three significant digits: formulas are read by people.
pub(super) fn number(value: f64) -> Option<Expr> {
    let rounded: f64 = format!("{value:.2e}").parse().ok()?;
    Expr::number(rounded).ok()
}

/// A weight between a hundredth and ten, of either sign.
pub(super) fn weight(random: &mut Random) -> f64 {
    let size = libm::pow(10.0, 3.0 * random.unit() - 2.0);
    if random.below(2) == 0 { size } else { -size }
}

/// An operation of two numbers; sums most of all, because a score is mostly a weighted sum.
pub(super) fn operator(random: &mut Random) -> BinaryOp {
    const OPS: [BinaryOp; 8] = [
        BinaryOp::Add,
        BinaryOp::Add,
        BinaryOp::Sub,
        BinaryOp::Sub,
        BinaryOp::Mul,
        BinaryOp::Div,
        BinaryOp::Min,
        BinaryOp::Max,
    ];
    OPS[random.below(OPS.len() as u64) as usize]
}

/// Every plain number that two inputs, or one and a constant, make.
fn atoms(used: &[&Input], unit: Unit) -> Vec<Expr> {
    let mut atoms = Vec::new();
    for (place, input) in used.iter().enumerate() {
        let Ok(name) = Expr::input(&input.name) else { continue };
        if unit != Unit::PLAIN && input.measure.unit == unit {
            atoms.push(name);
            continue;
        }
        if input.measure.unit == Unit::PLAIN {
            atoms.extend(scaled(&name, input));
            continue;
        }
        let suffixes = if unit == Unit::PLAIN { UNITS } else { UNITS_SMALL };
        for suffix in suffixes.iter().filter_map(|text| Suffix::by_text(text)) {
            if Unit::of(suffix.dimension) == input.measure.unit {
                let one = Expr::quantity(1.0, suffix).ok();
                atoms.extend(one.and_then(|one| Expr::binary(BinaryOp::Div, &name, &one).ok()));
            }
        }
        for (other_place, other) in used.iter().enumerate() {
            if unit == Unit::PLAIN && place != other_place && other.measure.unit == input.measure.unit {
                let other = Expr::input(&other.name).ok();
                atoms.extend(other.and_then(|other| Expr::binary(BinaryOp::Div, &name, &other).ok()));
            }
        }
    }
    atoms
}

/// A plain input, divided by a power of ten where it can be in the millions.
fn scaled(name: &Expr, input: &Input) -> Option<Expr> {
    let most = input.most.max(input.least.saturating_neg());
    if most <= 1_000_000 {
        return Some(name.clone());
    }
    let digits = most.ilog10().min(12);
    Expr::binary(BinaryOp::Div, name, &Expr::number(libm::pow(10.0, f64::from(digits))).ok()?).ok()
}
