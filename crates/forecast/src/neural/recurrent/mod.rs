//! Recurrent networks as one family: plain (Elman) and LSTM, stacked in up to three layers.

mod bptt;
mod cell;
mod encoder;
mod fitted;
mod model;
mod network;
mod output;
mod shape;
mod track;
mod train;
mod trained;

pub use fitted::FittedRecurrent;
pub use model::{Pretrained, Recurrent};
pub use network::{Network, State};
pub use output::Loss;
pub use shape::{Cell, LAYERS_MAX, Shape, WIDTH_MAX};
pub use train::{Training, TrainingReport};
pub use trained::{LAYOUT, Recipe, Trained};
