//! What the configuration's patterns match, and routes that lead no topic anywhere.

use serde::Serialize;

use crate::config::{Config, TopicPattern, written_pattern};
use crate::operator::check::finding::Finding;
use crate::operator::terminal::format_table;

/// So many names of topics are shown; more tell nothing new.
const SHOWN_NAMES_LIMIT: usize = 3;

/// A pattern, and how many topics of those that are read it decides for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PatternLine {
    /// The key of the configuration.
    pub key: &'static str,
    /// As it is written.
    pub pattern: String,
    /// How many topics.
    pub topics: usize,
}

/// What each pattern matches of the topics that are read: those of `kafka.topics`, and the routes' of which the first decides.
pub fn count_matches(config: &Config, topics: &[&str]) -> Vec<PatternLine> {
    let patterns = config.kafka.topics.iter();
    let patterns = patterns.filter(|pattern| matches!(pattern, TopicPattern::Regex { .. }));
    let mut lines: Vec<PatternLine> = patterns
        .map(|pattern| PatternLine {
            key: "kafka.topics",
            pattern: pattern.as_str().to_owned(),
            topics: topics
                .iter()
                .filter(|topic| pattern.matches_topic(topic))
                .count(),
        })
        .collect();
    let mut left: Vec<&str> = topics.to_vec();
    for route in &config.routes {
        let before = left.len();
        left.retain(|topic| route.table_for(topic).is_none());
        lines.push(PatternLine {
            key: "route.topic",
            pattern: written_pattern(route).to_owned(),
            topics: before - left.len(),
        });
    }
    lines
}

/// Routes that decide for none of the topics that are read.
pub fn judge_routes(config: &Config, topics: &[&str]) -> Vec<Finding> {
    if topics.is_empty() {
        return Vec::new(); // said of kafka.topics
    }
    let unrouted: Vec<&str> = topics
        .iter()
        .filter(|topic| config.route_for(topic).is_none())
        .copied()
        .collect();
    let meant = match unrouted.as_slice() {
        [] => "every topic that is read has another route".to_owned(),
        [topic] => format!("no route matches {topic}"),
        some => {
            let shown = some.get(..SHOWN_NAMES_LIMIT).unwrap_or(some).join(", ");
            let dots = if some.len() > SHOWN_NAMES_LIMIT {
                ", …"
            } else {
                ""
            };
            format!("no route matches {} topics ({shown}{dots})", some.len())
        }
    };
    let idle = config.find_idle_routes(topics.iter().copied());
    let judge = |route: crate::config::IdleRoute| {
        let (number, pattern) = (route.index + 1, route.pattern);
        match route.overtaken_by {
            None => Finding::problem(
                "route_matches_nothing",
                format!(
                    "route {number}: its topic {pattern:?} matches no topic that is read; {meant}"
                ),
                "correct the pattern, which matches whole names, or take the [[route]] out; what it is meant for goes where its events say",
            ),
            Some(earlier) => Finding::warning(
                "route_overtaken",
                format!(
                    "route {number}: each topic that its topic {pattern:?} matches is route {}'s, as the first decides",
                    earlier + 1
                ),
                "put it before that one, or take it out",
            ),
        }
    };
    idle.into_iter().map(judge).collect()
}

/// For people; empty if there are none.
pub fn list_patterns(lines: &[PatternLine]) -> String {
    let row = |line: &PatternLine| {
        [
            line.key.to_owned(),
            line.pattern.clone(),
            line.topics.to_string(),
        ]
    };
    match lines {
        [] => String::new(),
        _ => format!(
            "\n{}",
            format_table(["key", "pattern", "topics"], lines.iter().map(row), &[])
        ),
    }
}
