//! The search: points are asked for one by one, answers come back, and every one of them is kept.
//!
//! Three hunts share the evaluations. Two thirds go to the goal as it was named; a sixth each to the same objective with
//! what is held twice as loose and twice as tight, from the best so far: they draw the front, which tells what the next
//! half percent would cost. The optimiser sees one number per point: the objective as a share of the present policy's, and
//! a penalty for what is broken that grows more slowly the more it is. The best point is chosen from all answers by what
//! holds first and by the objective second, so that a penalty never decides.
//!
//! Points are whole numbers in the units of their fields. The same point is never asked for twice.
//!
//! # Source
//! CMA-ES within bounds (N. Hansen's boundary penalty), `basin`; feasible before infeasible: K. Deb (2000).

use crate::goal::{Hold, Measured, Objective};
use crate::space::Parameter;
use basin::{BoundedCmaEs, BoxBounds, ConstraintDescription, ConstraintSet, ConstraintSolveError, Constraints};
use basin::{CostFunction, DenseMatrix, Executor, PopulationProgress};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What came of a point.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It was run.
    Measured(Measured),
    /// The values together are no policy.
    Refused,
    /// There is no time left: this one was not run and none is to come.
    Stop,
}

/// One point that was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// Values, in the order of the parameters.
    pub point: Vec<i64>,
    /// What it measured on the training series.
    pub measured: Measured,
    /// By how much what is held is broken, as a sum of shares; 0 where all holds.
    pub violation: f64,
    /// The objective so that less is better.
    pub loss: f64,
}

/// Why the search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As many evaluations were made as were allowed.
    Evaluations,
    /// The caller had no time left.
    Stopped,
    /// The optimiser has nothing left to try: its points no longer differ.
    Exhausted,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// All points that were run, in order; the first is the present policy's.
    pub tried: Vec<Tried>,
    /// Index of the best.
    pub best: usize,
    /// Points that were no policy.
    pub refused: usize,
    /// Why it ended.
    pub ended: Ended,
}

/// Why there was no search.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HuntError {
    /// Nothing may move.
    #[error("no number of the policy may move: nothing is left to search")]
    Nothing,
    /// The present policy could not be run.
    #[error("the present policy was not run, so there is nothing to compare with")]
    NoStart,
}

/// First step, as a share of each range.
const SIGMA: f64 = 0.25;
/// The hunts: share of the evaluations (in twelfths), and how much looser what is held is.
const HUNTS: [(usize, f64); 3] = [(8, 1.0), (2, 2.0), (2, 0.5)];
/// Weight of what is broken: a point that breaks its bound by a tenth has to be a fifth better to be worth a look.
const PENALTY: f64 = 2.0;

/// Searches `parameters` for `objective` while `holds` hold. `ask` is given points and answers; at most `evaluations` of them are
/// run. The same seed and answers give the same search.
///
/// # Errors
/// [`HuntError`] where nothing may move or the first point, the present policy, is not answered.
pub fn hunt(
    parameters: &[Parameter],
    objective: &Objective,
    holds: &[Hold],
    evaluations: usize,
    seed: u64,
    ask: &mut dyn FnMut(&[i64]) -> Answer,
) -> Result<Found, HuntError> {
    if parameters.is_empty() {
        return Err(HuntError::Nothing);
    }
    let start: Vec<i64> = parameters.iter().map(|parameter| parameter.start).collect();
    let Answer::Measured(measured) = ask(&start) else { return Err(HuntError::NoStart) };
    let book = Book::new(start, measured, objective, holds);
    let field = Field { parameters, book: RefCell::new(book), ask: RefCell::new(ask) };
    let mut ended = Ended::Evaluations;
    let mut upto = 0;
    for (index, (twelfths, loosened)) in HUNTS.iter().enumerate() {
        upto += evaluations * twelfths / 12;
        let limit = if index + 1 == HUNTS.len() { evaluations } else { upto };
        ended = field.chase(limit, *loosened, seed.wrapping_add(index as u64));
        if ended == Ended::Stopped {
            break;
        }
    }
    let Book { tried, refused, .. } = field.book.into_inner();
    let best = best(&tried);
    Ok(Found { tried, best, refused, ended })
}

/// The best of all: what holds before what does not, then the lower loss; of equals the first.
fn best(tried: &[Tried]) -> usize {
    let key = |index: &usize| (tried[*index].violation, tried[*index].loss);
    let better = |a: &usize, b: &usize| {
        let ((broken_a, loss_a), (broken_b, loss_b)) = (key(a), key(b));
        broken_a.total_cmp(&broken_b).then(loss_a.total_cmp(&loss_b))
    };
    (0..tried.len()).min_by(better).unwrap_or(0)
}

/// All answers so far.
struct Book<'a> {
    objective: &'a Objective,
    holds: &'a [Hold],
    tried: Vec<Tried>,
    /// Index of a point among them; none for one that was no policy.
    known: BTreeMap<Vec<i64>, Option<usize>>,
    refused: usize,
}

