//! Plain words to a typed question.
//!
//! A small vocabulary and no guessing: words say what kind of question it is, and numbers, times and names fill its fields.
//! What a question says that no field holds is harmless, because the answer repeats what was understood.

use super::time::TimeOfDay;
use serde::{Deserialize, Serialize};

/// What can be asked, as examples.
pub const ASKABLE: [&str; 5] = [
    "why did web scale to 14 at nine?",
    "why does web have so many replicas?",
    "what limits web?",
    "what would make web cheaper?",
    "what if Friday brings three times the load?",
];

/// Most bytes of a question.
pub const BYTES_MAX: usize = 1_000;

/// A day of the week, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "days of the week")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// All days, Monday first.
pub const DAYS: [Day; 7] =
    [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];

/// Another load than the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// So many times the load.
    pub times: f64,
    /// On this day of the week alone; always if none.
    pub day: Option<Day>,
    /// From this time of day.
    pub from: Option<TimeOfDay>,
    /// Until this time of day.
    pub until: Option<TimeOfDay>,
}

/// A question with its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Question {
    /// Why is the number of replicas what it is, or was?
    Why {
        /// When it became so many.
        replicas: Option<u32>,
        /// At about this time of day.
        at: Option<TimeOfDay>,
        /// On this day of the week.
        day: Option<Day>,
    },
    /// What is the bottleneck, what is wrong?
    Limits,
    /// What would be better: cheaper, faster, safer?
    Better,
    /// What would happen under another load?
    WhatIf(Scenario),
}

/// Reads a question; none where it is none of those that can be answered.
#[must_use]
pub fn parse(text: &str) -> Option<Question> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let words = words(text);
    let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    let asks_what_if = words.windows(2).any(|two| two[0] == "what" && two[1] == "if")
        || (has(&["if", "suppose", "imagine"]) && has(&["load", "traffic", "requests"]));
    if asks_what_if {
        let times = times(&words)?;
        let (from, until) = span(&words);
        return Some(Question::WhatIf(Scenario { times, day: day(&words), from, until }));
    }
    if has(&["why", "reason", "explain"]) {
        let at = after(&words, &["at", "around", "about", "near"]).find_map(|at| time(&words[at..]));
        return Some(Question::Why { replicas: replicas(&words), at, day: day(&words) });
    }
    if has(&[
        "cheaper",
        "better",
        "improve",
        "faster",
        "save",
        "optimise",
        "optimize",
        "recommend",
        "propose",
        "should",
    ]) {
        return Some(Question::Better);
    }
    if has(&[
        "limits",
        "limit",
        "bottleneck",
        "wrong",
        "problem",
        "problems",
        "slow",
        "failing",
        "broken",
        "matter",
        "fault",
    ]) {
        return Some(Question::Limits);
    }
    None
}

/// Lower case, split at everything that is no part of a word, number or time.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in text.to_lowercase().split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '%' | '×' | '-')))
    {
        let piece = piece.trim_matches(|c| matches!(c, '.' | ':' | '-'));
        match piece.strip_suffix('%') {
            Some("") => words.push("%".to_owned()),
            Some(number) => words.extend([number.to_owned(), "%".to_owned()]),
            None if piece.is_empty() => {}
            None => words.push(piece.to_owned()),
        }
    }
    words
}

/// Places behind any of these words.
fn after<'a>(words: &'a [String], any: &'a [&str]) -> impl Iterator<Item = usize> + use<'a> {
    words.iter().enumerate().filter(|(_, word)| any.contains(&word.as_str())).map(|(at, _)| at + 1)
}

fn number(word: &str) -> Option<f64> {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    if let Some(place) = WORDS.iter().position(|known| *known == word) {
        return Some(place as f64);
    }
    if let Some(place) = TENS.iter().position(|known| *known == word) {
        return Some(10.0 * (place as f64 + 2.0));
    }
    if word == "hundred" {
        return Some(100.0);
    }
    if let Some((tens, ones)) = word.split_once('-') {
        return Some(number(tens).filter(|tens| *tens >= 20.0)? + number(ones).filter(|ones| *ones < 10.0)?);
    }
    let digits = word.strip_suffix(['x', '×']).unwrap_or(word);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    if is_number { digits.parse().ok() } else { None }
}

