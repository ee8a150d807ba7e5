//! One topic: the tables its records lead to, and whether they fit.

use std::sync::Arc;

use bumpalo::Bump;
use deadpool_postgres::Object;

use crate::cli::Trial;
use crate::config::{Config, Envelope, may_meet_others};
use crate::format::change::Change;
use crate::format::decode::Decoder;
use crate::format::merged_tables::MergedTables;
use crate::operator::check::causes::{tell_letter, weigh_finding};
use crate::operator::check::event_identity::{judge_positions, judge_streams};
use crate::operator::check::finding::{AboutEvent, Finding, Severity};
use crate::operator::check::merged::{SampledOrder, learn_partitions, learn_respelled_keys};
use crate::operator::check::non_event::{self, NonEvent, NonEventKind};
use crate::operator::check::observe::{self, Observed, TableSample, observe_records};
use crate::operator::check::registry::Schemas;
use crate::operator::check::report::TopicLine;
use crate::operator::check::sample::SampledTopic;
use crate::operator::check::table_fit::Needs;
use crate::operator::check::target::{TargetJudge, TargetTable};

/// What is asked of a topic.
pub struct Asked<'c> {
    /// The configuration.
    pub config: &'c Config,
    /// Whether its sampled events are tried.
    pub trial: Trial,
    /// The bookkeeping schema, if it is there as this version needs it.
    pub ledger: Option<&'c str>,
}

/// The topic's lines, one for each table, and what is wrong with them.
pub async fn judge_topic(
    asked: &Asked<'_>,
    topic: &SampledTopic,
    mut client: Option<&mut Object>,
    schemas: &Schemas,
) -> (Vec<TopicLine>, Vec<Finding>) {
    let config = asked.config;
    let arena = Bump::new();
    let merged = learn_partitions(topic);
    let mut observed = observe_sample(config, topic, (schemas, &merged), &arena);
    if let Some(client) = client.as_deref()
        && learn_respelled_keys(client, &merged, observed.tables.keys()).await
    {
        observed = observe_sample(config, topic, (schemas, &merged), &arena);
    }
    let mut findings = judge_sample(config, topic, &observed);
    let mut lines = Vec::new();
    let emptied = std::mem::take(&mut observed.emptied);
    let targets = find_targets(config, topic, observed).unwrap_or_else(|finding| {
        findings.push(*finding);
        Vec::new()
    });
    let route = config.route_for(&topic.name).map(|(route, _)| route);
    for target in &targets {
        let has_truncates = emptied.contains(&target.table);
        let needs = find_needs(config, &topic.name, &target.sample.changes);
        let mut line = describe_topic(topic, schemas, Some((target, &needs)));
        let judge = TargetJudge {
            asked,
            topic,
            target,
            needs: &needs,
        };
        let about = judge.judge_target(client.as_deref_mut(), &mut line).await;
        line.order = SampledOrder {
            has_truncates,
            may_match_others: may_meet_others(&config.routes, &topic.name),
            ..SampledOrder::of_events(&target.sample.changes, &merged, route)
        };
        line.state = match client {
            Some(_) => name_worst(findings.iter().chain(&about)),
            None => "not checked",
        };
        lines.push(line);
        findings.extend(
            about
                .into_iter()
                .map(|finding| finding.of_topic(&topic.name)),
        );
    }
    if lines.is_empty() {
        let mut line = describe_topic(topic, schemas, None);
        line.state = name_worst(findings.iter());
        lines.push(line);
    }
    (lines, findings)
}

/// What the events need of their table, as the route says it.
fn find_needs(config: &Config, topic: &str, changes: &[Change<'_>]) -> Needs {
    let route = config.route_for(topic).map(|(route, _)| route);
    // the columns' names, where the route's key has the fields'
    let key: Option<Vec<String>> = route.and_then(|route| {
        let fields = route.key.as_ref()?.iter();
        let columns = fields.map(|field| route.shape.column_of(field).to_owned());
        Some(columns.collect())
    });
    Needs {
        appends: config.appends_rows(topic),
        ..Needs::of_events(changes, key.as_deref(), config.removes_rows(topic))
    }
}

fn observe_sample<'r>(
    config: &Config,
    topic: &'r SampledTopic,
    (schemas, merged): (&Schemas, &Arc<MergedTables>),
    arena: &'r Bump,
) -> Observed<'r> {
    let decoder = Decoder::from_config(config).with_deletes();
    let mut decoder = decoder.with_merged_tables(merged.clone());
    let records = match &schemas.known {
        Some(known) => {
            decoder.learn_schemas(known.clone());
            topic.records.as_slice()
        }
        // nothing is to be said of records that can't be read for want of their schemas
        None => &[],
    };
    observe_records(decoder, records, arena)
}

