//! From a proposal to a verdict: every stage in its order, every reason of the first stage that refuses.
//!
//! On the history that was held out: cheaper than the incumbent and not dearer than the standard, by the paired interval over
//! windows; no other figure worse than the incumbent's or the standard's, whichever is worse, by more than a margin, at the
//! upper end of the paired interval. In each stress: no figure worse than the worse of the two by more than a margin; a
//! proposal that asks for wider bounds is held to what the standard does within these. That it is the worse of the two is
//! on purpose: a service that reserves four times its need withstands a fourfold spike, and no saving would ever be accepted.
//! Without one of the two (a figure that is no number) nothing is accepted.

use super::court::{Court, Ground, Outcome};
use super::figures::{Figures, rounded};
use super::hash;
use super::invariant::check;
use super::refusal::Refusal;
use super::terms::Terms;
use super::verdict::{Compared, Hashes, Interval, Part, Plot, Proof, Reason, Stressed, Three, Verdict};
use crate::history::History;
use crate::proposal::Proposal;
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::{ServiceSpec, Spec};
use plimsoll_stats::{paired_difference, paired_ratio};

/// Version of the verdict's form.
const VERSION: u32 = 1;
/// Most points of a plot.
const POINTS: usize = 96;
/// In a stress a proposal's price may be so many times that of the dearer of the two.
const RUNAWAY: f64 = 1.5;

/// Proves one proposal. Total: whatever comes in, a verdict comes out.
#[must_use]
pub fn prove(proposal: &Proposal, spec: &Spec, service: &ServiceName, history: &History, terms: &Terms) -> Verdict {
    let hashes = || hashes(hash::of(proposal), hash::of(history), spec.services.get(service));
    let refused = |refusals: Vec<Refusal>| refused(service, refusals, hashes(), terms);
    if let Err(refusals) = check(proposal, spec, service, terms) {
        return refused(refusals);
    }
    match Court::try_new(spec, service, history, terms) {
        Ok(court) => court.prove(proposal),
        Err(refusal) => refused(vec![refusal]),
    }
}

impl Court {
    /// Judges a proposal.
    #[must_use]
    pub fn prove(&self, proposal: &Proposal) -> Verdict {
        let hashes = hashes(hash::of(proposal), self.history_hash, Some(&self.present));
        let judged = check(proposal, &self.spec, &self.service, &self.terms)
            .and_then(|patched| self.judge(&patched).map_err(|refusal| vec![refusal]));
        match judged {
            Err(refusals) => refused(&self.service, refusals, hashes, &self.terms),
            Ok((proof, refusals)) => Verdict {
                version: VERSION,
                accepted: refusals.is_empty(),
                service: self.service.to_string(),
                refusals: refusals.into_iter().map(Reason::from).collect(),
                hashes,
                terms: self.terms.clone(),
                proof: Some(proof),
            },
        }
    }

    /// Runs it and compares.
    fn judge(&self, patched: &ServiceSpec) -> Result<(Proof, Vec<Refusal>), Refusal> {
        let other = self.ground_for(patched)?;
        let ground = other.as_ref().unwrap_or(&self.ground);
        let ours = self.run(ground, patched)?;
        let mut refusals = Vec::new();
        let price_of_incumbent = self.price(&ours, &self.incumbent, "the incumbent", true, &mut refusals);
        let price_of_standard = self.price(&ours, &self.standard.1, &self.standard.0, false, &mut refusals);
        let wider = self.yardstick(patched)?;
        let usual = wider.as_ref().unwrap_or(&self.standard.1);
        let compared = self.compare(&ours, usual, &mut refusals);
        let stress = self.stresses(ground, (&ours, usual), &mut refusals);
        let total = |outcome: &Outcome| outcome.total;
        let record = &ground.record;
        let moment = |index: usize| record.load.start.0.saturating_add_unsigned(record.protocol.tick.0 * index as u64);
        let proof = Proof {
            seed: format!("{:016x}", self.seed),
            seen: Part { from_ms: moment(0), samples: record.seen },
            held_out: Part { from_ms: moment(record.seen), samples: record.load.rate.len() - record.seen },
            windows: ours.windows.len(),
            capacity_milli_rps: record.protocol.capacity.0,
            startup_ms: record.protocol.startup.0,
            tick_ms: record.protocol.tick.0,
            standard: self.standard.0.clone(),
            figures: self.three(&ours, total),
            price_of_incumbent,
            price_of_standard,
            compared,
            stress,
            steps: self.steps + self.steps_each() * if wider.is_some() { 2 } else { 1 },
            plot: self.plot(ground, &ours),
        };
        Ok((proof, refusals))
    }

    fn three<T>(&self, ours: &Outcome, of: impl Fn(&Outcome) -> T) -> Three<T> {
        Three { proposal: of(ours), incumbent: of(&self.incumbent), standard: of(&self.standard.1) }
    }

