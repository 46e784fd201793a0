//! A Kubernetes HorizontalPodAutoscaler in its own field names: `scaling.hpa` is the object's `spec`.
//!
//! The bounds are the service's `replicas`. What the object's API refuses is refused here too.

use crate::field::Fallback::{Absent, Inner, Is, Required};
use crate::field::Literal::{Integer, Text};
use crate::field::{Choice, DAY, Field, Kind, Section, count, duration, share};
use crate::form::Form;
use crate::unit::Unit;

/// Quantities of the API, in thousandths.
const QUANTITY: Kind = Kind::Quantity { unit: Unit::Quantity, min: 1, max: i64::MAX, unlimited: false };

pub static HPA: Section = Section {
    name: "hpa",
    path: "services.NAME.scaling.hpa",
    doc: "A Kubernetes HorizontalPodAutoscaler (autoscaling/v2): the fields of its `spec`, with the same meaning and the \
          same decisions. `plimsoll import hpa` writes it. It has windows and rates of its own, so those of the service \
          do not apply to it.",
    short: &[],
    fields: &[
        Field::new("metrics", Kind::Tables(&METRIC), Required, "What is measured; the highest proposal counts."),
        Field::new(
            "behavior",
            Kind::Table(&BEHAVIOR),
            Absent("the older rule: the highest proposal of five minutes counts, and a target at most doubles"),
            "How fast the number may change.",
        ),
        Field::new("controller", Kind::Table(&CONTROLLER), Inner, "Flags of the controller that decide too."),
    ],
};

static CONTROLLER: Section = Section {
    name: "hpa_controller",
    path: "services.NAME.scaling.hpa.controller",
    doc: "Flags of the Kubernetes controller manager that are part of each decision.",
    short: &[],
    fields: &[
        Field::new(
            "tolerance",
            share(0, 1_000),
            Is(Text("10%"), "the controller's own, `--horizontal-pod-autoscaler-tolerance`"),
            "Nothing changes while measured / wanted is within this of 1.",
        ),
        Field::new(
            "cpuInitializationPeriod",
            duration(0, DAY),
            Is(Text("5m"), "the controller's own, `--horizontal-pod-autoscaler-cpu-initialization-period`"),
            "Within this of its start a replica's CPU counts only behind a whole sample of readiness.",
        ),
        Field::new(
            "initialReadinessDelay",
            duration(0, DAY),
            Is(Text("30s"), "the controller's own, `--horizontal-pod-autoscaler-initial-readiness-delay`"),
            "A replica that became unready within this of its start never was ready.",
        ),
        Field::new(
            "downscaleStabilization",
            duration(0, DAY),
            Is(Text("5m"), "the controller's own, `--horizontal-pod-autoscaler-downscale-stabilization`"),
            "How long a higher proposal keeps replicas where `behavior` says nothing else.",
        ),
    ],
};

static METRIC: Section = Section {
    name: "hpa_metric",
    path: "services.NAME.scaling.hpa.metrics",
    doc: "One metric. `type` names the table that says which.",
    short: &[],
    fields: &[
        Field::new("type", Kind::Choice(TYPES), Required, "Where the metric comes from."),
        Field::new("resource", Kind::Table(&RESOURCE), Absent("another type"), "CPU or memory of whole replicas."),
        Field::new(
            "containerResource",
            Kind::Table(&CONTAINER),
            Absent("another type"),
            "CPU or memory of a container.",
        ),
        Field::new("pods", Kind::Table(&PODS), Absent("another type"), "A number that each replica has of its own."),
        Field::new("object", Kind::Table(&OBJECT), Absent("another type"), "A number about one other object."),
        Field::new("external", Kind::Table(&EXTERNAL), Absent("another type"), "A number from somewhere else."),
    ],
};

static TYPES: &[Choice] = &[
    Choice { word: "Resource", doc: "CPU or memory of whole replicas, table `resource`" },
    Choice { word: "ContainerResource", doc: "CPU or memory of a container, table `containerResource`" },
    Choice { word: "Pods", doc: "a number that each replica has of its own, table `pods`" },
    Choice { word: "Object", doc: "a number about one other object, table `object`" },
    Choice { word: "External", doc: "a number from somewhere else, table `external`" },
];

static RESOURCES: &[Choice] =
    &[Choice { word: "cpu", doc: "CPU time" }, Choice { word: "memory", doc: "working memory" }];

