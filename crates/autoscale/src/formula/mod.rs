//! A formula of the policy language as a scaling policy: how many replicas there should be, from what learnt headroom knows.
//!
//! What is learnt of a load (what to expect until a replica is ready, how far off that is, how much of it is worth its price)
//! is the state of [`HeadroomState`], the same as under learnt headroom; the formula says what to make of it. Learnt headroom
//! itself is one such formula ([`HEADROOM`]), and gives the same votes.
//!
//! A formula is taken where it can be proved, from the intervals of its inputs alone, to be bounded and never to fall with the
//! load. It is one vote among others, so the service's targets, windows, steps, guards and bounds hold for it as for any policy.

mod inputs;
pub mod tape;

pub use inputs::{FORMULA_INPUTS, FormulaEntry, FormulaSource, REPLICAS_MOST, formula_schema};

use crate::headroom::{Facts, HeadroomState};
use crate::inputs::Inputs;
use plimsoll_expr::{
    BinaryOp, CompileError, Compiled, Direction, Expr, InputId, Node, NodeId, Options, Output, ParseError, Unit,
};
use plimsoll_expr::{Dimension, UnitError};
use plimsoll_model::Term;
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::{FormulaInput, FormulaPart, FormulaReason, FormulaSpec, HeadroomSpec};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Learnt headroom as a formula: its own last vote, as far as that lies between what is worth starting and what is worth
/// keeping, at least what is needed now.
pub const HEADROOM: &str = "max(min(last, max(needed, expected + keep_margin)), max(needed, expected + start_margin))";

/// Most that a formula may come to, either way, in times of the largest value of an input.
const BOUND: i64 = 100;
/// Most parts that a reason tells.
const PARTS_MAX: usize = 8;
/// Numbers of replicas, in thousandths, from which a formula has to come down once there is no load, and how long there was none, ms.
const COMES_DOWN_FROM: [i64; 4] = [2_000, 5_000, 20_000, 1_000_000];
const NO_LOAD_MS: i64 = 86_400_000;

/// A formula that was read and proved.
#[derive(Debug)]
pub struct Formula {
    text: String,
    compiled: Compiled,
    parts: Vec<(String, Compiled)>,
}

/// Why a text is no formula for replicas.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FormulaError {
    /// It cannot be read.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// Units, or an input that there is not.
    #[error(transparent)]
    Units(#[from] CompileError),
    /// Its interval is too wide.
    #[error(
        "it can come to anything from {low} to {high} thousandths of a replica, and must be proved to stay within {most} either \
         way; divide only by what cannot be 0, such as max(ready, 1replica)"
    )]
    Unbounded {
        /// Its lower bound.
        low: i64,
        /// Its upper bound.
        high: i64,
        /// What is allowed.
        most: i64,
    },
    /// More load might give fewer replicas.
    #[error(
        "it is {direction} with {input}, which rises with the load, and must be proved never to fall with it: more load never \
         gives fewer replicas"
    )]
    Falls {
        /// The input.
        input: String,
        /// What is proved.
        direction: &'static str,
    },
    /// It never gives a replica back.
    #[error(
        "with {there} thousandths of a replica there and no load for a day it still asks for {asked}, so it never gives one back"
    )]
    Keeps {
        /// Thousandths of a replica that are there.
        there: i64,
        /// What it asks for then.
        asked: i64,
    },
}

impl From<UnitError> for FormulaError {
    fn from(error: UnitError) -> Self {
        Self::Units(CompileError::Unit(error))
    }
}

impl Formula {
    /// Reads a formula and proves it.
    ///
    /// # Errors
    /// [`FormulaError`], with the place in the text, the bounds or the input.
    pub fn try_new(text: &str) -> Result<Self, FormulaError> {
        Self::of(&Expr::parse(text)?, text)
    }

