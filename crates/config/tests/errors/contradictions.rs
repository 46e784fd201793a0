//! What people read when fields contradict each other or are probably not meant.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use super::{check, check_service, service};
use expect_test::expect;

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
        "scaling = { request_rate = \"5/s\", forecast = { season = \"1d\", season_long = \"36h\" } }",
        expect![[r#"
            error[conflict]: `season_long` (1d12h) is no multiple of `season` (1d)
             --> shop.toml:7:77
              |
            7 | scaling = { request_rate = "5/s", forecast = { season = "1d", season_long = "36h" } }
              |                                                                             ^^^^^ expected a multiple of the season, such as 2d
              |                                                         ---- the season
              |
              = field: services.shop.scaling.forecast.season_long

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
fn a_tick_that_is_too_short_for_its_clock_is_doubtful() {
    let clock = |lines: &str| service("").replacen("\n\n", &format!("\nclock.speed = 240\n{lines}\n"), 1);
    check(
        &clock(""),
        expect![[r#"
            warning[doubtful]: a tick of 15s is over after 62 ms at speed 240; decisions are 100 ms apart at least
             --> shop.toml:2:15
              |
            2 | clock.speed = 240
              |               ^^^
              |
              = field: clock.speed
              = help: set `tick` to 24s or more

            shop.toml: 1 warning
        "#]],
    );
    check(&clock("tick = \"24s\"\n"), expect![[""]]);
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
        "scaling = { in_flight = 8, forecast = { season = \"1d\" } }",
        expect![[r#"
        warning[doubtful]: a forecast of the request rate adds no replicas while nothing says what one replica can do
         --> shop.toml:7:39
          |
        7 | scaling = { in_flight = 8, forecast = { season = "1d" } }
          |                                       ^^^^^^^^^^^^^^^^^
          |
          = field: services.shop.scaling.forecast
          = help: say it: `request_rate = "50/s"` or `capacity = "50/s"` in `scaling`

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
              = help: the fields here are command, env, directory, replicas, requests, limits, health, startup, grace, balance, scaling, metrics, priority, weight, restart, sandbox, log, analyst

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
fn an_event_has_to_end_after_its_start_with_one_rising_load() {
    let event = |start: &str, end: &str, load: &str| {
        format!(
            "scaling = {{ request_rate = \"9/s\", events = [{{ name = \"sale\", start = \"{start}\", end = \"{end}\", {load} }}] }}"
        )
    };
    let (first, last) = ("2026-11-27T08:00:00Z", "2026-11-27T20:00:00Z");
    check_service(
        &event(last, first, "factor = 2"),
        expect![[r#"
        error[conflict]: `end` is not after `start` (2026-11-27T20:00:00Z), so the event ends before it starts
         --> shop.toml:7:100
          |
        7 | s = [{ name = "sale", start = "2026-11-27T20:00:00Z", end = "2026-11-27T08:00:00Z", factor = 2 }] }
          |                                                             ^^^^^^^^^^^^^^^^^^^^^^ expected a moment after 2026-11-27T20:00:00Z
          |                                                             ---------------------- the start
          |
          = field: services.shop.scaling.events[0].end

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &event(first, last, "factor = 2, rate = \"5/s\""),
        expect![[r#"
        error[conflict]: `factor` and `rate` are two ways to say one thing
         --> shop.toml:7:143
          |
        7 | 8:00:00Z", end = "2026-11-27T20:00:00Z", factor = 2, rate = "5/s" }] }
          |                                                             ^^^^^ expected one of the two
          |                                                             - said here already
          |
          = field: services.shop.scaling.events[0].rate

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &event(first, last, "curve = []"),
        expect![[r#"
        error[conflict]: no load is expected: `factor`, `rate` or [[curve]] is missing
         --> shop.toml:7:45
          |
        7 | scaling = { request_rate = "9/s", events = [{ name = "sale", start = "2026-11-27T08:00:00Z", end = "2026-11-27T20:00:00Z
          |                                             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected `factor`, `rate` or [[curve]]
          |
          = field: services.shop.scaling.events[0].factor

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &event(first, last, "factor = 2, curve = [{ at = \"13h\", factor = 3 }]"),
        expect![[r#"
        error[conflict]: `at` (13h) lies after the end of the event
         --> shop.toml:7:152
          |
        7 | , end = "2026-11-27T20:00:00Z", factor = 2, curve = [{ at = "13h", factor = 3 }] }] }
          |                                                             ^^^^^ expected less than 12h
          |
          = field: services.shop.scaling.events[0].curve[0].at

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &event(first, last, "curve = [{ at = \"2h\", factor = 3 }, { at = \"1h\", factor = 2 }, { at = \"3h\" }]"),
        expect![[r#"
            error[conflict]: the points of a curve have to rise, and `at` (1h) does not
             --> shop.toml:7:167
              |
            7 | 1-27T20:00:00Z", curve = [{ at = "2h", factor = 3 }, { at = "1h", factor = 2 }, { at = "3h" }] }] }
              |                                                             ^^^^ expected more than 2h
              |
              = field: services.shop.scaling.events[0].curve[1].at

            error[conflict]: no load is expected: `factor` or `rate` is missing
             --> shop.toml:7:187
              |
            7 | ve = [{ at = "2h", factor = 3 }, { at = "1h", factor = 2 }, { at = "3h" }] }] }
              |                                                             ^^^^^^^^^^^^^ expected `factor` or `rate`
              |
              = field: services.shop.scaling.events[0].curve[2].factor

            shop.toml: 2 errors
        "#]],
    );
    check_service(
        "scaling = { request_rate = \"9/s\", forecast = { quantile = \"95%\", missing_price = 19 }, backlog = {} }",
        expect![[r#"
            error[conflict]: `quantile` and `missing_price` are two ways to say one thing
             --> shop.toml:7:82
              |
            7 | scaling = { request_rate = "9/s", forecast = { quantile = "95%", missing_price = 19 }, backlog = {} }
              |                                                                                  ^^ expected one of the two
              |                                                           ----- said here already
              |
              = field: services.shop.scaling.forecast.missing_price

            warning[doubtful]: neither `within` nor `deadline` says when the work has to be done, so it is done as fast as it can be
             --> shop.toml:7:98
              |
            7 | scaling = { request_rate = "9/s", forecast = { quantile = "95%", missing_price = 19 }, backlog = {} }
              |                                                                                                  ^^
              |
              = field: services.shop.scaling.backlog
              = help: say how long an item may take: `within = "10m"`

            shop.toml: 1 error, 1 warning
        "#]],
    );
}

#[test]
fn a_dead_band_is_no_narrower_than_nothing() {
    check_service(
        "scaling = { cpu = \"80%\", headroom = { price = 100, price_keep = 50 } }",
        expect![[r#"
        error[conflict]: `price_keep` (50) is below `price` (100)
         --> shop.toml:7:65
          |
        7 | scaling = { cpu = "80%", headroom = { price = 100, price_keep = 50 } }
          |                                                                 ^^ expected `price_keep` at least as high as `price`
          |
          = field: services.shop.scaling.headroom.price_keep

        shop.toml: 1 error
    "#]],
    );
    check_service(
        "scaling = { cpu = \"80%\", headroom = { price = 500 } }",
        expect![[r#"
        error[conflict]: `price_keep` (160) is below `price` (500)
         --> shop.toml:7:47
          |
        7 | scaling = { cpu = "80%", headroom = { price = 500 } }
          |                                               ^^^ expected `price_keep` at least as high as `price`
          |
          = field: services.shop.scaling.headroom.price

        shop.toml: 1 error
    "#]],
    );
}

#[test]
fn a_model_elsewhere_is_asked_within_tls_and_only_what_somebody_allowed() {
    let spec = |model: &str| {
        format!(
            "name = \"shop\"\n[analyst.model]\n{model}\n[services.shop]\ncommand = [\"shop\", \"{{port}}\"]\nreplicas = 1\nrequests = {{ cpu = 1, memory = \"64MiB\" }}\n"
        )
    };
    let told = |model: &str| match plimsoll_config::parse(&spec(model), std::path::Path::new("shop.toml")) {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    };
    for (model, expected) in [
        ("endpoint = \"http://10.0.0.9/v1\"", "evidence would travel in the clear"),
        ("endpoint = \"https://api.example/v1\"", "nothing says what may leave this one"),
        ("endpoint = \"https://127.0.0.1.example/v1\"", "nothing says what may leave this one"),
        ("endpoint = \"ftp://h\"", "no URL that a question can be sent to"),
        ("endpoint = \"local:\"", "names no file"),
        ("endpoint = \"local:m.gguf\"\nkey_env = \"K\"", "a model in the process, which takes no key"),
        ("endpoint = \"local:m.gguf\"\nkey_file = \"K\"", "no `key_file`, or the URL of a server"),
        ("endpoint = \"http://127.0.0.1/v1\"\nkey_env = \"K\"\nkey_file = \"k\"", "one key is sent"),
        ("endpoint = \"http://127.0.0.1/v1\"\nprice_read = 3", "`price_read` without money"),
        ("endpoint = \"http://127.0.0.1/v1\"\nkey = \"sk-secret\"", "unknown"),
    ] {
        assert!(told(model).contains(expected), "{model}: {}", told(model));
    }
    for model in [
        "endpoint = \"http://127.0.0.1:8080/v1\"",
        "endpoint = \"local:m.gguf\"",
        "endpoint = \"http://[::1]:8080/v1\"\nkey_file = \"k\"",
        "endpoint = \"https://api.example/v1\"\nshow = \"figures\"\nkey_env = \"K\"\nprice_read = 3\nmoney_day = 1",
        "",
    ] {
        assert_eq!(told(model), "", "{model}");
    }
}

#[test]
fn a_search_in_the_background_has_bounds_that_are_named_and_something_that_starts_it() {
    let told = |evolve: &str| {
        let text = format!(
            "name = \"shop\"\n[analyst.evolve]\n{evolve}\n[services.shop]\ncommand = [\"shop\", \"{{port}}\"]\nreplicas = 1\nrequests = {{ cpu = 1, memory = \"64MiB\" }}\n"
        );
        match plimsoll_config::parse(&text, std::path::Path::new("shop.toml")) {
            Ok(loaded) => {
                let again = plimsoll_config::render(&loaded.spec);
                let again = plimsoll_config::parse(&again, std::path::Path::new("again.toml")).unwrap();
                assert_eq!(again.spec.analyst, loaded.spec.analyst);
                format!("{:?}", loaded.spec.analyst.evolve.unwrap())
            }
            Err(report) => report.to_string(),
        }
    };
    for (evolve, expected) in [
        ("", "every: Millis(21600000), cpu: Millis(600000), on: [Schedule, Drift, Burn]"),
        ("on = [\"burn\", \"drift\", \"burn\"]\ncpu = \"1h\"", "cpu: Millis(3600000), on: [Drift, Burn]"),
        ("on = []", "no search would ever begin"),
        ("on = [\"noon\"]", "expected one of \"schedule\", \"drift\", \"burn\""),
        ("cpu = \"25h\"", "analyst.evolve.cpu"),
        ("cpu = \"10ms\"", "1s to 1d"),
        ("every = \"0s\"", "analyst.evolve.every"),
        ("nodes = 3", "unknown"),
    ] {
        assert!(told(evolve).contains(expected), "{evolve}: {}", told(evolve));
    }
    let without = "name = \"shop\"\n[services.shop]\ncommand = [\"shop\", \"{port}\"]\nreplicas = 1\nrequests = { cpu = 1, memory = \"64MiB\" }\n";
    let loaded = plimsoll_config::parse(without, std::path::Path::new("shop.toml")).unwrap();
    assert!(loaded.spec.analyst.evolve.is_none(), "off unless it is asked for");
}
