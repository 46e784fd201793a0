//! What people read when a quantity or a word is wrong.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use super::{check, check_service};
use expect_test::expect;

#[test]
fn a_unit_that_does_not_exist_lists_those_that_do() {
    check_service(
        "startup = \"30 sec\"",
        expect![[r#"
            error[invalid-value]: "30 sec" is not a valid `startup`: `sec` is not a unit of it (ms, s, m, h, d, w)
             --> shop.toml:7:11
              |
            7 | startup = "30 sec"
              |           ^^^^^^^^ expected a duration such as "30s", 0s to 1h
              |
              = field: services.shop.startup

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "startup = \"30\"",
        expect![[r#"
            error[invalid-value]: "30" is not a valid `startup`: the unit is missing (ms, s, m, h, d, w)
             --> shop.toml:7:11
              |
            7 | startup = "30"
              |           ^^^^ did you mean `"30s"`?
              |
              = field: services.shop.startup
              = help: expected a duration such as "30s", 0s to 1h

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "limits = { memory = \"64MX\" }",
        expect![[r#"
            error[invalid-value]: "64MX" is not a valid `memory`: `MX` is not a unit of it (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB; M is MB and Mi is MiB)
             --> shop.toml:7:21
              |
            7 | limits = { memory = "64MX" }
              |                     ^^^^^^ expected a size such as "64MiB", 1MiB to 1024TiB
              |
              = field: services.shop.limits.memory

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "limits = { cpu = \"0.0001\" }",
        expect![[r#"
            error[invalid-value]: "0.0001" is not a valid `cpu`: it is finer than the smallest step, 1m
             --> shop.toml:7:18
              |
            7 | limits = { cpu = "0.0001" }
              |                  ^^^^^^^^ expected CPU cores such as "250m" or 0.25, 1m to 4096
              |
              = field: services.shop.limits.cpu

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[services.shop.scaling]\nrequest_rate = \"50/min\"",
        expect![[r#"
            error[invalid-value]: "50/min" is not a valid `request_rate`: `/min` is not a unit of it (/s)
             --> shop.toml:8:16
              |
            8 | request_rate = "50/min"
              |                ^^^^^^^^ expected a rate such as "50/s", 0.001/s to 1000000/s
              |
              = field: services.shop.scaling.request_rate

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn a_value_beyond_its_range_says_the_range() {
    check_service(
        "startup = \"2h\"",
        expect![[r#"
            error[out-of-range]: "2h" is out of range for `startup`
             --> shop.toml:7:11
              |
            7 | startup = "2h"
              |           ^^^^ allowed is 0s to 1h
              |
              = field: services.shop.startup

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "limits = { memory = \"1kB\" }",
        expect![[r#"
            error[out-of-range]: "1kB" is out of range for `memory`
             --> shop.toml:7:21
              |
            7 | limits = { memory = "1kB" }
              |                     ^^^^^ allowed is 1MiB to 1024TiB
              |
              = field: services.shop.limits.memory

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\nclock = { speed = 0 }\n",
        expect![[r#"
            error[out-of-range]: 0 is out of range for `speed`
             --> shop.toml:2:19
              |
            2 | clock = { speed = 0 }
              |                   ^ allowed is 1 to 3600
              |
              = field: clock.speed

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[services.shop.scaling]\ncpu = -0.5",
        expect![[r#"
            error[out-of-range]: -0.5 is out of range for `cpu`
             --> shop.toml:8:7
              |
            8 | cpu = -0.5
              |       ^^^^ allowed is 0.1% to 1000%
              |
              = field: services.shop.scaling.cpu

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\nclock = { speed = 99999999999999999999 }\n",
        expect![[r#"
            error[invalid-value]: 99999999999999999999 is not a valid `speed`: it is larger than any quantity can be
             --> shop.toml:2:19
              |
            2 | clock = { speed = 99999999999999999999 }
              |                   ^^^^^^^^^^^^^^^^^^^^ expected an integer, 1 to 3600
              |
              = field: clock.speed

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn a_wrong_word_lists_the_choices() {
    check_service(
        "balance = \"least_conections\"",
        expect![[r#"
            error[invalid-value]: "least_conections" is not a valid `algorithm`: it is not one of the choices
             --> shop.toml:7:11
              |
            7 | balance = "least_conections"
              |           ^^^^^^^^^^^^^^^^^^ did you mean `least_connections`?
              |
              = field: services.shop.balance
              = help: expected one of "round_robin", "weighted_round_robin", "random", "least_connections", "source_hash", "ring_hash", "power_of_two", "peak_ewma", "prequal", "weighted_by_load"

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "sandbox = { require = [\"cpu\", \"gpu\"] }",
        expect![[r#"
            error[invalid-value]: "gpu" is not a valid `require`: it is not one of the choices
             --> shop.toml:7:31
              |
            7 | sandbox = { require = ["cpu", "gpu"] }
              |                               ^^^^^ did you mean `cpu`?
              |
              = field: services.shop.sandbox.require[1]
              = help: expected one of "cpu", "memory", "pids", "filesystem", "network", "syscalls"

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn a_schedule_says_how_it_is_written() {
    let job = |schedule: &str| {
        format!(
            "name = \"x\"\n[jobs.j]\ncommand = [\"x\"]\nrequests = {{ cpu = 1, memory = \"1MiB\" }}\nschedule = \"{schedule}\"\n"
        )
    };
    check(
        &job("hourly"),
        expect![[r#"
            error[invalid-value]: "hourly" is not a valid `schedule`
             --> shop.toml:5:12
              |
            5 | schedule = "hourly"
              |            ^^^^^^^^ expected "once", "manual", "every 1h" or "daily 03:30"
              |
              = field: jobs.j.schedule

            shop.toml: 1 error
        "#]],
    );
    check(
        &job("every hour"),
        expect![[r#"
            error[invalid-value]: "every hour" is not a valid `schedule`: "hour" is not a duration: there is no number in it
             --> shop.toml:5:12
              |
            5 | schedule = "every hour"
              |            ^^^^^^^^^^^^ expected "once", "manual", "every 1h" or "daily 03:30"
              |
              = field: jobs.j.schedule

            shop.toml: 1 error
        "#]],
    );
    check(
        &job("daily 25:00"),
        expect![[r#"
            error[invalid-value]: "daily 25:00" is not a valid `schedule`: "25:00" is not a time of day (00:00 to 23:59)
             --> shop.toml:5:12
              |
            5 | schedule = "daily 25:00"
              |            ^^^^^^^^^^^^^ expected "once", "manual", "every 1h" or "daily 03:30"
              |
              = field: jobs.j.schedule

            shop.toml: 1 error
        "#]],
    );
    check(
        &job("every 1ms"),
        expect![[r#"
            error[invalid-value]: "every 1ms" is not a valid `schedule`: the shortest period is 1s
             --> shop.toml:5:12
              |
            5 | schedule = "every 1ms"
              |            ^^^^^^^^^^^ expected "once", "manual", "every 1h" or "daily 03:30"
              |
              = field: jobs.j.schedule

            shop.toml: 1 error
        "#]],
    );
}
