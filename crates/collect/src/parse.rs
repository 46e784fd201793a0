//! The shapes of kernel text files: one number, `key value` lines, `key=value` words. A shape that does not fit gives
//! none, which the caller counts as a gap.

/// A file that is one number. `max`, as cgroup v2 writes no limit, is none.
pub(crate) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// The number behind `key` in lines of `key value`.
pub(crate) fn value_of(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?;
        rest.starts_with([' ', '\t', ':'])
            .then(|| rest.trim_start_matches([' ', '\t', ':']))?
            .split(' ')
            .next()?
            .parse()
            .ok()
    })
}

/// The sum of every `KEY=NUMBER` word of the text whose key is one of `keys`, as in cgroup v2 `io.stat`.
pub(crate) fn sum_of_words(text: &str, keys: &[&str]) -> u64 {
    text.split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(key, _)| keys.contains(key))
        .filter_map(|(_, value)| value.parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// The total of a cgroup v1 `blkio` file: its last line is `Total N`.
pub(crate) fn blkio_total(text: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.strip_prefix("Total "))?.trim().parse().ok()
}

/// Received plus sent bytes of every interface but loopback, of `/proc/PID/net/dev`.
pub(crate) fn network_bytes(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    for line in text.lines().skip(2) {
        let (name, counters) = line.split_once(':')?;
        if name.trim() == "lo" {
            continue;
        }
        let mut counters = counters.split_ascii_whitespace();
        let received: u64 = counters.next()?.parse().ok()?;
        let sent: u64 = counters.nth(7)?.parse().ok()?;
        total = total.saturating_add(received).saturating_add(sent);
    }
    Some(total)
}

/// `some avg10` of a pressure file, in thousandths (`1.59` percent is 16).
pub(crate) fn pressure_some_avg10(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent = line.split(' ').find_map(|word| word.strip_prefix("avg10="))?;
    let (whole, hundredths) = percent.split_once('.')?;
    let hundredths: u64 = if hundredths.len() == 2 { hundredths.parse().ok()? } else { return None };
    Some((whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(hundredths)? + 5) / 10)
}

/// What is used of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ProcessStat {
    pub parent: u32,
    pub session: u32,
    /// User and system time of the process and of its children that it has waited for, in clock ticks.
    pub cpu_ticks: u64,
    pub start_ticks: u64,
    pub resident_pages: u64,
}

/// Reads `/proc/PID/stat`. The command name, in parentheses, may itself hold anything, so fields count from the last
/// closing one (proc_pid_stat(5): field 3 follows it).
pub(crate) fn process_stat(text: &str) -> Option<ProcessStat> {
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().take(22).collect();
    let field = |number: usize| fields.get(number - 3).copied();
    let count = |number| field(number)?.parse::<u64>().ok();
    // Children's times are signed in the kernel's format.
    let children = |number| field(number)?.parse::<i64>().ok().map(|ticks| u64::try_from(ticks).unwrap_or(0));
    Some(ProcessStat {
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse::<i64>().ok().and_then(|session| u32::try_from(session).ok()).unwrap_or(0),
        cpu_ticks: count(14)?.saturating_add(count(15)?).saturating_add(children(16)?).saturating_add(children(17)?),
        start_ticks: count(22)?,
        resident_pages: field(24)?.parse::<i64>().ok().and_then(|pages| u64::try_from(pages).ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_and_spaces_shifts_no_field() {
        let text = "7 (a) b (c)) S 1 7 6 0 -1 4194560 1 2 3 4 50 6 70 8 20 0 1 0 99 4096 12 18446744073709551615 0";
        let stat = ProcessStat { parent: 1, session: 6, cpu_ticks: 134, start_ticks: 99, resident_pages: 12 };
        assert_eq!(process_stat(text), Some(stat));
        assert_eq!(process_stat("7 (cut) S 1 7 6"), None);
        assert_eq!(process_stat(""), None);
    }

    #[test]
    fn keys_match_whole_words_only() {
        let text = "nr_periods 12\nnr_throttled 3\ninactive_file 5\ntotal_inactive_file 9\nMemAvailable:   77 kB\n";
        assert_eq!(value_of(text, "nr_throttled"), Some(3));
        assert_eq!(value_of(text, "inactive_file"), Some(5));
        assert_eq!(value_of(text, "nr"), None);
        assert_eq!(value_of(text, "MemAvailable"), Some(77));
    }

    #[test]
    fn pressure_is_rounded_to_thousandths() {
        for (text, permille) in [
            ("some avg10=1.59 avg60=2.29 avg300=8.26 total=1\nfull avg10=0.00", Some(16)),
            ("some avg10=100.00 avg60=0.00 avg300=0.00 total=1", Some(1_000)),
            ("some avg10=0.04 avg60=0.00", Some(0)),
            ("full avg10=0.04", None),
            ("some avg10=x", None),
        ] {
            assert_eq!(pressure_some_avg10(text), permille, "{text}");
        }
    }

    #[test]
    fn totals_of_devices_and_interfaces_add_up() {
        assert_eq!(sum_of_words("8:0 rbytes=10 wbytes=5 rios=7\n8:16 rbytes=1 wbytes=2", &["rbytes", "wbytes"]), 18);
        assert_eq!(blkio_total("8:0 Read 5\n8:0 Write 6\n8:0 Total 11\nTotal 11\n"), Some(11));
        let dev =
            "Inter-|\n face |\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 23 1 0 0 0 0 0 0\n";
        assert_eq!(network_bytes(dev), Some(123));
    }
}
