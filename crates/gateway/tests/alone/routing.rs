//! Routes: matching, parts, changed heads, redirects, rates, stickiness.

use crate::common::{Backend, PATIENCE, eventually};
use crate::{Lone, file, listener, mirror, pool, route};
use plimsoll_model::Millis;
use plimsoll_model::gateway::{
    AccessLogSpec, HeaderMatch, HeaderRules, ListenerRules, RateSpec, RedirectSpec, RouteRules, SourcePrefix, SplitBy,
    SplitSpec, StickySpec,
};
use plimsoll_model::route::{HashBy, RouteBalance};
use plimsoll_model::spec::{Algorithm, RouteSpec};
use std::collections::BTreeSet;
use std::time::Instant;

fn ruled(pool: &str, path: &str, rules: RouteRules) -> RouteSpec {
    RouteSpec { path_prefix: path.to_owned(), rules, ..route(pool) }
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn requests_go_by_path_method_and_field() {
    let (one, two) = (Backend::named("one"), Backend::named("two"));
    let wants = HeaderMatch { name: "X-Beta".to_owned(), value: Some("yes".to_owned()) };
    let routes = vec![
        ruled("two", "/beta", RouteRules { headers: vec![wants], ..RouteRules::default() }),
        ruled("two", "/exact", RouteRules { exact: true, ..RouteRules::default() }),
        ruled("two", "/post", RouteRules { methods: vec!["POST".to_owned()], ..RouteRules::default() }),
        route("one"),
    ];
    let lone = Lone::start(file(listener(routes), [("one", pool(&[one.address])), ("two", pool(&[two.address]))]));
    for (path, fields, wanted) in [
        ("/beta/x", "X-Beta: yes\r\n", "two"),
        ("/beta/x", "X-Beta: no\r\n", "one"),
        ("/exact?x", "", "two"),
        ("/exact/x", "", "one"),
        ("/post", "", "one"),
    ] {
        assert_eq!(lone.get(path, fields).text(), wanted, "{path} {fields}");
    }
    let mut client = lone.connect_client();
    let posted = client.send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").response();
    assert_eq!(posted.text(), "two");
}

#[test]
fn routes_choose_in_their_own_way_over_the_same_endpoints() {
    let backends = [Backend::named("a"), Backend::named("b"), Backend::named("c"), Backend::named("d")];
    let own = |algorithm, hash_by| {
        let balance = RouteBalance { algorithm: Some(algorithm), hash_by };
        RouteRules { balance, ..RouteRules::default() }
    };
    let routes = vec![
        route("shop"),
        ruled("shop", "/path", own(Algorithm::SourceHash, HashBy::Path)),
        ruled("shop", "/tenant", own(Algorithm::SourceHash, HashBy::Header("X-Tenant".to_owned()))),
        ruled("shop", "/user", own(Algorithm::SourceHash, HashBy::Cookie("user".to_owned()))),
    ];
    let spec = file(listener(routes), [("shop", pool(&backends.each_ref().map(|backend| backend.address)))]);
    let mut lone = Lone::start(spec.clone());
    let who = |lone: &Lone, path: &str, fields: &str| lone.get(path, fields).text().to_owned();
    let paths: Vec<String> = (0..40).map(|at| who(&lone, &format!("/path/{at}?x={at}"), "")).collect();
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), 4, "paths are spread");
    let again = |lone: &Lone| (0..40).all(|at| who(lone, &format!("/path/{at}?y"), "X-Tenant: 1\r\n") == paths[at]);
    assert!(again(&lone), "a path stays at its endpoint, whatever its query");
    for (path, field) in [("/tenant", "X-Tenant: "), ("/user", "Cookie: a=1; user=")] {
        let answers = |by: usize| -> BTreeSet<String> {
            (0..6).map(|at| who(&lone, &format!("{path}/{at}"), &format!("{field}{by}\r\n"))).collect()
        };
        let each: Vec<BTreeSet<String>> = (0..20).map(answers).collect();
        assert!(each.iter().all(|one| one.len() == 1), "{path}: one key, one endpoint: {each:?}");
        assert!(each.iter().collect::<BTreeSet<_>>().len() > 1, "{path}: keys are spread");
        let without: BTreeSet<String> = (0..6).map(|at| who(&lone, &format!("{path}/{at}"), "")).collect();
        assert_eq!(without.len(), 1, "{path}: without a key it is the client's address");
    }
    let turns: BTreeSet<String> = (0..16).map(|_| who(&lone, "/", "")).collect();
    assert_eq!(turns.len(), 4, "the pool's own algorithm goes on in turn");
    lone.reload(Ok(spec)).unwrap();
    assert!(again(&lone), "and after a reload");
}

