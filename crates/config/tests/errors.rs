//! What people read when something in a spec is wrong, as full texts.
//!
//! `UPDATE_EXPECT=1 cargo test -p plimsoll-config --test errors` rewrites the texts; read the difference.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use expect_test::{Expect, expect};
use plimsoll_config::{FILE_SIZE_MAX, load, parse};
use std::path::Path;

/// A whole spec around the lines under test, which stand in `[services.shop]`.
fn service(lines: &str) -> String {
    format!(
        "name = \"shop\"\n\n[services.shop]\ncommand = [\"serve\", \"{{port}}\"]\nreplicas = 2\n\
         requests = {{ cpu = \"100m\", memory = \"32MiB\" }}\n{lines}\n"
    )
}

fn check(text: &str, expect: Expect) {
    let said = match parse(text, Path::new("shop.toml")) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    };
    expect.assert_eq(&said);
}

fn check_service(lines: &str, expect: Expect) {
    check(&service(lines), expect);
}

#[test]
fn a_mistyped_field_names_the_nearest_one() {
    check_service(
        "[services.shop.scaling]\nrequest_rat = \"50/s\"",
        expect![[r#"
            error[unknown-field]: unknown field `request_rat`
             --> shop.toml:8:1
              |
            8 | request_rat = "50/s"
              | ^^^^^^^^^^^ did you mean `request_rate`?
              |
              = field: services.shop.scaling.request_rat
              = help: the fields here are cpu, memory, request_rate, in_flight, tolerance, stabilization, step, reserve, forecast

            shop.toml: 1 error
        "#]],
    );
    check(
        "nam = \"shop\"\n",
        expect![[r#"
            error[unknown-field]: unknown field `nam`
             --> shop.toml:1:1
              |
            1 | nam = "shop"
              | ^^^ did you mean `name`?
              |
              = field: nam
              = help: the fields here are name, tick, clock, node, gateway, api, history, services, jobs

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "colour = \"blue\"",
        expect![[r#"
            error[unknown-field]: unknown field `colour`
             --> shop.toml:7:1
              |
            7 | colour = "blue"
              | ^^^^^^ no field has this name
              |
              = field: services.shop.colour
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, priority, restart, sandbox, log

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "health = { patth = \"/healthz\" }",
        expect![[r#"
            error[unknown-field]: unknown field `patth`
             --> shop.toml:7:12
              |
            7 | health = { patth = "/healthz" }
              |            ^^^^^ did you mean `path`?
              |
              = field: services.shop.health.patth
              = help: the fields here are path, interval, timeout, healthy_after, unhealthy_after, startup_max

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_belongs_there() {
    check_service(
        "startup = 30",
        expect![[r#"
            error[invalid-value]: 30 is not a valid `startup`: the unit is missing
             --> shop.toml:7:11
              |
            7 | startup = 30
              |           ^^ did you mean `"30s"`?
              |
              = field: services.shop.startup
              = help: expected a duration such as "30s", 0s to 1h

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "priority = \"high\"",
        expect![[r#"
            error[invalid-value]: "high" is not a valid `priority`: it is a string; leave the quotes out
             --> shop.toml:7:12
              |
            7 | priority = "high"
              |            ^^^^^^ expected an integer, -1000000 to 1000000
              |
              = field: services.shop.priority

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "priority = 1.5",
        expect![[r#"
            error[invalid-value]: 1.5 is not a valid `priority`: it is not whole
             --> shop.toml:7:12
              |
            7 | priority = 1.5
              |            ^^^ expected an integer, -1000000 to 1000000
              |
              = field: services.shop.priority

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "grace = true",
        expect![[r#"
            error[invalid-value]: true is not a valid `grace`
             --> shop.toml:7:9
              |
            7 | grace = true
              |         ^^^^ expected a duration such as "30s", 0s to 1h
              |
              = field: services.shop.grace

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "env = { A = 1 }",
        expect![[r#"
            error[invalid-value]: 1 is not a valid `A`: an environment holds only text
             --> shop.toml:7:13
              |
            7 | env = { A = 1 }
              |             ^ did you mean `"1"`?
              |
              = field: services.shop.env.A
              = help: expected a string

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "sandbox = \"no\"",
        expect![[r#"
            error[invalid-value]: "no" is not a valid `sandbox`
             --> shop.toml:7:11
              |
            7 | sandbox = "no"
              |           ^^^^ expected a table of filesystem, read, write, syscalls, user_namespace, network_namespace, require
              |
              = field: services.shop.sandbox

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[services.shop.scaling]\ncpu = 60",
        expect![[r#"
            error[invalid-value]: 60 is not a valid `cpu`: it could be per cent or times
             --> shop.toml:8:7
              |
            8 | cpu = 60
              |       ^^ did you mean `"60%"`?
              |
              = field: services.shop.scaling.cpu
              = help: expected a share such as "60%" or 0.6, 0.1% to 1000%

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\nservices = [1]\n[gateway.routes]\npath = \"/\"\n[services2]\n",
        expect![[r#"
            error[invalid-value]: [1] is not a valid `services`
             --> shop.toml:2:12
              |
            2 | services = [1]
              |            ^^^ expected tables by name, written [services.NAME]
              |
              = field: services

            error[invalid-value]: [gateway.routes] is not a valid `routes`
             --> shop.toml:3:1
              |
            3 | [gateway.routes]
              | ^^^^^^^^^^^^^^^^ expected a list of tables, written [[gateway.routes]]
              |
              = field: gateway.routes

            error[unknown-field]: unknown field `services2`
             --> shop.toml:5:2
              |
            5 | [services2]
              |  ^^^^^^^^^ did you mean `services`?
              |
              = field: services2
              = help: the fields here are name, tick, clock, node, gateway, api, history, services, jobs

            shop.toml: 3 errors
        "#]],
    );
}

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
              = help: expected one of "round_robin", "weighted_round_robin", "random", "least_connections", "source_hash", "ring_hash", "power_of_two", "peak_ewma", "prequal"

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
fn a_missing_field_says_what_belongs_there() {
    check(
        "",
        expect![[r#"
            error[missing-field]: missing field `name`
             --> shop.toml:1:1
              |
            1 | 
              | ^ `name` has to be set here
              |
              = field: name
              = help: `name` is a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"shop\"\n\n[services.shop]\ncommand = [\"serve\", \"{port}\"]\nreplicas = { min = 1 }\n",
        expect![[r#"
            error[missing-field]: missing field `requests`
             --> shop.toml:3:1
              |
            3 | [services.shop]
              | ^^^^^^^^^^^^^^^ `requests` has to be set here
              |
              = field: services.shop.requests
              = help: `requests` is a table of cpu, memory

            error[missing-field]: missing field `max`
             --> shop.toml:5:12
              |
            5 | replicas = { min = 1 }
              |            ^^^^^^^^^^^ `max` has to be set here
              |
              = field: services.shop.replicas.max
              = help: `max` is an integer, 1 to 10000

            shop.toml: 2 errors
        "#]],
    );
}

#[test]
fn names_addresses_paths_and_moments_say_what_is_wrong_with_them() {
    check(
        "name = \"My Shop\"\n[jobs.\"a b\"]\ncommand = [\"x\"]\nrequests = { cpu = 1, memory = \"1MiB\" }\n",
        expect![[r#"
            error[invalid-value]: "My Shop" is not a valid `name`: 'M' is not allowed in it
             --> shop.toml:1:8
              |
            1 | name = "My Shop"
              |        ^^^^^^^^^ expected a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'
              |
              = field: name

            error[bad-name]: "a b" cannot be the name of a job: ' ' is not allowed in it
             --> shop.toml:2:7
              |
            2 | [jobs."a b"]
              |       ^^^^^ expected a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'
              |
              = field: jobs."a b"

            shop.toml: 2 errors
        "#]],
    );
    check(
        "name = \"x\"\napi = \"localhost:80\"\n",
        expect![[r#"
            error[invalid-value]: "localhost:80" is not a valid `listen`: a name may resolve to many addresses; write "127.0.0.1:80"
             --> shop.toml:2:7
              |
            2 | api = "localhost:80"
              |       ^^^^^^^^^^^^^^ expected an IP address and a port such as "127.0.0.1:8080" or "[::1]:8080"
              |
              = field: api

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\napi = \"127.0.0.1:99999\"\n",
        expect![[r#"
            error[invalid-value]: "127.0.0.1:99999" is not a valid `listen`: "99999" is not a port (0 to 65535)
             --> shop.toml:2:7
              |
            2 | api = "127.0.0.1:99999"
              |       ^^^^^^^^^^^^^^^^^ expected an IP address and a port such as "127.0.0.1:8080" or "[::1]:8080"
              |
              = field: api

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\napi = \"127.0.0.1\"\n",
        expect![[r#"
            error[invalid-value]: "127.0.0.1" is not a valid `listen`: the port is missing
             --> shop.toml:2:7
              |
            2 | api = "127.0.0.1"
              |       ^^^^^^^^^^^ expected an IP address and a port such as "127.0.0.1:8080" or "[::1]:8080"
              |
              = field: api

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\nclock.start = \"2018-01-07\"\n",
        expect![[r#"
            error[invalid-value]: "2018-01-07" is not a valid `start`: the time is missing; write "2018-01-07T00:00:00Z"
             --> shop.toml:2:15
              |
            2 | clock.start = "2018-01-07"
              |               ^^^^^^^^^^^^ expected a moment in UTC such as "2018-01-07T00:00:00Z"
              |
              = field: clock.start

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\nclock.start = 2018-01-07T00:00:00\n",
        expect![[r#"
            error[invalid-value]: 2018-01-07T00:00:00 is not a valid `start`: the zone is missing; write "2018-01-07T00:00:00Z" for UTC
             --> shop.toml:2:15
              |
            2 | clock.start = 2018-01-07T00:00:00
              |               ^^^^^^^^^^^^^^^^^^^ expected a moment in UTC such as "2018-01-07T00:00:00Z"
              |
              = field: clock.start

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "health = \"healthz\"",
        expect![[r#"
            error[invalid-value]: "healthz" is not a valid `path`: it does not start with '/'
             --> shop.toml:7:10
              |
            7 | health = "healthz"
              |          ^^^^^^^^^ expected a URL path such as "/" or "/healthz"
              |
              = field: services.shop.health

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\ngateway.trusted_proxies = [\"10.0.0.0/33\", \"ten\"]\n",
        expect![[r#"
            error[invalid-value]: "10.0.0.0/33" is not a valid `trusted_proxies`: "33" is not a prefix length (0 to 32)
             --> shop.toml:2:28
              |
            2 | gateway.trusted_proxies = ["10.0.0.0/33", "ten"]
              |                            ^^^^^^^^^^^^^ expected an address block such as "10.0.0.0/8" or "::1"
              |
              = field: gateway.trusted_proxies[0]

            error[invalid-value]: "ten" is not a valid `trusted_proxies`: "ten" is not an IP address
             --> shop.toml:2:43
              |
            2 | gateway.trusted_proxies = ["10.0.0.0/33", "ten"]
              |                                           ^^^^^ expected an address block such as "10.0.0.0/8" or "::1"
              |
              = field: gateway.trusted_proxies[1]

            shop.toml: 2 errors
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

#[test]
fn invalid_toml_is_shown_where_it_breaks() {
    check(
        "name = \"shop\nreplicas = 3\n",
        expect![[r#"
            error[syntax]: invalid TOML: invalid basic string, expected `"`
             --> shop.toml:1:13
              |
            1 | name = "shop
              |             ^

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"shop\"\nname = \"other\"\n",
        expect![[r#"
            error[syntax]: invalid TOML: `name` is set twice in the same table
             --> shop.toml:2:1
              |
            2 | name = "other"
              | ^^^^

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = shop\n[services.shop\n",
        expect![[r#"
            error[syntax]: invalid TOML: string values must be quoted, expected literal string
             --> shop.toml:1:8
              |
            1 | name = shop
              |        ^^^^

            error[syntax]: invalid TOML: unclosed table, expected `]`
             --> shop.toml:2:15
              |
            2 | [services.shop
              |               ^

            shop.toml: 2 errors
        "#]],
    );
}

#[test]
fn what_contradicts_itself_shows_both_places() {
    check_service(
        "limits = { cpu = \"50m\" }",
        expect![[r#"
            error[conflict]: the cpu limit (50m) is below the request (100m), so what is reserved could never be used
             --> shop.toml:7:18
              |
            6 | requests = { cpu = "100m", memory = "32MiB" }
              |                    ------ requested here
            7 | limits = { cpu = "50m" }
              |                  ^^^^^ expected 100m or more
              |
              = field: services.shop.limits.cpu

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"x\"\n[services.s]\ncommand = [\"a\", \"{port}\"]\nreplicas = { min = 5, max = 3 }\n\
         requests = { cpu = 1, memory = \"1MiB\" }\nscaling = { cpu = \"60%\" }\n",
        expect![[r#"
            error[conflict]: `min` (5) is above `max` (3)
             --> shop.toml:4:29
              |
            4 | replicas = { min = 5, max = 3 }
              |                             ^ expected 5 or more
              |                    - `min` is given here
              |
              = field: services.s.replicas.max

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "scaling = { request_rate = \"5/s\", forecast = { season = \"1d\", slot = \"7m\" } }",
        expect![[r#"
            error[conflict]: `slot` (7m) does not divide `season` (1d) evenly
             --> shop.toml:7:70
              |
            7 | scaling = { request_rate = "5/s", forecast = { season = "1d", slot = "7m" } }
              |                                                                      ^^^^ expected a divisor of the season, such as 7m12s
              |                                                         ---- the season
              |
              = field: services.shop.scaling.forecast.slot

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "scaling = { request_rate = \"5/s\", forecast = { season = \"7d\", slot = \"10s\" } }",
        expect![[r#"
            error[conflict]: a season of 7d in slots of 10s has 60480 slots
             --> shop.toml:7:70
              |
            7 | scaling = { request_rate = "5/s", forecast = { season = "7d", slot = "10s" } }
              |                                                                      ^^^^^ expected at most 10000 slots, so a slot of 1m3s or more
              |                                                         ---- the season
              |
              = field: services.shop.scaling.forecast.slot

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "startup = \"5m\"",
        expect![[r#"
            error[conflict]: `startup` (5m) is above `health.startup_max` (1m), so a replica would be stopped before it is ready
             --> shop.toml:7:11
              |
            7 | startup = "5m"
              |           ^^^^ expected 1m or less, or a larger `health.startup_max`
              |
              = field: services.shop.startup

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "restart = { backoff = \"10m\" }",
        expect![[r#"
            error[conflict]: `backoff` (10m) is above `backoff_max` (5m)
             --> shop.toml:7:23
              |
            7 | restart = { backoff = "10m" }
              |                       ^^^^^ expected 5m or less
              |
              = field: services.shop.restart.backoff

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "sandbox = { require = [\"memory\", \"network\"] }",
        expect![[r#"
            error[conflict]: "memory" is required, but nothing asks for it
             --> shop.toml:7:23
              |
            7 | sandbox = { require = ["memory", "network"] }
              |                       ^^^^^^^^^^^^^^^^^^^^^ expected `limits.memory` as well
              |
              = field: services.shop.sandbox.require

            error[conflict]: "network" is required, but nothing asks for it
             --> shop.toml:7:23
              |
            7 | sandbox = { require = ["memory", "network"] }
              |                       ^^^^^^^^^^^^^^^^^^^^^ expected `network_namespace = true` as well
              |
              = field: services.shop.sandbox.require

            shop.toml: 2 errors
        "#]],
    );
    check_service(
        "[jobs.shop]\ncommand = [\"x\"]\nrequests = { cpu = 1, memory = \"1MiB\" }",
        expect![[r#"
            error[conflict]: a service is called "shop" too, so `plimsoll logs shop` could mean either
             --> shop.toml:7:1
              |
            3 | [services.shop]
              | --------------- the service
             ...
            7 | [jobs.shop]
              | ^^^^^^^^^^^ expected a name of its own
              |
              = field: jobs.shop

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn listeners_are_loopback_unless_told_otherwise() {
    check_service(
        "[gateway]\nlisten = \"0.0.0.0:80\"\nroutes = [{ service = \"shop\" }]",
        expect![[r#"
            error[exposed]: 0.0.0.0:80 can be reached from other machines
             --> shop.toml:8:10
              |
            8 | listen = "0.0.0.0:80"
              |          ^^^^^^^^^^^^ expected a loopback address, or `expose = true`
              |
              = field: gateway.listen
              = help: listen on 127.0.0.1 or [::1] instead of 0.0.0.0:80,
                       or set `expose = true` beside it if other machines are meant to reach it

            shop.toml: 1 error
        "#]],
    );
    check_service("[gateway]\nlisten = \"0.0.0.0:80\"\nexpose = true\nroutes = [{ service = \"shop\" }]", expect![""]);
    check_service(
        "[[gateway.listeners]]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shop\" }]\n\
         [[gateway.listeners]]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shop\" }]",
        expect![[r#"
            error[conflict]: 127.0.0.1:80 is listened on twice
              --> shop.toml:11:10
               |
             8 | listen = "127.0.0.1:80"
               |          -------------- first here
              ...
            11 | listen = "127.0.0.1:80"
               |          ^^^^^^^^^^^^^^ expected an address and port of its own
               |
               = field: gateway.listeners[1].listen

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[gateway]\nlisten = \"127.0.0.1:7411\"\nroutes = [{ service = \"shop\" }]",
        expect![[r#"
            error[conflict]: 127.0.0.1:7411 is listened on twice; the API listens there by default
             --> shop.toml:8:10
              |
            8 | listen = "127.0.0.1:7411"
              |          ^^^^^^^^^^^^^^^^ expected an address and port of its own
              |
              = field: gateway.listen

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn routes_lead_to_services_that_exist_and_are_told_their_port() {
    check_service(
        "[gateway]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shpo\" }]",
        expect![[r#"
            error[unknown-service]: there is no service `shpo`
             --> shop.toml:9:23
              |
            9 | routes = [{ service = "shpo" }]
              |                       ^^^^^^ did you mean `shop`?
              |
              = field: gateway.routes[0].service
              = help: the services are shop

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[gateway]\nroutes = [{ service = \"shop\" }]",
        expect![[r#"
            error[conflict]: `routes` without `listen`: no listener has these routes
             --> shop.toml:8:10
              |
            8 | routes = [{ service = "shop" }]
              |          ^^^^^^^^^^^^^^^^^^^^^^ expected `listen` beside it, or the routes within `[[gateway.listeners]]`
              |
              = field: gateway.routes

            shop.toml: 1 error
        "#]],
    );
    check_service(
        "[gateway]\nlisten = \"127.0.0.1:80\"",
        expect![[r#"
            warning[doubtful]: this listener has no routes, so it answers 404 to everything
             --> shop.toml:8:10
              |
            8 | listen = "127.0.0.1:80"
              |          ^^^^^^^^^^^^^^
              |
              = field: gateway.listen
              = help: add routes to it, each with a `service`

            shop.toml: 1 warning
        "#]],
    );
    check_service(
        "[gateway]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shop\" }, { path = \"/\", service = \"shop\" }]",
        expect![[r#"
            error[conflict]: path "/" is routed twice, and the second route could never win
             --> shop.toml:9:42
              |
            9 | routes = [{ service = "shop" }, { path = "/", service = "shop" }]
              |                                          ^^^ expected another `path` or `host`
              |                       ------ first here
              |
              = field: gateway.routes[1].path

            shop.toml: 1 error
        "#]],
    );
    check(
        &service("[gateway]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shop\" }]").replace("{port}", "{prot}"),
        expect![[r#"
            error[no-port]: service `shop` is never told its port
             --> shop.toml:4:11
              |
            4 | command = ["serve", "{prot}"]
              |           ^^^^^^^^^^^^^^^^^^^ `{port}` does not occur in it
              |
              = field: services.shop.command
              = help: did you mean `{port}` where it says `{prot}`?

            shop.toml: 1 error
        "#]],
    );
    check(
        &service("").replace("{port}", "8000"),
        expect![[r#"
            warning[doubtful]: service `shop` is never told its port, so its health check cannot pass
             --> shop.toml:4:11
              |
            4 | command = ["serve", "8000"]
              |           ^^^^^^^^^^^^^^^^^
              |
              = field: services.shop.command
              = help: each replica gets a free port: put `{port}` into an argument of `command` or a value of `env`

            shop.toml: 1 warning
        "#]],
    );
    check_service(
        "sandbox = { network_namespace = true }\n[gateway]\nlisten = \"127.0.0.1:80\"\nroutes = [{ service = \"shop\" }]",
        expect![[r#"
            error[conflict]: no route can lead into a network namespace without connectivity
              --> shop.toml:7:33
               |
             7 | sandbox = { network_namespace = true }
               |                                 ^^^^ expected `network_namespace = false`, or no route to this service
              ...
            10 | routes = [{ service = "shop" }]
               |                       ------ routed here
               |
               = field: services.shop.sandbox.network_namespace

            shop.toml: 1 error
        "#]],
    );
}

#[test]
fn what_can_never_fit_is_said_before_anything_starts() {
    check_service(
        "[node]\ncpu = \"50m\"\nmemory = \"48MiB\"",
        expect![[r#"
            warning[doubtful]: 2 replicas of 32MiB memory each need 64MiB, the node has 48MiB, so at most 1 run at once
             --> shop.toml:5:12
              |
            5 | replicas = 2
              |            ^
              |
              = field: services.shop.replicas.max
              = help: lower `replicas.max` or the request, unless scarcity is meant to be shared by priority

            error[never-fits]: `shop` can never fit: it asks for 100m of cpu, the node has 50m
             --> shop.toml:6:20
              |
            6 | requests = { cpu = "100m", memory = "32MiB" }
              |                    ^^^^^^ expected at most 50m
             ...
            8 | cpu = "50m"
              |       ----- the node's capacity
              |
              = field: services.shop.requests.cpu

            shop.toml: 1 error, 1 warning
        "#]],
    );
}

#[test]
fn a_secret_is_warned_of_and_not_repeated() {
    check_service(
        "env = { DB_PASSWORD = \"hunter2\", DB_PASSWORD_FILE = \"/run/secret\", TOKEN = \"\" }",
        expect![[r#"
            warning[doubtful]: `DB_PASSWORD` looks like a secret, and it is written into the spec
             --> shop.toml:7:23
              |
            7 | env = { DB_PASSWORD = *********, DB_PASSWORD_FILE = "/run/secret", TOKEN = "" }
              |                       ^^^^^^^^^
              |
              = field: services.shop.env.DB_PASSWORD
              = help: keep it in a file that only the service's user can read, and pass the file's path

            shop.toml: 1 warning
        "#]],
    );
}

#[test]
fn an_empty_or_idle_spec_is_doubtful() {
    check(
        "name = \"x\"\n",
        expect![[r#"
            warning[doubtful]: there are no services and no jobs, so there is nothing to level
             --> shop.toml
              |
              = field: services
              = help: add a table [services.NAME] with `command`, `replicas` and `requests`

            shop.toml: 1 warning
        "#]],
    );
    check(
        &service("").replace("replicas = 2", "replicas = { max = 2 }"),
        expect![[r#"
            warning[doubtful]: no scaling policy is given, so there will always be `min` replicas
             --> shop.toml:5:12
              |
            5 | replicas = { max = 2 }
              |            ^^^^^^^^^^^
              |
              = field: services.shop.replicas
              = help: give `scaling` a target (cpu, memory, request_rate, in_flight), or fix the number: `replicas = 3`

            shop.toml: 1 warning
        "#]],
    );
    check_service(
        "scaling = { cpu = \"60%\", forecast = { season = \"1d\" } }",
        expect![[r#"
            warning[doubtful]: a forecast of the request rate without the `request_rate` policy adds no replicas
             --> shop.toml:7:37
              |
            7 | scaling = { cpu = "60%", forecast = { season = "1d" } }
              |                                     ^^^^^^^^^^^^^^^^^
              |
              = field: services.shop.scaling.forecast
              = help: say what one replica can do: `request_rate = "50/s"` in `scaling`

            shop.toml: 1 warning
        "#]],
    );
}

#[test]
fn all_problems_are_reported_in_one_go_by_line() {
    check(
        "name = \"Shop\"\ntick = \"15\"\n[gateway]\nlisten = \"0.0.0.0:80\"\nroutes = [{ service = \"shop\" }]\n\
         [services.shop]\ncommand = \"serve\"\nreplica = 3\nrequests = { cpu = \"100m\", memory = \"64MB\" }\n\
         limits = { cpu = \"50m\" }\n",
        expect![[r#"
            error[invalid-value]: "Shop" is not a valid `name`: 'S' is not allowed in it
             --> shop.toml:1:8
              |
            1 | name = "Shop"
              |        ^^^^^^ expected a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'
              |
              = field: name

            error[invalid-value]: "15" is not a valid `tick`: the unit is missing (ms, s, m, h, d, w)
             --> shop.toml:2:8
              |
            2 | tick = "15"
              |        ^^^^ did you mean `"15s"`?
              |
              = field: tick
              = help: expected a duration such as "30s", 1s to 1h

            error[exposed]: 0.0.0.0:80 can be reached from other machines
             --> shop.toml:4:10
              |
            4 | listen = "0.0.0.0:80"
              |          ^^^^^^^^^^^^ expected a loopback address, or `expose = true`
              |
              = field: gateway.listen
              = help: listen on 127.0.0.1 or [::1] instead of 0.0.0.0:80,
                       or set `expose = true` beside it if other machines are meant to reach it

            error[invalid-value]: "serve" is not a valid `command`: it is not a list
             --> shop.toml:7:11
              |
            7 | command = "serve"
              |           ^^^^^^^ did you mean `["serve"]`?
              |
              = field: services.shop.command
              = help: expected a list of strings

            error[unknown-field]: unknown field `replica`
             --> shop.toml:8:1
              |
            8 | replica = 3
              | ^^^^^^^ did you mean `replicas`?
              |
              = field: services.shop.replica
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, priority, restart, sandbox, log

            error[conflict]: the cpu limit (50m) is below the request (100m), so what is reserved could never be used
              --> shop.toml:10:18
               |
             9 | requests = { cpu = "100m", memory = "64MB" }
               |                    ------ requested here
            10 | limits = { cpu = "50m" }
               |                  ^^^^^ expected 100m or more
               |
               = field: services.shop.limits.cpu

            shop.toml: 6 errors
        "#]],
    );
}

#[test]
fn odd_text_does_not_shift_the_caret() {
    check(
        "name = \"shop\" \t# ünïcödé\r\n\tclock = { speed\t= \"ä\", x = 1 }\r\n",
        expect![[r#"
            error[invalid-value]: "ä" is not a valid `speed`: it is a string; leave the quotes out
             --> shop.toml:2:20
              |
            2 | 	clock = { speed	= "ä", x = 1 }
              | 	               	  ^^^ expected an integer, 1 to 3600
              |
              = field: clock.speed

            error[unknown-field]: unknown field `x`
             --> shop.toml:2:25
              |
            2 | 	clock = { speed	= "ä", x = 1 }
              | 	               	       ^ no field has this name
              |
              = field: clock.x
              = help: the fields here are speed, start

            shop.toml: 2 errors
        "#]],
    );
    check(
        &format!("name = \"{}\"\n", "long".repeat(100)),
        expect![[r#"
            error[invalid-value]: "longlonglonglonglonglonglonglonglonglonglonglonglonglonglon… is not a valid `name`: it is 400 characters long
             --> shop.toml:1:8
              |
            1 | name = "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong
              |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'
              |
              = field: name

            shop.toml: 1 error
        "#]],
    );
    check(
        "name = \"a\\u001b[31mb\"\n",
        expect![[r#"
            error[invalid-value]: "a\u001b[31mb" is not a valid `name`: '\u{1b}' is not allowed in it
             --> shop.toml:1:8
              |
            1 | name = "a\u001b[31mb"
              |        ^^^^^^^^^^^^^^ expected a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'
              |
              = field: name

            shop.toml: 1 error
        "#]],
    );
    check(
        "\u{feff}nam = 1\n",
        expect![[r#"
            error[unknown-field]: unknown field `nam`
             --> shop.toml:1:1
              |
            1 | nam = 1
              | ^^^ did you mean `name`?
              |
              = field: nam
              = help: the fields here are name, tick, clock, node, gateway, api, history, services, jobs

            shop.toml: 1 error
        "#]],
    );
}

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

#[test]
fn programs_get_the_same_as_json() {
    let report = parse(&service("startup = \"2h\"\nhelth = \"/\""), Path::new("shop.toml")).unwrap_err();
    expect![[r#"
        {
          "errors": 2,
          "file": "shop.toml",
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
              "expected": "one of command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, priority, restart, sandbox, log",
              "field": "services.shop.helth",
              "found": "helth",
              "help": [
                "did you mean `health`?",
                "the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, priority, restart, sandbox, log"
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