const RESOURCE_NAME: Field = Field::new("name", Kind::Choice(RESOURCES), Required, "The resource.");
const TARGET_FIELD: Field = Field::new("target", Kind::Table(&TARGET), Required, "What is wanted.");
const METRIC_FIELD: Field = Field::new("metric", Kind::Table(&METRIC_NAME), Required, "Which metric.");

static RESOURCE: Section = Section {
    name: "hpa_resource",
    path: "services.NAME.scaling.hpa.metrics.resource",
    doc: "CPU or memory, summed over what a replica runs.",
    short: &[],
    fields: &[RESOURCE_NAME, TARGET_FIELD],
};

static CONTAINER: Section = Section {
    name: "hpa_container",
    path: "services.NAME.scaling.hpa.metrics.containerResource",
    doc: "CPU or memory of one container. A replica here has one, whatever its name.",
    short: &[],
    fields: &[
        RESOURCE_NAME,
        Field::new("container", Kind::Text(Form::Text), Required, "The container's name."),
        TARGET_FIELD,
    ],
};

static PODS: Section = Section {
    name: "hpa_pods",
    path: "services.NAME.scaling.hpa.metrics.pods",
    doc: "A number that each replica has of its own; its mean is compared with `averageValue`.",
    short: &[],
    fields: &[METRIC_FIELD, TARGET_FIELD],
};

static EXTERNAL: Section = Section {
    name: "hpa_external",
    path: "services.NAME.scaling.hpa.metrics.external",
    doc: "A number from somewhere else: a queue's length, a subscription's backlog.",
    short: &[],
    fields: &[METRIC_FIELD, TARGET_FIELD],
};

static OBJECT: Section = Section {
    name: "hpa_object",
    path: "services.NAME.scaling.hpa.metrics.object",
    doc: "A number about one other object, such as the requests of an Ingress.",
    short: &[],
    fields: &[
        Field::new("describedObject", Kind::Table(&DESCRIBED), Required, "The object."),
        METRIC_FIELD,
        TARGET_FIELD,
    ],
};

static DESCRIBED: Section = Section {
    name: "hpa_described_object",
    path: "services.NAME.scaling.hpa.metrics.object.describedObject",
    doc: "An object by its kind and name.",
    short: &[],
    fields: &[
        Field::new(
            "apiVersion",
            Kind::Text(Form::Text),
            Absent("it does not matter here"),
            "Its API group and version.",
        ),
        Field::new("kind", Kind::Text(Form::Text), Required, "Its kind."),
        Field::new("name", Kind::Text(Form::Text), Required, "Its name."),
    ],
};

static METRIC_NAME: Section = Section {
    name: "hpa_metric_name",
    path: "services.NAME.scaling.hpa.metrics.pods.metric",
    doc: "A metric by its name and labels.",
    short: &[],
    fields: &[
        Field::new("name", Kind::Text(Form::Text), Required, "Its name."),
        Field::new("selector", Kind::Table(&SELECTOR), Inner, "Which of its series."),
    ],
};

static SELECTOR: Section = Section {
    name: "hpa_selector",
    path: "services.NAME.scaling.hpa.metrics.pods.metric.selector",
    doc: "Labels that choose among the series of a metric.",
    short: &[],
    fields: &[Field::new("matchLabels", Kind::Variables, Absent("every series"), "Labels that have to be equal.")],
};

static TARGET: Section = Section {
    name: "hpa_target",
    path: "services.NAME.scaling.hpa.metrics.resource.target",
    doc: "What is wanted of a metric. `type` names the field that says how much.",
    short: &[],
    fields: &[
        Field::new("type", Kind::Choice(TARGETS), Required, "How it is wanted."),
        Field::new(
            "averageUtilization",
            count(1, 1_000_000),
            Absent("another type"),
            "Wanted per cent of the request, as the mean over replicas; a whole number without a sign.",
        ),
        Field::new("averageValue", QUANTITY, Absent("another type"), "Wanted per replica."),
        Field::new("value", QUANTITY, Absent("another type"), "Wanted in all."),
    ],
};

static TARGETS: &[Choice] = &[
    Choice { word: "Utilization", doc: "per cent of the request, field `averageUtilization`; resources only" },
    Choice { word: "AverageValue", doc: "so much per replica, field `averageValue`" },
    Choice { word: "Value", doc: "so much in all, field `value`; objects and external metrics only" },
];

static BEHAVIOR: Section = Section {
    name: "hpa_behavior",
    path: "services.NAME.scaling.hpa.behavior",
    doc: "How fast the number may change, by direction.",
    short: &[],
    fields: &[
        Field::new(
            "scaleUp",
            Kind::Table(&RULES),
            Absent("no window, and the larger of 4 replicas and 100 % within 15 s"),
            "Upwards.",
        ),
        Field::new(
            "scaleDown",
            Kind::Table(&RULES),
            Absent("a window of five minutes, and any number within 15 s"),
            "Downwards.",
        ),
    ],
};