    /// Price over another's. The incumbent has to be beaten; of the standard it is enough not to be dearer, because to propose the
    /// standard itself is no bad idea.
    fn price(
        &self,
        ours: &Outcome,
        other: &Outcome,
        than: &str,
        strictly: bool,
        refusals: &mut Vec<Refusal>,
    ) -> Interval {
        let pairs: Vec<(f64, f64)> =
            ours.windows.iter().zip(&other.windows).map(|(ours, other)| (ours.price, other.price)).collect();
        let interval = paired_ratio(&pairs, self.terms.confidence(), self.terms.resamples, self.seed ^ 1);
        // Where nothing was paid at all, nothing can be saved.
        let interval = interval.map_or(Interval { value: 1.0, low: 1.0, high: 1.0 }, |it| Interval {
            value: rounded(it.ratio),
            low: rounded(it.low),
            high: rounded(it.high),
        });
        let is_cheaper = if strictly { interval.high < 1.0 } else { interval.high <= 1.0 };
        if !is_cheaper {
            let Interval { value, low, high } = interval;
            refusals.push(Refusal::NotCheaper { than: than.to_owned(), ratio: value, low, high });
        }
        interval
    }

    fn compare(&self, ours: &Outcome, usual: &Outcome, refusals: &mut Vec<Refusal>) -> Vec<Compared> {
        let mut found = Vec::new();
        for (index, figure) in Figures::NAMES.into_iter().enumerate() {
            let margin = self.terms.margins.all()[index];
            let value = |outcome: &Outcome| outcome.total.slo()[index];
            // Against the one that is worse; of equals the incumbent.
            let (than, other) = if value(usual) > value(&self.incumbent) {
                (self.standard.0.as_str(), usual)
            } else {
                ("the incumbent", &self.incumbent)
            };
            let pairs = ours.windows.iter().zip(&other.windows);
            let pairs: Vec<(f64, f64)> = pairs.map(|(ours, other)| (ours.slo()[index], other.slo()[index])).collect();
            let seed = self.seed ^ (index as u64 + 2);
            let interval = paired_difference(&pairs, self.terms.confidence(), self.terms.resamples, seed);
            let difference = interval.map_or(Interval { value: f64::MAX, low: f64::MAX, high: f64::MAX }, |it| {
                Interval { value: rounded(it.mean), low: rounded(it.low), high: rounded(it.high) }
            });
            let holds = difference.high <= margin;
            if !holds {
                refusals.push(Refusal::Worse {
                    figure,
                    than: than.to_owned(),
                    proposal: value(ours),
                    reference: value(other),
                    high: difference.high,
                    margin,
                });
            }
            found.push(Compared { figure, than: than.to_owned(), difference, margin });
        }
        found
    }

    fn stresses(
        &self,
        ground: &Ground,
        (ours, usual): (&Outcome, &Outcome),
        refusals: &mut Vec<Refusal>,
    ) -> Vec<Stressed> {
        let mut found = Vec::new();
        for (at, trial) in ground.trials.iter().enumerate() {
            let [proposal, incumbent, standard] = [ours, &self.incumbent, usual].map(|outcome| outcome.stress[at]);
            let figures = Three { proposal, incumbent, standard };
            let before = refusals.len();
            for (index, figure) in Figures::NAMES.into_iter().enumerate() {
                let [proposal, incumbent, standard] =
                    [&figures.proposal, &figures.incumbent, &figures.standard].map(|figures| figures.slo()[index]);
                let allowed = rounded(incumbent.max(standard) + self.terms.stress_margins.all()[index]);
                let holds = proposal <= allowed;
                if !holds {
                    let stress = trial.name.clone();
                    refusals.push(Refusal::Stress { stress, figure, proposal, incumbent, standard, allowed });
                }
            }
            let allowed = rounded(figures.incumbent.price.max(figures.standard.price) * RUNAWAY);
            let holds = figures.proposal.price <= allowed;
            if !holds {
                let (stress, proposal) = (trial.name.clone(), figures.proposal.price);
                refusals.push(Refusal::Runaway { stress, proposal, allowed });
            }
            found.push(Stressed { stress: trial.name.clone(), passed: refusals.len() == before, figures });
        }
        found
    }

    fn plot(&self, ground: &Ground, ours: &Outcome) -> Plot {
        let need = ground.held_out.need();
        let each = need.len().div_ceil(POINTS).max(1);
        let fewest = |ready: &[u32]| ready.chunks(each).map(|part| part.iter().copied().min().unwrap_or(0)).collect();
        Plot {
            from_ms: ground.held_out.start().0,
            step_ms: ground.record.protocol.tick.0 * each as u64,
            need: need.chunks(each).map(|part| part.iter().copied().max().unwrap_or(0)).collect(),
            ready: self.three(ours, |outcome| fewest(&outcome.supply.ready)),
        }
    }
}

fn hashes(proposal: u128, history: u128, spec: Option<&ServiceSpec>) -> Hashes {
    Hashes {
        proposal: hash::text(proposal),
        history: hash::text(history),
        spec: hash::text(hash::of(&spec)),
        code: hash::code(),
        release: env!("CARGO_PKG_VERSION"),
    }
}

fn refused(service: &ServiceName, refusals: Vec<Refusal>, hashes: Hashes, terms: &Terms) -> Verdict {
    Verdict {
        version: VERSION,
        accepted: false,
        service: service.to_string(),
        refusals: refusals.into_iter().map(Reason::from).collect(),
        hashes,
        terms: terms.clone(),
        proof: None,
    }
}
