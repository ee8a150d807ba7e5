//! Samples for secrets that others write: what they write is what the worker reads.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::chart::{assert_taken, container, of_kind, render};
use super::text;

const FOLDER: &str = "/run/secrets/landfall";

/// The files that the sample's configuration names, without their folder.
fn wanted() -> BTreeSet<String> {
    let named = Regex::new(&format!("_file = \"{FOLDER}/(\\w+)\"")).unwrap();
    let configuration = text("deploy/secrets/landfall.toml");
    let found = named.captures_iter(&configuration);
    found.map(|file| file[1].to_owned()).collect()
}

#[test]
fn the_agent_writes_each_file_that_the_worker_reads() {
    let agent = text("deploy/secrets/vault-agent.hcl");
    let destination = Regex::new(&format!("destination += \"{FOLDER}/(\\w+)\"")).unwrap();
    let written = destination.captures_iter(&agent);
    let written: BTreeSet<String> = written.map(|file| file[1].to_owned()).collect();
    assert_eq!(written, wanted());
    let count = |what: &str| agent.matches(what).count();
    assert_eq!(count("template {"), written.len());
    assert_eq!((count("{"), count("{{ ")), (count("}"), count(" }}")));
}

fn rendered(values: &str) -> Vec<(String, Value)> {
    let configuration = super::path("deploy/secrets/landfall.toml");
    let configuration = format!("config={}", configuration.display());
    let values = super::path(values).display().to_string();
    let objects = render(&["--values", &values, "--set-file", &configuration]);
    assert_taken(&objects);
    objects
}

#[test]
fn the_csi_driver_mounts_each_file_where_the_worker_reads_it() {
    let class: Value =
        serde_yaml::from_str(&text("deploy/secrets/secret-provider-class.yaml")).unwrap();
    assert_eq!(class["apiVersion"], "secrets-store.csi.x-k8s.io/v1");
    let objects = class["spec"]["parameters"]["objects"].as_str().unwrap();
    let objects: Vec<Value> = serde_yaml::from_str(objects).unwrap();
    let named = objects.iter().map(|object| {
        assert!(object["secretPath"].is_string() && object["secretKey"].is_string());
        object["objectName"].as_str().unwrap().to_owned()
    });
    assert_eq!(named.collect::<BTreeSet<_>>(), wanted());

    let objects = rendered("deploy/secrets/csi-values.yaml");
    let mounts = container(&objects, "Deployment")["volumeMounts"].clone();
    let mounted = mounts.as_array().unwrap().iter();
    let mounted = mounted.filter(|mount| mount["mountPath"] == FOLDER);
    let names: Vec<&Value> = mounted.map(|mount| &mount["name"]).collect();
    assert_eq!(names.len(), 1, "{mounts:#}");
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
    let mut volumes = pod["volumes"].as_array().unwrap().iter();
    let volume = volumes.find(|volume| volume["name"] == *names[0]).unwrap();
    let attributes = &volume["csi"]["volumeAttributes"];
    assert_eq!(attributes["secretProviderClass"], class["metadata"]["name"]);
}

#[test]
fn the_injector_writes_each_file_where_the_worker_reads_it() {
    let objects = rendered("deploy/secrets/vault-injector-values.yaml");
    let template = &of_kind(&objects, "Deployment")["spec"]["template"];
    let annotations = template["metadata"]["annotations"].as_object().unwrap();
    let of = |name: &str| annotations.get(&format!("vault.hashicorp.com/{name}"));
    assert_eq!(of("secret-volume-path").unwrap(), FOLDER);
    for file in wanted() {
        let path = of(&format!("agent-inject-secret-{file}")).unwrap();
        let written = of(&format!("agent-inject-template-{file}")).unwrap();
        // Helm has left the agent's braces alone
        let reads = format!("{{{{- with secret \"{}\" }}}}", path.as_str().unwrap());
        assert!(written.as_str().unwrap().starts_with(&reads), "{written}");
    }
}
