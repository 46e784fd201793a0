//! The OpenAPI document of the API.
//!
//! Written by hand beside [`super::routes`], because it is short; a test asks every path it names of a running daemon.

use super::access::{Need, Role, needed};
use hyper::Method;
use plimsoll_model::wheel::{BY_LEN_MAX, REPLICAS_MAX};
use serde_json::{Value, json};

/// The document.
#[must_use]
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plimsoll",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "State, decisions, history and policy of one Plimsoll daemon. Times named `_ms` are trace time in milliseconds since the Unix epoch unless they say otherwise. Errors are application/problem+json (RFC 9457).",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "paths": with_roles(asked(paths())),
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "A named token (`plimsoll token create`), or on the machine itself the content of the file `token` in the state directory. Looking needs one where the spec says so, and beyond loopback." }
            },
            "schemas": schemas(),
        }
    })
}

fn audit() -> Value {
    let schema = json!({
        "type": "object", "required": ["requests", "notes"],
        "properties": {
            "requests": { "type": "array", "items": { "type": "object" } },
            "notes": { "type": "array", "items": { "type": "object" } }
        }
    });
    let parameters = json!([
        parameter("service", "Only those about this service or job", json!({ "type": "string" })),
        parameter("since_ms", "From this moment on, wall clock", json!({ "type": "integer" })),
        parameter(
            "limit",
            "At most so many, the newest",
            json!({ "type": "integer", "minimum": 0, "maximum": 1000, "default": 100 })
        ),
    ]);
    let about =
        "Requests that asked for a change and what became of them, and what the daemon erased or dropped, oldest first";
    get(about, "application/json", schema, parameters)
}

fn paths() -> Value {
    let mut policy = get("The policy in force", "application/json", json!({ "type": "object" }), json!([]));
    policy["put"] = write("Takes over a spec (TOML text)", json!([]));
    policy["put"]["requestBody"] =
        json!({ "required": true, "content": { "application/toml": { "schema": { "type": "string" } } } });
    let mut events = get(
        "Server-sent events: `state` with the whole state, at once and after each step",
        "text/event-stream",
        json!({ "type": "string" }),
        json!([]),
    );
    events["post"] =
        write("Announces an event that changes a service's load; it starts at once and expires by itself", json!([]));
    events["post"]["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": announcement() } } });
    let mut health = get("`ok`, or 503 while something is wrong", "text/plain", json!({ "type": "string" }), json!([]));
    health["get"]["responses"]["503"] = json!({
        "description": "Something is wrong; the findings of /v1/state say what",
        "content": { "text/plain": { "schema": { "type": "string" } } }
    });
    json!({
        "/": get("The dashboard", "text/html", json!({ "type": "string" }), json!([])),
        "/healthz": health,
        "/metrics": get("Metrics as OpenMetrics text", "application/openmetrics-text", json!({ "type": "string" }), json!([])),
        "/v1/openapi.json": get("This document", "application/json", json!({ "type": "object" }), json!([])),
        "/v1/state": get("The latest state", "application/json", reference("State"), json!([])),
        "/v1/policy": policy,
        "/v1/decisions": get("What was decided and why, newest first", "application/json", json!({
            "type": "object", "required": ["decisions"],
            "properties": { "decisions": { "type": "array", "items": reference("Decision") } }
        }), json!([
            parameter("service", "Only decisions about this service", json!({ "type": "string" })),
            parameter("limit", "At most so many", json!({ "type": "integer", "minimum": 0, "maximum": super::DECISIONS_MAX, "default": 50 })),
            parameter("before", "Only steps before this number", json!({ "type": "integer", "minimum": 0 })),
        ])),
        "/v1/history": get("Samples", "application/json", json!({
            "type": "object", "required": ["series"],
            "properties": { "series": { "type": "object", "additionalProperties": {
                "type": "array", "description": "[at_ms, mean, min, max], oldest first",
                "items": { "type": "array", "items": { "type": "number" }, "minItems": 4, "maxItems": 4 }
            } } }
        }), json!([
            parameter("series", "Names of series, comma separated, 64 at most", json!({ "type": "string" })),
            parameter("from_ms", "Trace time; an hour before `to_ms` if absent", json!({ "type": "integer" })),
            parameter("to_ms", "Trace time; now if absent", json!({ "type": "integer" })),
            parameter("points", "At most so many points a series", json!({ "type": "integer", "minimum": 1, "maximum": 5000, "default": 300 })),
        ])),
        "/v1/audit": audit(),
        "/v1/usage": get("What services, jobs or users requested, used and left idle, times the price list, from the journal", "application/json", reference("Usage"), json!([
            parameter("by", "What rows are of", json!({ "enum": ["service", "user", "job"], "default": "service" })),
            parameter("from_ms", "Samples from this trace time on; the oldest if absent", json!({ "type": "integer" })),
            parameter("to_ms", "Samples before this trace time; the newest, too, if absent", json!({ "type": "integer" })),
        ])),
        "/v1/events/announced": get("Events that are announced and not over", "application/json", json!({
            "type": "object", "required": ["events"],
            "properties": { "events": { "type": "array", "items": { "type": "object" } } }
        }), json!([])),
        "/v1/events": events,
        "/v1/reload": { "post": write("Reads the spec file again and takes it over", json!([])) },
        "/v1/shutdown": { "post": write("Drains everything and ends", json!([])) },
        "/v1/proposals": get("What the analyst proposed", "application/json", json!({
            "type": "object", "required": ["proposals", "searches"],
            "properties": {
                "proposals": { "type": "array", "items": { "type": "object" } },
                "searches": { "type": "array", "items": { "type": "object" }, "description": "The last search for a formula of each service" }
            }
        }), json!([])),
        "/v1/proposals/{id}": get("One proposal with its verdict and what became of it", "application/json", json!({ "type": "object" }), proposal_id()),
        "/v1/proposals/{id}/approve": answer("Lets a proved proposal come into force, on trial first"),
        "/v1/proposals/{id}/reject": answer("Rejects a proposal, or takes back one that is in force"),
        "/v1/services/{service}/wheel": wheel(),
        "/v1/jobs/{job}/run": { "post": write("Runs a job now", json!([
            { "name": "job", "in": "path", "required": true, "schema": { "type": "string" } }
        ])) },
    })
}

