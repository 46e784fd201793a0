//! Recurrent networks as one family: plain (Elman) and LSTM, stacked in up to three layers.

mod bptt;
mod cell;
mod network;
mod shape;

pub use network::{Network, State};
pub use shape::{Cell, LAYERS_MAX, Shape, WIDTH_MAX};