impl<'a> Book<'a> {
    fn new(start: Vec<i64>, measured: Measured, objective: &'a Objective, holds: &'a [Hold]) -> Self {
        let mut book = Self { objective, holds, tried: Vec::new(), known: BTreeMap::new(), refused: 0 };
        book.note(start, measured);
        book
    }

    fn note(&mut self, point: Vec<i64>, measured: Measured) -> usize {
        let violation = self.violation(&measured, 1.0);
        let loss = self.objective.loss(&measured);
        self.known.insert(point.clone(), Some(self.tried.len()));
        self.tried.push(Tried { point, measured, violation, loss });
        self.tried.len() - 1
    }

    fn violation(&self, measured: &Measured, loosened: f64) -> f64 {
        let start = self.tried.first().map_or(measured, |first| &first.measured);
        self.holds.iter().map(|hold| hold.violation(measured, start, loosened)).sum()
    }

    /// What the optimiser is told of a point.
    fn cost(&self, index: usize, loosened: f64) -> f64 {
        let tried = &self.tried[index];
        let scale = self.tried[0].loss.abs().max(1e-9);
        tried.loss / scale + PENALTY * libm::log1p(self.violation(&tried.measured, loosened).min(1e6))
    }
}

/// Signals that no point is to come.
#[derive(Debug)]
struct Enough(Ended);

/// Whoever runs a point.
type Ask<'b> = dyn FnMut(&[i64]) -> Answer + 'b;

struct Field<'a, 'b> {
    parameters: &'a [Parameter],
    book: RefCell<Book<'a>>,
    ask: RefCell<&'b mut Ask<'b>>,
}

impl Field<'_, '_> {
    /// One hunt, until `limit` points were run in all.
    fn chase(&self, limit: usize, loosened: f64, seed: u64) -> Ended {
        let from = {
            let book = self.book.borrow();
            let point = &book.tried[best(&book.tried)].point;
            self.parameters.iter().zip(point).map(|(parameter, value)| parameter.place(*value)).collect::<Vec<f64>>()
        };
        let size = self.parameters.len();
        let problem = Chase {
            field: self,
            limit,
            loosened,
            lower: vec![0.0; size],
            upper: vec![1.0; size],
            same: RefCell::new(0),
        };
        let solver = BoundedCmaEs::<Vec<f64>, DenseMatrix>::new(seed, SIGMA);
        let run = Executor::new(problem, solver, PopulationProgress::<Vec<f64>>::from_point(from)).run();
        match run {
            Err(ConstraintSolveError::Evaluation(Enough(ended))) => ended,
            Err(_) => unreachable!("invariant: a box with sides of 1 is valid"),
            Ok(_) => Ended::Exhausted,
        }
    }

    fn run(&self, point: Vec<i64>, loosened: f64, limit: usize) -> Result<(f64, bool), Enough> {
        let known = self.book.borrow().known.get(&point).copied();
        let index = match known {
            Some(index) => index,
            None => {
                if self.book.borrow().tried.len() >= limit {
                    return Err(Enough(Ended::Evaluations));
                }
                match (self.ask.borrow_mut())(&point) {
                    Answer::Measured(measured) => Some(self.book.borrow_mut().note(point, measured)),
                    Answer::Stop => return Err(Enough(Ended::Stopped)),
                    Answer::Refused => {
                        let mut book = self.book.borrow_mut();
                        book.known.insert(point, None);
                        book.refused += 1;
                        None
                    }
                }
            }
        };
        let cost = index.map_or(NO_POLICY, |index| self.book.borrow().cost(index, loosened));
        Ok((cost, known.is_some()))
    }
}

/// What is no policy costs more than one that breaks everything.
const NO_POLICY: f64 = 100.0;
/// So many answers in a row that were known already: the hunt has come to rest.
const SAME_MAX: usize = 60;

/// One hunt as the optimiser sees it: a box with sides of 1.
struct Chase<'a, 'b, 'c> {
    field: &'c Field<'a, 'b>,
    limit: usize,
    loosened: f64,
    lower: Vec<f64>,
    upper: Vec<f64>,
    same: RefCell<usize>,
}

impl CostFunction for Chase<'_, '_, '_> {
    type Param = Vec<f64>;
    type Output = f64;
    type Error = Enough;

    fn cost(&self, places: &Vec<f64>) -> Result<f64, Enough> {
        let point = self.field.parameters.iter().zip(places).map(|(parameter, place)| parameter.at(*place)).collect();
        let (cost, was_known) = self.field.run(point, self.loosened, self.limit)?;
        let mut same = self.same.borrow_mut();
        *same = if was_known { *same + 1 } else { 0 };
        if *same >= SAME_MAX { Err(Enough(Ended::Exhausted)) } else { Ok(cost) }
    }
}

