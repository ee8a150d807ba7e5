//! `landfall check`: is everything reachable, and does each topic have the table that it needs?
//!
//! Leaves everything as it is: nothing is created, no group is joined, no offset is committed. Sampled events are
//! written as a worker would write them, in transactions that are rolled back.

mod bookkeeping;
mod causes;
mod ddl;
mod dead_letter_topic;
mod destination;
mod event_identity;
mod evolution;
mod finding;
mod kafka;
mod ledger_facts;
mod merged;
mod non_event;
mod observe;
mod patterns;
mod properties;
mod registry;
mod relation;
mod report;
mod required_columns;
mod sample;
mod server;
mod spread;
mod starts;
mod table_fit;
mod table_rights;
mod target;
#[cfg(test)]
mod testing;
mod text;
mod topic;
mod topic_retention;
mod topics;
mod trial;
mod undeclared;
mod values;

use deadpool_postgres::Object;

use crate::cli::Check;
use crate::config::Config;
use crate::ledger::schema_version::SchemaState;
use crate::operator::check::destination::{ObservedDestination, answer_in_time};
use crate::operator::check::evolution::judge_sharing;
use crate::operator::check::finding::Finding;
use crate::operator::check::kafka::{ObservedCluster, observe_cluster};
use crate::operator::check::ledger_facts::LedgerFacts;
use crate::operator::check::patterns::{count_matches, judge_routes};
use crate::operator::check::report::{KafkaLine, PostgresLine, Report};
use crate::operator::check::spread::judge_spread;
use crate::operator::check::starts::Starts;
use crate::operator::check::topic::Asked;
use crate::operator::check::trial::judge_awaited;
use crate::operator::command_error::CommandError;
use crate::operator::terminal;

/// `landfall check`: prints what there is and what is wrong with it.
///
/// # Errors
/// There are problems: how many. All of them have been printed.
pub async fn run_check(config: &Config, check: &Check) -> Result<(), CommandError> {
    let report = examine_setup(config, check).await;
    if check.ddl {
        terminal::print_error(&report.as_text());
    }
    terminal::print(&match (check.ddl, check.json) {
        (true, _) => report.ddl.clone(),
        (false, true) => report.as_json_lines(),
        (false, false) => report.as_text(),
    });
    match report.count_problems() {
        0 => Ok(()),
        count => Err(CommandError::Problems(count)),
    }
}

async fn examine_setup(config: &Config, check: &Check) -> Report {
    let (mut kafka, mut destination) = tokio::join!(
        look_at_kafka(config),
        destination::judge_destination(config)
    );
    let mut report = Report {
        kafka: kafka_line(config, &kafka),
        postgres: postgres_line(config, &destination),
        ..Report::default()
    };
    report.findings.append(&mut kafka.findings);
    if kafka.brokers.is_some() {
        let topics: Vec<&str> = kafka.topics.iter().map(|topic| &*topic.name).collect();
        report.patterns = count_matches(config, &topics);
        report.findings.extend(judge_routes(config, &topics));
        judge_topic_settings(config, &kafka, &mut report).await;
    }
    report.findings.append(&mut destination.findings);
    let mut schemas = registry::judge_registry(config, &kafka.topics).await;
    report.registry = schemas.line.take();
    report.findings.append(&mut schemas.findings);
    let has_ledger = destination
        .server
        .as_ref()
        .is_some_and(|server| matches!(server.schema, Some(SchemaState::Usable(_))));
    let ledger = has_ledger.then_some(config.postgres.schema.as_str());
    let asked = Asked {
        config,
        trial: check.trial(),
        ledger,
    };
    for found in &kafka.topics {
        let client = destination.client.as_mut();
        let (lines, findings) = topic::judge_topic(&asked, found, client, &schemas).await;
        report.topics.extend(lines);
        for finding in findings {
            // several topics may lead to one table
            if !report.findings.iter().any(|f| is_same(f, &finding)) {
                report.findings.push(finding);
            }
        }
    }
    let findings = merged::judge_merged_tables(&mut report.topics);
    report.findings.extend(findings);
    let findings = judge_sharing(config, &mut report.topics);
    report.findings.extend(findings);
    report.findings.extend(judge_awaited(&report.topics));
    let client = destination.client.as_ref();
    judge_orders(&asked, &kafka, client, &mut report).await;
    judge_starts(&asked, &kafka, &destination, &mut report).await;
    if check.ddl {
        report.ddl = ddl::write_ddl(client, ledger, &report.topics).await;
    }
    report
}

