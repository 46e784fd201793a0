//! Which series are learnt from and which only judged: never the same one.

use std::fmt::Write as _;

/// Indices into the series that were named, each in one half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halves {
    /// The search sees these.
    pub training: Vec<usize>,
    /// Only the report sees these.
    pub test: Vec<usize>,
}

/// Why there are no two halves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HalvesError {
    /// A name that is no series.
    #[error("--test {name}: there is no such series; there are {known}")]
    Unknown {
        /// What was typed.
        name: String,
        /// What there is.
        known: String,
    },
    /// The same name twice: nobody could say in which half it is.
    #[error("{name} is there twice; a series is learnt from or judged, never both")]
    Twice {
        /// Which.
        name: String,
    },
    /// Nothing to learn from.
    #[error("all {series} series are for the test, so there is none to learn from")]
    NoTraining {
        /// How many.
        series: usize,
    },
    /// Nothing to judge on.
    #[error("there is one series, {name}: a search needs one to learn from and another to be judged on")]
    NoTest {
        /// The one.
        name: String,
    },
}

/// Splits series by name: `test` are judged, all others are learnt from. Without `test`, every second one in the order of
/// their names is judged, the first is learnt from.
///
/// # Errors
/// [`HalvesError`] where a half would be empty, or a name is unknown or there twice.
pub fn halves(names: &[&str], test: &[&str]) -> Result<Halves, HalvesError> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|index| names[*index]);
    if let Some(pair) = order.windows(2).find(|pair| names[pair[0]] == names[pair[1]]) {
        return Err(HalvesError::Twice { name: names[pair[0]].to_owned() });
    }
    if let Some(name) = test.iter().find(|name| !names.contains(name)) {
        let mut known = String::new();
        for index in &order {
            let _ = write!(known, "{}{}", if known.is_empty() { "" } else { ", " }, names[*index]);
        }
        return Err(HalvesError::Unknown { name: (*name).to_owned(), known });
    }
    let is_test = |(place, index): &(usize, usize)| {
        if test.is_empty() { place % 2 == 1 } else { test.contains(&names[*index]) }
    };
    let (test, training): (Vec<_>, Vec<_>) = order.into_iter().enumerate().partition(is_test);
    let of = |half: Vec<(usize, usize)>| half.into_iter().map(|(_, index)| index).collect::<Vec<_>>();
    let halves = Halves { training: of(training), test: of(test) };
    match (halves.training.as_slice(), halves.test.as_slice()) {
        ([], _) => Err(HalvesError::NoTraining { series: names.len() }),
        ([one, ..], []) => Err(HalvesError::NoTest { name: names[*one].to_owned() }),
        _ => Ok(halves),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_second_series_by_name_is_judged_unless_names_are_given() {
        let names = ["d", "a", "c", "b"];
        assert_eq!(halves(&names, &[]).unwrap(), Halves { training: vec![1, 2], test: vec![3, 0] });
        assert_eq!(halves(&names, &["a"]).unwrap(), Halves { training: vec![3, 2, 0], test: vec![1] });
    }

    #[test]
    fn a_half_without_series_is_refused() {
        let text = |names: &[&str], test: &[&str]| halves(names, test).unwrap_err().to_string();
        assert!(text(&["a"], &[]).contains("there is one series, a"));
        assert!(text(&["a", "b"], &["a", "b"]).contains("none to learn from"));
        assert_eq!(text(&["a", "b"], &["x"]), "--test x: there is no such series; there are a, b");
        assert!(text(&["a", "b", "a"], &[]).starts_with("a is there twice"));
    }

    proptest! {
        #[test]
        fn every_series_is_in_one_half(count in 2_usize..40, mask in any::<u64>()) {
            let names: Vec<String> = (0..count).map(|index| format!("s{index}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let test: Vec<&str> = (0..count).filter(|bit| mask >> bit & 1 == 1).map(|bit| names[bit]).collect();
            if let Ok(halves) = halves(&names, &test) {
                let mut all: Vec<usize> = halves.training.iter().chain(&halves.test).copied().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
            } else {
                prop_assert_eq!(test.len(), count);
            }
        }
    }
}
