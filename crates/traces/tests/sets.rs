//! The readers of public sets against what is known of them. Without a set its test says that it did not run; under
//! `PLIMSOLL_DATA_REQUIRED=1` that is a failure.

use plimsoll_traces::sets::{self, SETS};
use plimsoll_traces::{Recorded, dataset};

fn is_here(test: &str, name: &str) -> bool {
    dataset::find_for_test(test, name).is_some()
}

#[test]
fn m4_hourly_gives_the_competitions_series_and_naive_error() {
    if !is_here("m4_hourly", "m4/Hourly-train.csv.xz") {
        return;
    }
    let series = sets::hourly().unwrap();
    assert_eq!(series.len(), 414);
    // The published sMAPE of the last value is 43.003 % (M4, Hourly).
    let smape: f64 = series.iter().map(|one| smape(&one.test, one.train.values[one.train.values.len() - 1])).sum();
    assert!((smape / 414.0 - 43.003).abs() < 0.000_5, "{}", smape / 414.0);
    let lengths: Vec<usize> = series.iter().map(|one| one.train.values.len()).collect();
    assert!(lengths.iter().all(|length| [700, 960].contains(length)));
    assert!(
        series
            .iter()
            .all(|one| one.test.len() == sets::HOURLY_HORIZON && one.train.measured() == one.train.values.len())
    );
}

fn smape(test: &[f64], said: f64) -> f64 {
    let part = |value: &f64| 200.0 * (value - said).abs() / (value.abs() + said.abs());
    test.iter().map(part).sum::<f64>() / test.len() as f64
}

#[test]
fn bitbrains_has_the_published_share_of_gaps() {
    if !is_here("bitbrains", "bitbrains-rnd/cpu_pct_x100_5min_2013-07.csv.xz") {
        return;
    }
    let (percent, mhz) = (sets::cpu_percent().unwrap(), sets::cpu_mhz().unwrap());
    assert_eq!((percent.len(), mhz.len(), percent[0].values.len()), (500, 500, 8_640));
    assert_eq!(percent[0].start.to_string(), "2013-06-30 22:00:00Z");
    let missing: usize = percent.iter().map(|vm| vm.values.len() - vm.measured()).sum();
    let share = missing as f64 / (500.0 * 8_640.0);
    assert!((0.12..0.14).contains(&share), "the set's README says 13 %: {share}");
    // VM 1: 1.5 % of 5852 MHz.
    assert!((mhz[0].values[0] - 87.78).abs() < 1e-9);
}

#[test]
fn genai_pods_follow_each_other_by_57_seconds() {
    if !is_here("genai", "alibaba-genai-2026/pod_memory_util_anon.tar.gz") {
        return;
    }
    let pods = sets::pod_memory().unwrap();
    assert_eq!(pods.len(), 141, "the research counts 141 usable pods");
    assert!(pods.iter().all(|pod| pod.values.len() <= 1_441 && pod.measured() >= 1_200));
    assert_eq!(pods.iter().filter(|pod| pod.measured() == 1_441).count(), 133);
}

#[test]
fn cloudwatch_series_lie_on_five_minutes() {
    if !is_here("cloudwatch", "nab/nab_dev.tar.xz") {
        return;
    }
    let (series, more) = (sets::cloudwatch().unwrap(), sets::cloudwatch_known_cause().unwrap());
    assert_eq!((series.len(), more.len()), (17, 2));
    let gaps = |name: &str| {
        let one = series.iter().find(|one| one.name == name).unwrap();
        (one.values.len(), one.values.len() - one.measured())
    };
    assert_eq!(gaps("ec2_cpu_utilization_5f5533"), (4_032, 0));
    assert_eq!(gaps("elb_request_count_8c0756"), (4_040, 8), "8 rows are missing");
}

