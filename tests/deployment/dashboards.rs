use std::collections::BTreeSet;

use landfall::watch::metrics;
use regex::Regex;
use serde_json::Value;

use super::exported::Exported;
use super::promql::refers;
use super::{files_in, json, path, text, texts, yaml};

const FOLDER: &str = "monitoring/grafana/dashboards";

pub fn dashboards() -> Vec<Value> {
    let files = files_in(FOLDER, "json");
    files.iter().map(|file| json(file)).collect()
}

/// All panels but the rows, which are headings, and those that are text alone.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let asks = |panel: &&Value| panel["type"] != "row" && panel["type"] != "text";
    panels.filter(asks).collect()
}

/// Where it is, for people.
pub fn title(panel: &Value) -> &str {
    panel["title"].as_str().unwrap()
}

pub fn expressions(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().unwrap().iter();
    targets.map(|t| t["expr"].as_str().unwrap()).collect()
}

fn variables(dashboard: &Value) -> &Vec<Value> {
    dashboard["templating"]["list"].as_array().unwrap()
}

fn each_panel(check: impl Fn(&Value)) {
    for dashboard in dashboards() {
        panels(&dashboard).into_iter().for_each(&check);
    }
}

#[test]
fn every_panel_asks_for_what_is_exported() {
    let exported = Exported::with_rules_and_exporters();
    let legend = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    each_panel(|panel| {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert_eq!(exported.unknown_in(expression), [""; 0], "{}", title(panel));
            let yielded = exported.labels_yielded_by(expression);
            for label in legend.captures_iter(target["legendFormat"].as_str().unwrap()) {
                let place = title(panel);
                assert!(yielded.contains(&label[1]), "{place}: {}", &label[0]);
            }
        }
    });
}

#[test]
fn every_metric_is_on_a_dashboard() {
    let exported = Exported::now();
    let dashboards = dashboards();
    let shown: BTreeSet<String> = dashboards
        .iter()
        .flat_map(panels)
        .flat_map(expressions)
        .flat_map(|expression| refers(expression).selectors)
        .filter_map(|selector| exported.metric_of(&selector.metric).map(str::to_owned))
        .collect();
    let all = metrics::ALL.iter().map(|metric| metric.name);
    let missing: Vec<&str> = all.filter(|name| !shown.contains(*name)).collect();
    assert!(missing.is_empty(), "not shown: {missing:?}");
}

#[test]
fn the_variables_are_defined_and_ask_for_what_is_exported() {
    let exported = Exported::now();
    let values = Regex::new(r"^label_values\((.+), (\w+)\)$").unwrap();
    let used = Regex::new(r"\$\{?(\w+)").unwrap();
    for dashboard in dashboards() {
        let variables = variables(&dashboard);
        let names = variables.iter().map(|v| v["name"].as_str().unwrap());
        let defined: BTreeSet<&str> = names.collect();
        assert_eq!(variables[0]["type"], "datasource", "others are asked of it");
        for variable in &variables[1..] {
            let query = variable["query"]["query"].as_str().unwrap();
            assert_eq!(variable["definition"], query);
            let parts = values.captures(query).unwrap();
            let asked = format!("sum by ({}) ({})", &parts[2], &parts[1]);
            assert_eq!(exported.unknown_in(&asked), [""; 0], "{query}");
        }
        for name in used.captures_iter(&dashboard.to_string()) {
            let by_grafana = name[1].starts_with("__");
            assert!(by_grafana || defined.contains(&name[1]), "{}", &name[0]);
        }
    }
}

/// Of grafana/dashboard-linter 0.2.0: template-*, uneditable-dashboard.
#[test]
fn the_linters_rules_for_dashboards_hold() {
    for dashboard in dashboards() {
        let name = title(&dashboard);
        assert_eq!(dashboard["editable"], false, "{name}");
        let variables = variables(&dashboard);
        assert_eq!(variables[0]["name"], "datasource");
        assert_eq!(variables[0]["query"], "prometheus");
        assert_eq!(variables[0]["label"], "Data source");
        for variable in &variables[1..] {
            assert_eq!(variable["refresh"], 2, "{name}: when the time changes");
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{name}");
        }
        for (wanted, label) in [("job", "Job"), ("instance", "Instance")] {
            let variable = variables.iter().find(|v| v["name"] == wanted);
            let variable = variable.unwrap_or_else(|| panic!("{name} has no {wanted}"));
            assert_eq!(variable["label"], label);
            assert_eq!(
                (&variable["multi"], &variable["allValue"]),
                (&true.into(), &".+".into())
            );
        }
    }
}

