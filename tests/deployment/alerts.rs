use std::collections::BTreeSet;

use regex::Regex;
use serde_yaml::Value;

use super::exported::Exported;
use super::{compose, keys, path, texts, yaml};

const ALERTS: &str = "monitoring/alerts.yml";

fn rules() -> Vec<Value> {
    let groups = yaml(ALERTS)["groups"].as_sequence().unwrap().clone();
    groups
        .iter()
        .inspect(|group| assert!(group["name"].is_string()))
        .flat_map(|group| group["rules"].as_sequence().unwrap().clone())
        .collect()
}

#[test]
fn prometheus_scrapes_landfall_where_it_listens() {
    let prometheus = yaml("monitoring/prometheus.yml");
    let jobs = prometheus["scrape_configs"].as_sequence().unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["job_name"], "landfall");
    let listen = compose::configuration().http.listen;
    let target = format!("landfall:{}", listen.port());
    assert_eq!(texts(&jobs[0]["static_configs"][0]["targets"]), [&target]);
    assert!(
        listen.ip().is_unspecified(),
        "other containers can't reach {listen}"
    );
    for file in texts(&prometheus["rule_files"]) {
        assert!(path("monitoring").join(file).exists(), "{file}");
    }
}

#[test]
fn every_alert_asks_for_what_is_exported_and_says_what_to_do() {
    let exported = Exported::now();
    let named = Regex::new(r"\$labels\.(\w+)").unwrap();
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        let allowed = ["alert", "annotations", "expr", "for", "labels"].map(str::to_owned);
        assert!(keys(&rule).is_subset(&allowed.into()), "{name}");
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(
            exported.unknown_in(expression),
            Vec::<String>::new(),
            "{name}"
        );
        if let Some(duration) = rule["for"].as_str() {
            assert!(humantime::parse_duration(duration).is_ok(), "{name}");
        }
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}");
        let yielded = exported.labels_yielded_by(expression);
        for annotation in ["summary", "description"] {
            let text = rule["annotations"][annotation]
                .as_str()
                .unwrap_or_else(|| panic!("{name} has no {annotation}"));
            for label in named.captures_iter(text) {
                assert!(yielded.contains(&label[1]), "{name}: {}", &label[0]);
            }
        }
        let description = rule["annotations"]["description"].as_str().unwrap();
        assert!(
            description.split_whitespace().count() > 30,
            "{name}: and what to do?"
        );
    }
}

#[test]
fn every_alert_has_a_case_in_its_own_tests() {
    let alerts: Vec<String> = rules()
        .iter()
        .map(|rule| rule["alert"].as_str().unwrap().to_owned())
        .collect();
    let unique: BTreeSet<&String> = alerts.iter().collect();
    assert_eq!(unique.len(), alerts.len());
    let tests = yaml("monitoring/alerts.test.yml");
    assert_eq!(texts(&tests["rule_files"]), ["alerts.yml"]);
    let exported = Exported::now();
    let mut tried = BTreeSet::new();
    for test in tests["tests"].as_sequence().unwrap() {
        for series in test["input_series"].as_sequence().unwrap() {
            let series = series["series"].as_str().unwrap();
            assert_eq!(
                exported.unknown_in(series),
                Vec::<String>::new(),
                "{series}"
            );
        }
        for case in test["promql_expr_test"].as_sequence().unwrap() {
            for sample in case["exp_samples"].as_sequence().unwrap() {
                let labels = sample["labels"].as_str().unwrap();
                tried.extend(
                    alerts
                        .iter()
                        .filter(|a| labels.contains(&format!("\"{a}\""))),
                );
            }
        }
    }
    assert_eq!(tried, unique);
}
