//! Own cluster files: read, refused, and written again.

use super::*;
use crate::cluster::{Fault, RecordedTask, check};
use plimsoll_model::Timestamp;

const FILE: &str = r#"{"plimsoll_cluster": 1}
{"note": "made up"}
{"site": {"name": "edge", "links": [{"to": "cloud", "latency": 12000}]}}
{"node": {"name": "a", "capacity": {"cpu": 8000, "memory": 1024, "gpus": {"count": 2, "model": "T4"}}, "state": "cordoned"}}

{"task": {"id": "t", "requests": {"cpu": 500, "gpu": {"count": 1, "milli": 250}}, "elastic": {"workers_min": 1, "workers_max": 4, "speed_up": {"law": "amdahl", "serial": 100}}, "prefers": [[{"key": "zone", "operator": "exists"}, 5]]}, "run_time_true_ms": 70, "wait_ms": 3}
{"quota": {"holder": "user:ada", "weight": 2, "most": {"tasks": 3}}}
{"fault": {"node": "a", "at_ms": 5, "until_ms": 9}}
"#;

fn read_text(text: &str) -> Result<ClusterSet, String> {
    read("c.jsonl", &mut text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn every_kind_of_line_is_read_and_written_the_same() {
    let set = read_text(FILE).unwrap();
    assert_eq!((set.nodes.len(), set.tasks.len(), set.sites.len(), set.quotas.len(), set.notes.len()), (1, 1, 1, 1, 1));
    assert_eq!(set.faults, [Fault { node: "a".into(), at: Timestamp(5), until: Some(Timestamp(9)) }]);
    assert_eq!((set.tasks[0].run_time_true.map(|ms| ms.0), set.tasks[0].wait.map(|ms| ms.0)), (Some(70), Some(3)));
    assert_eq!(check(&set.nodes, &set.tasks), []);
    let mut written = Vec::new();
    write(&set, &mut written).unwrap();
    let again = read("c.jsonl", &mut written.as_slice()).unwrap();
    assert_eq!(again, set);
    let mut twice = Vec::new();
    write(&again, &mut twice).unwrap();
    assert_eq!(twice, written);
}

#[test]
fn what_was_left_out_of_a_trace_is_written_as_a_note() {
    let mut set = ClusterSet::default();
    set.skipped.add("it asks for no processor", "x.swf", 7);
    let mut written = Vec::new();
    write(&set, &mut written).unwrap();
    assert_eq!(
        String::from_utf8(written).unwrap(),
        "{\"plimsoll_cluster\":1}\n{\"note\":\"1 rows left out: it asks for no processor (first: x.swf:7)\"}\n"
    );
}

#[test]
fn a_wrong_line_is_refused_with_its_number_its_field_and_what_was_meant() {
    let task = |inner: &str| format!("{{\"task\": {{\"id\": \"t\", \"requests\": {{\"cpu\": 1}}, {inner}}}}}");
    for (line, message) in [
        (
            r#"{"task": {"id": "t", "requests": {"cpu": -5}}}"#.to_owned(),
            "field task.requests.cpu: integer `-5` is not a whole number from 0 to 18446744073709551615",
        ),
        (
            r#"{"task": {"id": "t", "requests": {"cpu": 99999999999999999999}}}"#.to_owned(),
            "field task.requests.cpu: floating point `100000000000000000000.0` is not a whole number from 0 to 18446744073709551615",
        ),
        (
            r#"{"task": {"id": "t", "requests": {"cpu": NaN}}}"#.to_owned(),
            "field (whole line): is not JSON as it must be: expected value (byte 42)",
        ),
        (
            r#"{"task": {"id": "t", "requests": {"cpus": 5}}}"#.to_owned(),
            "field task.requests.cpus: is not known (did you mean \"cpu\"?); known are cpu, memory, disk, network_mbps, gpu, \
             extended",
        ),
        (r#"{"task": {"id": "t"}}"#.to_owned(), "field task.requests: is missing"),
        (
            r#"{"tusk": {}}"#.to_owned(),
            "field tusk: is not known (did you mean \"task\"?); known are plimsoll_cluster, node, task, site, quota, fault, \
             note, run_time_true_ms, wait_ms",
        ),
        (
            task(r#""kind": "bach""#),
            "field task.kind: \"bach\" is not known (did you mean \"batch\"?); known are service, batch, training, system",
        ),
        (
            task(r#""tolerations": [{}, {"keys": "x"}]"#),
            "field task.tolerations[1].keys: is not known (did you mean \"key\"?); known are key, value, effect",
        ),
        (
            task(
                r#""elastic": {"workers_min": 1, "workers_max": 2, "speed_up": {"law": "amdahl", "serail": 1, "serial": 1}}"#,
            ),
            "field task.elastic.speed_up.serail: is not known (did you mean \"serial\"?); known are law, serial",
        ),
        (
            r#"{"task": {"id": "t", "requests": {"cpu": 1, "gpu": {"count": 2, "milli": 500}}}}"#.to_owned(),
            "field task.requests.gpu.milli: 500 of each of 2 is not 0 without a GPU, 1 to 1000 of one, 1000 of several",
        ),
        (task(r#""gang": {"name": "g", "size": 0}"#), "field task.gang.size: 0 is not at least 1"),
        (
            task(r#""id": "u""#),
            "field (whole line): is not JSON as it must be: the field \"id\" stands twice in one object (byte 55)",
        ),
        (
            r#"{"quota": {"holder": "a", "weight": 1}, "note": "b"}"#.to_owned(),
            "field (whole line): a line holds exactly one of node, task, site, quota, fault, note, plimsoll_cluster",
        ),
        (r#"{"note": "b", "wait_ms": 1}"#.to_owned(), "field wait_ms: stands beside a task and nothing else"),
        (r#"{"plimsoll_cluster": 2}"#.to_owned(), "field plimsoll_cluster: 2 is no version that is known; 1 is"),
        (r#"{"fault": {"node": "b", "at_ms": 5}}"#.to_owned(), "field fault.node: \"b\" is no node of this file"),
        (
            r#"{"fault": {"node": "a", "at_ms": 5, "until_ms": 5}}"#.to_owned(),
            "field fault.until_ms: it is not after at_ms",
        ),
        (r#"{"node": ["a"]}"#.to_owned(), "field node: sequence is not the fields of a Node"),
    ] {
        let error = read_text(&format!("{{\"note\": \"first\"}}\n{line}\n")).unwrap_err();
        assert_eq!(error, format!("c.jsonl, line 2, {message}"));
    }
}

#[test]
fn a_name_that_stands_twice_is_refused_with_both_lines() {
    let node = r#"{"node": {"name": "a", "capacity": {"cpu": 1, "memory": 1}}}"#;
    let error = read_text(&format!("{node}\n{node}\n")).unwrap_err();
    assert_eq!(error, "c.jsonl, line 2, column node.name: \"a\" stands already in line 1");
}

#[test]
fn a_set_of_a_trace_survives_being_written() {
    let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\na,1,2,8,1000\nb,1,2,1,30\n";
    let tasks: Vec<RecordedTask> = crate::openb::tasks("p.csv", &mut pods.as_bytes()).unwrap();
    let set = ClusterSet { name: "c.jsonl".into(), tasks, ..ClusterSet::default() };
    let mut written = Vec::new();
    write(&set, &mut written).unwrap();
    assert_eq!(read("c.jsonl", &mut written.as_slice()).unwrap(), set);
}
