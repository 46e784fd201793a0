//! What is left of records, and that an end at any step leaves all of the old or all of the new.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use super::*;
use crate::audit::digest;
use crate::past;
use crate::record::StepInputs;
use plimsoll_collect::history::SeriesId;
use plimsoll_controller::{Input, State, step};
use plimsoll_journal::{Reader, Record, Start};
use plimsoll_model::spec::Resources;
use plimsoll_model::{
    Bytes, Decision, Generation, HostObservation, Millicores, Observation, ReplicaUsage, Spec, WorkloadId,
};

fn spec(services: &[&str]) -> Spec {
    let one = |name: &&str| {
        format!(
            "[services.{name}]\ncommand = [\"sleep\", \"9\"]\nreplicas = {{ min = 2, max = 3 }}\nrequests = {{ cpu = \"10m\", memory = \"1MiB\" }}\n"
        )
    };
    let text = format!("name = \"cpu\"\n{}", services.iter().map(one).collect::<String>());
    plimsoll_config::parse(&text, Path::new("x.toml")).unwrap_or_else(|report| panic!("{report}")).spec
}

/// A journal in which `name` and `web` ran for some steps, and then `web` alone.
fn live(dir: &StateDir, name: &str) {
    let (mut journal, _) =
        Journal::open(dir.journal(), Options { segment_bytes: 2_000, ..Options::default() }).unwrap();
    let mut state = State::new();
    for number in 1..=12_i64 {
        let at = Timestamp(number * 60_000);
        let room = Resources { cpu: Millicores(4_000), memory: Bytes(1 << 30) };
        let seen = Observation {
            speed: 1,
            interval: Millis(1_000),
            host: HostObservation { allocatable: room, ..HostObservation::default() },
            usage: [(format!("service:{name}/1").parse::<WorkloadId>().unwrap(), ReplicaUsage::default())].into(),
            ..Observation::default()
        };
        let mut inputs = vec![Input::Observed(Box::new(seen))];
        let services = match number {
            1 => Some(vec!["web", name]),
            8 => Some(vec!["web"]),
            _ => None,
        };
        if let Some(services) = services {
            let generation = Generation(u64::try_from(number).unwrap());
            inputs.insert(0, Input::Policy { generation, spec: Box::new(spec(&services)) });
        }
        let decision = step(&mut state, at, &inputs);
        let record = StepInputs { step: decision.step, at, inputs };
        journal.append(Kind::INPUT, at, &serde_json::to_vec(&record).unwrap()).unwrap();
        journal.append(Kind::DECISION, at, &serde_json::to_vec(&decision).unwrap()).unwrap();
        let applied = crate::record::Applied { step: decision.step };
        journal.append(Kind::OUTCOME, at, &serde_json::to_vec(&applied).unwrap()).unwrap();
        if number == 5 {
            journal.append(Kind::SNAPSHOT, at, &serde_json::to_vec(&state).unwrap()).unwrap();
        }
        journal.commit().unwrap();
    }
}

