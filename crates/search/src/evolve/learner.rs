//! Reinforcement learning over the twin: a weighted sum of features whose weights climb by evolution strategies.
//!
//! The policy that learns is linear: a weight for each of a dozen features. An episode tries pairs of opposite steps,
//! ranks them and moves the weights along the estimated gradient of the reward. What it gives to the archive is the
//! same policy with only as many of its largest terms as a formula may have, so that it can be read.
//!
//! # Source
//! T. Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning" (2017): opposite pairs,
//! ranks instead of rewards, weight decay.

use super::grammar::{Grammar, number};
use plimsoll_expr::{BinaryOp, Expr, Node};
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// Features of the policy.
const FEATURES: usize = 12;
/// Pairs of an episode.
const PAIRS: usize = 4;
/// Size of the steps tried, and of the step made.
const SIGMA: f64 = 0.15;
const RATE: f64 = 0.25;
/// What is left of a weight each time.
const DECAY: f64 = 0.995;

/// The learner between two episodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Learner {
    features: Vec<String>,
    weights: Vec<f64>,
    /// Weights count by their size alone: what has to rise with each feature.
    #[serde(default)]
    is_positive: bool,
}

/// What an episode tries: the steps, and the policies at both ends of each.
pub struct Trial {
    steps: Vec<Vec<f64>>,
    /// Two for each step: there and opposite.
    pub policies: Vec<Expr>,
}

impl Learner {
    /// Draws features where there are none: those that the elites use, then any.
    pub fn prepare(&mut self, grammar: &Grammar, elites: &[Expr], random: &mut Random) {
        if !self.features.is_empty() {
            return;
        }
        let mut features: Vec<String> = Vec::new();
        let suits = |atom: &Expr| !grammar.has_unit() || grammar.allows(atom);
        let used =
            grammar.atoms().iter().filter(|atom| suits(atom) && elites.iter().any(|elite| contains(elite, atom)));
        for atom in used.take(FEATURES / 2) {
            features.push(atom.to_string());
        }
        for _ in 0..10 * FEATURES {
            let atom = grammar.atom(random);
            if !suits(&atom) {
                continue;
            }
            let atom = atom.to_string();
            if features.len() < FEATURES && !features.contains(&atom) {
                features.push(atom);
            }
        }
        self.weights = features.iter().map(|_| 0.1 * random.normal()).collect();
        self.features = features;
        self.is_positive = grammar.has_unit();
    }

    /// What to try.
    pub fn trial(&self, random: &mut Random) -> Trial {
        let steps: Vec<Vec<f64>> = (0..PAIRS).map(|_| self.weights.iter().map(|_| random.normal()).collect()).collect();
        let mut policies = Vec::with_capacity(2 * PAIRS);
        for step in &steps {
            for sign in [SIGMA, -SIGMA] {
                let moved: Vec<f64> =
                    self.weights.iter().zip(step).map(|(weight, part)| weight + sign * part).collect();
                policies.extend(self.policy(&moved, usize::MAX));
            }
        }
        Trial { steps, policies }
    }

    /// Moves along the gradient by the values of the trial, where all were judged.
    pub fn learn(&mut self, trial: &Trial, values: &[Option<f64>]) {
        let Some(values) = values.iter().copied().collect::<Option<Vec<f64>>>() else { return };
        if values.len() != 2 * trial.steps.len() {
            return;
        }
        let ranks = ranks(&values);
        for (place, weight) in self.weights.iter_mut().enumerate() {
            let pairs = trial.steps.iter().zip(ranks.chunks(2));
            let gradient: f64 = pairs.map(|(step, rank)| (rank[0] - rank[1]) * step[place]).sum();
            *weight = DECAY * *weight + RATE * SIGMA * gradient / trial.steps.len() as f64;
        }
    }

    /// The policy as it stands, with as many of its largest terms as the grammar has room for.
    pub fn readable(&self, grammar: &Grammar) -> Option<Expr> {
        let terms = (1..=self.features.len()).rev();
        terms.filter_map(|terms| self.policy(&self.weights, terms)).find(|policy| grammar.allows(policy))
    }

    fn policy(&self, weights: &[f64], terms: usize) -> Option<Expr> {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|a, b| weights[*b].abs().total_cmp(&weights[*a].abs()));
        let mut sum: Option<Expr> = None;
        for place in order.into_iter().take(terms) {
            let feature = Expr::parse(&self.features[place]).ok()?;
            let weight = if self.is_positive { weights[place].abs() } else { weights[place] };
            let term = Expr::binary(BinaryOp::Mul, &number(weight)?, &feature).ok()?;
            sum = Some(match sum {
                None => term,
                Some(sum) => Expr::binary(BinaryOp::Add, &sum, &term).ok()?,
            });
        }
        sum
    }
}

/// Whether all inputs of an atom are named in an expression.
fn contains(expr: &Expr, atom: &Expr) -> bool {
    let named = |wanted: &Node| expr.nodes().contains(wanted);
    atom.nodes().iter().filter(|node| matches!(node, Node::Input(_))).all(named)
}

/// Ranks from -0.5 to 0.5; of equals the earlier is lower, and opposite steps that are equal cancel.
fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count() as f64;
    let equal = |value: f64| values.iter().filter(|other| **other == value).count() as f64;
    let most = (values.len() as f64 - 1.0).max(1.0);
    values.iter().map(|value| (below(*value) + (equal(*value) - 1.0) / 2.0) / most - 0.5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_climb_towards_what_is_rewarded() {
        let mut learner =
            Learner { features: vec!["a".to_owned(), "b".to_owned()], weights: vec![0.0, 0.0], is_positive: false };
        let mut random = Random::new(5);
        for _ in 0..300 {
            let trial = learner.trial(&mut random);
            let reward = |policy: &Expr| {
                let text = policy.to_string();
                let compiled = |a: f64, b: f64| evaluate(&text, a, b);
                // Best where a counts 1 and b counts -1.
                let (a, b) = (compiled(1.0, 0.0), compiled(0.0, 1.0));
                Some(-(a - 1.0).powi(2) - (b + 1.0).powi(2))
            };
            let values: Vec<Option<f64>> = trial.policies.iter().map(reward).collect();
            learner.learn(&trial, &values);
        }
        assert!((learner.weights[0] - 1.0).abs() < 0.35 && (learner.weights[1] + 1.0).abs() < 0.35, "{learner:?}");
    }

    /// `w1 * a + w2 * b` by its text.
    fn evaluate(text: &str, a: f64, b: f64) -> f64 {
        let schema = plimsoll_expr::Schema::try_new(vec![
            plimsoll_expr::Input::column("a", plimsoll_expr::Measure::PLAIN, 0, 1),
            plimsoll_expr::Input::column("b", plimsoll_expr::Measure::PLAIN, 0, 1),
        ])
        .unwrap();
        let compiled = plimsoll_expr::Compiled::try_new(&Expr::parse(text).unwrap(), &schema).unwrap();
        // Results are whole millionths.
        compiled.eval_row(&[a as i64, b as i64]).unwrap() as f64 / 1e6
    }
}
