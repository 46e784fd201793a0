//! What people read when listeners and routes are wrong.

#![allow(clippy::too_many_lines, reason = "the expected texts are long; each test is a list of them")]

use super::{check, check_service, service};
use expect_test::expect;

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
            warning[doubtful]: nothing hands service `shop` its port, where health checks go
             --> shop.toml:4:11
              |
            4 | command = ["serve", "8000"]
              |           ^^^^^^^^^^^^^^^^^
              |
              = field: services.shop.command
              = help: put `{port}` into an argument, or, if the program reads the variable PORT: `env = { PORT = "{port}" }`

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
fn what_listeners_and_routes_do_beyond_plain_http_is_checked_as_in_a_gateway_file() {
    let listener = |rest: &str| format!("[[gateway.listeners]]\nlisten = \"127.0.0.1:80\"\n{rest}");
    check_service(
        &listener(
            "tls.certificates = [{ certificate = \"a.pem\", key = \"a.key\" }]\nhttp2 = true\n\
             redirects = [{ path = \"/old\", to = \"https://{host}/new\" }]\n\
             routes = [{ service = \"shop\", methods = [\"GET\"], client_rate = \"5/s\", hedge = \"50ms\" },\n\
             { service = \"shop\", split = [{ service = \"shop\", share = \"5%\" }], sticky = \"lb\" }]",
        ),
        expect![""],
    );
    check_service(
        &listener("tcp = \"shpo\""),
        expect![[r#"
        error[unknown-service]: there is no service `shpo`
         --> shop.toml:9:7
          |
        9 | tcp = "shpo"
          |       ^^^^^^ did you mean `shop`?
          |
          = field: gateway.listeners[0].tcp
          = help: the services are shop

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &listener("proxy_protocol = true\nroutes = [{ service = \"shop\" }]"),
        expect![[r#"
        error[conflict]: `proxy_protocol` without `trusted_proxies`: every connection would be refused
         --> shop.toml:9:18
          |
        9 | proxy_protocol = true
          |                  ^^^^ expected `trusted_proxies` beside the listeners
          |
          = field: gateway.listeners[0].proxy_protocol

        shop.toml: 1 error
    "#]],
    );
    check_service(
        &listener("routes = [{ service = \"shop\", split = [{ service = \"canary\", share = \"120%\" }] }]"),
        expect![[r#"
            error[unknown-service]: there is no service `canary`
             --> shop.toml:9:52
              |
            9 | routes = [{ service = "shop", split = [{ service = "canary", share = "120%" }] }]
              |                                                    ^^^^^^^^ expected one of shop
              |
              = field: gateway.listeners[0].routes[0].split[0].service
              = help: the services are shop

            error[out-of-range]: "120%" is out of range for `share`
             --> shop.toml:9:70
              |
            9 | routes = [{ service = "shop", split = [{ service = "canary", share = "120%" }] }]
              |                                                                      ^^^^^^ allowed is 0% to 100%
              |
              = field: gateway.listeners[0].routes[0].split[0].share

            shop.toml: 2 errors
        "#]],
    );
    check_service(
        &listener("routes = [{ service = \"shop\", balance.hash_by = \"path\" }]"),
        expect![[r#"
            error[conflict]: `hash_by` with the algorithm "prequal", which hashes nothing
             --> shop.toml:9:49
              |
            9 | routes = [{ service = "shop", balance.hash_by = "path" }]
              |                                                 ^^^^^^ expected `algorithm = "source_hash"` or `"ring_hash"` beside it
              |
              = field: gateway.listeners[0].routes[0].balance.hash_by

            shop.toml: 1 error
        "#]],
    );
    check_service(
        &listener("routes = [{ pool = \"shop\" }]"),
        expect![[r#"
        error[missing-field]: missing field `service`
         --> shop.toml:9:11
          |
        9 | routes = [{ pool = "shop" }]
          |           ^^^^^^^^^^^^^^^^^ `service` has to be set here
          |
          = field: gateway.listeners[0].routes[0].service
          = help: `service` is a name of 1 to 63 characters a-z, 0-9 and '-', starting with a letter and not ending in '-'

        error[unknown-field]: unknown field `pool`
         --> shop.toml:9:13
          |
        9 | routes = [{ pool = "shop" }]
          |             ^^^^ no field has this name
          |
          = field: gateway.listeners[0].routes[0].pool
          = help: the fields here are host, path, exact, methods, headers, service, split, split_by, split_key, timeout, retry, request, response, rate, client_rate, sticky, balance, hedge

        shop.toml: 2 errors
    "#]],
    );
}
