//! NVIDIA's GPUs: use, memory, power, temperature, and who has memory on them.
//!
//! Read through NVML, the driver's own library, which is looked for at run time: where it is not, there are no GPUs and that
//! is no error. What a GPU cannot tell (power of a small card, processes of others) is absent.
//!
//! # Source
//! NVIDIA, "NVML API Reference Guide".

mod nvml;

use nvml::Nvml;
use plimsoll_model::observation::GpuObservation;

/// The library that the driver installs.
pub const LIBRARY: &str = "libnvidia-ml.so.1";

/// Why there are no GPU figures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The library is not there: no driver, or none for this process.
    #[error("{library} cannot be loaded: {why}")]
    NoLibrary {
        /// Its name.
        library: String,
        /// What the loader said.
        why: String,
    },
    /// The library lacks a function that every version has.
    #[error("{library} has no function {function}")]
    NoFunction {
        /// Its name.
        library: String,
        /// Which.
        function: &'static str,
    },
    /// A call failed.
    #[error("{function} of {library} failed with code {code}")]
    Call {
        /// Its name.
        library: String,
        /// Which.
        function: &'static str,
        /// NVML's number.
        code: i32,
    },
}

/// Samples the GPUs of this machine.
#[derive(Debug)]
pub struct GpuSampler {
    nvml: Nvml,
}

impl GpuSampler {
    /// Loads the driver's library, if it is there.
    ///
    /// # Errors
    /// [`GpuError`]; on a machine without the driver, [`GpuError::NoLibrary`].
    pub fn open() -> Result<Self, GpuError> {
        Self::open_at(LIBRARY)
    }

    /// Loads the library at `path`, or of that name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_at(path: &str) -> Result<Self, GpuError> {
        Ok(Self { nvml: Nvml::load(path)? })
    }

    /// The driver's version.
    #[must_use]
    pub fn driver_version(&self) -> Option<String> {
        self.nvml.driver_version()
    }

    /// Every GPU there is now, by index; one that does not answer at all is left out.
    #[must_use]
    pub fn sample(&self) -> Vec<GpuObservation> {
        (0..self.nvml.count().unwrap_or(0)).filter_map(|index| self.nvml.device(index)).collect()
    }
}