fn proposal_id() -> Value {
    json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }])
}

/// With what whoever only looks may ask beyond state and figures.
fn asked(mut paths: Value) -> Value {
    paths["/analyst"] =
        get("The analyst's page: questions and proposals", "text/html", json!({ "type": "string" }), json!([]));
    let me = json!({ "type": "object", "required": ["who", "role"],
        "properties": { "who": { "type": "string" }, "role": { "type": ["string", "null"] } } });
    paths["/v1/me"] = get("Who asks, and what they may do", "application/json", me, json!([]));
    paths["/v1/ask"] = question();
    let object = || json!({ "type": "object" });
    paths["/v1/services/{service}/record"] = get(
        "The history of a service, as `plimsoll schema history` describes it",
        "application/json",
        object(),
        of_service(),
    );
    paths["/v1/services/{service}/diagnosis"] = get(
        "What the analyst last found, why it looked, and who said what",
        "application/json",
        object(),
        of_service(),
    );
    paths
}

fn of_service() -> Value {
    json!([{ "name": "service", "in": "path", "required": true, "schema": { "type": "string" } }])
}

/// A question in plain words.
fn question() -> Value {
    let mut path = write(
        "Answers a question about a service, changing nothing: why it scaled, what limits it, what would be better, what another load would bring",
        json!([]),
    );
    path["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": super::ask::body() } } });
    let texts = json!({ "type": "array", "items": { "type": "object" } });
    path["responses"]["200"] = json!({ "description": "The answer, a sentence a line, with every fact that it rests on", "content": { "application/json": { "schema": {
        "type": "object", "required": ["service", "text", "sentences", "facts"],
        "properties": { "service": { "type": "string" }, "text": { "type": "string" }, "sentences": texts, "facts": texts }
    } } } });
    json!({ "post": path })
}

/// What a person says to a proposal.
fn answer(summary: &str) -> Value {
    let mut path = write(summary, proposal_id());
    path["requestBody"] =
        json!({ "required": true, "content": { "application/json": { "schema": super::analyst::body() } } });
    json!({ "post": path })
}

/// The paths, each operation with the role that it needs.
fn with_roles(mut paths: Value) -> Value {
    let items = paths.as_object_mut().into_iter().flatten();
    for (path, item) in items {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let method = method.to_uppercase().parse().unwrap_or(Method::POST);
            let (role, security) = match needed(&method, path) {
                Need::Nothing => ("none".to_owned(), json!([{}])),
                // On loopback nobody has to show anything to look.
                Need::Role(Role::Read) => (Role::Read.to_string(), json!([{}, { "token": [] }])),
                Need::Role(role) => (role.to_string(), json!([{ "token": [] }])),
            };
            operation["x-plimsoll-role"] = json!(role);
            operation["security"] = security;
            if role != "none" {
                operation["responses"]["401"] = problem();
                operation["responses"]["403"] = problem();
            }
        }
    }
    paths
}

