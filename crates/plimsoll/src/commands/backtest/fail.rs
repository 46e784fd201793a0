//! `--fail-if`: a condition on the figures, so that a pipeline can refuse a change of policy.
//!
//! `[median|worst|mean|sum] FIGURE (>|>=|<|<=) NUMBER[%]`, or `… NUMBER * against` for the same figure of the present
//! configuration. It is asked of every policy that a controller decides, but for the present configuration itself, at every
//! start-up time.

use super::figures::{FIGURES, Figure, Over, by_key, of_policy};
use super::{Results, Terms};
use anyhow::{Context, bail};

/// One condition.
pub struct Condition {
    /// As it was typed.
    pub text: String,
    figure: &'static Figure,
    over: Over,
    compare: fn(&f64, &f64) -> bool,
    bound: f64,
    /// Whether `bound` is a factor on the present configuration's figure.
    is_relative: bool,
}

/// A condition that held, and for whom.
pub struct Failed {
    /// The condition as typed.
    pub condition: String,
    /// The policy.
    pub policy: String,
    /// At which start-up time.
    pub startup: String,
    /// What its figure is.
    pub found: f64,
    /// What it was compared with.
    pub bound: f64,
}

/// Reads a condition.
pub fn parse(text: &str) -> anyhow::Result<Condition> {
    read(text).with_context(|| {
        let known: Vec<&str> = FIGURES.iter().map(|figure| figure.key).collect();
        format!("--fail-if {text:?}: a condition is `[median|worst|mean|sum] FIGURE > NUMBER[%]` or `… > NUMBER * against`, with one of {}", known.join(", "))
    })
}

fn read(text: &str) -> anyhow::Result<Condition> {
    let (left, sign, right) = [">=", "<=", ">", "<"]
        .iter()
        .find_map(|sign| text.split_once(sign).map(|(left, right)| (left.trim(), *sign, right.trim())))
        .context("there is no comparison in it")?;
    let compare = match sign {
        ">=" => f64::ge,
        "<=" => f64::le,
        ">" => f64::gt,
        _ => f64::lt,
    };
    let (over, key) = match left.split_once(' ') {
        Some((word, key)) => (Some(over(word)?), key.trim()),
        None => (None, left),
    };
    let figure = by_key(key).with_context(|| format!("{key:?} is no figure"))?;
    let (number, is_relative) = match right.split_once('*') {
        Some((number, "against")) => (number, true),
        Some((number, other)) if other.trim() == "against" => (number, true),
        Some((_, other)) => bail!("{:?} is not `against`", other.trim()),
        None if right == "against" => ("1", true),
        None => (right, false),
    };
    let number = number.trim();
    let digits = number.strip_suffix('%').map_or(number, str::trim);
    if number.ends_with('%') && (is_relative || !figure.is_percent()) {
        bail!("{key} is no share, so it is not compared with a percentage");
    }
    let bound: f64 =
        digits.parse().ok().filter(|it: &f64| it.is_finite()).with_context(|| format!("{number:?} is no number"))?;
    let over = over.unwrap_or(figure.over);
    Ok(Condition { text: text.to_owned(), figure, over, compare, bound, is_relative })
}

fn over(word: &str) -> anyhow::Result<Over> {
    Ok(match word {
        "sum" => Over::Sum,
        "mean" => Over::Mean,
        "median" => Over::Median,
        "worst" => Over::Worst,
        _ => bail!("{word:?} is not median, worst, mean or sum"),
    })
}

/// Refuses a condition that cannot be judged: on a present configuration that was not named, on a soft optimum that was not
/// asked for, and on what a twin says whose own error is too large.
pub fn check(conditions: &[Condition], against: Option<usize>, terms: &Terms) -> anyhow::Result<()> {
    for condition in conditions {
        let text = &condition.text;
        if condition.is_relative && against.is_none() {
            bail!("--fail-if {text:?} compares with the present configuration: name it with --against");
        }
        if condition.figure.key == "cost_soft" && terms.soft.is_none() {
            bail!("--fail-if {text:?} compares with a soft optimum: say with --soft how much may be under need");
        }
        if condition.figure.is_twin {
            terms.twin.verdict().with_context(|| format!("--fail-if {text:?}: no verdict is given"))?;
        }
    }
    Ok(())
}

/// Every condition that holds, policy by policy.
pub fn failed(conditions: &[Condition], results: &Results) -> Vec<Failed> {
    let mut failed = Vec::new();
    for table in &results.tables {
        for (policy, contestant) in results.contestants.iter().enumerate() {
            if contestant.spec().is_none() || results.against == Some(policy) {
                continue;
            }
            for condition in conditions {
                let value = |of| of_policy(table, of, condition.figure, condition.over, results.terms.price);
                let Some(found) = value(policy) else { continue };
                let reference = if condition.is_relative { results.against.and_then(value) } else { Some(1.0) };
                let Some(bound) = reference.map(|reference| condition.bound * reference) else { continue };
                if (condition.compare)(&found, &bound) {
                    failed.push(Failed {
                        condition: condition.text.clone(),
                        policy: contestant.name.clone(),
                        startup: table.startup.to_string(),
                        found,
                        bound,
                    });
                }
            }
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_what_is_none_is_refused_with_the_reason() {
        let condition = parse("price > 1.05 * against").unwrap();
        assert!(condition.is_relative && condition.bound == 1.05 && condition.over == Over::Sum);
        let condition = parse("worst under_time >= 0.5%").unwrap();
        assert_eq!((condition.figure.key, condition.over, condition.bound), ("under_time", Over::Worst, 0.5));
        assert!((condition.compare)(&0.5, &condition.bound));
        for (text, why) in [
            ("price", "there is no comparison"),
            ("cost > 1", "\"cost\" is no figure"),
            ("price > 5%", "price is no share"),
            ("price > x", "\"x\" is no number"),
            ("best price > 1", "\"best\" is not median"),
            ("price > 2 * before", "\"before\" is not `against`"),
        ] {
            let error = format!("{:#}", parse(text).err().unwrap());
            assert!(error.contains(why) && error.contains("under_time"), "{error}");
        }
    }
}
