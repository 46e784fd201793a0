//! Asks the rungs above the rules that were asked for.

use super::{memory, model};
use crate::args::{AnalystDiagnose, With};
use anyhow::anyhow;
use plimsoll_analyst::history::History;
use plimsoll_analyst::retrieval::Index;
use plimsoll_analyst::{Diagnosis, Features, Ladder, Pack, Proposal, classifier, retrieval};

/// The ladder with what each of them says. A model that does not answer is an opinion that says so, no error.
pub fn ladder(
    typed: &AnalystDiagnose,
    history: &History,
    features: &Features,
    (diagnosis, proposals): (&Diagnosis, &[Proposal]),
    pack: &Pack,
) -> anyhow::Result<Ladder> {
    let mut ladder = Ladder::new(diagnosis, proposals.to_vec());
    let is_fact = |id: &str| pack.fact(id).is_some();
    let mut rungs = typed.with.clone();
    rungs.sort_unstable();
    rungs.dedup();
    for rung in rungs {
        let opinion = match rung {
            With::Classifier => classifier::opinion(features),
            With::Retrieval => {
                let path = typed.memory.as_deref().ok_or_else(|| anyhow!("--with retrieval needs --memory FILE"))?;
                let memory = memory::read(path)?;
                retrieval::opinion(&Index::new(&memory), features, None)
            }
            With::Model => {
                let mut model = model::model(&typed.model)?;
                let prompt = model::question(&model, history);
                model.opinion(prompt.as_ref(), history)?
            }
        };
        ladder.climb(opinion, is_fact);
    }
    Ok(ladder)
}
