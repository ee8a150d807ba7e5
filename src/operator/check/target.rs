//! A table that a topic's events lead to: does it fit them, and does Postgres take them?

use std::sync::Arc;

use deadpool_postgres::Object;

use crate::cli::Trial;
use crate::config::Config;
use crate::ledger::destination_tables::DestinationTables;
use crate::operator::check::destination;
use crate::operator::check::evolution::{ForeseenTable, foresee_table};
use crate::operator::check::finding::{Finding, Severity};
use crate::operator::check::observe::{Origin, TableSample};
use crate::operator::check::relation::{self, Relation};
use crate::operator::check::report::TopicLine;
use crate::operator::check::sample::SampledTopic;
use crate::operator::check::table_fit::{self, Needs};
use crate::operator::check::table_rights;
use crate::operator::check::topic::Asked;
use crate::operator::check::trial::{AwaitedParents, Known, TrialPlan, judge_trial, try_sample};
use crate::operator::check::values;
use crate::rows::value::Reading;
use crate::table_name::TableName;
use crate::verdict::sqlstate;

/// A table that the topic's events lead to.
pub struct TargetTable<'r> {
    /// Its name.
    pub table: TableName,
    /// Where the table is known from.
    pub origin: Origin,
    /// The sampled events; none if the table is only expected.
    pub sample: TableSample<'r>,
}

/// A table that is judged by what leads to it.
pub struct TargetJudge<'j, 'r> {
    /// What is asked of its topic.
    pub asked: &'j Asked<'j>,
    /// Its topic.
    pub topic: &'j SampledTopic,
    /// The table, with what was sampled of it.
    pub target: &'j TargetTable<'r>,
    /// What the events need.
    pub needs: &'j Needs,
}

impl TargetJudge<'_, '_> {
    /// What is wrong with the table; what it lacks is noted in the line, too.
    pub async fn judge_target(
        &self,
        client: Option<&mut Object>,
        line: &mut TopicLine,
    ) -> Vec<Finding> {
        let (config, needs, table) = (self.asked.config, self.needs, &self.target.table);
        let mut findings = Vec::from_iter(table_fit::judge_name(table));
        if let Some(client) = client {
            let foreseen = self.foresee(client, line).await;
            let is_altered = foreseen.as_ref().is_some_and(ForeseenTable::is_altered);
            match read_relation(config, client, table, needs).await {
                Ok(mut relation) => {
                    if let Some(foreseen) = &foreseen {
                        let loosens = |column: &str| foreseen.plan.loosens_column(column);
                        relation.not_null.retain(|known| !loosens(&known.column));
                    }
                    let missing = table_fit::find_missing_columns(&relation, needs);
                    line.missing_columns = missing.into_iter().map(str::to_owned).collect();
                    line.missing_privileges =
                        table_rights::find_missing_privileges(&relation, needs);
                    let reading = Arc::new(Reading::new(&config.format));
                    let sample = &self.target.sample;
                    let judged = table_fit::judge_table(&relation, needs, sample, &reading);
                    findings.extend(judged);
                    // what is to be altered can't be tried as it is
                    let is_ready = relation.rights.usage && !is_altered;
                    if is_ready && line.missing_privileges.is_empty() {
                        let trial = self.try_target(client, &relation, &reading, &mut findings);
                        line.awaited = trial.await;
                    }
                }
                Err(finding) => findings.push(finding),
            }
            if let Some(foreseen) = foreseen {
                let policy = config.schema_evolution_of(&self.topic.name);
                let lacks = ["table_missing", "columns_missing", "name_too_long"];
                let is_told = is_altered || !foreseen.plan.obstacles.is_empty();
                findings.retain(|finding| !is_told || !lacks.contains(&finding.code));
                findings.extend(foreseen.judge(policy));
            }
        }
        findings
            .into_iter()
            .map(|finding| as_certain_as(self.target.origin, finding.of_table(table)))
            .collect()
    }

    /// What `run` would do about what the table lacks. That Postgres can't be asked is told elsewhere.
    async fn foresee(&self, client: &Object, line: &mut TopicLine) -> Option<ForeseenTable> {
        let (config, topic) = (self.asked.config, &self.topic.name);
        let notes = self.asked.ledger.map(DestinationTables::new);
        let notes = notes.map(|tables| tables.table_notes());
        let changes = &self.target.sample.changes;
        let foreseen = foresee_table(client, config, topic, changes, notes.as_ref()).await;
        let foreseen = foreseen.ok().flatten()?;
        line.wanted = Some(foreseen.wanted.clone());
        line.makes_table = foreseen.plan.makes_table();
        Some(foreseen)
    }

    /// Has the sample written, unless it isn't to be, and adds what is refused.
    async fn try_target(
        &self,
        client: &mut Object,
        relation: &Relation,
        reading: &Arc<Reading>,
        findings: &mut Vec<Finding>,
    ) -> Option<AwaitedParents> {
        let (config, sample) = (self.asked.config, &self.target.sample);
        if self.asked.trial == Trial::Never || sample.changes.is_empty() {
            return None;
        }
        let plan = TrialPlan {
            when: self.asked.trial,
            deletes: config.applies_deletes(&self.topic.name),
            ledger: self.asked.ledger,
        };
        let outcome = try_sample(client, reading, sample, plan).await;
        let is_told = |at: usize| {
            let change = sample.changes.get(at);
            change.is_some_and(|change| values::is_unfit(relation, change, reading))
        };
        let known = Known {
            postgres: &config.postgres,
            table: &self.target.table,
            sample,
            is_landed: &|place| self.topic.is_committed(place),
            is_told: &is_told,
        };
        judge_trial(&outcome, &known, findings)
    }
}

async fn read_relation(
    config: &Config,
    client: &Object,
    name: &TableName,
    needs: &Needs,
) -> Result<Relation, Finding> {
    let failure = match destination::answer_in_time(relation::read_relation(client, name)).await {
        Ok(relation) => return Ok(relation),
        Err(failure) => failure,
    };
    if !failure.has_sqlstate(&[sqlstate::UNDEFINED_TABLE]) {
        return Err(destination::explain_unreachable(&config.postgres, &failure));
    }
    let similar = relation::find_similar(client, name).await;
    Err(table_fit::report_missing(
        name,
        needs,
        &similar.unwrap_or_default(),
    ))
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
