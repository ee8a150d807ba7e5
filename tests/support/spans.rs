//! Spans as whoever was sent them has them, and what must be so of each batch's, whoever that is.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{self, Event};

/// The trace of a producer.
pub fn producer_trace(number: i64) -> String {
    format!("0af7651916cd43dd{number:016x}")
}

/// A row, from a producer with a trace of its own.
pub fn traced_row(id: i64) -> Event {
    let parent = format!("00-{}-00f067aa0ba902b7-01", producer_trace(id));
    events::insert(id, id, 1).with_header("traceparent", &parent)
}

#[derive(Clone, Debug)]
pub struct SeenSpan {
    pub trace: String,
    pub id: String,
    /// `None`: it is a root.
    pub parent: Option<String>,
    pub name: String,
    /// As OpenTelemetry calls it, in lower case.
    pub kind: String,
    pub attributes: BTreeMap<String, String>,
    /// The traces that it is linked to.
    pub links: Vec<String>,
    /// What the log said within it.
    pub said: Vec<String>,
    pub is_error: bool,
}

impl SeenSpan {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    #[track_caller]
    pub fn assert_attributes(&self, expected: &[(&str, &str)]) {
        for (name, value) in expected {
            assert_eq!(self.attribute(name), Some(*value), "{name} of {self:#?}");
        }
    }
}

/// One batch's.
#[derive(Clone, Debug)]
pub struct SeenTrace {
    pub root: SeenSpan,
    /// The others.
    pub parts: Vec<SeenSpan>,
}

impl SeenTrace {
    /// Those that are there from root to leaf, by their ids.
    pub fn all_of(spans: Vec<SeenSpan>) -> BTreeMap<String, Self> {
        let (roots, parts): (Vec<_>, Vec<_>) = spans.into_iter().partition(|s| s.parent.is_none());
        let mut traces: BTreeMap<String, Self> = BTreeMap::new();
        for root in roots {
            let parts = Vec::new();
            let trace = root.trace.clone();
            let before = traces.insert(trace, Self { root, parts });
            assert!(before.is_none(), "a trace has two roots");
        }
        for part in parts {
            if let Some(trace) = traces.get_mut(&part.trace) {
                trace.parts.push(part);
            }
        }
        traces
    }

    #[track_caller]
    pub fn part(&self, name: &str) -> &SeenSpan {
        let part = self.parts.iter().find(|part| part.name == name);
        part.unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    pub fn has_part(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }

    /// What the log said within the trace.
    pub fn said(&self) -> Vec<&str> {
        let all = self.parts.iter().chain([&self.root]);
        all.flat_map(|span| span.said.iter().map(String::as_str))
            .collect()
    }

    /// Each part's parent is there, and all of them lie below the root.
    #[track_caller]
    fn assert_is_a_tree(&self) {
        let parts = self.parts.iter();
        let parents: BTreeMap<&str, &str> = parts
            .map(|part| (part.id.as_str(), part.parent.as_deref().unwrap_or("")))
            .collect();
        for part in &self.parts {
            let mut at = part.id.as_str();
            let mut seen = BTreeSet::new();
            while at != self.root.id {
                assert!(seen.insert(at), "a circle above {part:#?}");
                at = parents
                    .get(at)
                    .unwrap_or_else(|| panic!("no parent {at} above {part:#?}"));
            }
        }
    }

    /// The way of a batch of this topic that was landed in `public.t` of this database, by OpenTelemetry's names.
    #[track_caller]
    pub fn assert_is_of_a_landed_batch(&self, topic: &str, group: &str, database: &str) {
        self.assert_is_a_tree();
        let root = &self.root;
        assert_eq!(root.name, format!("process {topic}"));
        assert_eq!(root.kind, "consumer");
        assert!(!root.is_error, "{root:#?}");
        root.assert_attributes(&[
            ("messaging.system", "kafka"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", topic),
            ("messaging.destination.partition.id", "0"),
            ("messaging.consumer.group.name", group),
        ]);
        for step in ["decode", "connect", "resolve", "rows", "topic_check"] {
            let step = self.part(step);
            let parent = step.parent.as_deref();
            assert_eq!((parent, step.kind.as_str()), (Some(&*root.id), "internal"));
        }
        let (rows, below) = (Some(self.part("rows").id.as_str()), Some(root.id.as_str()));
        let statements = [
            ("BEGIN", None, below),
            ("UPDATE partitions", Some("partitions"), below),
            ("INSERT processed_events", Some("processed_events"), below),
            ("INSERT public.t", Some("public.t"), rows),
            ("COMMIT", None, below),
        ];
        for (name, table, parent) in statements {
            let statement = self.part(name);
            assert_eq!(statement.parent.as_deref(), parent, "{statement:#?}");
            assert_eq!(statement.kind, "client");
            assert_eq!(statement.attribute("db.collection.name"), table);
            statement.assert_attributes(&[
                ("db.system.name", "postgresql"),
                ("db.namespace", database),
                ("db.operation.name", name.split(' ').next().unwrap()),
                ("db.query.summary", name),
                ("server.address", "127.0.0.1"),
            ]);
        }
        let commit = self.part(&format!("commit {topic}"));
        assert_eq!(commit.kind, "client");
        commit.assert_attributes(&[
            ("messaging.system", "kafka"),
            ("messaging.operation.type", "settle"),
            ("messaging.destination.name", topic),
            ("messaging.consumer.group.name", group),
        ]);
        // a stage that is one statement, or one sending, isn't told twice
        for twice in [
            "watermarks",
            "event_ids",
            "commit",
            "begin",
            "delivery",
            "letters",
        ] {
            assert!(!self.has_part(twice), "{twice} in {self:#?}");
        }
    }

    /// Its root is linked to a producer's trace for each record, as far as a span may have so many links.
    #[track_caller]
    pub fn assert_links_to(&self, producers: &BTreeSet<String>) {
        let records: usize = (self
            .root
            .attribute("messaging.batch.message_count")
            .unwrap())
        .parse()
        .unwrap();
        let linked: BTreeSet<String> = self.root.links.iter().cloned().collect();
        assert_eq!(self.root.links.len(), records.min(128));
        assert!(linked.is_subset(producers), "{linked:?}");
    }

    /// It tells of records of this topic that were put aside.
    #[track_caller]
    pub fn assert_tells_of_letters(&self, dead_letter_topic: &str, letters: usize) {
        let send = self.part(&format!("send {dead_letter_topic}"));
        assert_eq!(send.kind, "producer");
        assert_eq!(send.parent.as_deref(), Some(&*self.root.id));
        let count = letters.to_string();
        send.assert_attributes(&[
            ("messaging.system", "kafka"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", dead_letter_topic),
            ("messaging.batch.message_count", &count),
        ]);
        self.part("INSERT dead_letters");
        let said = send.said.iter();
        let put_aside = said.filter(|line| line.contains("put aside"));
        assert_eq!(put_aside.count(), letters, "{send:#?}");
    }
}
