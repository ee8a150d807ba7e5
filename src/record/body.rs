//! A record's value, of which the beginning is kept once for all records that begin alike.
//!
//! JsonConverter puts the schema before every payload: 4 kB of a record of 4.5 kB, and hardly ever
//! another one. Kept by itself it needn't be copied, queued or read again; decoding knows it by its
//! address.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

/// As JsonConverter writes it; what is written otherwise has no head, and is read whole.
const BEFORE_SCHEMA: &[u8] = b"{\"schema\":";
const BEFORE_PAYLOAD: &[u8] = b",\"payload\":";

/// So many schemas of a topic are remembered at a time: of the tables that are routed into it, or of
/// the versions that a mixed stream has.
pub const MOST_HEADS: usize = 8;

/// A value: a head that many values share, and the rest.
#[derive(Clone, Debug)]
pub struct Body {
    head: Option<Arc<[u8]>>,
    rest: Bytes,
}

impl Body {
    /// The same, sharing no memory but the head, which its topic keeps anyway.
    pub fn copy_apart(&self) -> Self {
        Self {
            head: self.head.clone(),
            rest: Bytes::copy_from_slice(&self.rest),
        }
    }

    /// Bytes of the value as it is in Kafka.
    pub fn len(&self) -> usize {
        self.head.as_ref().map_or(0, |head| head.len()) + self.rest.len()
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it has for itself.
    pub fn own_len(&self) -> usize {
        self.rest.len()
    }

    /// `{"schema":{…},"payload":`, if it begins so, and the rest.
    pub fn head_and_rest(&self) -> (Option<&Arc<[u8]>>, &[u8]) {
        (self.head.as_ref(), &self.rest)
    }

    /// The value as it is in Kafka.
    pub fn whole_value(&self) -> Cow<'_, [u8]> {
        match &self.head {
            None => Cow::Borrowed(&self.rest),
            Some(head) => Cow::Owned([head, &*self.rest].concat()),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(rest: Vec<u8>) -> Self {
        Self {
            head: None,
            rest: rest.into(),
        }
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.as_bytes().to_vec().into()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.whole_value() == other.whole_value()
    }
}

impl Eq for Body {}

/// The heads that a topic's values have had lately.
#[derive(Default)]
pub struct Heads(Vec<Arc<[u8]>>);

impl Heads {
    /// `keep` copies what the value has for itself.
    pub fn split_body<B: Into<Bytes>>(
        &mut self,
        value: &[u8],
        keep: impl FnOnce(&[u8]) -> B,
    ) -> Body {
        let head = self.head_of(value);
        let shared = head.as_ref().map_or(0, |head| head.len());
        Body {
            rest: keep(value.get(shared..).unwrap_or_default()).into(),
            head,
        }
    }

    fn head_of(&mut self, value: &[u8]) -> Option<Arc<[u8]>> {
        if !value.starts_with(BEFORE_SCHEMA) {
            return None;
        }
        if let Some(at) = self.0.iter().position(|head| value.starts_with(head)) {
            self.0.swap(0, at); // tried first the next time
            return self.0.first().cloned();
        }
        let head: Arc<[u8]> = value.get(..head_len(value)?)?.into();
        self.0.truncate(MOST_HEADS - 1);
        self.0.insert(0, head.clone());
        Some(head)
    }
}

fn head_len(value: &[u8]) -> Option<usize> {
    let after = value.get(BEFORE_SCHEMA.len()..)?;
    let mut json = serde_json::Deserializer::from_slice(after).into_iter::<&RawValue>();
    let schema = json.next()?.ok()?.get();
    if !schema.starts_with('{') {
        return None;
    }
    let end = BEFORE_SCHEMA.len() + json.byte_offset();
    let payload = value.get(end..)?.starts_with(BEFORE_PAYLOAD);
    payload.then_some(end + BEFORE_PAYLOAD.len())
}

/// The schema of a head.
pub fn schema_of(head: &[u8]) -> &[u8] {
    let after = head.strip_prefix(BEFORE_SCHEMA).unwrap_or_default();
    after.strip_suffix(BEFORE_PAYLOAD).unwrap_or_default()
}

/// The head that a schema makes, as JsonConverter would write it.
pub fn head_of(schema: &str) -> Arc<[u8]> {
    [BEFORE_SCHEMA, schema.as_bytes(), BEFORE_PAYLOAD]
        .concat()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(heads: &mut Heads, value: &str) -> String {
        let body = heads.split_body(value.as_bytes(), <[u8]>::to_vec);
        assert_eq!(&*body.whole_value(), value.as_bytes());
        assert_eq!(body.len(), value.len());
        String::from_utf8(body.head_and_rest().1.to_vec()).unwrap()
    }

    #[test]
    fn a_schema_is_kept_once() {
        let (mut heads, keep) = (Heads::default(), <[u8]>::to_vec);
        let a = heads.split_body(br#"{"schema":{"a":"}"},"payload":{"x":1}}"#, keep);
        let b = heads.split_body(br#"{"schema":{"a":"}"},"payload":null}"#, keep);
        let (head, rest) = b.head_and_rest();
        assert!(Arc::ptr_eq(a.head_and_rest().0.unwrap(), head.unwrap()));
        assert_eq!(rest, b"null}");
        assert_eq!(schema_of(head.unwrap()), br#"{"a":"}"}"#);
        assert_eq!(head_of(r#"{"a":"}"}"#), *head.unwrap());
    }

    #[test]
    fn whatever_is_no_wrapper_stays_whole() {
        let mut heads = Heads::default();
        let others = [
            "",
            "{}",
            "{\"schema\":",
            r#"{"schema":{},"payload""#,
            r#"{"schema":{} ,"payload":1}"#,
            r#"{"schema":null,"payload":1}"#,
            r#"{"schema":"public","payload":1}"#,
            r#"{"schema":{"a":1}}"#,
        ];
        for value in others {
            assert_eq!(own(&mut heads, value), value);
        }
        assert!(heads.0.is_empty());
    }

    #[test]
    fn schemas_that_alternate_are_told_apart_and_few_are_kept() {
        let mut heads = Heads::default();
        for round in 0..3 * MOST_HEADS {
            for schema in [1, 22, round + 100] {
                let value = format!(r#"{{"schema":{{"v":{schema}}},"payload":{round}}}"#);
                assert_eq!(own(&mut heads, &value), format!("{round}}}"));
            }
        }
        assert_eq!(heads.0.len(), MOST_HEADS);
    }
}
