//! The Helm chart, rendered by Helm itself; what comes out is what Kubernetes and the operators take.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::path;

/// A rendered object: its kind, and all of it.
type Object = (String, Value);

/// The folder that `dev/chart tools` has filled.
fn tools() -> PathBuf {
    let told = Command::new(path("dev/chart")).arg("tools").output();
    let told = told.expect("dev/chart runs");
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{error}");
    String::from_utf8(told.stdout).unwrap().trim().into()
}

fn helm(command: &str, arguments: &[&str]) -> Result<String, String> {
    let helm = tools().join("bin/helm");
    let ran = Command::new(helm)
        .args(command.split(' '))
        .arg(path("deploy/helm/landfall"))
        .args(arguments)
        .current_dir(path("deploy/helm"))
        .output()
        .expect("helm runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    match ran.status.success() {
        true => Ok(text(ran.stdout)),
        false => Err(text(ran.stdout) + &text(ran.stderr)),
    }
}

pub(super) fn render(arguments: &[&str]) -> Vec<Object> {
    let rendered = helm("template release", arguments).unwrap_or_else(|e| panic!("{e}"));
    objects(&rendered)
}

fn objects(rendered: &str) -> Vec<Object> {
    let documents = serde_yaml::Deserializer::from_str(rendered);
    let documents = documents.map(|document| {
        let value: serde_yaml::Value = serde::Deserialize::deserialize(document).unwrap();
        serde_json::to_value(value).unwrap()
    });
    let named = |object: Value| (object["kind"].as_str().unwrap().to_owned(), object);
    documents.filter(|d| !d.is_null()).map(named).collect()
}

const EVERYTHING: [&str; 2] = ["--values", "everything.yaml"];

pub(super) fn of_kind<'o>(objects: &'o [Object], kind: &str) -> &'o Value {
    let found = objects.iter().find(|(k, _)| k == kind);
    &found.unwrap_or_else(|| panic!("no {kind}")).1
}

pub(super) fn container(objects: &[Object], kind: &str) -> Value {
    of_kind(objects, kind)["spec"]["template"]["spec"]["containers"][0].clone()
}

