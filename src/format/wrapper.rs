//! The wrapper that Connect's JsonConverter adds with `schemas.enable=true`: `{"schema":…,"payload":…}`.
//!
//! An object is a wrapper if it has a `payload`, no `op` (which makes it an envelope itself), and
//! - a `schema` that is an object; or
//! - a `schema` that is null, and nothing else; or
//! - nothing else at all, where the payload is an object other than a number without scale: so TiCDC writes without
//!   schemas.
//!
//! An object `schema` that is none of Connect's is an error, unless a row may have such a column: that is, if there
//! are other members too, or the payload is no object.
//!
//! Members stand in any order, with any white space; of two of one name the last counts, as in every JSON parser.
//! JsonConverter itself writes the schema first and no white space. Only that is recognised by its bytes; whatever is
//! written otherwise is read member by member, and comes to the same.

use crate::format::json_object::{Members, Name};
use crate::format::message_error::MessageError;

/// The member that holds what a wrapper is around.
pub(super) const PAYLOAD: &str = "payload";

/// Whether it is worth while to read the text member by member. A wrapper that begins with something else shows
/// later: a key by its `payload`, a value by its lack of an `op`.
pub(super) fn begins_like_wrapper(text: &str) -> bool {
    let first = text.trim_ascii_start().strip_prefix('{');
    let first = first.map_or("", str::trim_ascii_start);
    first.starts_with("\"schema\"") || first.starts_with("\"payload\"")
}

/// The members of a wrapper that mean something.
pub(super) struct Wrapper<'r> {
    /// An object.
    pub schema: Option<&'r str>,
    pub payload: &'r str,
    /// If the schema should turn out to be none.
    pub may_be_row: bool,
}

impl<'r> Wrapper<'r> {
    /// `None`: the text is no wrapper.
    pub fn from_text(text: &'r str) -> Result<Option<Self>, MessageError> {
        let Members(members) = serde_json::from_str(text)?;
        let (mut schema, mut payload, mut has_others) = (None, None, false);
        for (Name(name), raw) in &members {
            match name.as_ref() {
                "schema" => schema = Some(raw.get()),
                PAYLOAD => payload = Some(raw.get()),
                "op" => return Ok(None),
                _ => has_others = true,
            }
        }
        let Some(payload) = payload else {
            return Ok(None);
        };
        let is_object = payload.starts_with('{');
        let is_wrapper = match schema {
            Some(schema) if schema.starts_with('{') => true,
            Some(schema) => schema == "null" && !has_others,
            None => is_object && !has_others && !is_decimal(payload),
        };
        Ok(is_wrapper.then(|| Self {
            schema: schema.filter(|schema| *schema != "null"),
            payload,
            may_be_row: has_others || !is_object && payload != "null",
        }))
    }
}

/// A number without scale, as a column that is called `payload` may hold in a key.
fn is_decimal(payload: &str) -> bool {
    serde_json::from_str::<Members<'_>>(payload).is_ok_and(|Members(members)| {
        let mut names = members.iter().map(|(Name(name), _)| name.as_ref());
        members.len() == 2 && names.all(|name: &str| matches!(name, "scale" | "value"))
    })
}

/// What is in the wrapper, if the text is one; else the text itself.
pub fn payload_of(text: &str) -> &str {
    match Wrapper::from_text(text) {
        Ok(Some(wrapper)) => wrapper.payload,
        _ => text,
    }
}
