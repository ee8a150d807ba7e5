//! A schema by its id, with all that it refers to.

use crate::format::framed::{RegisteredSchema, SchemaId};
use crate::format::registry::answer::Registered;
use crate::format::registry::error::LookupError;
use crate::format::registry::refer;
use crate::verdict::Failure;

/// What the registry says of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The body of its answer.
    Found(Vec<u8>),
    /// The registry has no such thing.
    Missing,
    /// It is there, and of no use: why.
    Refused(String),
}

/// Whoever answers for the registry's API.
pub trait Ask: Sync {
    /// What is at the path, given by its segments.
    ///
    /// # Errors
    /// Nobody could be asked: `unavailable`, or `systemic` if time alone doesn't mend it.
    fn get(&self, path: &[&str]) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

/// Fetches the schema of this id, ready to read messages by.
///
/// # Errors
/// The registry can't be asked; or there is no such schema, or none that can be used.
pub async fn fetch_schema(
    registry: &impl Ask,
    id: SchemaId,
) -> Result<RegisteredSchema, LookupError> {
    let path = ["schemas", "ids", &id.to_string()];
    let body = match registry.get(&path).await? {
        Answer::Found(body) => body,
        Answer::Missing => {
            let why = format!("the registry has no schema with id {id}");
            return Err(LookupError::Unusable(why));
        }
        Answer::Refused(why) => {
            return Err(LookupError::Unusable(format!("schema {id}: {why}")));
        }
    };
    let registered = Registered::parse_answer(&body)
        .map_err(|e| e.tell_more(|why| format!("schema {id}: {why}")))?;
    let Registered {
        schema,
        kind,
        references,
    } = registered;
    let referred = refer::resolve_references(registry, kind, references)
        .await
        .map_err(|e| e.tell_more(|why| format!("schema {id} {why}")))?;
    RegisteredSchema::compile(kind, &schema, &referred)
        .map_err(|e| LookupError::Unusable(format!("schema {id} can't be used: {e}")))
}
