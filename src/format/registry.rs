//! The schema registry: Confluent's API, whoever serves it.
//!
//! Not schema_registry_converter (6.0), which was looked at first: an answer of 401, of 500 and of 404
//! are all the same to it (an error that is not to be tried again, and is kept), while here the first
//! two are waited for and only the third makes a dead letter; and an answer may be of any size.
//!
//! Why: `docs/decisions/14`.

mod answer;
mod client;
mod connection;
mod error;
mod fetch;
mod handshake;
mod login;
mod refer;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;

use crate::config::{Config, RegistryConfig};
use crate::format::framed::{KnownSchema, RegisteredSchema, SchemaId};
pub use crate::format::registry::answer::{Version, parse_versions, says_missing};
use crate::format::registry::client::Client;
pub use crate::format::registry::error::{LookupError, RegistrySetupError};
pub use crate::format::registry::fetch::{Answer, Ask, fetch_schema};
use crate::locked::Locked;
use crate::verdict::Failure;

/// How many schemas are asked for at a time.
const CONCURRENT_QUESTIONS: usize = 8;

/// A registry that follows another may hear of a new schema a moment later than its first record
/// is read. Only who asks twice may say that there is none.
const SECOND_QUESTION_DELAY: Duration = Duration::from_millis(500);

/// Shared by all lanes.
pub struct Registry {
    client: Client,
    /// An id means one schema for ever. That there is none may change, so that isn't kept.
    schemas: Locked<HashMap<SchemaId, Arc<RegisteredSchema>>>,
}

impl Registry {
    /// The one that the records' encoding needs, if it needs one.
    ///
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn from_config(config: &Config) -> Result<Option<Self>, RegistrySetupError> {
        config.registry_in_use().map(Self::new).transpose()
    }

    /// A registry at the configured URLs. No connection is opened yet.
    ///
    /// # Errors
    /// A file for TLS that can't be used.
    pub fn new(config: &RegistryConfig) -> Result<Self, RegistrySetupError> {
        Ok(Self {
            client: Client::new(config)?,
            schemas: Locked::default(),
        })
    }

    /// Finds the schemas of these ids, as many as there are.
    ///
    /// # Errors
    /// The registry can't be asked, or doesn't let us: to be tried again. What was found is kept.
    pub async fn fetch_schemas(
        &self,
        ids: BTreeSet<SchemaId>,
    ) -> Result<HashMap<SchemaId, KnownSchema>, Failure> {
        let mut known = self.ask_for_all(ids).await?;
        let refused = |(id, known): (&SchemaId, &KnownSchema)| {
            matches!(known, KnownSchema::Refused(_)).then_some(*id)
        };
        let again: BTreeSet<SchemaId> = known.iter().filter_map(refused).collect();
        if !again.is_empty() {
            tokio::time::sleep(SECOND_QUESTION_DELAY).await;
            known.extend(self.ask_for_all(again).await?);
        }
        Ok(known)
    }

    /// The same of each by itself: those that were found, and why the others weren't.
    pub async fn fetch_each(
        &self,
        ids: BTreeSet<SchemaId>,
    ) -> (HashMap<SchemaId, KnownSchema>, HashMap<SchemaId, Failure>) {
        let asked = ids.into_iter().map(|id| async move {
            let known = self.fetch_schemas(BTreeSet::from([id])).await;
            (id, known)
        });
        let answers: Vec<_> = stream::iter(asked)
            .buffer_unordered(CONCURRENT_QUESTIONS)
            .collect()
            .await;
        let (mut known, mut failures) = (HashMap::new(), HashMap::new());
        for (id, answer) in answers {
            match answer {
                Ok(found) => known.extend(found),
                Err(failure) => _ = failures.insert(id, failure),
            }
        }
        (known, failures)
    }

    async fn ask_for_all(
        &self,
        ids: BTreeSet<SchemaId>,
    ) -> Result<HashMap<SchemaId, KnownSchema>, Failure> {
        let asked = ids.into_iter().map(|id| async move {
            let known = self.fetch_known(id).await?;
            Ok::<_, Failure>((id, known))
        });
        let answers: Vec<_> = stream::iter(asked)
            .buffer_unordered(CONCURRENT_QUESTIONS)
            .collect()
            .await;
        answers.into_iter().collect()
    }

    async fn fetch_known(&self, id: SchemaId) -> Result<KnownSchema, Failure> {
        let schemas = || self.schemas.lock();
        if let Some(schema) = schemas().get(&id) {
            return Ok(KnownSchema::Schema(schema.clone()));
        }
        match fetch_schema(&self.client, id).await {
            Ok(schema) => {
                let schema = Arc::new(schema);
                schemas().insert(id, schema.clone());
                Ok(KnownSchema::Schema(schema))
            }
            Err(LookupError::Unusable(why)) => Ok(KnownSchema::Refused(why)),
            Err(LookupError::Failed(failure)) => Err(failure),
        }
    }

    /// Under which subjects the id is registered; none if the registry doesn't tell.
    ///
    /// # Errors
    /// The registry can't be asked, or doesn't let us.
    pub async fn find_versions(&self, id: SchemaId) -> Result<Vec<Version>, Failure> {
        let path = ["schemas", "ids", &id.to_string(), "versions"];
        Ok(match self.client.get(&path).await? {
            Answer::Found(body) => parse_versions(&body),
            Answer::Missing | Answer::Refused(_) => Vec::new(),
        })
    }

    /// Asks each of its URLs, whether any needs to be or not: an answer for each.
    pub async fn check_urls(&self) -> Vec<(String, Result<(), Failure>)> {
        self.client.check_urls().await
    }
}

#[cfg(test)]
mod tests;
