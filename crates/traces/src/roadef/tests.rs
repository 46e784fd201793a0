//! The example of the problem statement, and files that are wrong in one place each.

use super::*;

const MODEL: &str = "2\n1 10\n0 100\n2\n0 0 30 400 16 80 0 1\n1 1 10 240 8 160 1 0\n2\n2 0\n1 1 0\n3\n0 12 10 1000\n\
                     0 10 20 100\n1 6 200 1\n1\n0 1 20\n10\n1 10 100\n";

fn written(model: &str, assignment: &str) -> Result<Problem, String> {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("model.txt"), dir.path().join("assignment.txt"));
    std::fs::write(&first, model).unwrap();
    std::fs::write(&second, assignment).unwrap();
    read(&first, &second).map_err(|error| {
        let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        format!("{error}{source}").replace(&format!("{}/", dir.path().display()), "")
    })
}

#[test]
fn an_instance_is_read_field_by_field() {
    let problem = written(MODEL, "0 1 0\n").unwrap();
    assert_eq!(problem.initial(), [0, 1, 0]);
    assert_eq!(problem.resources()[0], Resource { is_transient: true, load_weight: 10 });
    assert_eq!(
        problem.machines()[1],
        Machine { neighbourhood: 1, location: 1, capacity: vec![10, 240], safety: vec![8, 160] }
    );
    assert_eq!((problem.machine_move_cost(0, 1), problem.machine_move_cost(1, 1)), (1, 0));
    assert_eq!(problem.services()[1], Service { spread_min: 1, dependencies: vec![0] });
    assert_eq!(problem.processes()[2], Process { service: 1, requirement: vec![6, 200], move_cost: 1 });
    assert_eq!(problem.balances(), [Balance { first: 0, second: 1, target: 20, weight: 10 }]);
    assert_eq!(problem.move_weights(), MoveWeights { process: 1, service: 10, machine: 100 });
}

#[test]
fn a_wrong_number_is_named_with_its_place_and_field() {
    let wrong = |from: &str, to: &str| written(&MODEL.replacen(from, to, 1), "0 1 0").unwrap_err();
    assert_eq!(
        wrong("0 0 30", "0 0 -30"),
        "model.txt, line 5, number 9, the capacity of machine 0 in resource 0: \"-30\" is not a whole number from 0 to \
         18446744073709551615"
    );
    assert_eq!(
        wrong("1 10\n", "2 10\n"),
        "model.txt, line 2, number 2, whether resource 0 is transient: \"2\" is not a whole number from 0 to 1"
    );
    assert_eq!(
        wrong("0 12 10", "5 12 10"),
        "model.txt with assignment.txt: the service of process 0 is 5, and there are 2 services, counted from 0"
    );
    assert_eq!(
        wrong("30 400 16", "30 400 31"),
        "model.txt with assignment.txt: the safety capacity of machine 0 in resource 0 is 31, and 0 to 30 is allowed"
    );
    let long = "9".repeat(100_000);
    assert!(wrong("400", &long).contains("number 10, the capacity of machine 0 in resource 1"));
}

#[test]
fn a_file_that_ends_early_or_late_says_where() {
    assert_eq!(
        written(&MODEL[..MODEL.len() - 9], "0 1 0").unwrap_err(),
        "model.txt, line 17: ends after 46 numbers, where the weight of process moves was to come"
    );
    assert_eq!(
        written(&format!("{MODEL} 7"), "0 1 0").unwrap_err(),
        "model.txt, line 18, number 50: \"7\" comes after the last field, the weight of machine moves"
    );
    assert_eq!(
        written(MODEL, "0 1").unwrap_err(),
        "assignment.txt, line 1: ends after 2 numbers, where the machine of process 2 was to come"
    );
    assert_eq!(
        written(MODEL, "0 2 0").unwrap_err(),
        "assignment.txt, line 1, number 2, the machine of process 1: \"2\" is not a whole number from 0 to 1"
    );
    // A count that promises the world allocates nothing.
    assert!(written("2 0 1 0 1 99999999999", "").unwrap_err().contains("the neighbourhood of machine 0 was to come"));
}

#[test]
fn an_assignment_comes_back_as_it_was_written() {
    let problem = written(MODEL, "0 1 0").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    write_assignment(&mut file.as_file(), &[1, 0, 1]).unwrap();
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "1 0 1\n");
    assert_eq!(read_assignment_of(&problem, file.path()).unwrap(), [1, 0, 1]);
}