    /// Proves an expression; `text` is what it is known by.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub fn of(expr: &Expr, text: &str) -> Result<Self, FormulaError> {
        let schema = formula_schema();
        let options = Options { unit: Some(Unit::of(Dimension::Replica)), output: Output::Decimals(0) };
        let compiled = Compiled::with(expr, schema, options)?;
        let (low, high) = compiled.bounds();
        let most = REPLICAS_MOST * BOUND;
        if low < -most || high > most {
            return Err(FormulaError::Unbounded { low, high, most });
        }
        let falls = |(name, direction): &(_, Direction)| {
            let follows =
                FORMULA_INPUTS.iter().any(|entry| entry.follows_load && entry.name == AsRef::<str>::as_ref(name));
            follows && !matches!(direction, Direction::Constant | Direction::Rising)
        };
        if let Some((input, direction)) = expr.monotonicity(schema)?.iter().find(|one| falls(one)) {
            return Err(FormulaError::Falls { input: input.to_string(), direction: direction.name() });
        }
        let part = |id: &NodeId| {
            let part = expr.subtree(*id).ok()?;
            let compiled = Compiled::with(&part, schema, options).ok()?;
            Some((part.to_string().split_whitespace().collect::<Vec<_>>().join(" "), compiled))
        };
        let parts = operands(expr).iter().filter_map(part).collect();
        Ok(Self { text: text.to_owned(), compiled, parts })
    }

    /// The expression.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        self.compiled.source()
    }

    /// Whether it asks for fewer replicas than there are when nobody asks for anything, or for no more than it does where there are none.
    /// A formula such as `last` does not: rehearsed from few replicas it looks cheap, and in force it keeps however many it finds. A
    /// person may want one; whoever searches or proposes has to ask here.
    ///
    /// # Errors
    /// [`FormulaError::Keeps`] with the numbers.
    pub fn comes_down(&self) -> Result<(), FormulaError> {
        let asks = |there: i64| {
            self.wanted(|source| match source {
                FormulaSource::Last | FormulaSource::Current | FormulaSource::Ready => there,
                FormulaSource::SinceChange => NO_LOAD_MS,
                _ => 0,
            })
        };
        let floor = asks(0);
        let keeps = COMES_DOWN_FROM.into_iter().map(|there| (there, asks(there)));
        match keeps.into_iter().find(|(there, asked)| asked >= there && *asked > floor) {
            Some((there, asked)) => Err(FormulaError::Keeps { there, asked }),
            None => Ok(()),
        }
    }

    /// Thousandths of a replica for these values.
    fn wanted(&self, mut value: impl FnMut(FormulaSource) -> i64) -> i64 {
        self.compiled.eval_one(|id| value(FORMULA_INPUTS[id.index()].source))
    }

    fn reason(&self, name: &str, learnt: u64, mut value: impl FnMut(FormulaSource) -> i64) -> FormulaReason {
        let mut of = |id: InputId| value(FORMULA_INPUTS[id.index()].source);
        let parts = self.parts.iter();
        let parts = parts.map(|(text, part)| FormulaPart { text: text.clone(), value_milli: part.eval_one(&mut of) });
        let parts = parts.collect();
        let inputs = self.compiled.inputs().iter().map(|id| {
            let entry = &FORMULA_INPUTS[id.index()];
            FormulaInput { name: entry.name.to_owned(), value: of(*id), unit: entry.unit() }
        });
        let inputs = inputs.collect();
        FormulaReason { name: name.to_owned(), wanted_milli: self.compiled.eval_one(of), parts, inputs, learnt }
    }
}

/// Operands of the sum, least or highest at the root, those of the same operation within it too.
fn operands(expr: &Expr) -> Vec<NodeId> {
    let Node::Binary(root, ..) = expr.node(expr.root()) else { return Vec::new() };
    if !matches!(root, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Min | BinaryOp::Max) {
        return Vec::new();
    }
    let (mut open, mut found) = (vec![expr.root()], Vec::new());
    while let Some(id) = open.pop() {
        match expr.node(id) {
            Node::Binary(op, a, b) if op == root && (*op != BinaryOp::Sub || id == expr.root()) => {
                open.extend([*b, *a])
            }
            Node::Number(_) => {}
            _ => found.push(id),
        }
    }
    found.truncate(PARTS_MAX);
    found
}

