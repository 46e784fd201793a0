//! The analyst: what a service's history says, what is wrong with it, and which change of policy would help. The lowest rung of
//! its ladder are rules, without model or network: it always runs, and every model has to beat it.
//!
//! - [`history`]: what is known of a service over a window, as values that somebody hands in.
//! - [`features`]: a history as few numbers: level, periods, bursts, saturation, leak, throttling, …
//! - [`evidence`]: the numbers as facts with ids, ranked, within a budget of tokens; text cleaned, names hidden, secrets cut.
//! - [`diagnosis`]: rules over the features: causes with a confidence and the facts they rest on, or none.
//! - [`proposal`]: what to change, what that should improve, until when it holds and what rolls it back.
//! - [`gate`]: whether a proposal may come into force, proved in the twin.
//! - [`ladder`]: the rules below, other rungs above, and what all of them come to.
//! - [`occasion`]: what starts a look at a service that runs: its turn, drift, a burn.
//! - [`classifier`], [`retrieval`]: the second rung and the third, trees taught by the twin and past incidents that were alike.
//! - [`prompt`]: what a language model is asked, and what of its answer is taken; asking is another crate's affair.
//! - [`scenario`]: histories whose cause is known, made by the twin under the real controller.
//! - [`ask`]: questions in plain words, and answers in which every number has a source.
//! - [`evolve`]: a formula of replicas searched on a recorded load, and at most one proposal made of it.
//! - [`evaluation`]: how often a diagnosis is right on them.
//!
//! Nothing here reads a clock, a file or a socket, and no word of a name, an event or a reason reaches a rule: rules see
//! numbers alone. Nothing here acts.

pub mod ask;
pub mod classifier;
pub mod diagnosis;
pub mod evaluation;
pub mod evidence;
pub mod evolve;
pub mod features;
pub mod gate;
pub mod history;
pub mod ladder;
pub mod occasion;
pub mod prompt;
pub mod proposal;
pub mod retrieval;
pub mod scenario;

pub use diagnosis::{Cause, Diagnosis, Hypothesis, diagnose};
pub use evidence::{Pack, PackOptions};
pub use features::Features;
pub use history::{History, HistoryError};
pub use ladder::{Ladder, Opinion, Rung};
pub use occasion::{Looked, Occasion, Pace, occasion};
pub use proposal::{Proposal, propose};
