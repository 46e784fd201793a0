//! Every model by name: what the command line offers and what reports list.

use crate::Fit;
use crate::mstl::Mstl;
use crate::naive::{LastValue, SeasonalNaive};

/// One model that can be asked for by name.
pub struct Entry {
    /// Its name: lower case with hyphens.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The model with its usual settings.
    pub model: fn() -> Box<dyn Fit>,
}

/// All of them, simplest first.
pub const ZOO: &[Entry] = &[
    Entry { name: "last-value", about: "it stays as it is", model: || Box::new(LastValue) },
    Entry { name: "seasonal-naive", about: "the value one season ago", model: || Box::new(SeasonalNaive::default()) },
    Entry {
        name: "mstl",
        about: "seasons by loess, each carried on, and a trend",
        model: || Box::new(Mstl::default()),
    },
    Entry { name: "mstl-log", about: "the same with seasons that multiply", model: || Box::new(Mstl::log()) },
];

/// The model of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<Box<dyn Fit>> {
    ZOO.iter().find(|entry| entry.name == name).map(|entry| (entry.model)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_called_what_its_model_is_called() {
        for entry in ZOO {
            assert_eq!(by_name(entry.name).map(|model| model.name()), Some(entry.name));
        }
    }
}
