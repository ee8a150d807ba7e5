//! Which tables get their rows through several partitions, and whether their events can be put in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deadpool_postgres::Object;

use crate::config::RouteConfig;
use crate::format::change::{Change, Operation, RowOrder};
use crate::format::merged_tables::MergedTables;
use crate::operator::check::destination;
use crate::operator::check::finding::Finding;
use crate::operator::check::report::TopicLine;
use crate::operator::check::sample::SampledTopic;
use crate::postgres::catalogue::Catalogue;
use crate::table_name::TableName;

/// What of a topic's events says how they are put in order in one of its tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampledOrder {
    /// One row's events can be in several of the topic's partitions.
    pub through_partitions: bool,
    /// Routes may lead other topics to the same table.
    pub may_match_others: bool,
    /// The route names a column that tells versions apart.
    pub has_version: bool,
    /// Sampled events that can be compared with others,
    pub placed: usize,
    /// and those that can't.
    pub unplaced: usize,
    /// Truncates of the table are among the topic's events.
    pub has_truncates: bool,
    /// Some can't where a key that changes its spelling alone would have to be put in order.
    pub respelled_unplaced: bool,
    /// Where the positions come from.
    pub sources: BTreeSet<String>,
}

/// Knows how many partitions the topic has, so that its events tell whether one row's can be in several.
pub fn learn_partitions(topic: &SampledTopic) -> Arc<MergedTables> {
    let merged = MergedTables::default();
    let count = i32::try_from(topic.count).unwrap_or(i32::MAX);
    merged.learn_partitions(&topic.name, count);
    Arc::new(merged)
}

/// Learns of the tables' keys whether they keep differently spelled values for one. Returns whether any does: the
/// events are to be decoded again then. A table that can't be read is told of elsewhere.
pub async fn learn_respelled_keys(
    client: &Object,
    merged: &MergedTables,
    tables: impl Iterator<Item = &TableName>,
) -> bool {
    let (catalogue, before) = (Catalogue::default(), merged.version());
    for name in tables {
        let table = destination::answer_in_time(catalogue.find_table(client, name)).await;
        if let Ok(table) = table {
            merged.learn_respelled(name, table.respelled_columns());
        }
    }
    merged.version() != before
}

impl SampledOrder {
    /// What these events and their topic's route say. `merged` was lent to the decoder that read them.
    pub fn of_events(
        changes: &[Change<'_>],
        merged: &MergedTables,
        route: Option<&RouteConfig>,
    ) -> Self {
        let mut order = Self {
            has_version: route.is_some_and(|route| route.version.is_some()),
            ..Self::default()
        };
        for change in changes {
            let RowOrder::Source {
                position, required, ..
            } = change.order
            else {
                continue;
            };
            order.through_partitions |= required;
            match position {
                Some(_) => order.placed += 1,
                None if change.operation == Operation::Tombstone => {}
                None => order.unplaced += 1,
            }
        }
        let unlearned = merged.unlearned().unwrap_or_default();
        let table = changes.first().map(|change| &*change.table);
        if table.is_some_and(|table| unlearned.unplaced.contains(table)) {
            (order.respelled_unplaced, order.through_partitions) = (true, false);
        }
        let sources = unlearned.sources;
        order.sources = sources.into_values().collect();
        order
    }
}

/// Notes in each line by what its rows' changes are put in order, and tells where nothing does.
pub fn judge_merged_tables(lines: &mut [TopicLine]) -> Vec<Finding> {
    let mut tables: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(table) = &line.table {
            tables.entry(table.clone()).or_default().push(at);
        }
    }
    let mut findings = Vec::new();
    for (table, of_table) in tables {
        let found: Vec<&TopicLine> = of_table.iter().filter_map(|at| lines.get(*at)).collect();
        let is_merged = found.len() > 1 || found.iter().any(|l| l.order.through_partitions);
        let has_version = found.iter().all(|line| line.order.has_version);
        if is_merged {
            findings.extend(judge_table(&table, &found, has_version));
        }
        if !is_merged && !has_version && found.iter().any(|l| l.order.respelled_unplaced) {
            findings.push(warn_of_spellings(&table, &found));
        }
        let is_kept = is_merged || found.iter().any(|line| line.order.may_match_others);
        for at in of_table {
            let Some(line) = lines.get_mut(at) else {
                continue;
            };
            if line.order.has_version {
                line.ordered_by = "version";
            } else if is_kept {
                line.ordered_by = "source position";
            }
        }
    }
    findings
}

fn warn_of_spellings(table: &str, found: &[&TopicLine]) -> Finding {
    let unplaced: usize = found.iter().map(|line| line.order.unplaced).sum();
    let all = unplaced + found.iter().map(|line| line.order.placed).sum::<usize>();
    let finding = Finding::warning(
        "spelling_order_unknown",
        format!(
            "the key of {table} holds differently spelled values equal, its topic has several partitions, and {unplaced} of {all} sampled events tell no position at their source: a row whose key changes its spelling alone may be lost if its partitions are landed out of order"
        ),
        "set version in the [[route]] (a column whose value grows with each change of the row), or have the topic written with one partition; nothing, if keys never change",
    );
    finding.of_table(table)
}

