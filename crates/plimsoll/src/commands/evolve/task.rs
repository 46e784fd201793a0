//! What a task brings to the search: what may be written, runs of it, and what a run is worth.

use crate::commands::work;
use plimsoll_analyst::prompt::formulas::Topic;
use plimsoll_expr::{Expr, PolicyFile, Schema};
use plimsoll_search::evolve::{Grammar, GrammarError, Judge, Judged, SetWorth, Worth};

/// One way in which candidates are run: the quick look, the full one, the choice among the last, the judgement.
pub struct Look<C> {
    /// The runs of a candidate.
    pub cases: Vec<C>,
    /// What those who are to be beaten came to in each, by run and then by rival.
    pub rivals: Vec<Vec<f64>>,
}

/// One run of a candidate, beside those who are to be beaten.
pub struct Run<'a, C> {
    /// What was run.
    pub case: &'a C,
    /// What it came to.
    pub figures: &'a [f64],
    /// What the rivals came to.
    pub rivals: &'a [f64],
}

impl<C> Clone for Run<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Run<'_, C> {}

/// A task: runs, and what they are worth.
pub trait Task: Sync {
    /// One run.
    type Case: Sync + Send;
    /// A policy that can be run.
    type Policy: Sync + Send;

    /// Names, units and bounds of the inputs.
    fn schema(&self) -> Schema;
    /// What may be written.
    ///
    /// # Errors
    /// [`GrammarError`] for inputs that there are not.
    fn grammar(&self, inputs: &[&str], nodes: u64) -> Result<Grammar, GrammarError> {
        Grammar::try_new(self.schema(), inputs, nodes)
    }
    /// Whether only who is above whom matters, so that what shifts or stretches all values changes nothing.
    fn is_ranking(&self) -> bool {
        true
    }
    /// Inputs that a formula may name if nothing else is typed.
    fn inputs(&self) -> Vec<&'static str>;
    /// The formula to start from if nothing else is typed.
    fn start(&self) -> &'static str;
    /// The header of its policy files: `# key: value` lines.
    fn header(&self) -> &str;
    /// The policy of a file's text; `file` is what messages call it.
    ///
    /// # Errors
    /// Where the text is no policy of this task.
    fn read(&self, file: &str, text: &str) -> anyhow::Result<Self::Policy>;
    /// What a run comes to, in the task's own figure; none where the policy could not be run.
    fn run(&self, policy: &Self::Policy, case: &Self::Case) -> Option<Vec<f64>>;
    /// What some runs are worth together; more is better, above 0 beats the rivals.
    fn value(&self, runs: &[Run<'_, Self::Case>]) -> f64;
    /// The set that a run is of.
    fn set<'a>(&self, case: &'a Self::Case) -> &'a str;
    /// What it is about, for a language model.
    fn topic(&self) -> Topic;
}

/// The text of a policy file with this formula.
pub fn policy_text(header: &str, name: &str, source: &str, expr: &Expr) -> String {
    format!("# name: {name}\n{header}# source: {source}\n\n{expr}\n")
}

/// The policy of a formula.
pub fn policy<T: Task>(task: &T, expr: &Expr) -> Option<T::Policy> {
    task.read("candidate", &policy_text(task.header(), "candidate", "plimsoll evolve", expr)).ok()
}

/// The formula of a policy file.
pub fn formula(text: &str) -> anyhow::Result<Expr> {
    Ok(PolicyFile::parse(text)?.expr.simplify())
}

/// Runs of some candidates on all cores.
pub struct Runner<'a, T: Task> {
    /// The task.
    pub task: &'a T,
    /// The quick look.
    pub quick: Look<T::Case>,
    /// The full look.
    pub full: Look<T::Case>,
    /// What a full look costs, in quick ones.
    pub full_cost: f64,
    /// Threads.
    pub jobs: Option<usize>,
    /// Whether there is time left.
    pub has_time: &'a dyn Fn() -> bool,
}

impl<T: Task> Judge for Runner<'_, T> {
    fn quick(&mut self, candidates: &[Expr]) -> Judged {
        if !(self.has_time)() {
            return Judged::Stop;
        }
        Judged::Values(values(self.task, &self.quick, candidates, self.jobs))
    }

    fn full(&mut self, candidates: &[Expr]) -> Judged<Worth> {
        if !(self.has_time)() {
            return Judged::Stop;
        }
        Judged::Values(worths(self.task, &self.full, candidates, self.jobs))
    }

    fn full_cost(&self) -> f64 {
        self.full_cost
    }
}

/// What each candidate is worth.
pub fn values<T: Task>(task: &T, look: &Look<T::Case>, candidates: &[Expr], jobs: Option<usize>) -> Vec<Option<f64>> {
    worths(task, look, candidates, jobs).into_iter().map(|worth| Some(worth?.value)).collect()
}

/// The same with each set by itself.
fn worths<T: Task>(task: &T, look: &Look<T::Case>, candidates: &[Expr], jobs: Option<usize>) -> Vec<Option<Worth>> {
    let policies: Vec<Option<T::Policy>> = candidates.iter().map(|expr| policy(task, expr)).collect();
    let items: Vec<(&Option<T::Policy>, &T::Case)> =
        policies.iter().flat_map(|policy| look.cases.iter().map(move |case| (policy, case))).collect();
    let figures =
        work::on_all_cores(&items, jobs, |(policy, case)| policy.as_ref().and_then(|policy| task.run(policy, case)));
    let of_each = figures.chunks(look.cases.len().max(1));
    of_each
        .map(|figures| {
            let figures = figures.iter().cloned().collect::<Option<Vec<_>>>()?;
            let both = look.cases.iter().zip(figures.iter().zip(&look.rivals));
            let runs: Vec<Run<'_, T::Case>> =
                both.map(|(case, (figures, rivals))| Run { case, figures, rivals }).collect();
            Some(Worth { value: task.value(&runs), by_set: by_set(task, &runs) })
        })
        .collect()
}

/// In the order of their first runs; nothing where there is one only.
fn by_set<T: Task>(task: &T, runs: &[Run<'_, T::Case>]) -> Vec<SetWorth> {
    let mut sets: Vec<(&str, Vec<Run<'_, T::Case>>)> = Vec::new();
    for run in runs {
        let set = task.set(run.case);
        match sets.iter_mut().find(|(known, _)| *known == set) {
            Some((_, of_set)) => of_set.push(*run),
            None => sets.push((set, vec![*run])),
        }
    }
    if sets.len() < 2 {
        return Vec::new();
    }
    sets.iter().map(|(set, runs)| SetWorth { set: (*set).to_owned(), value: task.value(runs) }).collect()
}
