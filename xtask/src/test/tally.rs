//! What the output of all suites adds up to.

use std::collections::BTreeSet;

/// What the suites said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Suites that said a result.
    pub suites: u64,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were left out by a mark in the source.
    pub ignored: u64,
    /// What failed by name, in the order of the output.
    pub failures: Vec<String>,
    /// What passed by name.
    pub successes: BTreeSet<String>,
    /// What the failed ones said, the first lines of each.
    pub said: Vec<String>,
    /// For want of something that can be had.
    pub missing: BTreeSet<String>,
    /// Because this machine does not allow it.
    pub not_here: BTreeSet<String>,
    /// Suites that began and never said a result: something ended their process.
    pub died: u64,
    /// Between the beginning of a suite and its result.
    running: bool,
    /// Lines of single tests since the last suite's result: passed and failed.
    unclaimed: (u64, u64),
    /// Inside the part of a suite's output that repeats what passing tests printed.
    in_successes: bool,
    /// Inside the part that repeats what a failed one printed: lines of it still to be kept.
    room_to_say: usize,
}

/// Lines kept of what one failed test said.
const SAID: usize = 30;

impl Tally {
    /// Takes one line of output; true when it is worth showing.
    pub fn take(&mut self, line: &str) -> bool {
        self.take_skipped(line);
        if let Some(result) = line.strip_prefix("test result: ") {
            (self.in_successes, self.room_to_say) = (false, 0);
            self.suites += 1;
            self.running = false;
            self.unclaimed = (0, 0);
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
            self.ignored += count(result, "ignored");
            return true;
        }
        if line.starts_with("running ") {
            self.claim();
            self.running = true;
        } else if line.starts_with("test ") && !self.in_successes {
            self.take_single(line);
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => (self.in_successes, self.room_to_say) = (false, 0),
            _ => self.take_said(line),
        }
        !self.in_successes
    }

    /// A line of one test.
    fn take_single(&mut self, line: &str) {
        let Some((name, how)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) else { return };
        let name = name.trim_end_matches(" - should panic").to_owned();
        match how {
            "ok" => {
                self.unclaimed.0 += 1;
                self.successes.insert(name);
            }
            "FAILED" => {
                self.unclaimed.1 += 1;
                self.failures.push(name);
            }
            _ => {}
        }
    }

    /// A line of what a failed test said, if it is one.
    fn take_said(&mut self, line: &str) {
        if !self.in_successes && line.starts_with("---- ") && line.ends_with(" stdout ----") {
            self.room_to_say = SAID;
        }
        if self.room_to_say > 0 {
            self.room_to_say -= 1;
            self.said.push(line.to_owned());
        }
    }
}

impl Tally {
    /// What no result claimed belongs to a suite without one, and a suite that began without ending died.
    pub fn claim(&mut self) {
        self.died += u64::from(std::mem::take(&mut self.running));
        let (passed, failed) = std::mem::take(&mut self.unclaimed);
        self.suites += u64::from(passed + failed > 0);
        self.passed += passed;
        self.failed += failed;
    }

    /// Tests that did not run, each counted once however many things it misses.
    pub fn skipped(&self) -> usize {
        let names = self.missing.iter().chain(&self.not_here).map(|line| line.split(':').next());
        names.collect::<BTreeSet<_>>().len()
    }

    pub fn take_skipped(&mut self, line: &str) {
        let line = line.trim();
        if let Some(what) = line.strip_prefix("did not run: ").or_else(|| line.strip_prefix("DID NOT RUN ")) {
            self.missing.insert(what.to_owned());
        } else if line.contains(" did not run") && line.contains(": ") {
            self.not_here.insert(line.to_owned());
        }
    }
}

/// The number before `word` in `ok. 5 passed; 0 failed; …`.
fn count(result: &str, word: &str) -> u64 {
    let mut words = result.split([' ', ';']).filter(|part| !part.is_empty());
    let mut last = "";
    words
        .find_map(|part| {
            if part == word {
                last.parse().ok()
            } else {
                last = part;
                None
            }
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "test of_a_suite_with_its_own_main ... ok

running 2 tests
test reads_the_day ... ok
test adds ... ok

successes:

---- reads_the_day stdout ----
did not run: reads_the_day: needs web-traffic
DID NOT RUN world_cup_98: data set \"web-traffic\" is not here
test fills_a_disk did not run: nobody may mount a tmpfs here

successes:
    adds
    reads_the_day

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test breaks ... FAILED

failures:

---- breaks stdout ----
boom

test result: FAILED. 10 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn suites_are_summed_and_skips_are_collected() {
        let mut tally = Tally::default();
        OUTPUT.lines().for_each(|line| {
            tally.take(line);
        });
        assert_eq!((tally.suites, tally.passed, tally.failed, tally.ignored), (3, 13, 1, 3));
        let missing = ["reads_the_day: needs web-traffic", "world_cup_98: data set \"web-traffic\" is not here"];
        assert_eq!(tally.missing, BTreeSet::from(missing.map(str::to_owned)));
        let not_here = "test fills_a_disk did not run: nobody may mount a tmpfs here";
        assert_eq!(tally.not_here, BTreeSet::from([not_here.to_owned()]));
    }

    #[test]
    fn a_suite_that_dies_is_seen() {
        let mut tally = Tally::default();
        "running 2 tests\ntest adds ... ok\n\nrunning 1 test\ntest other ... ok\n\ntest result: ok. 1 passed; 0 failed;".lines().for_each(
            |line| {
                tally.take(line);
            },
        );
        tally.claim();
        assert_eq!((tally.died, tally.suites, tally.passed), (1, 2, 2));
    }

    #[test]
    fn what_failed_is_known_by_name_and_by_what_it_said() {
        let mut tally = Tally::default();
        OUTPUT.lines().for_each(|line| {
            tally.take(line);
        });
        assert_eq!(tally.failures, ["breaks"]);
        assert_eq!(tally.said, ["---- breaks stdout ----", "boom", ""]);
        assert!(tally.successes.contains("adds") && !tally.successes.contains("breaks"));
    }

    #[test]
    fn what_passing_tests_print_is_hidden_and_what_failing_ones_print_is_not() {
        let mut tally = Tally::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| tally.take(line)).collect();
        assert!(shown.contains(&"boom"));
        assert!(shown.contains(&"test adds ... ok"));
        assert!(!shown.iter().any(|line| line.contains("---- reads_the_day")));
    }
}
