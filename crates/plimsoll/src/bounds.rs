//! Numbers that can be typed, and their ranges. An error names the range; the parser of flags adds the flag and the value.

/// A share of a whole.
pub fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1.0, "a share from 0 to 1")
}

/// A physical time in seconds, of a load or a wait.
pub fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.001, 604_800.0, "seconds from 0.001 to 604800 (a week)")
}

/// A physical time in milliseconds.
pub fn milliseconds(text: &str) -> Result<f64, String> {
    within(text, 0.0, 60_000.0, "milliseconds from 0 to 60000")
}

/// Requests per second.
pub fn rate(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1_000_000.0, "requests per second from 0 to 1000000")
}

/// A price per hour.
pub fn price(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1e9, "a price from 0 to 1000000000")
}

/// Cores of a node.
pub fn cores(text: &str) -> Result<f64, String> {
    within(text, 0.001, 1e6, "cores from 0.001 to 1000000")
}

/// A factor on a rate.
pub fn factor(text: &str) -> Result<f64, String> {
    within(text, 1e-6, 1e6, "a factor from 0.000001 to 1000000")
}

fn within(text: &str, min: f64, max: f64, range: &str) -> Result<f64, String> {
    // No number that is not finite lies in a range.
    text.parse().ok().filter(|value| (min..=max).contains(value)).ok_or_else(|| format!("allowed: {range}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_or_no_number_is_refused_with_the_range() {
        assert_eq!(share("0.25"), Ok(0.25));
        for text in ["1.01", "-0.1", "NaN", "inf", "", "half"] {
            assert_eq!(share(text), Err("allowed: a share from 0 to 1".to_owned()), "{text}");
        }
        assert!(seconds("0").is_err() && rate("0").is_ok() && factor("0").is_err());
    }
}