/// An operator's hand on a service.
fn wheel() -> Value {
    let mut path = write(
        "An operator takes the wheel of a service, or gives it back: the order stands above the policies until it ends",
        json!([{ "name": "service", "in": "path", "required": true, "schema": { "type": "string" } }]),
    );
    let body = json!({
        "type": "object", "required": ["order", "by"], "additionalProperties": false,
        "properties": {
            "order": { "enum": ["scale", "stop", "pause", "freeze", "resume", "restart"] },
            "replicas": { "type": "integer", "minimum": 0, "maximum": REPLICAS_MAX, "description": "How many, for `scale`" },
            "way": { "enum": ["out", "in", "both"], "description": "Which way of scaling, for `pause`; both if absent" },
            "for_ms": { "type": "integer", "minimum": 1, "description": "How long it stands; until it is taken back if absent" },
            "by": { "type": "string", "minLength": 1, "maxLength": BY_LEN_MAX, "description": "Who orders" },
        }
    });
    path["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": body } } });
    json!({ "post": path })
}

/// What `POST /v1/events` takes.
fn announcement() -> Value {
    let load = json!({
        "factor_permille": { "type": "integer", "minimum": 1, "maximum": 1_000_000, "description": "The load as a multiple of the usual one, in thousandths" },
        "rate_milli_rps": { "type": "integer", "minimum": 1, "description": "The load by itself, in thousandths of a request per second" }
    });
    let mut point = load.clone();
    point["at_ms"] = json!({ "type": "integer", "minimum": 0, "description": "Time after the start" });
    let mut properties = load;
    properties["name"] = json!({ "type": "string", "description": "One of the same name is replaced" });
    properties["service"] = json!({ "type": "string" });
    properties["for_ms"] = json!({ "type": "integer", "minimum": 1, "description": "How long it lasts" });
    properties["start_ms"] = json!({ "type": "integer", "description": "When it starts; now if absent" });
    properties["end_ms"] = json!({ "type": "integer", "description": "When it ends, in place of for_ms" });
    properties["curve"] =
        json!({ "type": "array", "items": { "type": "object", "required": ["at_ms"], "properties": point } });
    properties["by"] = json!({ "type": "string", "description": "Who announces it" });
    json!({ "type": "object", "required": ["name", "service"], "additionalProperties": false, "properties": properties })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn get(summary: &str, content: &str, schema: Value, parameters: Value) -> Value {
    json!({ "get": {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": summary, "content": { content: { "schema": schema } } },
            "default": problem(),
        }
    } })
}

fn write(summary: &str, parameters: Value) -> Value {
    json!({
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done", "content": { "application/json": { "schema": {
                "type": "object", "required": ["message"], "properties": { "message": { "type": "string" } }
            } } } },
            "default": problem(),
        }
    })
}

fn problem() -> Value {
    json!({ "description": "What is wrong", "content": { "application/problem+json": { "schema": reference("Problem") } } })
}

fn schemas() -> Value {
    let integer = json!({ "type": "integer" });
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "Problem": { "type": "object", "required": ["title", "status", "detail"],
            "properties": { "title": text, "status": integer, "detail": text } },
        "Usage": { "type": "object",
            "required": ["by", "currency", "prices", "samples", "observed_ms", "unobserved_ms", "rows", "total"],
            "properties": {
                "by": { "enum": ["service", "user", "job"] }, "currency": text, "prices": { "type": "object" },
                "samples": integer, "observed_ms": { "type": "integer", "description": "Physical time" }, "unobserved_ms": integer,
                "rows": { "type": "array", "description": "Sums are integers, or their digits as text beyond 2^64", "items": { "type": "object" } },
                "total": { "type": "object" }
            } },
        "Decision": { "type": "object", "required": ["step", "at_ms", "at", "services", "actions", "reasons"],
            "properties": { "step": integer, "at_ms": integer, "at": text, "services": texts, "actions": texts, "reasons": texts } },
        "State": { "type": "object",
            "required": ["name", "version", "trace_time_ms", "speed", "uptime_ms", "healthy", "findings", "node", "services", "jobs", "gateway"],
            "properties": {
                "name": text, "version": text, "trace_time_ms": integer, "trace_time": text, "speed": integer,
                "uptime_ms": { "type": "integer", "description": "Physical time" }, "steps": integer,
                "healthy": { "type": "boolean" }, "findings": texts,
                "node": { "type": "object" }, "jobs": { "type": "array", "items": { "type": "object" } },
                "services": { "type": "array", "items": { "type": "object",
                    "required": ["name", "target", "current", "ready", "replicas", "reason", "withheld"],
                    "properties": { "name": text, "target": integer, "current": integer, "ready": integer,
                        "replicas": { "type": "array", "items": { "type": "object" } }, "reason": text, "withheld": texts,
                        "order": { "type": ["string", "null"], "description": "The operator's order that stands above the policies" } } } },
                "gateway": { "type": "object" }
            } }
    })
}
