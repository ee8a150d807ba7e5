//! The document's tables: whatever the log or an alert says, an operator finds it there.

use regex::Regex;

use super::DOCUMENT;
use crate::support::repository::root;

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[test]
fn every_alert_has_a_section() {
    let alert = Regex::new(r"- alert: (\w+)").unwrap();
    let files = ["landfall", "standing", "slo", "exporters"];
    let alerts = files.map(|file| text(&format!("monitoring/alerts/{file}.yml")));
    let (document, alerts) = (text(DOCUMENT), alerts.concat());
    let names: Vec<&str> = alert
        .captures_iter(&alerts)
        .map(|c| c.get(1).unwrap().as_str())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in &names {
        assert!(document.contains(&format!("\n### {name}\n")), "{name}");
    }
    let (_, chapter) = document.split_once("\n## 10. Alerts\n").unwrap();
    let sections = chapter.lines().filter_map(|line| line.strip_prefix("### "));
    assert!(sections.eq(names), "the order of the alerts");
}

#[test]
fn every_warning_and_error_of_the_log_is_in_the_table() {
    let document = text(DOCUMENT);
    let call = Regex::new(r#"(?s)tracing::(?:warn|error)!\((.*?)\)(?:;|\n)"#).unwrap();
    let message = Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
    let mut seen = 0;
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // of test builds alone
            if path.ends_with("failpoint.rs") {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for call in call.captures_iter(&source) {
                let said = message
                    .captures(&call[1])
                    .unwrap_or_else(|| panic!("{}: {}", path.display(), &call[0]));
                // what comes before anything that varies
                let words = said[1].split(['{', ';']).next().unwrap().trim();
                assert!(
                    document.contains(&format!("`{words}")),
                    "{}: {words}",
                    path.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}
