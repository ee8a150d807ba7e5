//! What OpenLineage's own schemas say of an event.

use jsonschema::Registry;
use serde_json::{Value, json};

use crate::support::repository::text;

const SCHEMAS: [&str; 7] = [
    "OpenLineage.json",
    "facets/ColumnLineageDatasetFacet.json",
    "facets/ErrorMessageRunFacet.json",
    "facets/JobTypeJobFacet.json",
    "facets/OutputStatisticsOutputDatasetFacet.json",
    "facets/ProcessingEngineRunFacet.json",
    "facets/SchemaDatasetFacet.json",
];

/// The event is what the schema that it names says, and so is each of its facets.
#[track_caller]
pub fn assert_is_valid(event: &Value) {
    let mut registry = Registry::new();
    for schema in SCHEMAS {
        let schema = text(&format!("tests/lineage/spec/{schema}"));
        let schema: Value = serde_json::from_str(&schema).expect("JSON");
        let id = schema["$id"].as_str().expect("an id").to_owned();
        registry = registry.add(id, schema).expect("a schema");
    }
    let registry = registry.prepare().expect("schemas");
    let judge = |value: &Value, schema: &Value| {
        let schema = json!({ "$ref": schema });
        let options = jsonschema::options().should_validate_formats(true);
        let validator = options.with_registry(&registry).build(&schema);
        let validator = validator.unwrap_or_else(|error| panic!("{schema}: {error}"));
        let errors = validator.iter_errors(value).map(|e| e.to_string());
        let errors: Vec<String> = errors.collect();
        assert!(errors.is_empty(), "{errors:#?} of {value:#}");
    };
    judge(event, &event["schemaURL"]);
    for facet in facets_of(event) {
        judge(facet, &facet["_schemaURL"]);
    }
}

/// All there are, of run, job and datasets.
fn facets_of(event: &Value) -> Vec<&Value> {
    let list = |name: &str| event[name].as_array().expect("a list").iter();
    let owners = [&event["run"], &event["job"]].into_iter();
    let owners = owners.chain(list("inputs")).chain(list("outputs"));
    let mut facets = Vec::new();
    for owner in owners {
        for kind in ["facets", "inputFacets", "outputFacets"] {
            if let Some(all) = owner[kind].as_object() {
                facets.extend(all.values());
            }
        }
    }
    facets
}
