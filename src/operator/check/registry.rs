//! The schema registry's side: can it be asked, and does it have the schemas of the topics' records?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::config::Config;
use crate::format::decode::Decoder;
use crate::format::framed::{KnownSchema, SchemaId, strip_frame};
use crate::format::registry::Registry;
use crate::operator::check::finding::Finding;
use crate::operator::check::report::RegistryLine;
use crate::operator::check::sample::SampledTopic;
use crate::verdict::{Failure, Verdict};

/// What the registry says.
#[derive(Default)]
pub struct Schemas {
    /// `None` if records need no registry.
    pub line: Option<RegistryLine>,
    /// What is wrong with the registry.
    pub findings: Vec<Finding>,
    /// What is known of the sampled records' schemas. `None`: the registry can't be asked.
    pub known: Option<HashMap<SchemaId, KnownSchema>>,
    /// The subjects that they are registered under, with the version.
    names: BTreeMap<SchemaId, String>,
}

/// Asks the registry for the schemas of the sampled records.
pub async fn judge_registry(config: &Config, topics: &[SampledTopic]) -> Schemas {
    let Some(asked) = config.registry_in_use() else {
        return Schemas {
            known: Some(HashMap::new()),
            ..Schemas::default()
        };
    };
    let mut schemas = Schemas::default();
    let mut line = RegistryLine {
        urls: asked.urls.iter().map(ToString::to_string).collect(),
        ..RegistryLine::default()
    };
    match Registry::new(asked) {
        Ok(registry) => {
            ask_registry(&registry, config, topics, &mut schemas, &mut line).await;
        }
        Err(error) => schemas.findings.push(Finding::problem(
            "registry_tls",
            error.to_string(),
            "correct the file that the key names",
        )),
    }
    schemas.line = Some(line);
    schemas
}

async fn ask_registry(
    registry: &Registry,
    config: &Config,
    topics: &[SampledTopic],
    schemas: &mut Schemas,
    line: &mut RegistryLine,
) {
    let answers = registry.check_urls().await;
    let all = answers.len();
    let failures: Vec<Failure> = answers.into_iter().filter_map(|(_, a)| a.err()).collect();
    line.reachable = all - failures.len();
    for failure in failures {
        schemas
            .findings
            .push(explain_unusable(&failure, line.reachable > 0));
    }
    if line.reachable == 0 {
        return;
    }
    let decoder = Decoder::from_config(config);
    let records = topics.iter().flat_map(|topic| &topic.records);
    let ids: BTreeSet<SchemaId> = records
        .flat_map(|record| decoder.unknown_schemas(std::slice::from_ref(record)))
        .collect();
    match registry.fetch_schemas(ids.clone()).await {
        Ok(known) => schemas.known = Some(known),
        Err(failure) => schemas.findings.push(explain_unusable(&failure, false)),
    }
    line.schemas = ids.len();
    for id in ids {
        // a registry that doesn't tell names isn't worth a word
        let versions = registry.find_versions(id).await.unwrap_or_default();
        let names: Vec<String> = versions
            .iter()
            .map(|v| format!("{} version {}", v.subject, v.version))
            .collect();
        schemas.names.insert(id, names.join(", "));
    }
}

impl Schemas {
    /// The schemas of a topic's records, each by its subject, version and id.
    pub fn describe_topic(&self, topic: &SampledTopic) -> Vec<String> {
        let mut ids = BTreeSet::new();
        for record in &topic.records {
            let value = record.value.as_ref().map(|body| body.whole_value());
            for message in [record.key.as_deref(), value.as_deref()]
                .into_iter()
                .flatten()
            {
                ids.extend(strip_frame(message).map(|(id, _)| id));
            }
        }
        let known = |id: &SchemaId| self.names.contains_key(id);
        let name = |id: SchemaId| match self.names.get(&id).map(String::as_str) {
            None | Some("") => format!("id {id}"),
            Some(name) => format!("{name} (id {id})"),
        };
        ids.into_iter().filter(known).map(name).collect()
    }
}

/// `others`: other URLs answer.
fn explain_unusable(failure: &Failure, others: bool) -> Finding {
    let (code, remedy) = match failure.verdict {
        Verdict::Systemic => (
            "registry_unusable",
            "correct what it names in [format.registry]",
        ),
        _ => (
            "registry_unreachable",
            "see that it runs, and that the host and port of format.registry.url can be reached from here",
        ),
    };
    if others {
        Finding::warning(code, failure.to_string(), remedy)
    } else {
        Finding::problem(code, failure.to_string(), remedy)
    }
}