fn judge_table(table: &str, found: &[&TopicLine], has_version: bool) -> Vec<Finding> {
    let topics: Vec<&str> = found.iter().map(|line| line.topic.as_str()).collect();
    let topics = topics.join(", ");
    let mut findings = Vec::new();
    let unplaced: usize = found.iter().map(|line| line.order.unplaced).sum();
    let all = unplaced + found.iter().map(|line| line.order.placed).sum::<usize>();
    if unplaced > 0 && !has_version {
        findings.push(Finding::problem(
            "order_unknown",
            format!(
                "rows of {table} come through several partitions (topics {topics}), and {unplaced} of {all} sampled events tell no position at their source: nothing would tell which of two changes of a row is the later one"
            ),
            "set version in the [[route]] (a column whose value grows with each change of the row), give each topic a table of its own, or keep the record's key as the row's (no key in the [[route]])",
        ));
    }
    if found.len() > 1 && found.iter().any(|line| line.order.has_truncates) {
        findings.push(Finding::problem(
            "truncates_unordered",
            format!("truncates of {table} are among the sampled records, and have no order with the rows that come through the other of its topics ({topics})"),
            "give each topic a table of its own, or leave truncates out with apply.truncates = false",
        ));
    }
    let sources: BTreeSet<&String> = found.iter().flat_map(|line| &line.order.sources).collect();
    if sources.len() > 1 && !has_version {
        let names: Vec<&str> = sources.iter().map(|name| name.as_str()).collect();
        findings.push(Finding::warning(
            "several_sources",
            format!(
                "{table} gets rows from several sources ({}), whose changes can't be put in order: a row that two of them write would stop its lane",
                names.join("; ")
            ),
            "see that each row has one source, set version in the [[route]], or give each source a table of its own",
        ));
    }
    findings
        .into_iter()
        .map(|finding| finding.of_table(table))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::check::report::tests::report;

    fn line(topic: &str, order: SampledOrder) -> TopicLine {
        let line = report().topics.remove(0);
        TopicLine {
            topic: topic.to_owned(),
            order,
            ..line
        }
    }

    fn from(source: &str, placed: usize, unplaced: usize) -> SampledOrder {
        SampledOrder {
            placed,
            unplaced,
            sources: [source.to_owned()].into(),
            ..SampledOrder::default()
        }
    }

    #[test]
    fn a_table_of_several_topics_is_ordered_by_the_source_and_what_tells_no_place_is_a_problem() {
        let mut alone = [line("a", from("x", 5, 0))];
        assert!(judge_merged_tables(&mut alone).is_empty());
        assert_eq!(alone[0].ordered_by, "partition");

        let mut both = [line("a", from("x", 5, 0)), line("b", from("x", 5, 0))];
        assert!(judge_merged_tables(&mut both).is_empty());
        assert_eq!(
            both.each_ref().map(|l| l.ordered_by),
            ["source position"; 2]
        );

        let mut blind = [line("a", from("x", 5, 0)), line("b", from("y", 3, 2))];
        let findings = judge_merged_tables(&mut blind);
        let codes: Vec<_> = findings.iter().map(|f| f.code).collect();
        assert_eq!(codes, ["order_unknown", "several_sources"]);
        assert!(findings[0].found.contains("topics a, b), and 2 of 10"));
    }

    #[test]
    fn a_column_for_versions_puts_in_order_what_tells_no_place() {
        let order = || SampledOrder {
            has_version: true,
            ..from("x", 0, 3)
        };
        let mut lines = [line("a", order()), line("b", order())];
        assert!(judge_merged_tables(&mut lines).is_empty());
        assert_eq!(lines.each_ref().map(|l| l.ordered_by), ["version"; 2]);
    }

    #[test]
    fn keys_that_may_change_their_spelling_alone_warn_of_events_without_a_place() {
        let order = |has_version| SampledOrder {
            respelled_unplaced: true,
            has_version,
            ..from("x", 4, 1)
        };
        let mut lines = [line("a", order(false))];
        let findings = judge_merged_tables(&mut lines);
        assert_eq!(findings[0].code, "spelling_order_unknown");
        assert!(!findings[0].is_problem());
        assert!(judge_merged_tables(&mut [line("a", order(true))]).is_empty());
    }

    #[test]
    fn a_topic_alone_is_merged_if_one_rows_events_can_be_in_several_partitions() {
        let order = SampledOrder {
            through_partitions: true,
            ..from("x", 4, 1)
        };
        let mut lines = [line("a", order)];
        assert_eq!(judge_merged_tables(&mut lines)[0].code, "order_unknown");
        let order = SampledOrder {
            may_match_others: true,
            ..from("x", 4, 1)
        };
        let mut lines = [line("a", order)];
        assert!(judge_merged_tables(&mut lines).is_empty());
        assert_eq!(lines[0].ordered_by, "source position");
    }
}