/// What isn't in a schema is refused: a slip in a field's name would be passed over by a cluster.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
            let has_fields = map.get("properties").is_some_and(Value::is_object);
            if has_fields && !map.contains_key("additionalProperties") && !is_open {
                map.insert("additionalProperties".into(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The schema of an object's kind: Kubernetes' own, or that of a definition that an operator brings.
fn schema_of(object: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap();
    let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
        Some((group, version)) => (group, version),
        None => ("", object["apiVersion"].as_str().unwrap()),
    };
    let read =
        |file: PathBuf| std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
    let mut schema = match group {
        "keda.sh" | "monitoring.coreos.com" => {
            let file = format!("crds/{group}_{}s.yaml", kind.to_lowercase());
            let definition: Value = serde_yaml::from_str(&read(tools().join(file))).unwrap();
            let versions = definition["spec"]["versions"].as_array().unwrap();
            let found = versions.iter().find(|v| v["name"] == version).unwrap();
            let mut schema = found["schema"]["openAPIV3Schema"].clone();
            // a definition says no more of it
            schema["properties"]["metadata"] =
                json!({"x-kubernetes-preserve-unknown-fields": true});
            schema
        }
        _ => {
            let mut all: Value =
                serde_json::from_str(&read(tools().join("kubernetes.json"))).unwrap();
            let definitions = all["$defs"].as_object().unwrap();
            let gvk = json!({"group": group, "kind": kind, "version": version});
            let found = definitions.iter().find(|(_, definition)| {
                let kinds = definition["x-kubernetes-group-version-kind"].as_array();
                kinds.is_some_and(|kinds| kinds.contains(&gvk))
            });
            let name = found.unwrap_or_else(|| panic!("Kubernetes has no {gvk}")).0;
            all["$ref"] = json!(format!("#/$defs/{name}"));
            all
        }
    };
    close(&mut schema);
    schema
}

pub(super) fn assert_taken(objects: &[Object]) {
    for (kind, object) in objects {
        let schema = jsonschema::validator_for(&schema_of(object)).unwrap();
        let wrong = schema.iter_errors(object);
        let wrong: Vec<String> = wrong
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{kind}: {wrong:#?}\n{object:#}");
    }
}

#[test]
fn helm_lints_the_chart() {
    for arguments in [
        &["--strict"][..],
        &["--strict", "--values", "everything.yaml"],
    ] {
        helm("lint", arguments).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn what_the_chart_renders_is_taken_by_kubernetes_and_the_operators() {
    let defaults = render(&[]);
    let kinds: Vec<&str> = defaults.iter().map(|(kind, _)| &**kind).collect();
    let expected = [
        "ServiceAccount",
        "ConfigMap",
        "Service",
        "Deployment",
        "Pod",
    ];
    assert_eq!(kinds, expected);
    assert_taken(&defaults);
    let everything = render(&EVERYTHING);
    assert_taken(&everything);
    let kinds = everything.iter().map(|(kind, _)| &**kind);
    let kinds: std::collections::BTreeSet<&str> = kinds.collect();
    for kind in [
        "ScaledObject",
        "ServiceMonitor",
        "PrometheusRule",
        "StatefulSet",
        "Job",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
    assert_taken(&render(&["--set", "autoscaling.enabled=true"]));
}

#[test]
fn a_schema_that_is_closed_finds_a_slip_in_a_fields_name() {
    let mut objects = render(&[]);
    let deployment = objects.iter_mut().find(|(kind, _)| kind == "Deployment");
    deployment.unwrap().1["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = json!({});
    let refused = std::panic::catch_unwind(|| assert_taken(&objects));
    assert!(refused.is_err());
}

#[test]
fn the_charts_configuration_is_one_that_the_worker_reads() {
    let objects = render(&EVERYTHING);
    let file = of_kind(&objects, "ConfigMap")["data"]["landfall.toml"].clone();
    let config: toml_edit::DocumentMut = file.as_str().unwrap().parse().unwrap();
    assert_eq!(config["kafka"]["group"].as_str(), Some("landfall"));
    let container = container(&objects, "StatefulSet");
    let variables = container["env"].as_array().unwrap();
    let value = |name: &str| {
        let found = variables.iter().find(|v| v["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    };
    // each process under a name that stays its own, and long enough for a restart
    let instance = value("LANDFALL_KAFKA__PROPERTIES__GROUP_INSTANCE_ID");
    assert_eq!(
        instance["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.name"
    );
    let session = value("LANDFALL_KAFKA__PROPERTIES__SESSION_TIMEOUT_MS");
    assert_eq!(session["value"], "60000");
    assert_eq!(value("LANDFALL_HTTP__LISTEN")["value"], "0.0.0.0:9464");
}

#[test]
fn probes_restart_a_dead_process_and_never_one_that_waits() {
    let objects = render(&[]);
    let container = container(&objects, "Deployment");
    let path = |probe: &str| container[probe]["httpGet"]["path"].clone();
    assert_eq!(path("livenessProbe"), "/healthz");
    assert_eq!(path("startupProbe"), "/healthz");
    assert_eq!(path("readinessProbe"), "/readyz");
}

#[test]
fn nothing_selects_the_jobs_and_pods_that_are_no_workers() {
    let objects = render(&EVERYTHING);
    let selector = of_kind(&objects, "Service")["spec"]["selector"].clone();
    let selected = |labels: &Value| {
        let selector = selector.as_object().unwrap();
        selector.iter().all(|(name, value)| labels[name] == *value)
    };
    let labels = |kind: &str| match kind {
        "Pod" => of_kind(&objects, kind)["metadata"]["labels"].clone(),
        _ => of_kind(&objects, kind)["spec"]["template"]["metadata"]["labels"].clone(),
    };
    assert!(selected(&labels("StatefulSet")));
    assert!(!selected(&labels("Pod")));
    assert!(!selected(&labels("Job")));
}

#[test]
fn values_that_can_not_work_are_refused_with_their_names() {
    let refused = [
        (
            "terminationGracePeriodSeconds=5",
            "terminationGracePeriodSeconds",
        ),
        ("replicas=2", "replicas"),
        ("keda.enabled=true", "keda.bootstrapServers"),
        ("migrate.enabled=true", "migrate.existingSecret"),
        (
            "keda.enabled=true,keda.bootstrapServers=k,keda.consumerGroup=g,autoscaling.enabled=true",
            "one of the two",
        ),
        ("staticMembership.sessionTimeout=soon", "sessionTimeout"),
    ];
    for (set, named) in refused {
        let error = helm("template release", &["--set", set]).expect_err(set);
        assert!(error.contains(named), "{set}: {error}");
    }
}

#[test]
fn the_plain_manifests_are_what_the_chart_renders() {
    let arguments = ["--skip-tests"];
    let rendered = helm("template landfall", &arguments).unwrap_or_else(|e| panic!("{e}"));
    let file = super::text("deploy/kubernetes/landfall.yaml");
    assert_eq!(
        objects(&file),
        objects(&rendered),
        "dev/chart render --skip-tests"
    );
}