impl Constraints for Chase<'_, '_, '_> {
    type Set = ConstraintSet<BoxBounds<Vec<f64>>>;

    fn constraints(&self) -> <Self::Set as ConstraintDescription>::Borrowed<'_> {
        ConstraintSet::new().with_bounds(BoxBounds::new(Some(&self.lower), Some(&self.upper)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front;
    use crate::goal::{Figures, Over};
    use crate::space::parameter;

    fn two() -> Vec<Parameter> {
        vec![parameter("scaling.headroom.price", 80).unwrap(), parameter("scaling.cpu", 600).unwrap()]
    }

    /// A plane that falls towards cheap and a wall of time under need that rises there.
    fn answer(point: &[i64]) -> Answer {
        let (price, cpu) = (point[0] as f64, point[1] as f64);
        let cost = 1.0 + price / 400.0 + (800.0 - cpu) / 800.0;
        let under = 30.0 / price + cpu / 2_000.0;
        Answer::Measured(vec![vec![Figures { price: cost, under_time: under, ..Figures::default() }]])
    }

    fn search(evaluations: usize, seed: u64, ask: &mut dyn FnMut(&[i64]) -> Answer) -> Found {
        let holds = [Hold::read("under_time <= 0.7%").unwrap()];
        let objective = Objective::try_new("price", Over::Mean, 1).unwrap();
        hunt(&two(), &objective, &holds, evaluations, seed, ask).unwrap()
    }

    #[test]
    fn the_best_holds_what_is_held_and_is_near_the_best_of_a_grid() {
        let mut grid = f64::INFINITY;
        for price in 20..=320 {
            for cpu in (300..=800).step_by(5) {
                if let Answer::Measured(measured) = answer(&[price, cpu])
                    && measured[0][0].under_time <= 0.7
                {
                    grid = grid.min(measured[0][0].price);
                }
            }
        }
        let found = search(150, 1, &mut answer);
        let best = &found.tried[found.best];
        assert_eq!(best.violation, 0.0);
        assert!(best.loss >= grid && best.loss < grid * 1.01, "{} {grid}", best.loss);
        assert_eq!(found.ended, Ended::Evaluations);
        let points: Vec<Vec<f64>> = found.tried.iter().map(|it| vec![it.loss, it.measured[0][0].under_time]).collect();
        let kept = front::front(&points);
        assert!(kept.len() > 5 && kept.contains(&found.best));
        let under = |index: &usize| points[*index][1];
        assert!(kept.iter().any(|index| under(index) > 0.9) && kept.iter().any(|index| under(index) < 0.5));
    }

    #[test]
    fn the_same_seed_asks_for_the_same_points_and_no_point_twice() {
        let mut asked: Vec<Vec<i64>> = Vec::new();
        let first = search(60, 7, &mut |point| {
            assert!(!asked.contains(&point.to_vec()), "{point:?} twice");
            asked.push(point.to_vec());
            answer(point)
        });
        assert_eq!((first.tried.len(), asked.len()), (60, 60));
        assert_eq!(asked[0], [80, 600], "the present policy is first");
        assert_eq!(search(60, 7, &mut answer), first);
        assert_ne!(search(60, 8, &mut answer), first);
        let inside = |point: &Vec<i64>| (20..=320).contains(&point[0]) && (300..=800).contains(&point[1]);
        assert!(asked.iter().all(inside));
    }

    #[test]
    fn a_stop_gives_the_best_so_far_and_what_is_no_policy_is_counted() {
        let mut left = 20;
        let found = search(200, 3, &mut |point| {
            left -= 1;
            match left {
                0 => Answer::Stop,
                _ if point[0] > 200 => Answer::Refused,
                _ => answer(point),
            }
        });
        assert_eq!((found.ended, found.tried.len() + found.refused), (Ended::Stopped, 19));
        assert!(found.refused > 0 && found.tried[found.best].point[0] <= 200);
        let holds = [Hold::read("under_time <= 0.7%").unwrap()];
        let objective = Objective::try_new("price", Over::Mean, 1).unwrap();
        let none = hunt(&two(), &objective, &holds, 5, 1, &mut |_| Answer::Stop);
        assert_eq!(none, Err(HuntError::NoStart));
        assert_eq!(hunt(&[], &objective, &holds, 5, 1, &mut answer), Err(HuntError::Nothing));
    }

    #[test]
    fn where_nothing_can_hold_the_least_broken_wins() {
        let found = search(80, 2, &mut |point| {
            let Answer::Measured(mut measured) = answer(point) else { unreachable!() };
            measured[0][0].under_time += 5.0;
            Answer::Measured(measured)
        });
        let least = found.tried.iter().map(|it| it.violation).fold(f64::INFINITY, f64::min);
        assert!(least > 0.0 && found.tried[found.best].violation == least);
    }

    #[test]
    fn a_space_of_a_few_points_is_searched_once_and_left() {
        let mut few = parameter("scaling.headroom.price", 80).unwrap();
        few.range("79", "82").unwrap();
        let holds = [Hold::read("under_time <= 9%").unwrap()];
        let objective = Objective::try_new("price", Over::Mean, 1).unwrap();
        let mut ask = |point: &[i64]| answer(&[point[0], 600]);
        let found = hunt(&[few], &objective, &holds, 500, 1, &mut ask).unwrap();
        assert!((2..=4).contains(&found.tried.len()), "{}", found.tried.len());
        assert_eq!(found.ended, Ended::Exhausted);
        assert_eq!(found.tried[found.best].point, [79]);
    }
}
