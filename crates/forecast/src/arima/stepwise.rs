//! The stepwise search through the orders around the best form so far.
//!
//! Which neighbours are tried, and in what order, is R's: the first that is better becomes the centre and the round
//! starts again. Every form starts from the estimates of the centre, so that most fits take a few passes.
//!
//! # Source
//! R. J. Hyndman, Y. Khandakar, Journal of Statistical Software 27(3), 2008, 3.2, as R's `auto.arima` does it.

use super::bfgs::Effort;
use super::estimate::{Estimate, Guess, RootRule, exact, guess};
use super::form::{Form, Order};
use super::likelihood::Workspace;
use super::polynomial::Blocks;
use super::prepare::Prepared;
use std::collections::BTreeMap;

/// How far the search goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub plain: Order,
    pub seasonal: Order,
    pub constant: bool,
    pub forms: usize,
    pub roots: RootRule,
    /// Compare by the exact likelihood instead of the conditional one.
    pub exact: bool,
}

/// A form tried, with its criterion: infinity when it was refused.
struct Tried {
    aicc: f64,
    guess: Option<Guess>,
    estimate: Option<Estimate>,
}

/// The search on one series.
pub(crate) struct Search<'a> {
    prepared: &'a Prepared,
    limits: Limits,
    tried: BTreeMap<Form, Tried>,
    /// In the order of the search.
    order: Vec<Form>,
    centre: Option<Form>,
}

/// Changes of (p, q, P, Q), in R's order.
const NEIGHBOURS: [[i8; 4]; 16] = [
    [0, 0, -1, 0],
    [0, 0, 0, -1],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
    [0, 0, -1, -1],
    [0, 0, -1, 1],
    [0, 0, 1, -1],
    [0, 0, 1, 1],
    [-1, 0, 0, 0],
    [0, -1, 0, 0],
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [-1, -1, 0, 0],
    [-1, 1, 0, 0],
    [1, -1, 0, 0],
    [1, 1, 0, 0],
];

impl<'a> Search<'a> {
    pub fn new(prepared: &'a Prepared, limits: Limits) -> Self {
        Self { prepared, limits, tried: BTreeMap::new(), order: Vec::new(), centre: None }
    }

    fn form(&self, p: usize, q: usize, seasonal_p: usize, seasonal_q: usize, constant: bool) -> Form {
        let differences = self.prepared.differences;
        Form {
            plain: Order::new(p, differences.plain.d, q),
            seasonal: Order::new(seasonal_p, differences.seasonal.d, seasonal_q),
            season: differences.season,
            constant,
        }
    }

    /// Tries a form unless that was done; whether it is better than the centre, which it then becomes.
    fn improves(&mut self, form: Form, workspace: &mut Workspace) -> bool {
        if self.tried.contains_key(&form) || self.order.len() >= self.limits.forms {
            return false;
        }
        let tried = self.attempt(&form, workspace);
        let best = self.centre.map_or(f64::INFINITY, |centre| self.tried[&centre].aicc);
        let better = tried.aicc < best;
        self.tried.insert(form, tried);
        self.order.push(form);
        if better || self.centre.is_none() {
            self.centre = Some(form);
        }
        better
    }

    fn attempt(&self, form: &Form, workspace: &mut Workspace) -> Tried {
        let refused = Tried { aicc: f64::INFINITY, guess: None, estimate: None };
        let centre = self.centre.and_then(|centre| self.tried[&centre].guess.as_ref());
        let Some(guess) = guess(form, self.prepared, centre.map(|best| inherit(best, form, self.prepared))) else {
            return refused;
        };
        if self.limits.exact {
            // Always from the conditional estimate: the centre's own optimum is too often a saddle of the larger form.
            let estimate = exact(&guess, None, self.prepared, workspace, SEARCH);
            let estimate = estimate.filter(|estimate| self.limits.roots.accepts(form, &estimate.arma));
            let aicc = estimate.as_ref().map_or(f64::INFINITY, |estimate| estimate.aicc);
            return Tried { aicc, guess: Some(guess), estimate };
        }
        let accepted = self.limits.roots.accepts(form, &guess.fit.parameters[..form.arma_count()]);
        let aicc = if accepted { guess.aicc } else { f64::INFINITY };
        Tried { aicc, guess: Some(guess), estimate: None }
    }