#[test]
fn a_canary_gets_its_share_and_a_client_stays_in_its_part() {
    let (stable, canary) = (Backend::named("stable"), Backend::named("canary"));
    let split = vec![SplitSpec { service: crate::service("canary"), share: 300 }];
    let rules = |by| RouteRules { split: split.clone(), split_by: by, ..RouteRules::default() };
    let routes = vec![
        ruled("stable", "/", rules(SplitBy::Chance)),
        ruled("stable", "/id", rules(SplitBy::Cookie("id".to_owned()))),
    ];
    let pools = [("stable", pool(&[stable.address])), ("canary", pool(&[canary.address]))];
    let lone = Lone::start(file(listener(routes), pools));
    let mut client = lone.connect_client();
    let taken = (0..600).filter(|_| client.get("/").text() == "canary").count();
    // Binomial(600, 0.3): mean 180, deviation 11; six deviations either way.
    assert!((114..=246).contains(&taken), "{taken} of 600");
    let answers = |id: u32| -> BTreeSet<String> {
        (0..5).map(|_| lone.get("/id", &format!("Cookie: id={id}\r\n")).text().to_owned()).collect()
    };
    let parts: BTreeSet<_> = (0..30).map(answers).collect();
    assert!(parts.iter().all(|part| part.len() == 1), "one client, one part: {parts:?}");
    assert_eq!(parts.len(), 2, "both parts have clients");
}

#[test]
fn heads_are_changed_as_the_route_says() {
    let backend = mirror();
    let rules = RouteRules {
        request: HeaderRules {
            remove: vec!["X-Secret".to_owned()],
            set: pairs(&[("X-Zone", "b")]),
            add: pairs(&[("Via", "plimsoll")]),
        },
        response: HeaderRules {
            remove: vec!["Server".to_owned()],
            set: pairs(&[("X-Frame-Options", "DENY")]),
            ..HeaderRules::default()
        },
        ..RouteRules::default()
    };
    let lone = Lone::start(file(listener(vec![ruled("shop", "/", rules)]), [("shop", pool(&[backend.address]))]));
    let response = lone.get("/", "x-secret: 1\r\nX-Zone: a\r\nx-zone: c\r\nVia: other\r\nAccept: */*\r\n");
    let asked = response.text().to_owned();
    assert!(!asked.to_lowercase().contains("x-secret"), "{asked}");
    assert_eq!(asked.to_lowercase().matches("x-zone: ").count(), 1, "{asked}");
    assert!(asked.contains("X-Zone: b\r\n") && asked.contains("Via: other\r\n") && asked.contains("Via: plimsoll\r\n"));
    assert_eq!((response.field("server"), response.field("x-frame-options")), (None, Some("DENY")));
}

