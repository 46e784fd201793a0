//! `docs/policies.md` lists every input as the code has it, and its example is a policy.
//!
//! Run with `PLIMSOLL_WRITE=1` to write the tables anew.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use plimsoll_placement::expression::{InputEntry, NODE_INPUTS, QUEUE_INPUTS, node_schema, queue_schema};
use plimsoll_placement::policy::from_file_text;
use std::fmt::Write as _;
use std::path::PathBuf;

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies.md")
}

fn table<S>(inputs: &[InputEntry<S>]) -> String {
    let mut text =
        "| input | one step is | least | most | scope | |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for input in inputs {
        let InputEntry { name, least, most, meaning, .. } = input;
        let (step, scope) = (input.step.name(), input.scope.name());
        writeln!(text, "| `{name}` | {step} | {least} | {most} | {scope} | {meaning} |").unwrap();
    }
    text
}

/// The page with the table behind a mark made anew.
fn with_table(page: &str, mark: &str, table: &str) -> String {
    let mark = format!("<!-- {mark} -->\n\n");
    let (before, after) = page.split_once(&mark).unwrap();
    let rest = after.trim_start_matches('\n');
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    let rest = if rest.starts_with('|') { rest[end..].trim_start_matches('\n') } else { rest };
    format!("{before}{mark}{table}\n{rest}")
}

#[test]
fn the_page_lists_every_input() {
    let found = std::fs::read_to_string(page()).unwrap();
    let wanted = with_table(&found, "node inputs", &table(&NODE_INPUTS));
    let wanted = with_table(&wanted, "queue inputs", &table(&QUEUE_INPUTS));
    if std::env::var_os("PLIMSOLL_WRITE").is_some() {
        std::fs::write(page(), &wanted).unwrap();
    } else {
        assert!(found == wanted, "docs/policies.md is not as the inputs are; PLIMSOLL_WRITE=1 writes it");
    }
}

#[test]
fn schemas_have_the_inputs_of_their_tables_and_say_what_each_means() {
    let of =
        |schema: plimsoll_expr::Schema| schema.inputs().iter().map(|input| input.name.to_string()).collect::<Vec<_>>();
    assert_eq!(of(node_schema()), NODE_INPUTS.iter().map(|input| input.name).collect::<Vec<_>>());
    assert_eq!(of(queue_schema()), QUEUE_INPUTS.iter().map(|input| input.name).collect::<Vec<_>>());
    assert!(NODE_INPUTS.iter().all(|input| !input.meaning.is_empty()));
    assert!(QUEUE_INPUTS.iter().all(|input| !input.meaning.is_empty()));
}

#[test]
fn examples_of_the_page_are_policies() {
    let page = std::fs::read_to_string(page()).unwrap();
    let examples: Vec<&str> = page.split("```policy\n").skip(1).map(|text| text.split("```").next().unwrap()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        from_file_text("docs/policies.md", example).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_the_file_and_the_name() {
    let error = |text: &str| from_file_text("my.policy", text).unwrap_err().to_string();
    let unknown = error("# name: x\n# kind: node\n\ncpu_fre / cpu_cap\n");
    assert!(
        unknown.starts_with("my.policy: cpu_fre: there is no input `cpu_fre`; there is: cpu_free, cpu_left"),
        "{unknown}"
    );
    let unit = error("# name: x\n# kind: node\n\ncpu_free\n");
    assert!(unit.starts_with("my.policy: cpu_free: the result is cpu, and a plain number is wanted"), "{unit}");
    let key = error("# name: x\n# kind: node\n# tie: random\n\n1\n");
    assert!(key.starts_with("my.policy: line 3: there is no key `tie`"), "{key}");
    let other = error("# name: x\n# kind: queue\n\ncpu_left\n");
    assert!(other.contains("my.policy: cpu_left: there is no input `cpu_left`; there is: submitted"), "{other}");
}
