use std::collections::BTreeSet;

use landfall::watch::metrics;
use regex::Regex;
use serde_json::Value;

use super::exported::Exported;
use super::promql::refers;
use super::{json, path, texts, yaml};

const DASHBOARD: &str = "monitoring/grafana/dashboards/landfall.json";

/// All panels but the rows, which are headings.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|p| p["type"] != "row").collect()
}

fn title(panel: &Value) -> &str {
    panel["title"].as_str().unwrap()
}

fn expressions(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().unwrap().iter();
    targets.map(|t| t["expr"].as_str().unwrap()).collect()
}

#[test]
fn every_panel_asks_for_what_is_exported() {
    let exported = Exported::now();
    let dashboard = json(DASHBOARD);
    let legend = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let unknown = exported.unknown_in(expression);
            assert_eq!(unknown, Vec::<String>::new(), "{}", title(panel));
            let yielded = exported.labels_yielded_by(expression);
            for label in legend.captures_iter(target["legendFormat"].as_str().unwrap()) {
                assert!(
                    yielded.contains(&label[1]),
                    "{}: {}",
                    title(panel),
                    &label[0]
                );
            }
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let exported = Exported::now();
    let dashboard = json(DASHBOARD);
    let shown: BTreeSet<String> = panels(&dashboard)
        .into_iter()
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
    let dashboard = json(DASHBOARD);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let defined: BTreeSet<&str> = variables
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        variables[0]["type"], "datasource",
        "the others are asked of it"
    );
    let values = Regex::new(r"^label_values\((.+), (\w+)\)$").unwrap();
    for variable in &variables[1..] {
        let query = variable["query"]["query"].as_str().unwrap();
        assert_eq!(variable["definition"], query);
        let parts = values.captures(query).unwrap();
        let asked = format!("sum by ({}) ({})", &parts[2], &parts[1]);
        assert_eq!(exported.unknown_in(&asked), Vec::<String>::new(), "{query}");
    }
    let used = Regex::new(r"\$\{?(\w+)").unwrap();
    for name in used.captures_iter(&dashboard.to_string()) {
        let by_grafana = name[1].starts_with("__");
        assert!(by_grafana || defined.contains(&name[1]), "{}", &name[0]);
    }
}

#[test]
fn every_panel_has_what_a_reader_needs() {
    let dashboard = json(DASHBOARD);
    assert_eq!(dashboard["uid"], "landfall");
    for panel in panels(&dashboard) {
        let title = title(panel);
        assert!(panel["description"].as_str().unwrap().len() > 20, "{title}");
        let defaults = &panel["fieldConfig"]["defaults"];
        assert!(defaults["unit"].is_string(), "{title} has no unit");
        let steps = defaults["thresholds"]["steps"].as_array().unwrap();
        assert!(
            steps[0]["value"].is_null(),
            "{title}: the first step is the base"
        );
        for source in [&panel["datasource"], &panel["targets"][0]["datasource"]] {
            assert_eq!(source["type"], "prometheus", "{title}");
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn panels_fill_the_grid_without_covering_one_another() {
    let dashboard = json(DASHBOARD);
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{}",
            title(panel)
        );
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|k| panel["gridPos"][k].as_u64().unwrap());
        assert!(x + w <= 24, "{}", title(panel));
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} covers another panel", title(panel));
        }
    }
    let height = taken.iter().map(|(_, y)| y + 1).max().unwrap();
    assert_eq!(taken.len() as u64, 24 * height, "there are holes");
}

#[test]
fn grafana_is_told_of_the_dashboard_and_of_prometheus() {
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
    assert!(
        path("monitoring/grafana/dashboards")
            .join(&file[1..])
            .exists()
    );

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