#[test]
fn a_redirect_says_where_and_the_connection_goes_on() {
    let backend = Backend::named("shop");
    let redirect = |path: &str, to: &str, status| RedirectSpec {
        host: None,
        path: path.to_owned(),
        exact: false,
        status,
        to: to.to_owned(),
    };
    let mut listener = listener(vec![route("shop")]);
    listener.rules = ListenerRules {
        redirects: vec![redirect("/old", "https://{host}{path}", 308), redirect("/here", "{path}/", 302)],
        ..ListenerRules::default()
    };
    let lone = Lone::start(file(listener, [("shop", pool(&[backend.address]))]));
    let mut client = lone.connect_client();
    let response = client.get("/old/x?y=1");
    assert_eq!((response.status, response.field("location")), (308, Some("https://shop.example/old/x?y=1")));
    assert_eq!(client.get("/here").field("location"), Some("/here/"));
    assert_eq!(client.get("/").text(), "shop", "the same connection");
    // Nobody can be sent to another host by two slashes.
    assert_eq!(client.get("/here").status, 302);
    client.send("HEAD /old HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.bodiless().status, 308);
    let post = "POST /old HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    assert_eq!(client.send(post).response().field("connection"), Some("close"), "its body is not read");
}

#[test]
fn a_rate_bounds_the_route_and_another_bounds_each_client() {
    let backend = Backend::named("shop");
    let rate = |rate_milli, burst| Some(RateSpec { rate_milli, burst });
    let routes = vec![
        ruled("shop", "/", RouteRules { rate: rate(1_000, 5), ..RouteRules::default() }),
        ruled("shop", "/client", RouteRules { client_rate: rate(100, 3), ..RouteRules::default() }),
    ];
    let mut file = file(listener(routes), [("shop", pool(&[backend.address]))]);
    file.gateway.trusted_proxies = vec!["127.0.0.1".to_owned()];
    let mut lone = Lone::start(file);
    let mut client = lone.connect_client();
    let started = Instant::now();
    let statuses: Vec<u16> = (0..8).map(|_| client.get("/").status).collect();
    let let_in = statuses.iter().filter(|status| **status == 200).count() as u64;
    // A burst of five, and one for each second that this took.
    assert!((5..=5 + 1 + started.elapsed().as_secs()).contains(&let_in), "{statuses:?}");
    assert!(started.elapsed() < PATIENCE && statuses[..5].iter().all(|status| *status == 200), "{statuses:?}");
    let refused = client.get("/");
    if refused.status == 429 {
        assert_eq!(
            (refused.field("retry-after"), refused.field("x-plimsoll-reason")),
            (Some("1"), Some("rate-limited"))
        );
    }
    let over = statuses.iter().filter(|status| **status == 429).count() as u64;
    lone.control.await_report("the counts of the route", |report| {
        let (name, route) = report.routes.iter().find(|(name, _)| name.ends_with(" */")).unwrap();
        assert_eq!(name, "127.0.0.1:0 */");
        route.requests >= let_in && route.rate_limited >= over
    });
    let by = |address: &str| lone.get("/client", &format!("X-Forwarded-For: {address}\r\n")).status;
    assert_eq!([by("192.0.2.1"), by("192.0.2.1"), by("192.0.2.1"), by("192.0.2.1")], [200, 200, 200, 429]);
    assert_eq!([by("192.0.2.2"), by("2001:db8::1"), by("2001:db8::2")], [200, 200, 200]);
    assert_eq!([by("2001:db8::3"), by("2001:db8::4")], [200, 429], "one /64 is one client");
}

#[test]
fn a_cookie_keeps_a_client_at_its_endpoint_until_that_is_gone() {
    let backends: Vec<Backend> = ["a", "b", "c"].into_iter().map(Backend::named).collect();
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let sticky = StickySpec { cookie: "lb".to_owned(), age: Some(Millis(3_600_000)) };
    let rules = RouteRules { sticky: Some(sticky), ..RouteRules::default() };
    let routes = || vec![ruled("shop", "/", rules.clone())];
    let mut lone = Lone::start(file(listener(routes()), [("shop", pool(&addresses))]));
    let first = lone.get("/", "");
    let set = first.field("set-cookie").unwrap().to_owned();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"), "{set}");
    let cookie = format!("Cookie: {}\r\n", set.split(';').next().unwrap());
    for _ in 0..10 {
        let next = lone.get("/", &cookie);
        assert_eq!((next.text(), next.field("set-cookie")), (first.text(), None));
    }
    let at = ["a", "b", "c"].iter().position(|name| *name == first.text()).unwrap();
    let rest: Vec<_> = addresses.iter().copied().filter(|address| *address != addresses[at]).collect();
    lone.reload(Ok(file(listener(routes()), [("shop", pool(&rest))]))).unwrap();
    let moved = lone.get("/", &cookie);
    assert_ne!(moved.text(), first.text());
    assert!(moved.field("set-cookie").is_some(), "the client is told where it lives now");
    assert_eq!(lone.get("/", "Cookie: lb=nonsense\r\n").status, 200);
}

#[test]
fn a_trace_is_passed_on_and_begun_where_there_is_none() {
    let backend = mirror();
    let mut file = file(listener(vec![route("shop")]), [("shop", pool(&[backend.address]))]);
    file.gateway.observe.trace = true;
    let lone = Lone::start(file);
    let given = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let passed = lone.get("/", &format!("{given}\r\n"));
    assert_eq!(passed.text().matches("traceparent").count(), 1, "{}", passed.text());
    assert!(passed.text().contains(given));
    let begun = lone.get("/", "");
    let line = begun.text().lines().find(|line| line.starts_with("traceparent: 00-")).unwrap().to_owned();
    assert_eq!(line.len(), "traceparent: ".len() + 55, "{line}");
}

#[test]
fn the_access_log_has_what_is_needed_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let backend = Backend::named("shop");
    let spec = |sample| Some(AccessLogSpec { file: path.to_str().unwrap().to_owned(), sample });
    let with = |sample| {
        let mut file = file(
            listener(vec![RouteSpec { path_prefix: "/shop".to_owned(), ..route("shop") }]),
            [("shop", pool(&[backend.address]))],
        );
        file.gateway.observe.access_log = spec(sample);
        file
    };
    let lines = || -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut lone = Lone::start(with(1_000));
    lone.get("/shop/cart?token=hidden", "Cookie: session=hidden\r\nAuthorization: hidden\r\n");
    lone.get("/nowhere", "");
    eventually("two lines", || lines().len() == 2);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("hidden"), "{text}");
    let line_of = |path: &str| lines().into_iter().find(|line| line["path"] == path).unwrap();
    let line = line_of("/shop/cart");
    assert_eq!(
        (&line["method"], &line["path"], &line["host"]),
        (&"GET".into(), &"/shop/cart".into(), &"shop.example".into())
    );
    assert_eq!((&line["status"], &line["bytes_out"], &line["pool"]), (&200.into(), &4.into(), &"shop".into()));
    assert_eq!(line["endpoint"], backend.address.to_string());
    let line = line_of("/nowhere");
    assert_eq!((&line["status"], &line["reason"]), (&404.into(), &"no-route".into()));
    // Moved away as log rotation does: a reload begins a new one. Nothing is sampled now; what is refused still is written.
    std::fs::rename(&path, folder.path().join("access.log.1")).unwrap();
    lone.reload(Ok(with(0))).unwrap();
    lone.get("/shop", "");
    lone.get("/nowhere", "");
    eventually("one line", || lines().len() == 1);
    assert_eq!(lines()[0]["status"], 404);
}

