//! What people read when the file itself cannot be read, and what programs read.

use super::service;
use expect_test::expect;
use plimsoll_config::{FILE_SIZE_MAX, load, parse};
use std::path::Path;

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, content: &[u8]| {
        std::fs::write(folder.path().join(name), content).unwrap();
        let report = load(&folder.path().join(name)).unwrap_err();
        report.to_string().replace(&folder.path().display().to_string(), "DIR")
    };
    expect![[r#"
        error[not-utf8]: the file is not UTF-8 text: byte 0xe9 at offset 19
         --> DIR/latin1.toml:2:6
          |
        2 | # caf�
          |      ^
          |
          = help: save the file as UTF-8

        DIR/latin1.toml: 1 error
    "#]]
    .assert_eq(&said("latin1.toml", b"name = \"shop\"\n# caf\xe9\n"));
    let huge = "#".repeat(usize::try_from(FILE_SIZE_MAX).unwrap() + 1);
    expect![[r#"
        error[too-large]: the file is larger than 1048576 bytes, the most that is read
         --> DIR/huge.toml

        DIR/huge.toml: 1 error
    "#]]
    .assert_eq(&said("huge.toml", huge.as_bytes()));
    let history =
        service("scaling = { request_rate = \"5/s\", forecast = { season = \"1d\", history = \"gone.csv\" } }");
    expect![[r#"
        error[no-file]: the file of `history` cannot be read: DIR/gone.csv: No such file or directory (os error 2)
         --> DIR/history.toml:7:73
          |
        7 | scaling = { request_rate = "5/s", forecast = { season = "1d", history = "gone.csv" } }
          |                                                                         ^^^^^^^^^^
          |
          = field: services.shop.scaling.forecast.history

        DIR/history.toml: 1 error
    "#]]
    .assert_eq(&said("history.toml", history.as_bytes()));
    let missing = load(&folder.path().join("missing.toml")).unwrap_err().to_string();
    expect![[r#"
        error[unreadable]: the file cannot be read: No such file or directory (os error 2)
         --> DIR/missing.toml

        DIR/missing.toml: 1 error
    "#]]
    .assert_eq(&missing.replace(&folder.path().display().to_string(), "DIR"));
    let directory = load(folder.path()).unwrap_err().to_string();
    expect![[r#"
        error[unreadable]: the file cannot be read: Is a directory (os error 21)
         --> DIR

        DIR: 1 error
    "#]]
    .assert_eq(&directory.replace(&folder.path().display().to_string(), "DIR"));
}

#[cfg(unix)]
#[test]
fn a_folder_whose_path_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/caf\xe9/shop.toml"));
    expect![[r#"
        error[unreadable]: the file cannot be read: the path of its folder is not UTF-8
         --> /tmp/caf�/shop.toml

        /tmp/caf�/shop.toml: 1 error
    "#]]
    .assert_eq(&load(path).unwrap_err().to_string());
}

#[test]
fn programs_get_the_same_as_json() {
    let report = parse(&service("startup = \"2h\"\nhelth = \"/\""), Path::new("shop.toml")).unwrap_err();
    expect![[r#"
        {
          "errors": 2,
          "file": "shop.toml",
          "omitted": 0,
          "problems": [
            {
              "code": "out-of-range",
              "column": 11,
              "end_column": 15,
              "end_line": 7,
              "expected": "0s to 1h",
              "field": "services.shop.startup",
              "found": "\"2h\"",
              "help": [],
              "line": 7,
              "message": "\"2h\" is out of range for `startup`",
              "severity": "error"
            },
            {
              "code": "unknown-field",
              "column": 1,
              "end_column": 6,
              "end_line": 8,
              "expected": "one of command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst",
              "field": "services.shop.helth",
              "found": "helth",
              "help": [
                "did you mean `health`?",
                "the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst"
              ],
              "line": 8,
              "message": "unknown field `helth`",
              "severity": "error"
            }
          ],
          "warnings": 0
        }"#]].assert_eq(&serde_json::to_string_pretty(&report.to_json()).unwrap());
    expect![[r#"
        shop.toml:7:11: error: "2h" is out of range for `startup` (services.shop.startup)
        shop.toml:8:1: error: unknown field `helth` (services.shop.helth)"#]]
    .assert_eq(&report.lines().join("\n"));
}

#[test]
fn a_file_full_of_mistakes_is_reported_within_bounds() {
    let most = usize::try_from(FILE_SIZE_MAX).unwrap();
    let last = |text: &str| {
        let report = parse(&text[..text.len().min(most)], Path::new("shop.toml")).unwrap_err();
        let said = report.to_string();
        assert!(said.len() < 100_000 && report.to_json()["problems"].as_array().unwrap().len() <= 1_000);
        said.lines().last().unwrap().to_owned()
    };
    let keys: String = (0..40_000).map(|index| format!("replica{index} = {index}\n")).collect();
    expect!["shop.toml: 1000 errors and 39001 more problems, of which 50 are shown"].assert_eq(&last(&keys));
    let services: String = (0..20_000).map(|index| format!("[services.a{index}]\n")).collect();
    expect!["shop.toml: 1 error"].assert_eq(&last(&format!("name = \"x\"\n{services}")));
    let routes = "{ service = \"b\" }, ".repeat(900);
    let gateway = format!("name = \"x\"\ngateway = {{ listen = \"127.0.0.1:1\", routes = [{routes}] }}\n");
    expect!["shop.toml: 1000 errors and 799 more problems, of which 50 are shown"].assert_eq(&last(&gateway));
    expect!["shop.toml: 20 errors and 599979 more problems, of which 20 are shown"]
        .assert_eq(&last(&"= \n".repeat(200_000)));
}
