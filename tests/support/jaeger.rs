//! A real Jaeger, asked over its own API.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::repository::root;
use super::spans::{SeenSpan, SeenTrace};
use super::stack::dev;

pub struct Jaeger {
    directory: PathBuf,
    /// Where spans are sent.
    pub endpoint: String,
    query: String,
}

impl Jaeger {
    pub fn start() -> Self {
        let directory = root()
            .join(".stack")
            .join(format!("jaeger-{}", std::process::id()));
        let ports = dev("jaeger", &["start", &directory.display().to_string()]);
        let (otlp, query) = ports.trim().split_once(' ').expect("two ports");
        let at = |port: &str| format!("http://127.0.0.1:{port}");
        Self {
            directory,
            endpoint: at(otlp),
            query: at(query),
        }
    }

    /// The traces that it has of `landfall`, by their ids.
    pub async fn traces(&self) -> BTreeMap<String, SeenTrace> {
        let answer = self.ask("/api/traces?service=landfall&limit=1000").await;
        let traces = list(&answer, "data").iter();
        SeenTrace::all_of(traces.flat_map(spans_of).collect())
    }

    /// The trace of this id, as somebody finds it who has read it in a log.
    pub async fn trace(&self, id: &str) -> Option<SeenTrace> {
        let answer = self.ask(&format!("/api/traces/{id}")).await;
        let spans = list(&answer, "data").iter().flat_map(spans_of).collect();
        SeenTrace::all_of(spans).remove(id)
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.query);
        let asked = tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .new_agent();
            let mut answer = agent.get(&url).call().expect("Jaeger answers");
            answer.body_mut().read_to_string().expect("text")
        });
        serde_json::from_str(&asked.await.expect("no panic")).expect("JSON")
    }
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            dev("jaeger", &["remove", &self.directory.display().to_string()]);
        }
    }
}

fn spans_of(trace: &Value) -> Vec<SeenSpan> {
    let service = |span: &Value| {
        let process = span["processID"].as_str().expect("a process");
        trace["processes"][process]["serviceName"].clone()
    };
    let spans = list(trace, "spans").iter();
    spans
        .inspect(|span| assert_eq!(service(span), "landfall"))
        .map(seen)
        .collect()
}

/// Parents and links are references of two kinds; what OpenTelemetry calls kind and status are tags.
fn seen(span: &Value) -> SeenSpan {
    let own_trace = text(&span["traceID"]);
    let references = || list(span, "references").iter();
    let parent = references().find(|r| r["refType"] == "CHILD_OF" && r["traceID"] == own_trace);
    let links = references().filter(|r| r["refType"] == "FOLLOWS_FROM");
    let mut attributes = tags(span, "tags");
    let kind = attributes.remove("span.kind");
    let logs = list(span, "logs").iter();
    let said = logs.filter_map(|log| tags(log, "fields").remove("event"));
    SeenSpan {
        id: text(&span["spanID"]),
        parent: parent.map(|parent| text(&parent["spanID"])),
        name: text(&span["operationName"]),
        kind: kind.unwrap_or_else(|| "internal".to_owned()),
        links: links.map(|link| text(&link["traceID"])).collect(),
        said: said.collect(),
        is_error: attributes.contains_key("error"),
        attributes,
        trace: own_trace,
    }
}

fn tags(of: &Value, name: &str) -> BTreeMap<String, String> {
    let tags = list(of, name).iter();
    tags.map(|tag| (text(&tag["key"]), text(&tag["value"])))
        .collect()
}

fn list<'v>(of: &'v Value, name: &str) -> &'v [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    text.unwrap_or_else(|| value.to_string())
}