/// Of the same: panel-*, target-*.
#[test]
fn the_linters_rules_for_panels_and_their_queries_hold() {
    let exported = Exported::with_rules_and_exporters();
    let range = Regex::new(r"\b(\w+)\([^()]*\[([^\]]+)\]").unwrap();
    let excluded = text(&format!("{FOLDER}/.lint"));
    each_panel(|panel| {
        let title = title(panel);
        assert!(panel["description"].as_str().unwrap().len() > 20, "{title}");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(defaults["unit"].is_string(), "{title} has no unit");
        let steps = defaults["thresholds"]["steps"].as_array().unwrap();
        assert!(
            steps[0]["value"].is_null(),
            "{title}: the first is the base"
        );
        for source in [&panel["datasource"], &panel["targets"][0]["datasource"]] {
            assert_eq!(source["type"], "prometheus", "{title}");
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
        for expression in expressions(panel) {
            for found in range.captures_iter(expression) {
                let of_a_rate = ["rate", "deriv"].contains(&&found[1]);
                assert!(
                    !of_a_rate || &found[2] == "$__rate_interval",
                    "{expression}"
                );
            }
            for selector in refers(expression).selectors {
                let is_ranged = expression.contains(&format!("rate({}", selector.metric))
                    || expression.contains(&format!("increase({}", selector.metric));
                assert!(
                    !exported.is_counter(&selector.metric) || is_ranged,
                    "{expression}"
                );
                let matched = ["job", "instance"].into_iter().all(|label| {
                    let wanted = (label.to_owned(), format!("${label}"));
                    selector.labels.contains(&wanted)
                });
                let is_excluded = exported.is_recorded(&selector.metric)
                    && excluded.contains(&format!("panel: {title}"));
                assert!(matched || is_excluded, "{title}: {expression}");
            }
        }
    });
}

#[test]
fn panels_fill_the_grid_without_covering_one_another() {
    for dashboard in dashboards() {
        let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = title(panel);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|k| panel["gridPos"][k].as_u64().unwrap());
            assert!(x + w <= 24, "{title}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{title} covers another panel");
            }
        }
        let height = taken.iter().map(|(_, y)| y + 1).max().unwrap();
        assert_eq!(taken.len() as u64, 24 * height, "{}", title(&dashboard));
    }
}

#[test]
fn dashboards_link_one_another() {
    let dashboards = dashboards();
    let uids: BTreeSet<&str> = dashboards
        .iter()
        .map(|d| d["uid"].as_str().unwrap())
        .collect();
    assert_eq!(uids.len(), dashboards.len());
    let link = Regex::new(r#""/d/([\w-]+)"#).unwrap();
    for dashboard in &dashboards {
        assert_eq!(dashboard["links"][0]["tags"], dashboard["tags"]);
        for found in link.captures_iter(&dashboard.to_string()) {
            assert!(uids.contains(&found[1]), "{}", &found[0]);
        }
    }
}

#[test]
fn grafana_is_told_of_the_dashboards_and_of_prometheus() {
    let compose = yaml("docker-compose.yml");
    let mounts = texts(&compose["services"]["grafana"]["volumes"]);
    let mounted_at = |folder: &str| {
        let mount = mounts.iter().find_map(|m| m.strip_prefix(folder));
        mount
            .and_then(|m| m.strip_suffix(":ro"))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        mounted_at("./monitoring/grafana/provisioning:"),
        "/etc/grafana/provisioning"
    );
    let dashboards = mounted_at("./monitoring/grafana/dashboards:");
    let providers = yaml("monitoring/grafana/provisioning/dashboards/landfall.yml");
    assert_eq!(providers["apiVersion"], 1);
    let provider = &providers["providers"][0];
    assert_eq!(provider["type"], "file");
    assert_eq!(provider["options"]["path"], dashboards.as_str());
    let home =
        &compose["services"]["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    let file = home.as_str().unwrap().strip_prefix(&dashboards).unwrap();
    assert!(path(FOLDER).join(&file[1..]).exists());

    let sources = yaml("monitoring/grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(sources["apiVersion"], 1);
    let source = &sources["datasources"][0];
    assert_eq!(source["type"], "prometheus");
    assert_eq!(source["access"], "proxy");
    assert_eq!(source["url"], "http://prometheus:9090");
    let scraped = yaml("monitoring/prometheus.yml");
    assert_eq!(
        source["jsonData"]["timeInterval"],
        scraped["global"]["scrape_interval"]
    );
}