static RULES: Section = Section {
    name: "hpa_rules",
    path: "services.NAME.scaling.hpa.behavior.scaleUp",
    doc: "One direction. What is left out is the default of that direction.",
    short: &[],
    fields: &[
        Field::new(
            "stabilizationWindowSeconds",
            count(0, 3_600),
            Absent("0 upwards, the controller's `downscaleStabilization` downwards"),
            "Follow only the most cautious proposal of so many seconds.",
        ),
        Field::new("selectPolicy", Kind::Choice(SELECTS), Absent("`Max`"), "Which of the policies counts."),
        Field::new(
            "policies",
            Kind::Tables(&POLICY),
            Absent("the defaults of that direction"),
            "Most change per period.",
        ),
        Field::new(
            "tolerance",
            Kind::Quantity { unit: Unit::Quantity, min: 0, max: i64::MAX, unlimited: false },
            Absent("the controller's"),
            "Nothing changes in this direction while measured / wanted is within this of 1.",
        ),
    ],
};

static SELECTS: &[Choice] = &[
    Choice { word: "Max", doc: "the policy that allows the largest change" },
    Choice { word: "Min", doc: "the policy that allows the smallest change" },
    Choice { word: "Disabled", doc: "no change in this direction" },
];

static POLICY: Section = Section {
    name: "hpa_policy",
    path: "services.NAME.scaling.hpa.behavior.scaleUp.policies",
    doc: "Most change per period.",
    short: &[],
    fields: &[
        Field::new("type", Kind::Choice(KINDS), Required, "What `value` counts."),
        Field::new("value", count(1, i32::MAX as i64), Required, "How many, or how many per cent."),
        Field::new("periodSeconds", count(1, 1_800), Required, "The period in seconds."),
    ],
};

static KINDS: &[Choice] = &[
    Choice { word: "Pods", doc: "replicas" },
    Choice { word: "Percent", doc: "per cent of the replicas at the start of the period" },
];

/// The `spec` of the object itself, as a YAML file has it. Not part of a spec file.
pub static OBJECT_V2: Section = Section {
    name: "hpa_v2",
    path: "spec",
    doc: "HorizontalPodAutoscalerSpec, autoscaling/v2.",
    short: &[],
    fields: &[
        SCALE_TARGET,
        MIN_REPLICAS,
        MAX_REPLICAS,
        Field::new("metrics", Kind::Tables(&METRIC), Absent("CPU at 80 %"), "What is measured."),
        Field::new("behavior", Kind::Table(&BEHAVIOR), Absent("the older rule"), "How fast the number may change."),
        // Never written, but the builder of `scaling.hpa` reads it.
        Field::new("controller", Kind::Table(&CONTROLLER), Inner, "Flags of the controller."),
    ],
};

/// The same of the older version.
pub static OBJECT_V1: Section = Section {
    name: "hpa_v1",
    path: "spec",
    doc: "HorizontalPodAutoscalerSpec, autoscaling/v1.",
    short: &[],
    fields: &[
        SCALE_TARGET,
        MIN_REPLICAS,
        MAX_REPLICAS,
        Field::new(
            "targetCPUUtilizationPercentage",
            count(1, 1_000_000),
            Is(Integer(80), "the API server's own where it is left out"),
            "Wanted per cent of the CPU request.",
        ),
    ],
};

const SCALE_TARGET: Field =
    Field::new("scaleTargetRef", Kind::Table(&REFERENCE), Required, "What is scaled; here it is the service.");
const MIN_REPLICAS: Field = Field::new(
    "minReplicas",
    count(0, 10_000),
    Is(Integer(1), "the API server's own where it is left out"),
    "Fewest replicas.",
);
const MAX_REPLICAS: Field = Field::new("maxReplicas", count(1, 10_000), Required, "Most replicas.");

static REFERENCE: Section = Section {
    name: "hpa_scale_target",
    path: "spec.scaleTargetRef",
    doc: "An object by its kind and name.",
    short: &[],
    fields: &[
        Field::new(
            "apiVersion",
            Kind::Text(Form::Text),
            Absent("it does not matter here"),
            "Its API group and version.",
        ),
        Field::new("kind", Kind::Text(Form::Text), Required, "Its kind."),
        Field::new("name", Kind::Text(Form::Text), Required, "Its name."),
    ],
};
