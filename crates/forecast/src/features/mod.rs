//! What a regression looks at: one description of a row, and the rows that it gives for training and for forecasting.
//!
//! A [`Recipe`] says what a row holds; it serialises with the fitted model, so that a row in production is made by the
//! same code as the rows of training. A row belongs to an *origin* (the newest value known) and a *horizon* (how many
//! steps ahead its target lies). Lags, rolling statistics and covariates are taken at or before the origin; Fourier
//! terms, calendar and events are those of the target's moment. A gap stays NaN in a row: what becomes of it is the
//! model's decision (linear models drop such rows, trees send them to a side that they learnt).
//!
//! Every scale is learnt from the rows of training alone, and values are seen through a [`Scale`] so that 1e15 and 1e-15
//! are the same series to a model.

mod covariates;
mod history;
mod known;
mod recipe;
mod row;
mod scale;

pub use covariates::{CovariateEffect, covariates_help};
pub use history::History;
pub use known::{Known, Seasonality};
pub use recipe::{Recipe, Relative, Rolling, SeasonalLag, Statistic};
pub(crate) use row::Rows;
pub use scale::{Scale, Transform};
