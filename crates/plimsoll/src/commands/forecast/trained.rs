//! Networks that were trained before, from a safetensors file.

use anyhow::{Context, bail};
use plimsoll_forecast::Fit;
use plimsoll_forecast::neural::recurrent::{Recurrent, Trained};
use plimsoll_forecast::neural::weights::Weights;
use plimsoll_forecast::pretrained::Pretrained;
use std::path::Path;
use std::sync::Arc;

/// Largest file that is read: a hundred times the largest network that is of use here.
const BYTES_MAX: u64 = 256 << 20;

/// The model of `--model` with these weights.
pub fn load(path: &Path, models: &[String]) -> anyhow::Result<Box<dyn Fit>> {
    let at = || format!("--weights {}", path.display());
    let size = std::fs::metadata(path).with_context(at)?.len();
    if size > BYTES_MAX {
        bail!("{}: {size} bytes, at most {BYTES_MAX} are read", at());
    }
    let bytes = std::fs::read(path).with_context(at)?;
    match models {
        [name] if name == "pretrained" => Ok(Box::new(Pretrained::from_weights(&bytes).with_context(at)?)),
        [name] if name == "lstm" || name == "rnn" => {
            let trained = Weights::from_bytes(&bytes).and_then(Trained::from_weights).with_context(at)?;
            Ok(Box::new(Recurrent::trained(Arc::new(trained))))
        }
        _ => bail!("{} needs --model rnn, lstm or pretrained", at()),
    }
}
