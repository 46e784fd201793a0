//! The network's weights as a file, and the one that comes with this crate.

use super::network::{LAYERS, LEVELS, PARAMETERS};
use crate::neural::matrix::transposed;
use crate::neural::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, OnceLock};

/// Kind of network that the file names.
const KIND: &str = "pretrained";
/// Version of the layout; a change of inputs, levels or layers is another one.
const VERSION: u32 = 1;

/// A safetensors file: per layer `NAME.weight` of shape `[outputs, inputs]`, as PyTorch's `Linear` has it, and `NAME.bias` of
/// shape `[outputs]`.
pub(super) fn to_bytes(parameters: &[f32], notes: &[(&str, String)]) -> Vec<u8> {
    let mut weights = Weights::new(KIND, VERSION);
    weights.set("levels", LEVELS.map(|level| level.to_string()).join(","));
    notes.iter().for_each(|(key, note)| weights.set(key, note));
    for layer in LAYERS {
        let (matrix, bias) = (&parameters[layer.offset..layer.bias()], &parameters[layer.bias()..layer.end()]);
        let flipped = transposed(matrix, layer.columns);
        weights.insert(&format!("{}.weight", layer.name), &[layer.columns, layer.rows], flipped);
        weights.insert(&format!("{}.bias", layer.name), &[layer.columns], bias.to_vec());
    }
    weights.to_bytes()
}

/// The parameters in the order of the layers.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Vec<f32>, WeightsError> {
    let mut weights = Weights::from_bytes(bytes)?;
    weights.check_kind(KIND, VERSION)?;
    let mut parameters = Vec::with_capacity(PARAMETERS);
    for layer in LAYERS {
        let flipped = weights.take(&format!("{}.weight", layer.name), &[layer.columns, layer.rows])?;
        parameters.extend(transposed(&flipped, layer.rows));
        parameters.extend(weights.take(&format!("{}.bias", layer.name), &[layer.columns])?);
    }
    weights.finish()?;
    Ok(parameters)
}

/// The weights that come with this crate.
static COMMITTED: &[u8] = include_bytes!("../../weights/pretrained.safetensors");

/// The committed weights read once, or others with everything that shares them. Serialised, the former are a name only:
/// a state that is restored gets the weights of the binary that restores it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Option<Vec<f32>>", into = "Option<Vec<f32>>")]
pub(super) enum Parameters {
    /// Those of [`COMMITTED`].
    #[default]
    Committed,
    /// From a file.
    Loaded(Arc<[f32]>),
}

impl Parameters {
    /// Of as many values as the layers have.
    pub fn loaded(parameters: Vec<f32>) -> Self {
        Self::Loaded(parameters.into())
    }

    pub fn as_slice(&self) -> &[f32] {
        static READ: OnceLock<Vec<f32>> = OnceLock::new();
        match self {
            Self::Committed => READ.get_or_init(|| from_bytes(COMMITTED).expect("invariant: the tests read this file")),
            Self::Loaded(parameters) => parameters,
        }
    }
}

impl From<Option<Vec<f32>>> for Parameters {
    /// Anything of the wrong length is not a state of this version; the committed weights serve then.
    fn from(stored: Option<Vec<f32>>) -> Self {
        stored.filter(|stored| stored.len() == PARAMETERS).map_or(Self::Committed, Self::loaded)
    }
}

impl From<Parameters> for Option<Vec<f32>> {
    fn from(parameters: Parameters) -> Self {
        match parameters {
            Parameters::Committed => None,
            Parameters::Loaded(parameters) => Some(parameters.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_weights_are_read_and_small() {
        assert!(COMMITTED.len() <= 400_000, "{}", COMMITTED.len());
        let parameters = Parameters::default();
        assert!(parameters.as_slice().len() == PARAMETERS && parameters.as_slice().iter().all(|w| w.is_finite()));
    }

    #[test]
    fn what_is_written_is_read_and_another_kind_is_refused() {
        let parameters: Vec<f32> = (0..PARAMETERS).map(|index| index as f32).collect();
        let bytes = to_bytes(&parameters, &[("trained", "never".to_owned())]);
        assert_eq!(from_bytes(&bytes), Ok(parameters));
        assert!(from_bytes(&Weights::new("lstm", 1).to_bytes()).is_err());
        assert!(from_bytes(b"nothing").is_err());
    }
}
