//! One topic: the tables its records lead to, and whether they fit.

use deadpool_postgres::Object;

use crate::config::Config;
use crate::format::change::Change;
use crate::format::decode::Decoder;
use crate::operator::check::destination;
use crate::operator::check::finding::{Finding, Severity};
use crate::operator::check::non_event;
use crate::operator::check::observe::{self, Observed, Origin, observe};
use crate::operator::check::registry::Schemas;
use crate::operator::check::relation::{self, Relation};
use crate::operator::check::report::TopicLine;
use crate::operator::check::sample::SampledTopic;
use crate::operator::check::table_fit::{self, Needs};
use crate::operator::check::values::weighed;
use crate::table_name::TableName;
use crate::verdict::sqlstate;

/// The topic's lines, one for each table, and what is wrong with them.
pub async fn look(
    config: &Config,
    topic: &SampledTopic,
    client: Option<&Object>,
    schemas: &Schemas,
) -> (Vec<TopicLine>, Vec<Finding>) {
    let arena = bumpalo::Bump::new();
    let mut decoder = Decoder::from_config(config).with_deletes();
    let records = match &schemas.known {
        Some(known) => {
            decoder.learn_schemas(known.clone());
            topic.records.as_slice()
        }
        // nothing is to be said of records that can't be read for want of their schemas
        None => &[],
    };
    let observed = observe(decoder, records, &arena);
    let mut findings = of_records(topic, &observed);
    let mut lines = Vec::new();
    let mut tables: Vec<(TableName, Origin, Vec<Change<'_>>)> = Vec::new();
    let leads_nowhere = observed.records > 0 && observed.tables.is_empty();
    for (name, changes) in observed.tables {
        let origin = observe::origin(config, &topic.name, &changes);
        tables.push((name, origin, changes));
    }
    if tables.is_empty() && !leads_nowhere && !non_event::is_internal(&topic.name) {
        match observe::expected(config, &topic.name) {
            Some((name, origin)) => tables.push((name, origin, Vec::new())),
            None => findings.push(Finding::warning(
                "table_unknown",
                "it has no records yet, and its name tells no table",
                "its events will name their table; a [[route]] makes it certain",
            )),
        }
    }
    let key = config.route_for(&topic.name);
    let key = key.and_then(|(route, _)| route.key.as_deref());
    for (name, origin, changes) in &tables {
        let needs = Needs::of(changes, key, config.apply.deletes);
        let mut line = line(topic, schemas, Some((name, *origin, &needs)));
        let read = match client {
            Some(client) => read(config, client, name, &needs).await,
            None => Err(Vec::new()),
        };
        let about = match read {
            Ok(relation) => {
                line.missing_columns = owned(table_fit::lacking(&relation, &needs));
                line.missing_privileges = table_fit::denied(&relation, &needs);
                table_fit::table(&relation, &needs, changes)
            }
            Err(findings) => findings,
        };
        let about = table_fit::name(name).into_iter().chain(about);
        let about: Vec<Finding> = about
            .map(|finding| as_certain_as(*origin, finding.of_topic(&topic.name).of_table(name)))
            .collect();
        line.state = match client {
            Some(_) => state(findings.iter().chain(&about)),
            None => "not checked",
        };
        lines.push(line);
        findings.extend(about);
    }
    if lines.is_empty() {
        let mut line = line(topic, schemas, None);
        line.state = state(findings.iter());
        lines.push(line);
    }
    (lines, findings)
}

async fn read(
    config: &Config,
    client: &Object,
    name: &TableName,
    needs: &Needs,
) -> Result<Relation, Vec<Finding>> {
    let failure = match destination::in_time(relation::read(client, name)).await {
        Ok(relation) => return Ok(relation),
        Err(failure) => failure,
    };
    if !failure.has_sqlstate(&[sqlstate::UNDEFINED_TABLE]) {
        return Err(vec![destination::unreachable(&config.postgres, &failure)]);
    }
    let similar = relation::similar(client, name).await.unwrap_or_default();
    Err(vec![table_fit::missing(name, needs, &similar)])
}

/// What the records are that are no events.
fn of_records(topic: &SampledTopic, observed: &Observed<'_>) -> Vec<Finding> {
    let all = observed.records;
    let mut findings = Vec::new();
    if non_event::is_internal(&topic.name) {
        findings.push(Finding::problem(
            "not_change_events",
            "by its name this is a topic of Kafka's or of a tool's own",
            "take it out of kafka.topics, or narrow the pattern that matches it",
        ));
    } else {
        let odd: usize = observed.oddities.values().sum();
        for (oddity, count) in &observed.oddities {
            let found = format!("{count} of {all} sampled records: {}", oddity.found());
            // one kind of several may still be all there is
            findings.push(weighed(
                "not_change_events",
                found,
                oddity.remedy(),
                odd,
                all,
            ));
        }
    }
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

/// Of a guessed table nothing is sure enough to be a problem.
fn as_certain_as(origin: Origin, finding: Finding) -> Finding {
    if origin != Origin::TopicName || !finding.is_problem() {
        return finding;
    }
    Finding {
        severity: Severity::Warning,
        found: format!(
            "{} (the table is guessed from the topic's name)",
            finding.found
        ),
        ..finding
    }
}

fn state<'f>(findings: impl Iterator<Item = &'f Finding>) -> &'static str {
    match findings.map(|finding| finding.severity).min() {
        Some(Severity::Problem) => "problem",
        Some(Severity::Warning) => "warning",
        None => "ok",
    }
}

fn line(
    topic: &SampledTopic,
    schemas: &Schemas,
    table: Option<(&TableName, Origin, &Needs)>,
) -> TopicLine {
    TopicLine {
        topic: topic.name.to_string(),
        partitions: topic.count,
        offsets: topic.count_offsets(),
        sampled: topic.records.len(),
        schemas: schemas.of(topic),
        table: table.map(|(name, ..)| name.to_string()),
        table_from: table.map(|(_, origin, _)| origin),
        key: table.map_or_else(Vec::new, |(.., needs)| needs.keys.iter().cloned().collect()),
        columns: table.map_or(0, |(.., needs)| needs.columns.len()),
        missing_columns: Vec::new(),
        missing_privileges: Vec::new(),
        state: "ok",
    }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}