/// The tables that the sampled events name, or the one that is to be expected where there are none.
///
/// # Errors
/// That nothing tells the table yet.
fn find_targets<'r>(
    config: &Config,
    topic: &SampledTopic,
    observed: Observed<'r>,
) -> Result<Vec<TargetTable<'r>>, Box<Finding>> {
    let leads_nowhere = observed.records > 0 && observed.tables.is_empty();
    if !observed.tables.is_empty() || leads_nowhere || non_event::is_internal(&topic.name) {
        let seen = observed
            .tables
            .into_iter()
            .map(|(table, sample)| TargetTable {
                table,
                origin: observe::find_origin(config, &topic.name),
                sample,
            });
        return Ok(seen.collect());
    }
    match observe::expect_table(config, &topic.name) {
        Some((table, origin)) => Ok(vec![TargetTable {
            table,
            origin,
            sample: TableSample::default(),
        }]),
        None => Err(Box::new(Finding::warning(
            "table_unknown",
            "it has no records yet, and its name tells no table",
            "its events will name their table; a [[route]] makes it certain",
        ))),
    }
}

/// What the records are that are no events.
fn judge_sample(config: &Config, topic: &SampledTopic, observed: &Observed<'_>) -> Vec<Finding> {
    let all = observed.records;
    let mut findings = Vec::new();
    if non_event::is_internal(&topic.name) {
        findings.push(Finding::problem(
            "not_change_events",
            "by its name this is a topic of Kafka's or of a tool's own",
            "take it out of kafka.topics, or narrow the pattern that matches it",
        ));
    } else {
        findings.extend(judge_non_events(observed));
    }
    if observed.truncates > 0 && topic.count > 1 {
        findings.push(Finding::problem(
            "truncates_unordered",
            format!(
                "{} of {all} sampled records are truncates, which have no order with the rows in the others of its {} partitions",
                observed.truncates, topic.count
            ),
            "have the topic written with one partition, or leave truncates out with apply.truncates = false",
        ));
    }
    if observed.unplaced > 0 {
        findings.push(Finding::warning(
            "tombstones_without_table",
            format!(
                "{} of {all} sampled records are tombstones without their delete, and no sampled event of their partition, or more than one, names a table",
                observed.unplaced
            ),
            "a [[route]] that names the topic's table tells where they belong; else they become dead letters, unless an earlier event has named the table",
        ));
    }
    findings.extend(judge_positions(config, observed.doubt));
    // a row alone, or an action, has no place in a stream
    let envelope = config.format_of(&topic.name).envelope;
    let tells_source = matches!(envelope, Envelope::Debezium | Envelope::PgReplicateKafka);
    findings.extend(judge_streams(
        config,
        tells_source && observed.lacks_streams,
    ));
    let nothing: usize = observed.nothing.values().sum();
    if all > 0 && nothing == all {
        let kinds: Vec<&str> = observed.nothing.keys().copied().collect();
        findings.push(Finding::warning(
            "nothing_to_land",
            format!(
                "all {all} sampled records carry nothing to land: {}",
                kinds.join(", ")
            ),
            "if that is all it is for, take the topic out of kafka.topics",
        ));
    }
    findings
        .into_iter()
        .map(|finding| finding.of_topic(&topic.name))
        .collect()
}

/// Each cause. One of several may still be all there is.
fn judge_non_events(observed: &Observed<'_>) -> Vec<Finding> {
    let reached = observed.count_reached();
    // as `run` decides: tombstones don't show that the topic is what it is said to be
    let is_throughout = !observed.has_events() && observed.truncates == 0;
    let causes = observed.non_events.iter().map(|alike| {
        let (NonEvent { kind, reason, .. }, count) = (&alike.cause, alike.count);
        let about = AboutEvent::of_letters(alike.first, *reason, count, reached);
        let found = format!(
            "{count} of {reached} sampled records: {}; {about}",
            alike.cause.describe()
        );
        let remedy = kind.suggest_remedy();
        match kind {
            NonEventKind::WrongConverter => Finding::problem("wrong_converter", found, remedy),
            NonEventKind::NotOfRoute => Finding::problem("route_unfit", found, remedy),
            NonEventKind::OtherShape if is_throughout => {
                Finding::problem("other_shape", found, remedy)
            }
            _ => {
                let remedy = format!("{remedy}; {}", tell_letter(*reason));
                weigh_finding("not_change_events", found, &remedy, is_throughout)
            }
        }
        .of_event(about)
    });
    causes.collect()
}

/// The state of what has these findings: that of the worst.
fn name_worst<'f>(findings: impl Iterator<Item = &'f Finding>) -> &'static str {
    match findings.map(|finding| finding.severity).min() {
        Some(Severity::Problem) => "problem",
        Some(Severity::Warning) => "warning",
        None => "ok",
    }
}

/// A line on which nothing is missing yet.
fn describe_topic(
    topic: &SampledTopic,
    schemas: &Schemas,
    target: Option<(&TargetTable<'_>, &Needs)>,
) -> TopicLine {
    TopicLine {
        topic: topic.name.to_string(),
        partitions: topic.count,
        offsets: topic.count_offsets(),
        sampled: topic.records.len(),
        schemas: schemas.describe_topic(topic),
        table: target.map(|(target, _)| target.table.to_string()),
        table_from: target.map(|(target, _)| target.origin),
        key: target.map_or_else(Vec::new, |(_, needs)| needs.keys.iter().cloned().collect()),
        columns: target.map_or(0, |(_, needs)| needs.columns.len()),
        missing_columns: Vec::new(),
        missing_privileges: Vec::new(),
        ordered_by: "partition",
        order: SampledOrder::default(),
        awaited: None,
        wanted: None,
        makes_table: false,
        state: "ok",
    }
}