#[test]
fn addresses_of_one_prefix_share_a_rate() {
    let backend = Backend::named("shop");
    let rules = RouteRules { client_rate: Some(RateSpec { rate_milli: 1, burst: 1 }), ..RouteRules::default() };
    let by = |source: SourcePrefix, addresses: [&str; 3]| {
        let mut file = file(listener(vec![ruled("shop", "/", rules.clone())]), [("shop", pool(&[backend.address]))]);
        file.gateway.trusted_proxies = vec!["127.0.0.1".to_owned()];
        file.gateway.limits.source = source;
        let lone = Lone::start(file);
        addresses.map(|address| lone.get("/", &format!("X-Forwarded-For: {address}\r\n")).status)
    };
    let six = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
    let four = ["10.0.0.1", "10.0.0.2", "10.0.1.1"];
    assert_eq!(by(SourcePrefix::default(), six), [200, 429, 200]);
    assert_eq!(by(SourcePrefix { ipv4: 32, ipv6: 56 }, six), [200, 429, 429]);
    assert_eq!(by(SourcePrefix { ipv4: 32, ipv6: 128 }, six), [200, 200, 200]);
    assert_eq!(by(SourcePrefix::default(), four), [200, 200, 200]);
    assert_eq!(by(SourcePrefix { ipv4: 24, ipv6: 64 }, four), [200, 429, 200]);
}

#[test]
fn what_rules_take_out_of_heads_does_not_pass_in_trailers() {
    let backend = Backend::start(|peer| {
        while peer.head().is_some() {
            let body = String::from_utf8(peer.until(b"\r\n\r\n")).unwrap().replace("\r\n", "|");
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nX-Inner: 1\r\nX-Sum: 2\r\nX-Zone: evil\r\n\r\n",
                body.len()
            ));
        }
    });
    let removing = |name: &str| HeaderRules {
        remove: vec![name.to_owned()],
        set: [("X-Zone".to_owned(), "a".to_owned())].into(),
        ..HeaderRules::default()
    };
    let rules = RouteRules { request: removing("X-Admin"), response: removing("x-inner"), ..RouteRules::default() };
    let lone = Lone::start(file(listener(vec![ruled("shop", "/", rules)]), [("shop", pool(&[backend.address]))]));
    let mut client = lone.connect_client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-admin: 1\r\nX-Sum: 3\r\nx-zone: evil\r\n\r\n");
    let received = String::from_utf8(client.until_end()).unwrap();
    assert!(received.contains("\r\n0|X-Sum: 3||\r\n"), "{received}");
    assert!(received.ends_with("\r\n0\r\nX-Sum: 2\r\n\r\n"), "{received}");
}
