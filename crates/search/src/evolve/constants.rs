//! The numbers of one formula, fitted by CMA-ES.
//!
//! A number may become up to four times as large or as small and keeps its sign; 0 may become up to a half either way. The
//! structure stays: finding another one is what trees are for.
//!
//! # Source
//! CMA-ES within bounds, `basin` (see [`crate::hunt`]).

use super::grammar::number;
use super::vary::constants;
use basin::{BoundedCmaEs, BoxBounds, ConstraintDescription, ConstraintSet, Constraints};
use basin::{CostFunction, DenseMatrix, Executor, PopulationProgress};
use plimsoll_expr::Expr;
use std::cell::RefCell;

/// First step, as a share of the range.
const SIGMA: f64 = 0.2;

/// Looks quickly at up to `looks` settings of the numbers of `expr`. Gives the best with its answer; none where there are
/// no numbers or no answer. `ask` says what a setting is worth, none for one that is no policy, and stops with an error.
pub fn fit<E>(
    expr: &Expr,
    looks: usize,
    seed: u64,
    ask: &mut dyn FnMut(&Expr) -> Result<Option<f64>, E>,
) -> Result<Option<(Expr, f64)>, E> {
    let places = constants(expr);
    if places.is_empty() {
        return Ok(None);
    }
    let size = places.len();
    let run = Run { ask, left: looks, best: None, failed: None };
    let problem = Numbers { expr, places, run: RefCell::new(run), lower: vec![0.0; size], upper: vec![1.0; size] };
    let shared = &problem;
    let solver = BoundedCmaEs::<Vec<f64>, DenseMatrix>::new(seed, SIGMA);
    // How it ends is kept in the run: out of looks, out of time, or at rest.
    let _ended =
        Executor::new(Shared(shared), solver, PopulationProgress::<Vec<f64>>::from_point(vec![0.5; size])).run();
    let run = problem.run.into_inner();
    match run.failed {
        Some(error) => Err(error),
        None => Ok(run.best),
    }
}

/// The expression with its numbers at these places of their ranges.
fn at(expr: &Expr, constants: &[(u64, f64)], places: &[f64]) -> Option<Expr> {
    let mut changed = expr.clone();
    for ((position, value), place) in constants.iter().zip(places) {
        let moved = 2.0 * place - 1.0;
        let value = if *value == 0.0 { 0.5 * moved } else { value * libm::pow(4.0, moved) };
        changed = changed.replace_occurrence(*position, &number(value)?).ok()?;
    }
    Some(changed)
}

struct Run<'a, E> {
    ask: &'a mut dyn FnMut(&Expr) -> Result<Option<f64>, E>,
    left: usize,
    best: Option<(Expr, f64)>,
    failed: Option<E>,
}

struct Numbers<'a, E> {
    expr: &'a Expr,
    places: Vec<(u64, f64)>,
    run: RefCell<Run<'a, E>>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

struct Shared<'a, 'b, E>(&'b Numbers<'a, E>);

/// Signals that no look is left.
#[derive(Debug)]
struct Enough;

impl<E> CostFunction for Shared<'_, '_, E> {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = Enough;

    fn cost(&self, places: &Vec<f64>) -> Result<f64, Enough> {
        const NO_POLICY: f64 = 1e6;
        let mut run = self.0.run.borrow_mut();
        if run.left == 0 {
            return Err(Enough);
        }
        run.left -= 1;
        let Some(candidate) = at(self.0.expr, &self.0.places, places) else { return Ok(NO_POLICY) };
        match (run.ask)(&candidate) {
            Err(error) => {
                run.failed = Some(error);
                Err(Enough)
            }
            Ok(None) => Ok(NO_POLICY),
            Ok(Some(value)) => {
                if run.best.as_ref().is_none_or(|(_, best)| value > *best) {
                    run.best = Some((candidate, value));
                }
                Ok(-value)
            }
        }
    }
}

impl<E> Constraints for Shared<'_, '_, E> {
    type Set = ConstraintSet<BoxBounds<Vec<f64>>>;

    fn constraints(&self) -> <Self::Set as ConstraintDescription>::Borrowed<'_> {
        ConstraintSet::new().with_bounds(BoxBounds::new(Some(&self.0.lower), Some(&self.0.upper)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_towards_what_is_better_and_the_structure_stays() {
        let start = Expr::parse("1 * cpu_left / cpu_cap + 0 * gpu_left / gpu_cap").unwrap();
        // Best at 2 and 0.25.
        let mut ask = |expr: &Expr| {
            let numbers: Vec<f64> = constants(expr).iter().map(|(_, value)| *value).collect();
            Ok::<_, ()>(Some(-((numbers[0] - 2.0).powi(2) + (numbers[1] - 0.25).powi(2))))
        };
        let (found, value) = fit(&start, 150, 3, &mut ask).unwrap().unwrap();
        assert!(value > -0.01, "{value}");
        assert_eq!(found.nodes().len(), start.nodes().len());
    }

    #[test]
    fn an_error_ends_the_fit_and_a_formula_without_numbers_has_none() {
        let none = Expr::parse("cpu_left / cpu_cap").unwrap();
        assert_eq!(fit(&none, 10, 1, &mut |_| Ok::<_, ()>(Some(1.0))).unwrap(), None);
        let one = Expr::parse("2 * cpu_left / cpu_cap").unwrap();
        let mut looks = 0;
        let failed = fit(&one, 10, 1, &mut |_| {
            looks += 1;
            if looks == 4 { Err("over") } else { Ok(Some(1.0)) }
        });
        assert_eq!((failed, looks), (Err("over"), 4));
    }
}
