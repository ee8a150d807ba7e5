use std::collections::BTreeSet;

use regex::Regex;
use serde_yaml::Value;

use super::exported::Exported;
use super::{compose, files_in, keys, path, text, texts, yaml};

/// Where `runbook_url` leads; an operator puts the address of a copy in place of the host.
const RUNBOOK: &str = "https://landfall.example/docs/operations.md#";

/// The rules of all files in a folder of `monitoring/`.
pub fn rules_in(folder: &str) -> Vec<Value> {
    files_in(&format!("monitoring/{folder}"), "yml")
        .iter()
        .flat_map(|file| yaml(file)["groups"].as_sequence().unwrap().clone())
        .inspect(|group| assert!(group["name"].is_string()))
        .flat_map(|group| group["rules"].as_sequence().unwrap().clone())
        .collect()
}

pub fn alerts() -> Vec<Value> {
    rules_in("alerts")
}

#[test]
fn prometheus_scrapes_landfall_where_it_listens_and_reads_every_rule() {
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
    let folders = ["rules/*.yml", "alerts/*.yml"];
    assert_eq!(texts(&prometheus["rule_files"]), folders);
    let compose = yaml("docker-compose.yml");
    let told = &prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"];
    assert_eq!(texts(told), ["alertmanager:9093"]);
    let mounted = texts(&compose["services"]["prometheus"]["volumes"]);
    for folder in folders.map(|pattern| pattern.split('/').next().unwrap()) {
        let mount = format!("./monitoring/{folder}:/etc/prometheus/{folder}:ro");
        assert!(mounted.contains(&mount.as_str()), "{mount}");
    }
}

#[test]
fn every_alert_asks_for_what_is_exported_and_says_what_to_do() {
    let exported = Exported::with_rules_and_exporters();
    let named = Regex::new(r"\$labels\.(\w+)").unwrap();
    for rule in alerts() {
        let name = rule["alert"].as_str().unwrap();
        let allowed = ["alert", "annotations", "expr", "for", "labels"].map(str::to_owned);
        assert!(keys(&rule).is_subset(&allowed.into()), "{name}");
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(exported.unknown_in(expression), [""; 0], "{name}");
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
fn every_alert_links_a_section_of_the_operators_document() {
    let document = text("docs/operations.md");
    // as they are told apart in a link
    let sections: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(str::to_lowercase)
        .collect();
    for rule in alerts() {
        let name = rule["alert"].as_str().unwrap();
        let link = rule["annotations"]["runbook_url"].as_str().unwrap();
        let section = link.strip_prefix(RUNBOOK).unwrap();
        assert_eq!(section, name.to_lowercase());
        assert!(sections.contains(section), "{link}");
    }
    assert!(
        path("docs/operations.md").exists()
            && text("monitoring/README.md").contains("https://landfall.example")
    );
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_quiet() {
    let alerts: Vec<String> = alerts()
        .iter()
        .map(|rule| rule["alert"].as_str().unwrap().to_owned())
        .collect();
    let unique: BTreeSet<&String> = alerts.iter().collect();
    assert_eq!(unique.len(), alerts.len());
    let exported = Exported::with_rules_and_exporters();
    let (mut fires, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    let named_in = |text: &str| {
        let named = |alert: &&String| text.contains(&format!("\"{alert}\""));
        alerts.iter().filter(named).collect::<Vec<_>>()
    };
    for file in files_in("monitoring/tests", "yml") {
        for test in yaml(&file)["tests"].as_sequence().unwrap() {
            for series in test["input_series"].as_sequence().unwrap() {
                let series = series["series"].as_str().unwrap();
                assert_eq!(exported.unknown_in(series), [""; 0], "{series}");
            }
            for case in test["promql_expr_test"].as_sequence().unwrap() {
                let samples = case["exp_samples"].as_sequence().unwrap();
                for sample in samples {
                    fires.extend(named_in(sample["labels"].as_str().unwrap()));
                }
                if samples.is_empty() {
                    quiet.extend(named_in(case["expr"].as_str().unwrap()));
                }
            }
        }
    }
    assert_eq!(fires, unique);
    assert_eq!(quiet, unique);
}

/// The head of the rules states them; that a panel tells the share of events within the target needs a range that ends there.
#[test]
fn the_objective_is_stated_once_and_the_histogram_can_tell_of_its_target() {
    let rules = rules_in("rules");
    let stated = |record: &str| -> f64 {
        let rule = rules.iter().find(|rule| rule["record"] == record).unwrap();
        let value = rule["expr"].as_str().unwrap();
        let value = value.strip_prefix("vector(").unwrap().trim_end_matches(')');
        value.parse().unwrap()
    };
    let target = stated("landfall:lag_target:seconds");
    let objective = stated("landfall:lag_objective:ratio");
    assert!(
        landfall::watch::metrics::SOURCE_LATENCY
            .ranges
            .contains(&target)
    );
    let panels = text("monitoring/grafana/dashboards/table.json");
    assert!(panels.contains(&format!(r#"le=\"{target}\""#)));
    let told = text("monitoring/README.md");
    assert!(told.contains(&format!("**{target} seconds**")));
    assert!(told.contains(&format!("**{} %**", objective * 100.0)));
    let again = Regex::new(r"> ?(0\.0\d|60)\b").unwrap();
    assert!(!again.is_match(&text("monitoring/alerts/slo.yml")));
}
