//! Events as OpenLineage's schemas have them: <https://openlineage.io/spec/2-0-2/OpenLineage.json>.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::table_name::TableName;
use crate::watch::lineage::flows::{How, Known, NamedType, Table, Topic};
use crate::watch::lineage::job::{Job, JobKind};

/// What has become of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State<'e> {
    Start,
    Running,
    Complete,
    /// With the error, which names no value of a row.
    Fail(&'e str),
}

const PRODUCER: &str = concat!("urn:landfall:", env!("CARGO_PKG_VERSION"));

/// How often there is an event at least, in seconds.
pub(super) const PERIOD: u64 = 300;

/// An event of the run, as of now. It has all that is known, or, while it runs, what is new.
pub(super) fn event(job: &Job, state: State<'_>, known: &Known) -> Value {
    let (kind, all) = match state {
        State::Start => ("START", true),
        State::Running => ("RUNNING", false),
        State::Complete => ("COMPLETE", true),
        State::Fail(_) => ("FAIL", true),
    };
    let told = |(_, table): &(&TableName, &Table)| all || table.is_new || table.has_new_rows;
    let tables = || known.tables.iter().filter(told);
    let sources: BTreeSet<&Arc<str>> = tables()
        .flat_map(|(_, table)| table.derived.values().flatten())
        .map(|(topic, ..)| topic)
        .collect();
    let topics = known.topics.iter();
    let topics = topics.filter(|(name, topic)| all || topic.is_new || sources.contains(name));
    let inputs: Vec<Value> = topics
        .map(|(name, topic)| input(job, name, topic))
        .collect();
    let whole = |table: &Table| all || table.is_new;
    let outputs = tables().map(|(name, table)| output(job, name, table, whole(table)));
    json!({
        "eventType": kind,
        "eventTime": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
        "producer": PRODUCER,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": job.run.to_string(), "facets": run_facets(state) },
        "job": { "namespace": job.namespace, "name": job.name, "facets": { "jobType": job_type(job.kind) } },
        "inputs": inputs,
        "outputs": outputs.collect::<Vec<Value>>(),
    })
}

/// A facet, of this version of its schema.
fn facet(version: &str, name: &str, of: Value) -> Value {
    let mut facet = json!({
        "_producer": PRODUCER,
        "_schemaURL": format!("https://openlineage.io/spec/facets/{version}/{name}.json#/$defs/{name}"),
    });
    if let (Some(facet), Value::Object(of)) = (facet.as_object_mut(), of) {
        facet.extend(of);
    }
    facet
}

fn run_facets(state: State<'_>) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let engine =
        json!({ "version": version, "name": "Landfall", "openlineageAdapterVersion": version });
    let engine = facet("1-1-1", "ProcessingEngineRunFacet", engine);
    let mut facets = json!({ "processing_engine": engine });
    if let (State::Fail(message), Some(facets)) = (state, facets.as_object_mut()) {
        let error = json!({ "message": message, "programmingLanguage": "RUST" });
        let error = facet("1-0-1", "ErrorMessageRunFacet", error);
        facets.insert("errorMessage".to_owned(), error);
    }
    facets
}

fn job_type(kind: JobKind) -> Value {
    let of = json!({
        "processingType": match kind {
            JobKind::Streaming => "STREAMING",
            JobKind::Batch => "BATCH",
        },
        "integration": "LANDFALL",
        "jobType": "JOB",
        "emissionPattern": { "eventTrigger": "PERIODIC", "eventContentMode": "ACCUMULATIVE", "windowDuration": PERIOD },
    });
    facet("2-0-4", "JobTypeJobFacet", of)
}

fn input(job: &Job, name: &str, topic: &Topic) -> Value {
    let mut input = json!({ "namespace": job.kafka, "name": name });
    if !topic.fields.is_empty() {
        input["facets"] = json!({ "schema": schema(&topic.fields) });
    }
    input
}

/// `whole`: with what describes it.
fn output(job: &Job, name: &TableName, table: &Table, whole: bool) -> Value {
    let rows = json!({ "rowCount": table.rows });
    let rows = facet("1-0-2", "OutputStatisticsOutputDatasetFacet", rows);
    let name = format!("{}.{name}", job.database);
    let mut output = json!({ "namespace": job.postgres, "name": name, "outputFacets": { "outputStatistics": rows } });
    if whole {
        output["facets"] = json!({ "schema": schema(&table.columns), "columnLineage": column_lineage(job, table) });
    }
    output
}

fn schema(fields: &[NamedType]) -> Value {
    let field = |(at, field): (usize, &NamedType)| {
        let mut value = json!({ "name": field.name, "ordinal_position": at + 1 });
        if let Some(kind) = &field.kind {
            value["type"] = json!(kind);
        }
        value
    };
    let fields: Vec<Value> = fields.iter().enumerate().map(field).collect();
    facet("1-2-0", "SchemaDatasetFacet", json!({ "fields": fields }))
}

/// Subtypes: <https://openlineage.io/docs/spec/facets/dataset-facets/column_lineage_facet>.
fn column_lineage(job: &Job, table: &Table) -> Value {
    let origin = |(topic, field, how): &(Arc<str>, String, How)| {
        let (subtype, description, masking) = match how {
            How::Same => ("IDENTITY", "", false),
            How::Hash => ("TRANSFORMATION", "keyed hash", true),
            How::Fixed => ("TRANSFORMATION", "replaced, whatever it is", true),
        };
        let transformation = json!({ "type": "DIRECT", "subtype": subtype, "description": description, "masking": masking });
        json!({ "namespace": job.kafka, "name": **topic, "field": field, "transformations": [transformation] })
    };
    let column = |(column, origins): (&String, &BTreeSet<_>)| {
        let origins: Vec<Value> = origins.iter().map(origin).collect();
        (column.clone(), json!({ "inputFields": origins }))
    };
    let fields: Map<String, Value> = table.derived.iter().map(column).collect();
    facet(
        "1-2-0",
        "ColumnLineageDatasetFacet",
        json!({ "fields": fields }),
    )
}