#[test]
fn marks_lie_on_the_slots_that_people_marked() {
    if is_here("labelled", "nab/nab_dev.tar.xz") {
        let nab = sets::nab_labelled().unwrap();
        assert!(nab.iter().all(|one| one.marks.len() == one.series.values.len()));
        let windows = |name: &str| {
            let one = nab.iter().find(|one| one.series.name == name).unwrap();
            let begins = one.marks.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            (begins, one.marks.iter().filter(|mark| **mark).count())
        };
        // 07:15 of one day to 16:45 of the next, both ends within: 33.5 hours of 5 minutes, and one slot.
        assert_eq!(windows("art_daily_flatmiddle"), (1, 403));
        assert_eq!(windows("art_daily_no_noise"), (0, 0));
    }
    if is_here("labelled", "ms-cloud-monitoring/dev.tar.xz") {
        let all = sets::microsoft_labelled().unwrap();
        let latencies = all.iter().filter(|one| one.measure == sets::Measure::Latency).count();
        assert_eq!((all.len(), latencies), (33, 23));
        let one = all.iter().find(|one| one.series.name == "outbound-12").unwrap();
        assert_eq!(one.marks.iter().filter(|mark| **mark).count(), 68);
    }
}

#[test]
fn the_other_sets_have_the_rows_that_their_readme_counts() {
    for (file, name, series, rows) in [
        ("web-traffic/nasa_per_second_dev.csv.xz", "nasa", 1, 40_320),
        ("web-traffic/twitter_per_second_dev.csv.xz", "twitter", 1, 21_600),
        ("web-traffic/wc98_per_minute_dev_to_0624.csv.xz", "world-cup-98", 1, 79_350),
        ("crane-dsp/crane_dev_0_10.tar.xz", "crane", 11, 11_520),
        ("servegen/total_rate_dev_mlarge_10min.csv.gz", "servegen", 1, 2_016),
        ("ms-cloud-monitoring/dev.tar.xz", "cloud-monitoring", 10, 6_192),
        ("datacenter-aggregate/alibaba2018_machine_usage_grouped_300_seconds.csv.xz", "alibaba-2018", 5, 2_243),
        ("azure-vm-cpu-2017/azure_cpu_5min.csv.xz", "azure-cpu-2017", 3, 8_640),
        ("planetlab/20110303.csv.xz", "planetlab", 8_000, 288),
    ] {
        if !is_here("the_other_sets", file) {
            continue;
        }
        let read = (sets::by_name(name).unwrap().read)().unwrap();
        if name == "planetlab" {
            assert_eq!(read.iter().filter(|one| one.start == read[0].start).count(), 1_052, "20110303");
        } else {
            assert_eq!(read.len(), series, "{name}");
        }
        let shortest = read.iter().map(|one| one.values.len()).min().unwrap_or(0);
        assert_eq!(shortest, rows, "{name}");
        assert!(read.iter().all(|one: &Recorded| one.measured() * 2 > one.values.len()), "{name}");
    }
}

#[test]
fn every_set_has_a_name_of_its_own() {
    let mut names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), SETS.len());
}

#[test]
fn loads_are_found_by_name_and_one_by_its_number() {
    use plimsoll_traces::load_sets::{LOAD_SETS, LoadUnit, loads};
    if !is_here("loads", "crane-dsp/crane_dev_0_10.tar.xz") || !is_here("loads", "alibaba-genai-2026/qps.tar.gz") {
        return;
    }
    let crane = loads("crane").unwrap();
    assert_eq!((crane.len(), crane[0].unit), (11, LoadUnit::Cpu));
    assert_eq!(loads("crane:10").unwrap()[0].series.values.len(), crane[10].series.values.len());
    assert_eq!(loads("ms-rps:mongo-02").unwrap()[0].series.name, "ms-mongo-02");
    assert!(loads("crane:11").unwrap_err().to_string().contains("crane-0, crane-1"));
    let all: usize = LOAD_SETS.iter().map(|set| loads(set.name).unwrap().len()).sum();
    assert_eq!(all, 26);
    let genai = &loads("genai").unwrap()[0].series;
    assert_eq!(genai.values.len(), 1_410);
    assert_eq!(genai.values.iter().filter(|value| **value == 0.0).count(), 1_410 - 1_114);
}
