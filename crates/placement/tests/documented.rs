//! Every example of `docs/constraints.md` is read, and means something.

use plimsoll_model::cluster::{Site, Task};
use plimsoll_placement::fleet::Fleet;
use plimsoll_placement::rules::Sites;
use plimsoll_placement::rules::class::Classes;

#[test]
fn the_examples_are_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/constraints.md");
    let text = std::fs::read_to_string(path).expect("the document is part of the repository");
    let (mut fleet, mut sites, mut tasks) = (Fleet::new(), Vec::new(), 0);
    for line in text.lines().filter(|line| line.starts_with("{\"")) {
        let Ok(mut entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if let Some(task) = entry.get_mut("task").map(serde_json::Value::take) {
            // What is written comes back: a field with another name would be lost on the way.
            let task: Task = serde_json::from_value(task).unwrap_or_else(|error| panic!("{line}: {error}"));
            let back = serde_json::to_value(&task).expect("plain values");
            let given: serde_json::Value = serde_json::from_str(line).expect("it was read");
            for (key, _) in given["task"].as_object().expect("an object") {
                assert!(back.get(key).is_some(), "{line}: `{key}` says nothing");
            }
            fleet.intern(&task).unwrap_or_else(|error| panic!("{line}: {error}"));
            tasks += 1;
        } else if let Some(site) = entry.get_mut("site").map(serde_json::Value::take) {
            sites.push(serde_json::from_value::<Site>(site).unwrap_or_else(|error| panic!("{line}: {error}")));
        }
    }
    assert!(tasks >= 12, "only {tasks} tasks were found");
    assert!(Sites::new(&sites).expect("they agree").way("west", "edge").is_some());
    let rules = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example of rules");
    let classes: Classes = serde_json::from_str(rules).expect("rules");
    assert_eq!(classes.check(), Ok(()));
}
