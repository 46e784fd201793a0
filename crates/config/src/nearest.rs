//! The known word nearest to a mistyped one.
//!
//! # Source
//! Optimal string alignment distance (Damerau–Levenshtein with adjacent transpositions only): the typing errors people
//! make are a missing, extra, wrong or swapped letter. A word is near when at most a third of its letters differ, the
//! threshold that compilers use, since a wilder guess misleads.

/// The known word with the smallest distance to `typed`, the first of equals; none when none is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no field; this bounds the quadratic distance.
    if typed.chars().count() > 64 {
        return None;
    }
    let wanted = typed.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|word| (distance(&wanted, &word.to_lowercase().replace('-', "_")), word))
        .filter(|(distance, word)| *distance <= word.len().max(typed.len()).div_ceil(3).min(4))
        .filter(|(distance, word)| *distance < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word_and_another_word_finds_none() {
        let known = ["replicas", "requests", "restart", "limits", "health", "scaling", "grace"];
        for (typed, found) in [
            ("replica", Some("replicas")),
            ("repilcas", Some("replicas")),
            ("Replicas", Some("replicas")),
            ("request", Some("requests")),
            ("limit", Some("limits")),
            ("helth", Some("health")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), found, "{typed}");
        }
    }
}
