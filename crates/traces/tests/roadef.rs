//! The cost model against the initial costs that the challenge published, on every instance that is here.

use plimsoll_traces::{dataset, roadef};

const SET: &str = "roadef2012-machine-reassignment";

/// Instance and cost, by both tables of the set: `a1_1 49528750` and `a1_1,49528750,…`; the first writes `b_01` for `b_1`.
fn published(folder: &std::path::Path) -> Vec<(String, i64)> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the table lies in the set");
    let plain = read("original_costs.txt").replace("b_0", "b_");
    let results = read("published_results.csv");
    let rows = plain.lines().map(|line| line.split(' ')).map(|mut fields| (fields.next(), fields.next()));
    let more = results.lines().skip(1).map(|line| line.split(',')).map(|mut fields| (fields.next(), fields.next()));
    rows.chain(more)
        .map(|(name, cost)| {
            let cost = cost.expect("a cost stands beside every name");
            (name.expect("a name").to_owned(), cost.parse().expect("a cost is a number"))
        })
        .collect()
}

#[test]
fn initial_costs_are_the_published_ones() {
    let Some(folder) = dataset::find_for_test("initial_costs_are_the_published_ones", SET) else { return };
    let mut rows = published(&folder);
    rows.sort();
    assert!(rows.len() >= 38, "two tables of 20 and 18 instances: {}", rows.len());
    let mut checked = 0;
    for pair in rows.chunk_by(|a, b| a.0 == b.0) {
        let name = &pair[0].0;
        assert!(pair.iter().all(|row| row.1 == pair[0].1), "the tables agree on {name}");
        let model = folder.join(format!("model_{name}.txt.xz"));
        if !model.exists() {
            assert!(["b_7", "b_10"].contains(&name.as_str()), "{name} is known to be there");
            continue;
        }
        let problem = roadef::read(&model, &folder.join(format!("assignment_{name}.txt.xz")))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(problem.check(problem.initial()), Ok(()), "{name}");
        assert_eq!(problem.costs(problem.initial()).total(), pair[0].1, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 18);
}
