//! Tests of reading HorizontalPodAutoscalers: what comes over, and what is wrong with its line.

use super::*;
use crate::policy::parse_policy;
use plimsoll_model::ScalingPolicy;
use plimsoll_model::scaling::hpa::HpaSelect;
use plimsoll_model::scaling::quantity::MilliQuantity;

const FULL: &str = r#"apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: web
  namespace: shop
  labels: {app: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 40
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: 60}
  - type: Pods
    pods:
      metric: {name: packets-per-second, selector: {matchLabels: {port: "http"}}}
      target: {type: AverageValue, averageValue: 1k}
  - type: Object
    object:
      metric: {name: requests-per-second}
      describedObject: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: main-route}
      target: {type: Value, value: 10k}
  - type: External
    external:
      metric: {name: queue}
      target: {type: AverageValue, averageValue: 1.5}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 60
      selectPolicy: Min
      tolerance: 0.05
      policies:
      - {type: Percent, value: 10, periodSeconds: 60}
      - {type: Pods, value: 5, periodSeconds: 60}
status: {currentReplicas: 3}
"#;

fn read(text: &str) -> HpaFile {
    parse_hpa(text, "hpa.yaml").unwrap_or_else(|report| panic!("{report}"))
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let report = parse_hpa(text, "hpa.yaml").expect_err("it is refused").to_string();
    for part in expected {
        assert!(report.contains(part), "{part:?} is missing in\n{report}");
    }
}

fn with_spec(spec: &str) -> String {
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: web}}\nspec:\n  scaleTargetRef: {{kind: Deployment, name: web}}\n{spec}"
    )
}

#[test]
fn an_object_becomes_a_policy_that_reads_back_as_the_same() {
    let file = read(FULL);
    let [object] = file.objects.as_slice() else { panic!("one object") };
    assert_eq!(object.origin(), "HorizontalPodAutoscaler shop/web of Deployment web");
    assert_eq!((object.replicas_min, object.replicas_max, object.line), (2, 40, 1));
    let behavior = object.hpa.behavior.as_ref().unwrap();
    assert_eq!(behavior.scale_up, None);
    let down = behavior.scale_down.as_ref().unwrap();
    assert_eq!((down.select_policy, down.tolerance), (Some(HpaSelect::Min), Some(MilliQuantity(50))));
    let spec = parse_policy(&object.policy(), Path::new("p.toml")).unwrap_or_else(|report| panic!("{report}")).spec;
    let (_, service) = spec.services.first_key_value().unwrap();
    assert_eq!((service.replicas_min, service.replicas_max), (2, 40));
    assert_eq!(service.scaling.policies, [ScalingPolicy::Hpa(Box::new(object.hpa.clone()))]);
    assert!(file.notes.is_empty() && file.warnings.is_empty());
}

#[test]
fn the_older_version_and_what_is_left_out_get_the_api_server_s_defaults() {
    let v1 = "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec:\n  maxReplicas: 5\n  scaleTargetRef: {kind: Deployment, name: a}\n";
    let percent = |file: &HpaFile| match file.objects[0].hpa.metrics[0].target() {
        HpaTarget::Utilization { average_utilization } => average_utilization,
        other => panic!("{other:?}"),
    };
    let file = read(v1);
    assert_eq!((file.objects[0].replicas_min, percent(&file)), (1, 80));
    assert_eq!(percent(&read(&format!("{v1}  targetCPUUtilizationPercentage: 50\n"))), 50);
    assert_eq!(percent(&read(&with_spec("  maxReplicas: 5\n"))), 80, "no metrics at all");
}

#[test]
fn a_file_may_hold_several_documents_and_lists_and_says_what_it_left_out() {
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n";
    let list =
        format!("apiVersion: v1\nkind: List\nitems:\n- {}", with_spec("  maxReplicas: 5\n").replace('\n', "\n  "));
    let file = read(&format!("{FULL}---\n{other}---\n{list}\n"));
    let names: Vec<&str> = file.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["web", "web"]);
    assert_eq!(file.notes, ["line 39: Service is no HorizontalPodAutoscaler and was not read"]);
}

#[test]
fn what_v1_carried_in_annotations_is_told_of() {
    let text = "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: a\n  annotations: {autoscaling.alpha.kubernetes.io/behavior: '{}'}\nspec: {maxReplicas: 5, scaleTargetRef: {kind: D, name: a}}\n";
    assert!(read(text).notes[0].contains("autoscaling.alpha.kubernetes.io/behavior decides too"));
}

#[test]
fn mistakes_name_line_field_value_and_what_may_stand_there() {
    refused(&with_spec("  maxReplicas: many\n"), &["hpa.yaml:6:16", "many is not a valid `maxReplicas`", "1 to 10000"]);
    refused(&with_spec("  minReplicas: 7\n  maxReplicas: 5\n"), &["`minReplicas` (7) is above `maxReplicas` (5)"]);
    refused(&with_spec("  minReplicas: 1\n"), &["missing field `maxReplicas`"]);
    refused(
        &with_spec("  maxReplicas: 5\n  behaviour: {}\n"),
        &["hpa.yaml:7", "unknown field `behaviour`", "did you mean `behavior`?"],
    );
    refused(
        &with_spec(
            "  maxReplicas: 5\n  metrics:\n  - type: Resource\n    resource: {name: nvidia.com/gpu, target: {type: Utilization, averageUtilization: 5}}\n",
        ),
        &["hpa.yaml:9", "nvidia.com/gpu", "\"cpu\", \"memory\""],
    );
    refused(
        &with_spec(
            "  maxReplicas: 5\n  metrics:\n  - type: External\n    external: {metric: {name: q, selector: {matchExpressions: []}}, target: {type: Value, value: 5q}}\n",
        ),
        &["unknown field `matchExpressions`", "5q is not a valid `value`"],
    );
    refused(
        &with_spec(
            "  maxReplicas: 5\n  behavior: {scaleUp: {policies: [{type: Pods, value: 4, periodSeconds: 3600}]}}\n",
        ),
        &["3600 is out of range for `periodSeconds`", "1 to 1800"],
    );
    refused(
        "apiVersion: autoscaling/v3\nkind: HorizontalPodAutoscaler\n",
        &["hpa.yaml:1", "\"autoscaling/v3\" is not a valid `apiVersion`", "autoscaling/v2"],
    );
    refused("kind: Pod\n", &["there is no HorizontalPodAutoscaler in it"]);
    refused("a: [1\n", &["invalid YAML"]);
    refused("a: &x 1\nb: *x\n", &["hpa.yaml:2", "aliases are not read"]);
    refused("a: 1\na: 2\n", &["`a` is set twice"]);
    refused("", &["there is no HorizontalPodAutoscaler in it"]);
}

#[test]
fn places_count_bytes_and_not_characters() {
    let text = with_spec("  # ünïcödé\n  maxReplicas: nö\n");
    refused(&text, &["hpa.yaml:7:16", "nö is not a valid `maxReplicas`"]);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", near in "[-a-z:{}\\[\\],&*'\"\n ]{0,80}", cut in 0_usize..900) {
        let _ = (parse_hpa(&text, "a"), parse_hpa(&near, "a"));
        let cut = FULL.floor_char_boundary(cut.min(FULL.len()));
        let _ = parse_hpa(&FULL[..cut], "a");
        let _ = parse_hpa(&format!("{}{near}{}", &FULL[..cut], &FULL[cut..]), "a");
    }
}
