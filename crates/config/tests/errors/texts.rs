//! What people read when a text has the wrong form, or the file is no TOML.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use super::{check, check_service};
use expect_test::expect;

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
              = help: the fields here are name, tick, clock, node, gateway, api, retention, prices, users, webhooks, history, analyst, queue, services, jobs

            shop.toml: 1 error
        "#]],
    );
}