/// A formula that was made ready; it is no part of what is remembered, and made again from the spec.
#[derive(Debug, Clone, Default)]
struct Prepared(Option<Arc<Formula>>);

impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Prepared {}

/// What is remembered under a formula.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FormulaState {
    learnt: HeadroomState,
    /// When its vote was another for the last time.
    changed: Option<Timestamp>,
    #[serde(skip)]
    prepared: Prepared,
}

impl FormulaState {
    /// Makes the formula ready where it is not yet.
    pub(crate) fn prepare(&mut self, text: &str) {
        if self.prepared.0.as_ref().is_none_or(|formula| formula.text != text) {
            self.prepared.0 = Formula::try_new(text).ok().map(Arc::new);
        }
    }

    /// What the formula comes to, rounded up. Without figures, or where the text is no formula (which no spec that was read
    /// holds), the present number.
    pub(crate) fn vote(&self, spec: &FormulaSpec, inputs: &Inputs<'_>) -> Term {
        let held =
            |age_ms| Term { replicas: inputs.base(), basis: Basis::NoData { metric: "formula".to_owned(), age_ms } };
        let facts = match self.learnt.facts(inputs) {
            Ok(facts) => facts,
            Err(age_ms) => return held(age_ms),
        };
        let Some(formula) = &self.prepared.0 else { return held(None) };
        let value = |source| self.value(source, spec, inputs, &facts);
        let wanted = formula.wanted(value);
        let replicas = u32::try_from(wanted.max(0).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX);
        let reason = formula.reason(&spec.name, facts.learnt, value);
        Term { replicas, basis: Basis::Formula(Box::new(reason)) }
    }

    fn value(&self, source: FormulaSource, spec: &FormulaSpec, inputs: &Inputs<'_>, facts: &Facts) -> i64 {
        let milli = |replicas: u32| i64::from(replicas) * 1_000;
        match source {
            FormulaSource::Needed => saturated(facts.needed),
            FormulaSource::Expected => facts.expected,
            FormulaSource::Error => saturated(facts.error),
            FormulaSource::StartMargin => facts.start_margin,
            FormulaSource::KeepMargin => facts.keep_margin,
            FormulaSource::Rise(share) => self.learnt.rise(share, facts),
            FormulaSource::Mean(place) => saturated(facts.said[place]),
            FormulaSource::Forecast => saturated(facts.forecast.map_or(0, |(median, _)| median)),
            FormulaSource::ForecastHigh => {
                saturated(facts.forecast.map_or(0, |(median, above)| median.saturating_add(above)))
            }
            FormulaSource::Last => milli(self.learnt.last()),
            FormulaSource::Current => milli(inputs.base()),
            FormulaSource::Ready => milli(inputs.ready),
            FormulaSource::SinceChange => self.changed.map_or(0, |changed| saturated(inputs.at.since(changed).0)),
            FormulaSource::Startup => saturated(inputs.startup.0),
            FormulaSource::Age => saturated(inputs.age.0),
            FormulaSource::Price => i64::from(spec.price),
            FormulaSource::PriceKeep => i64::from(spec.price_keep),
        }
    }

    /// Learns from this moment.
    pub(crate) fn record(&mut self, spec: &FormulaSpec, inputs: &Inputs<'_>, vote: &Term) {
        if self.changed.is_none() || vote.replicas != self.learnt.last() {
            self.changed = Some(inputs.at);
        }
        let prices = HeadroomSpec { price: spec.price, price_keep: spec.price_keep };
        self.learnt.record(&prices, inputs, vote);
    }
}

fn saturated(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
