//! The JSON Schema of observations of several services and of nodes. Tests hold it to what is read.

use super::schema::count;
use serde_json::{Value, json};

fn moment() -> Value {
    json!({
        "type": ["string", "integer"],
        "description": "When: a time with zone such as 2026-03-01T09:00:00Z, or milliseconds since the epoch.",
    })
}

/// An observation of several services; `one` is that of a single one.
pub fn services(one: &Value) -> Value {
    let mut one = one.clone();
    if let Some(one) = one.as_object_mut() {
        one.remove("required");
        one.get_mut("properties").and_then(Value::as_object_mut).and_then(|fields| fields.remove("at"));
    }
    json!({
        "type": "object", "additionalProperties": false, "required": ["at", "capacity", "services"],
        "description": "Several services that share a node; what each is granted is decided with the others.",
        "properties": {
            "at": moment(),
            "capacity": {
                "type": "object", "additionalProperties": false, "required": ["cpu_millicores", "memory_bytes"],
                "description": "What the node has for services and jobs.",
                "properties": { "cpu_millicores": count("CPU, thousandths of a core."), "memory_bytes": count("Memory.") },
            },
            "held": { "type": "array", "items": held(), "description": "What runs of jobs hold of it." },
            "services": { "type": "object", "additionalProperties": one,
                "description": "By name; one of the policy that is left out was not observed." },
        },
    })
}

fn held() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["cpu_millicores", "memory_bytes"],
        "properties": {
            "priority": { "type": "integer", "default": 0, "description": "Its priority." },
            "preemptible": { "type": "boolean", "default": false, "description": "A higher priority may take its room." },
            "cpu_millicores": count("CPU it reserves, thousandths of a core."),
            "memory_bytes": count("Memory it reserves."),
        },
    })
}

/// An observation of nodes that can be bought and given back.
pub fn nodes() -> Value {
    let tasks = |doc: &str| json!({ "type": "array", "items": tasks(), "description": doc });
    let node = json!({
        "type": "object", "additionalProperties": false, "required": ["id", "shape"],
        "properties": {
            "id": { "type": "integer", "minimum": 0, "description": "Its number." },
            "shape": { "type": "string", "description": "Its shape in the policy." },
            "phase": { "enum": ["starting", "ready", "leaving"], "default": "ready", "description": "Where it is in its life." },
            "ready_in_s": count("Of one that starts: seconds until it takes tasks; the shape's start-up time if left out."),
            "idle_s": count("Of one without tasks: seconds since it has none; 0 if left out."),
            "tasks": tasks("What runs on it."),
        },
    });
    json!({
        "type": "object", "additionalProperties": false, "required": ["at"],
        "description": "Nodes of pools and what waits for them; the policy is a file of pools (`plimsoll simulate --pools`).",
        "properties": {
            "at": moment(),
            "nodes": { "type": "array", "items": node, "description": "Nodes that are there or on their way." },
            "waiting": tasks("Tasks that wait for room."),
            "foreseen": tasks("Tasks that will come by the time that a node bought now takes tasks."),
        },
    })
}

fn tasks() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "count": { "type": "integer", "minimum": 0, "default": 1, "description": "How many alike." },
            "cpu_millicores": count("CPU each asks, thousandths of a core."),
            "memory_bytes": count("Memory each asks."),
            "gpu_milli": count("Thousandths of a GPU each asks."),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::pools::{ObservedNode, ObservedNodes, ObservedTasks};
    use super::super::schema::tests::{fields, properties};
    use super::super::shared::{ObservedHeld, ObservedRoom, ObservedServices};
    use super::*;

    #[test]
    fn the_schema_has_the_fields_that_are_read() {
        let services = services(&json!({ "properties": { "at": {} } }));
        assert_eq!(properties(&services), fields::<ObservedServices>());
        assert_eq!(properties(&services["properties"]["held"]["items"]), fields::<ObservedHeld>());
        assert_eq!(properties(&services["properties"]["capacity"]), fields::<ObservedRoom>());
        let nodes = nodes();
        assert_eq!(properties(&nodes), fields::<ObservedNodes>());
        assert_eq!(properties(&nodes["properties"]["nodes"]["items"]), fields::<ObservedNode>());
        assert_eq!(properties(&tasks()), fields::<ObservedTasks>());
    }
}