fn records(dir: &StateDir) -> Vec<Record> {
    Reader::open(dir.journal(), Start::Oldest).unwrap().map(Result::unwrap).collect()
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn name(text: &str) -> ServiceName {
    ServiceName::try_new(text).unwrap()
}

#[test]
fn a_service_called_like_a_field_or_a_word_of_the_format_is_forgotten_and_the_format_is_not() {
    for word in ["cpu", "ready", "services", "observed", "step", "forgotten", "shop"] {
        let temp = scratch();
        let dir = StateDir::open(&temp.path().join("s")).unwrap();
        live(&dir, word);
        let before = records(&dir);
        let eraser = Eraser::new(name(word));
        for record in &before {
            let left = eraser.left_of(record).unwrap().unwrap_or_else(|| record.payload.clone());
            match record.kind {
                Kind::INPUT => {
                    let left: StepInputs = serde_json::from_slice(&left).unwrap();
                    for input in &left.inputs {
                        match input {
                            Input::Policy { spec, .. } => {
                                assert!(
                                    !spec.services.contains_key(&name(word))
                                        && spec.services.contains_key(&name("web"))
                                );
                                assert_eq!(spec.name, "cpu", "the installation keeps its name");
                            }
                            Input::Observed(seen) => {
                                assert!(seen.usage.is_empty());
                                assert_eq!(seen.host.allocatable.cpu, Millicores(4_000));
                            }
                            _ => {}
                        }
                    }
                }
                Kind::DECISION => {
                    let (old, left): (Decision, Decision) =
                        (serde_json::from_slice(&record.payload).unwrap(), serde_json::from_slice(&left).unwrap());
                    assert!(!left.rationale.services.contains_key(&name(word)));
                    assert_eq!(left.rationale.services.get(&name("web")), old.rationale.services.get(&name("web")));
                    assert!(left.actions.iter().all(|action| action.service() != Some(&name(word))));
                }
                Kind::SNAPSHOT => drop(serde_json::from_slice::<State>(&left).unwrap()),
                _ => {}
            }
        }
        Forgetting::open(dir.clone(), name(word)).unwrap().carry_out(&mut Steps::default()).unwrap();
        let replayed = past::replay(&dir.journal(), |_| {}).unwrap();
        assert_eq!((replayed.different, replayed.steps), (0, 12), "{word}: {replayed:?}");
        assert!(replayed.forgotten > 10, "{word}: {replayed:?}");
    }
}

#[test]
fn a_name_is_a_word_and_no_part_of_another_name() {
    let eraser = Eraser::new(name("shop"));
    for named in
        ["shop", "service:shop/3", "{\"shop\":1}", "to shop, at once", "a/shop/b", "http://shop:80/", "SHOP shop"]
    {
        assert!(eraser.is_named_in(named.as_bytes()), "{named}");
    }
    for other in ["", "sho", "shop-2", "my-shop", "shops", "webshop", "Shop", "shop2"] {
        assert!(!eraser.is_named_in(other.as_bytes()), "{other}");
        assert_eq!(eraser.text(other.as_bytes()), other.as_bytes());
    }
    let text = eraser.text(b"shop and shop-2 and service:shop/1");
    assert_eq!(text, b"forgotten and shop-2 and service:forgotten/1");
}

#[test]
fn what_a_policy_still_says_of_it_is_found_and_its_own_name_is_none() {
    let eraser = Eraser::new(name("cpu"));
    let mut spec = spec(&["web"]);
    assert_eq!(eraser.first_mention(&spec), None, "the installation is called so");
    spec.services.get_mut(&name("web")).unwrap().run.command.push("--from=http://cpu:80".to_owned());
    let place = eraser.first_mention(&spec).unwrap();
    assert!(place.starts_with("services.web.") && place.ends_with(".command.2"), "{place}");
}

/// A state directory with everything that is kept about a service.
fn filled(dir: &StateDir) {
    live(dir, "shop");
    let history = History::open(dir.history(), KEEP_ALL).unwrap();
    let series = |text: &str| SeriesId::try_new(text).unwrap();
    history.append(Timestamp(0), &[(series("service/shop/rate"), 1), (series("service/web/rate"), 2)]).unwrap();
    drop(history);
    dir.write_json(PROPOSALS, &serde_json::json!([{"service": "shop", "id": "a"}, {"service": "web", "id": "b"}]))
        .unwrap();
    dir.write_json(SEARCHES, &serde_json::json!([{"service": "web", "said": "b"}, {"service": "shop", "said": "a"}]))
        .unwrap();
    fs::write(dir.root().join("gateway.log"), "pool shop is empty\npool web is not\n").unwrap();
    for place in ["driver/logs/service.shop/1", "driver/logs/service.web/1", "driver/workloads/service.shop.2"] {
        fs::create_dir_all(dir.root().join(place)).unwrap();
        fs::write(dir.root().join(place).join("log"), "hello\n").unwrap();
    }
    fs::write(dir.journal().join("00000000000000000001.99.torn"), "shop").unwrap();
}

/// Every file with what is in it, but those of which each opening makes another.
fn shape(dir: &StateDir) -> std::collections::BTreeMap<String, String> {
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![dir.root().to_owned()];
    while let Some(folder) = folders.pop() {
        for name in names(&folder).unwrap() {
            let path = folder.join(&name);
            if path.is_dir() {
                folders.push(path);
            } else if name == "history.redb" {
                let all = History::open(&path, KEEP_ALL).unwrap().series();
                found.insert(name, all.iter().map(SeriesId::as_str).collect::<Vec<_>>().join(" "));
            } else if !matches!(name.as_str(), "lock" | "reserve") && !name.ends_with(".pjl") {
                let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
                found.insert(path.strip_prefix(dir.root()).unwrap().display().to_string(), text);
            }
        }
    }
    // A note holds the moment at which it was written.
    let all: Vec<u8> =
        records(dir).iter().filter(|it| it.kind != Kind::NOTE).flat_map(|it| it.payload.clone()).collect();
    found.insert("records".to_owned(), format!("{} {:?}", records(dir).len(), digest(&all)));
    found
}

#[test]
fn an_end_at_any_step_leaves_the_old_or_the_new_and_nothing_between() {
    let make = || {
        let temp = scratch();
        let dir = StateDir::open(&temp.path().join("s")).unwrap();
        filled(&dir);
        (temp, dir)
    };
    let (_one, old) = make();
    let old_shape = shape(&old);
    let found = Forgetting::open(old.clone(), name("shop")).unwrap().find().unwrap();
    assert_eq!((found.series, found.replica_files, found.proposals), (1, 2, 1), "{found:?}");
    assert_eq!(found.unreadable.len(), 1);
    Forgetting::open(old.clone(), name("shop")).unwrap().carry_out(&mut Steps::default()).unwrap();
    let new_shape = shape(&old);
    let searches: Value = old.read_json(SEARCHES).unwrap();
    assert_eq!(searches, serde_json::json!([{"service": "web", "said": "b"}]), "not even that there was one");
    assert!(!format!("{new_shape:?}").contains("shop"), "{new_shape:?}");
    assert!(new_shape.contains_key("driver/logs/service.web/1/log"));
    assert_ne!(old_shape, new_shape);

    let (mut olds, mut news) = (0, 0);
    for end in 0.. {
        let (_temp, dir) = make();
        let done = Forgetting::open(dir.clone(), name("shop")).unwrap().carry_out(&mut Steps { left: Some(end) });
        if done.is_ok() {
            assert_eq!(shape(&dir), new_shape);
            break;
        }
        // The one that mends ends too, at each of its steps, before one goes through.
        for again in 0..64 {
            if mend(dir.root(), &mut Steps { left: Some(again) }).is_ok() {
                break;
            }
        }
        let shape = shape(&dir);
        assert!(shape == old_shape || shape == new_shape, "ended at step {end}: {shape:#?}");
        if shape == old_shape { olds += 1 } else { news += 1 }
    }
    assert!(olds >= 2 && news >= 8, "{olds} ends left the old, {news} the new");
}

#[test]
fn an_end_while_it_is_prepared_leaves_the_old() {
    let temp = scratch();
    let dir = StateDir::open(&temp.path().join("s")).unwrap();
    filled(&dir);
    let old = shape(&dir);
    Forgetting::open(dir.clone(), name("shop")).unwrap().stage_journal().unwrap();
    fs::write(dir.root().join("history.redb.forgetting"), "half").unwrap();
    assert!(mend(dir.root(), &mut Steps::default()).unwrap());
    assert_eq!(shape(&dir), old);
    assert!(!mend(dir.root(), &mut Steps::default()).unwrap(), "there is nothing left to do");
}

#[test]
fn a_service_in_the_policy_or_a_step_that_was_not_handed_over_is_refused() {
    let temp = scratch();
    let dir = StateDir::open(&temp.path().join("s")).unwrap();
    live(&dir, "shop");
    let refused = |service: &str| Forgetting::open(dir.clone(), name(service)).unwrap_err().to_string();
    assert!(refused("web").contains("is in the policy in force"), "{}", refused("web"));
    let (mut journal, recovery) = Journal::open(dir.journal(), Options::default()).unwrap();
    let mut state = recover(&recovery).state;
    let generation = Generation(99);
    let inputs = vec![Input::Policy { generation, spec: Box::new(spec(&["web", "new"])) }];
    let decision = step(&mut state, Timestamp(999_000), &inputs);
    assert!(!decision.actions.is_empty());
    let record = StepInputs { step: decision.step, at: Timestamp(999_000), inputs };
    journal.append(Kind::INPUT, Timestamp(999_000), &serde_json::to_vec(&record).unwrap()).unwrap();
    journal.append(Kind::DECISION, Timestamp(999_000), &serde_json::to_vec(&decision).unwrap()).unwrap();
    journal.commit().unwrap();
    drop(journal);
    assert!(refused("shop").contains("in the middle of a step"), "{}", refused("shop"));
}