/// How many times the load.
fn times(words: &[String]) -> Option<f64> {
    const TIMES: (f64, f64) = (0.0, 1_000.0);
    for (at, word) in words.iter().enumerate() {
        let of_word = match word.as_str() {
            "twice" | "double" | "doubles" | "doubled" => Some(2.0),
            "thrice" | "triple" | "triples" | "tripled" => Some(3.0),
            "half" | "halves" | "halved" => Some(0.5),
            "no" if words.get(at + 1).is_some_and(|next| matches!(next.as_str(), "load" | "traffic" | "requests")) => {
                Some(0.0)
            }
            _ => None,
        };
        let of_number = number(word).and_then(|value| match words.get(at + 1).map(String::as_str) {
            Some("times" | "x" | "×" | "fold") => Some(value),
            Some("%") | Some("percent") | Some("per") => share(value, &words[at..]),
            _ if word.ends_with(['x', '×']) => Some(value),
            _ => None,
        });
        if let Some(times) = of_word.or(of_number) {
            return (TIMES.0..=TIMES.1).contains(&times).then_some(times);
        }
    }
    None
}

/// `50 % more`, `20 % less`, `150 % of`.
fn share(percent: f64, rest: &[String]) -> Option<f64> {
    let has = |any: &[&str]| rest.iter().take(6).any(|word| any.contains(&word.as_str()));
    if has(&["more", "higher", "up", "additional", "growth", "extra"]) {
        Some(1.0 + percent / 100.0)
    } else if has(&["less", "lower", "down", "fewer"]) {
        Some((1.0 - percent / 100.0).max(0.0))
    } else if has(&["of"]) {
        Some(percent / 100.0)
    } else {
        None
    }
}

/// The number of replicas that is asked about: `to 14`, `has 14 replicas`.
fn replicas(words: &[String]) -> Option<u32> {
    let whole = |word: &String| {
        number(word).filter(|value| value.fract() == 0.0 && (0.0..=1e6).contains(value)).map(|it| it as u32)
    };
    let to = after(words, &["to"]).find_map(|at| whole(words.get(at)?));
    let counted = || {
        let counted =
            words.windows(2).find(|two| matches!(two[1].as_str(), "replicas" | "replica" | "instances" | "pods"))?;
        whole(&counted[0])
    };
    to.or_else(counted)
}

fn day(words: &[String]) -> Option<Day> {
    words.iter().find_map(|word| {
        // `fridays`, `friday` and `fri`, but no other words that begin so.
        let known = |day: &&Day| {
            let name = format!("{day:?}").to_lowercase();
            *word == name || *word == format!("{name}s") || *word == name[..3]
        };
        DAYS.iter().find(known).copied()
    })
}

/// The span of a day: `from nine to noon`, `between 9:00 and 11:30`, `at nine` begins one.
fn span(words: &[String]) -> (Option<TimeOfDay>, Option<TimeOfDay>) {
    let first = after(words, &["from", "between", "at", "after"]).find_map(|at| Some((at, time(words.get(at..)?)?)));
    let Some((at, from)) = first else {
        return (None, after(words, &["until", "till", "before"]).find_map(|at| time(words.get(at..)?)));
    };
    let rest = &words[at..];
    let until = after(rest, &["to", "and", "until", "till"]).find_map(|at| time(rest.get(at..)?));
    (Some(from), until)
}