/// What the order of rows' changes rests on, as far as Kafka and the ledger tell.
async fn judge_orders(
    asked: &Asked<'_>,
    kafka: &ObservedCluster,
    client: Option<&Object>,
    report: &mut Report,
) {
    for found in &kafka.topics {
        let mut lines = report
            .topics
            .iter()
            .filter(|line| *line.topic == *found.name);
        if lines.any(|line| line.ordered_by == "partition") {
            report.findings.extend(judge_spread(found));
        }
    }
    let (Some(client), Some(schema)) = (client, asked.ledger) else {
        return;
    };
    let facts = LedgerFacts::read_ledger(client, schema);
    let Ok(facts) = answer_in_time(facts).await else {
        return; // what our role may not read is told already
    };
    for found in &kafka.topics {
        report
            .findings
            .extend(facts.judge_topic(asked.config, found));
    }
    report
        .findings
        .extend(facts.warn_of_late_topics(&report.topics));
}

/// Where partitions would begin, unless the ledger can't be read.
async fn judge_starts(
    asked: &Asked<'_>,
    kafka: &ObservedCluster,
    destination: &ObservedDestination,
    report: &mut Report,
) {
    let config = asked.config;
    let server = destination.server.as_ref();
    let is_new = server.is_some_and(|server| server.schema == Some(SchemaState::Absent));
    let starts = match (destination.client.as_ref(), asked.ledger) {
        (Some(client), Some(schema)) => {
            let starts = Starts::read_ledger(client, schema, config);
            answer_in_time(starts).await.ok()
        }
        _ => is_new.then(Starts::default),
    };
    if let Some(starts) = starts {
        let (lines, findings) = starts.judge_topics(config, &kafka.topics);
        report.starts = lines;
        report.findings.extend(findings);
    }
}

/// Can letters be published, and how long do topics keep events?
async fn judge_topic_settings(config: &Config, kafka: &ObservedCluster, report: &mut Report) {
    let lines = &mut report.kafka.dead_letter_topics;
    let findings = dead_letter_topic::judge_topics(config, lines).await;
    report.findings.extend(findings);
    let sources: Vec<&str> = kafka.topics.iter().map(|topic| &*topic.name).collect();
    let letters: Vec<&str> = kafka.letter_topics.iter().map(String::as_str).collect();
    let findings = topic_retention::judge_retention(config, &sources, &letters).await;
    report.findings.extend(findings);
}

async fn look_at_kafka(config: &Config) -> ObservedCluster {
    let owned = config.clone();
    match tokio::task::spawn_blocking(move || observe_cluster(&owned)).await {
        Ok(kafka) => kafka,
        Err(error) => ObservedCluster {
            findings: vec![Finding::problem(
                "kafka_unreachable",
                format!("Kafka can't be looked at: {error}"),
                "this is a bug of Landfall's",
            )],
            ..ObservedCluster::default()
        },
    }
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    let table = |finding: &Finding| finding.table.clone();
    one.code == other.code
        && one.found == other.found
        && table(one) == table(other)
        && (one.table.is_some() || one.topic == other.topic)
}

fn kafka_line(config: &Config, kafka: &ObservedCluster) -> KafkaLine {
    KafkaLine {
        brokers: config.kafka.brokers.clone(),
        reachable: kafka.brokers.is_some(),
        broker_count: kafka.brokers,
        group: config.kafka.group.clone(),
        dead_letter_topics: dead_letter_topic::list_topics(
            config,
            kafka.brokers.map(|_| &*kafka.letter_topics),
        ),
    }
}

fn postgres_line(config: &Config, destination: &ObservedDestination) -> PostgresLine {
    let server = destination.server.as_ref();
    PostgresLine {
        url: config.postgres.display_url(),
        reachable: server.is_some(),
        version: server.map(|s| s.version.clone()),
        role: server.map(|s| s.role.clone()),
        schema: config.postgres.schema.clone(),
        schema_version: server.and_then(|s| s.schema.as_ref().map(SchemaState::version)),
    }
}
