//! The page on cluster formats says what is so: its example is read, shows every field there is, and its names are the names.

use plimsoll_traces::{check, cluster_file, cluster_set_names};

const PAGE: &str = include_str!("../../../docs/cluster-formats.md");

fn example() -> &'static str {
    let (_, rest) = PAGE.split_once("```jsonl\n").expect("the page has an example");
    rest.split_once("```").expect("the example ends").0
}

#[test]
fn the_example_is_read_whole() {
    let set = cluster_file::read("page", &mut example().as_bytes()).unwrap();
    assert_eq!(
        (set.sites.len(), set.nodes.len(), set.quotas.len(), set.tasks.len(), set.faults.len()),
        (2, 2, 1, 3, 1)
    );
    assert_eq!(check(&set.nodes, &set.tasks), []);
    let mut written = Vec::new();
    cluster_file::write(&set, &mut written).unwrap();
    let again = cluster_file::read("page", &mut written.as_slice()).unwrap();
    assert_eq!(again, set);
}

/// The known fields of a place in a line, from the error that an unknown one gives.
fn known(line: &str) -> Vec<String> {
    let error = cluster_file::read("x", &mut line.as_bytes()).expect_err("the field is not known").to_string();
    let (_, names) = error.split_once("known are ").unwrap_or_else(|| panic!("{error}"));
    names.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_example_shows_every_field_and_the_page_every_word() {
    let task = |inner: &str| format!(r#"{{"task": {{"id": "t", "requests": {{"cpu": 1}}, {inner}}}}}"#);
    let node = |inner: &str| format!(r#"{{"node": {{"name": "n", {inner}, "capacity": {{"cpu": 1, "memory": 1}}}}}}"#);
    let fields = [
        r#"{"_": 1}"#.to_owned(),
        r#"{"node": {"_": 1}}"#.to_owned(),
        r#"{"node": {"capacity": {"_": 1}}}"#.to_owned(),
        r#"{"node": {"capacity": {"gpus": {"_": 1}}}}"#.to_owned(),
        node(r#""taints": [{"_": 1}]"#),
        r#"{"site": {"_": 1}}"#.to_owned(),
        r#"{"site": {"links": [{"_": 1}]}}"#.to_owned(),
        r#"{"quota": {"_": 1}}"#.to_owned(),
        r#"{"quota": {"most": {"_": 1}}}"#.to_owned(),
        r#"{"fault": {"_": 1}}"#.to_owned(),
        r#"{"task": {"_": 1}}"#.to_owned(),
        r#"{"task": {"requests": {"_": 1}}}"#.to_owned(),
        r#"{"task": {"requests": {"gpu": {"_": 1}}}}"#.to_owned(),
        task(r#""gang": {"_": 1}"#),
        task(r#""volumes": [{"_": 1}]"#),
        task(r#""near": {"_": 1}"#),
        task(r#""elastic": {"_": 1}"#),
        task(r#""elastic": {"workers_min": 1, "workers_max": 1, "speed_up": {"law": "amdahl", "serial": 1, "_": 1}}"#),
        task(r#""elastic": {"workers_min": 1, "workers_max": 1, "speed_up": {"law": "table", "speeds": [], "_": 1}}"#),
        task(r#""selector": [{"_": 1}]"#),
        task(r#""tolerations": [{"_": 1}]"#),
        task(r#""affinity": [{"_": 1}]"#),
        task(r#""spread": [{"_": 1}]"#),
    ];
    for line in &fields {
        for field in known(line) {
            assert!(example().contains(&format!("\"{field}\":")), "the example lacks {field:?} of {line}");
        }
    }
    let words = [
        node(r#""state": "_""#),
        node(r#""taints": [{"key": "k", "effect": "_"}]"#),
        task(r#""kind": "_""#),
        task(r#""isolation": "_""#),
        task(r#""selector": [{"key": "k", "operator": "_"}]"#),
        task(r#""volumes": [{"name": "v", "kind": "_"}]"#),
    ];
    for line in &words {
        for word in known(line) {
            assert!(PAGE.contains(&format!("`{word}`")), "the page lacks the word {word:?} of {line}");
        }
    }
}

#[test]
fn every_short_name_stands_on_the_page() {
    for name in cluster_set_names() {
        let (kind, part) = name.split_once(':').unwrap_or((&name, ""));
        assert!(PAGE.contains(&format!("`{kind}")), "{name}");
        let is_listed = ["swf", "easy"].contains(&kind);
        assert!(!is_listed || PAGE.contains(&format!("`{part}`")), "{name}");
    }
}
