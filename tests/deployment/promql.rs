//! What a PromQL expression refers to. Not a parser: `promtool` is one, and only this is needed here.

use std::collections::BTreeSet;

#[derive(Debug, Default, PartialEq)]
pub struct Refers {
    pub selectors: Vec<Selector>,
    /// Of `by`, `on` and the like.
    pub grouping: BTreeSet<String>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Selector {
    pub metric: String,
    /// Label and value, be it a regex.
    pub labels: Vec<(String, String)>,
}

const WITH_LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const WORDS: [&str; 7] = ["and", "or", "unless", "bool", "offset", "inf", "nan"];

pub fn refers(expression: &str) -> Refers {
    let mut refers = Refers::default();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = string(rest).1;
        } else if first == '[' {
            rest = after(rest, ']');
        } else if first == '{' {
            let selector = refers.selectors.last_mut().expect("a metric before {");
            rest = matchers(&rest[1..], &mut selector.labels);
        } else if first.is_ascii_digit() {
            rest = word(rest).1;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let (name, behind) = word(rest);
            rest = behind.trim_start();
            if WITH_LABELS.contains(&name) && rest.starts_with('(') {
                let (list, _) = rest[1..].split_once(')').unwrap();
                let labels = list.split(',').map(|l| l.trim().to_owned());
                refers.grouping.extend(labels.filter(|l| !l.is_empty()));
                rest = after(rest, ')');
            } else if !WORDS.contains(&name) && !is_called(rest) {
                refers.selectors.push(Selector {
                    metric: name.to_owned(),
                    labels: Vec::new(),
                });
            }
        } else {
            rest = &rest[first.len_utf8()..];
        }
        rest = rest.trim_start();
    }
    refers
}

/// Whether what stands before is a function or an aggregation: `rate(…)`, `sum by (…) (…)`.
fn is_called(rest: &str) -> bool {
    rest.starts_with('(') || ["by", "without"].contains(&word(rest).0)
}

fn after(text: &str, end: char) -> &str {
    text.split_once(end).expect("a closing bracket").1
}

fn word(text: &str) -> (&str, &str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
    text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()))
}

/// A quoted string, of which nothing here needs escapes, and what follows it.
fn string(text: &str) -> (&str, &str) {
    text[1..].split_once('"').expect("a closing quote")
}

fn matchers<'t>(mut rest: &'t str, labels: &mut Vec<(String, String)>) -> &'t str {
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(behind) = rest.strip_prefix('}') {
            return behind;
        }
        let (label, behind) = word(rest);
        let quote = behind.find('"').expect("a quoted value");
        assert!(matches!(behind[..quote].trim(), "=" | "!=" | "=~" | "!~"));
        let (value, behind) = string(&behind[quote..]);
        labels.push((label.to_owned(), value.to_owned()));
        rest = behind;
    }
}

#[test]
fn metrics_labels_and_grouping_are_told_from_functions_and_numbers() {
    let found = refers(
        r#"histogram_quantile(0.99, sum by (le) (rate(a_bucket{job="$job", x=~"{b|c"}[$__rate_interval]))) > 1e3
           unless on (job, instance) deriv(sum by(topic)(d)[15m:1m]) or vector(0) offset 10m"#,
    );
    let metrics: Vec<&str> = found.selectors.iter().map(|s| &*s.metric).collect();
    assert_eq!(metrics, ["a_bucket", "d"]);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        found.selectors[0].labels,
        [pair("job", "$job"), pair("x", "{b|c")]
    );
    let grouping = ["instance", "job", "le", "topic"].map(str::to_owned);
    assert_eq!(found.grouping, BTreeSet::from(grouping));
}