    /// Searches until no neighbour is better.
    pub fn run(&mut self, workspace: &mut Workspace) {
        let Limits { plain, seasonal, constant, .. } = self.limits;
        // Few values start from few terms, as in R.
        let few = self.prepared.values.len() < 10;
        let start = if few { [1, 1, 0, 0] } else { [2, 2, 1, 1] };
        let starts = [start, [0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]];
        for [p, q, seasonal_p, seasonal_q] in starts {
            let seasonal_p = seasonal.p.min(seasonal_p);
            let form = self.form(plain.p.min(p), plain.q.min(q), seasonal_p, seasonal.q.min(seasonal_q), constant);
            self.improves(form, workspace);
        }
        if constant {
            self.improves(self.form(0, 0, 0, 0, false), workspace);
        }
        while self.round(workspace) {}
    }

    /// Whether one of the neighbours of the centre is better.
    fn round(&mut self, workspace: &mut Workspace) -> bool {
        let Some(centre) = self.centre else { return false };
        let limits = self.limits;
        let moved = |from: usize, by: i8, most: usize| from.checked_add_signed(by.into()).filter(|to| *to <= most);
        for [p, q, seasonal_p, seasonal_q] in NEIGHBOURS {
            let p = moved(centre.plain.p, p, limits.plain.p);
            let q = moved(centre.plain.q, q, limits.plain.q);
            let seasonal_p = moved(centre.seasonal.p, seasonal_p, limits.seasonal.p);
            let seasonal_q = moved(centre.seasonal.q, seasonal_q, limits.seasonal.q);
            let (Some(p), Some(q), Some(seasonal_p), Some(seasonal_q)) = (p, q, seasonal_p, seasonal_q) else {
                continue;
            };
            if self.improves(self.form(p, q, seasonal_p, seasonal_q, centre.constant), workspace) {
                return true;
            }
        }
        limits.constant && self.improves(Form { constant: !centre.constant, ..centre }, workspace)
    }

    /// The best form by its exact likelihood among the `count` that the search puts first; those whose exact estimate is
    /// refused make room for the next.
    pub fn best(self, count: usize, workspace: &mut Workspace) -> Option<Estimate> {
        let mut ranked: Vec<(usize, &Tried)> = self
            .order
            .iter()
            .map(|form| &self.tried[form])
            .enumerate()
            .filter(|(_, tried)| tried.aicc.is_finite())
            .collect();
        ranked.sort_by(|a, b| a.1.aicc.total_cmp(&b.1.aicc).then(a.0.cmp(&b.0)));
        let estimates = ranked.iter().filter_map(|(_, tried)| {
            let found = tried.estimate.as_ref().map(|estimate| estimate.arma.as_slice());
            let estimate = exact(tried.guess.as_ref()?, found, self.prepared, workspace, Effort::FULL)?;
            let accepted = self.limits.roots.accepts(&estimate.form, &estimate.arma) && estimate.aicc.is_finite();
            accepted.then_some(estimate)
        });
        estimates.take(count.max(1)).min_by(|a, b| a.aicc.total_cmp(&b.aicc))
    }
}

/// Effort of an exact estimate within the search: the criterion to a few hundredths.
const SEARCH: Effort = Effort { steps: 8, gain: 2e-5 };

/// The estimates of one form as a start for another: terms that both have, and 0 for the others.
fn inherit(best: &Guess, form: &Form, prepared: &Prepared) -> Vec<f64> {
    let (arma, betas) = best.fit.parameters.split_at(best.form.arma_count());
    let old = Blocks::of(&best.form, arma);
    let blocks = [
        (old.ar, form.plain.p),
        (old.ma, form.plain.q),
        (old.seasonal_ar, form.seasonal.p),
        (old.seasonal_ma, form.seasonal.q),
    ];
    let take =
        |(from, count): (&[f64], usize)| (0..count).map(|at| from.get(at).copied().unwrap_or(0.0)).collect::<Vec<_>>();
    let mut out: Vec<f64> = blocks.into_iter().flat_map(take).collect();
    let (constant, effects) = betas.split_at(usize::from(best.form.constant));
    if form.constant {
        out.push(constant.first().copied().unwrap_or_else(|| prepared.constant()));
    }
    out.extend(effects);
    out
}
