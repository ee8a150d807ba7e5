//! The schemas that a schema refers to, and those that they refer to.

use std::collections::HashSet;
use std::vec::IntoIter;

use crate::format::framed::{Referred, SchemaType};
use crate::format::registry::answer::{Reference, Registered};
use crate::format::registry::error::LookupError;
use crate::format::registry::fetch::{Answer, Ask};

/// Schemas are written by people, a file each.
const MAX_REFERENCE_DEPTH: usize = 16;
const MAX_REFERENCES: usize = 256;

/// Of all of them together, which are compiled at once.
const MAX_REFERRED_BYTES: usize = 16 << 20;

/// All of them, each after those that it refers to.
///
/// # Errors
/// The registry can't be asked; or one of them can't be used, which completes "the schema …".
pub async fn resolve_references(
    registry: &impl Ask,
    kind: SchemaType,
    references: Vec<Reference>,
) -> Result<Vec<Referred>, LookupError> {
    let (mut resolved, mut referred_bytes) = (Vec::new(), 0);
    // by subject and version: by whichever name, it is one schema
    let mut met: HashSet<(String, i64)> = HashSet::new();
    // each schema with those of its references that are still to be looked at; the first has none to keep
    let mut open: Vec<(Option<Referred>, IntoIter<Reference>)> =
        vec![(None, references.into_iter())];
    while let Some((_, references)) = open.last_mut() {
        let Some(reference) = references.next() else {
            let done = open.pop();
            resolved.extend(done.and_then(|(schema, _)| schema));
            continue;
        };
        if !met.insert((reference.subject.clone(), reference.version)) {
            continue;
        }
        if met.len() > MAX_REFERENCES || open.len() > MAX_REFERENCE_DEPTH {
            return Err(LookupError::Unusable(format!(
                "refers to more than {MAX_REFERENCES} others, or they are nested deeper than {MAX_REFERENCE_DEPTH}"
            )));
        }
        let Reference {
            name,
            subject,
            version,
        } = &reference;
        let registered = fetch_reference(registry, kind, &reference)
            .await
            .map_err(|e| {
                e.tell_more(|why| format!("refers to subject {subject:?} version {version}, {why}"))
            })?;
        referred_bytes += registered.schema.len();
        if referred_bytes > MAX_REFERRED_BYTES {
            let most = MAX_REFERRED_BYTES >> 20;
            return Err(LookupError::Unusable(format!(
                "refers to others of more than {most} MiB together"
            )));
        }
        let referred = Referred {
            name: name.clone(),
            schema: registered.schema,
        };
        open.push((Some(referred), registered.references.into_iter()));
    }
    Ok(resolved)
}

async fn fetch_reference(
    registry: &impl Ask,
    kind: SchemaType,
    reference: &Reference,
) -> Result<Registered, LookupError> {
    let version = reference.version.to_string();
    let path = ["subjects", &reference.subject, "versions", &version];
    match registry.get(&path).await? {
        Answer::Found(body) => {
            let registered = Registered::parse_answer(&body)?;
            match registered.kind == kind {
                true => Ok(registered),
                false => Err(LookupError::Unusable("which is of another type".to_owned())),
            }
        }
        Answer::Missing => Err(LookupError::Unusable(
            "which the registry doesn't have".to_owned(),
        )),
        Answer::Refused(why) => Err(LookupError::Unusable(why)),
    }
}