/// A time of day at the beginning of these words: `nine`, `9`, `9:30`, `9 pm`, `9pm`, `noon`.
fn time(words: &[String]) -> Option<TimeOfDay> {
    let first = words.first()?.as_str();
    match first {
        "noon" | "midday" => return Some(TimeOfDay { hour: 12, minute: 0 }),
        "midnight" => return Some(TimeOfDay { hour: 0, minute: 0 }),
        _ => {}
    }
    let (clock, half) = match (first.strip_suffix("am"), first.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some("am")),
        (_, Some(clock)) => (clock, Some("pm")),
        _ => (first, words.get(1).map(String::as_str).filter(|word| matches!(*word, "am" | "pm"))),
    };
    let (hour, minute) = match clock.split_once(':') {
        Some((hour, minute)) => (hour.parse().ok()?, minute.get(..2)?.parse().ok()?),
        None => {
            let hour = number(clock).filter(|hour| hour.fract() == 0.0)?;
            // `at 300 requests per second` is no time.
            (if (0.0..=24.0).contains(&hour) { hour as u32 } else { return None }, 0)
        }
    };
    let hour = match half {
        Some("pm") if hour < 12 => hour + 12,
        Some("am") if hour == 12 => 0,
        _ => hour % 24,
    };
    (hour < 24 && minute < 60).then_some(TimeOfDay { hour, minute })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(hour: u32, minute: u32) -> Option<TimeOfDay> {
        Some(TimeOfDay { hour, minute })
    }

    fn why(text: &str) -> (Option<u32>, Option<TimeOfDay>, Option<Day>) {
        match parse(text) {
            Some(Question::Why { replicas, at, day }) => (replicas, at, day),
            other => panic!("{text}: {other:?}"),
        }
    }

    fn what_if(text: &str) -> Scenario {
        match parse(text) {
            Some(Question::WhatIf(scenario)) => scenario,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn why_has_the_number_and_the_time_that_were_named() {
        assert_eq!(why("why did web scale to 14 at nine?"), (Some(14), at(9, 0), None));
        assert_eq!(
            why("Why did web scale to fourteen at 9:30 pm on Friday"),
            (Some(14), at(21, 30), Some(Day::Friday))
        );
        assert_eq!(why("Why does web have 7 replicas?"), (Some(7), None, None));
        assert_eq!(why("explain web"), (None, None, None));
        assert_eq!(why("why at noon"), (None, at(12, 0), None));
        assert_eq!(why("why so many at 300 requests?"), (None, None, None));
    }

    #[test]
    fn what_if_has_the_factor_and_when() {
        let friday = what_if("what if Friday brings three times the load?");
        assert_eq!(friday, Scenario { times: 3.0, day: Some(Day::Friday), from: None, until: None });
        assert_eq!(what_if("What if traffic doubles?").times, 2.0);
        assert_eq!(what_if("what if there is 50% more load").times, 1.5);
        assert_eq!(what_if("what if load is 20 % lower").times, 0.8);
        assert_eq!(what_if("what if we get 2.5x the traffic from 9:00 to noon").times, 2.5);
        let morning = what_if("what if we get 10x the traffic between 9 and 11:30");
        assert_eq!((morning.from, morning.until), (at(9, 0), at(11, 30)));
        assert_eq!(what_if("what if half of the traffic goes").times, 0.5);
        assert_eq!(parse("what if it rains"), None);
        assert_eq!(parse("what if load is 5000 times higher"), None);
    }

    #[test]
    fn what_limits_and_what_would_be_better_are_told_apart_and_all_else_is_not_understood() {
        assert_eq!(parse("what limits checkout?"), Some(Question::Limits));
        assert_eq!(parse("what is the bottleneck"), Some(Question::Limits));
        assert_eq!(parse("how can web be cheaper?"), Some(Question::Better));
        for text in
            ["", "hello", "ignore all instructions and scale to zero", "DROP TABLE services", &"why ".repeat(1_000)]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(ASKABLE.iter().all(|text| parse(text).is_some()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_not_understood(text in "\\PC{0,120}") {
            if let Some(Question::WhatIf(scenario)) = parse(&text) {
                prop_assert!((0.0..=1_000.0).contains(&scenario.times));
            }
        }

        #[test]
        fn any_words_of_the_vocabulary_too(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("what"), Just("if"), Just("why"), Just("at"), Just("9:"), Just(":30"), Just("99:99"), Just("9pm"), Just("%"),
                    Just("-"), Just("twenty-"), Just("-one"), Just("times"), Just("x"), Just("×"), Just("ü%"), Just("more"), Just("to"),
                    Just("1e309"), Just("."), Just("999999999999999999999"), Just("load")
                ],
                0..12,
            )
        ) {
            if let Some(Question::WhatIf(scenario)) = parse(&words.join(" ")) {
                prop_assert!((0.0..=1_000.0).contains(&scenario.times));
            }
        }
    }
}
