//! What people read when a field is mistyped, missing or holds the wrong thing.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use super::{check, check_service};
use expect_test::expect;

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
              = help: the fields here are cpu, memory, request_rate, in_flight, hpa, concurrency, cron, capacity, events, seasonal, backlog, lazy, headroom, formula, tolerance, stabilization, step, reserve, reserve_share, reserve_burst, forecast, guard, vertical

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
              = help: the fields here are name, tick, clock, node, gateway, api, retention, prices, users, webhooks, history, analyst, queue, services, jobs

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
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst

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
fn a_field_in_the_wrong_table_says_where_it_belongs() {
    check_service(
        "min = 2\nclock = { speed = 2 }",
        expect![[r#"
            error[unknown-field]: unknown field `min`
             --> shop.toml:7:1
              |
            7 | min = 2
              | ^^^ no field has this name
              |
              = field: services.shop.min
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst
                      a field of this name stands in [services.NAME.replicas]

            error[unknown-field]: unknown field `clock`
             --> shop.toml:8:1
              |
            8 | clock = { speed = 2 }
              | ^^^^^ no field has this name
              |
              = field: services.shop.clock
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst
                      a field of this name stands at the top of the file

            shop.toml: 2 errors
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
              = help: the fields here are name, tick, clock, node, gateway, api, retention, prices, users, webhooks, history, analyst, queue, services, jobs

            shop.toml: 3 errors
        "#]],
    );
}
