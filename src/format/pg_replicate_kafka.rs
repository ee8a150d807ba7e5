//! pg-replicate-kafka's envelope: Debezium's in other words. Operations are whole words, a place in Postgres' log is
//! written `0/1634FA0`, a transaction is `xid`, and the table stands beside the row as well as in `source`.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::format::change::Operation;
use crate::format::debezium::{Envelope, KnownBy};
use crate::format::lookalike::Lookalike;
use crate::format::message_error::MessageError;

const EXPECTED: &str = "INSERT, UPDATE, DELETE, TRUNCATE or READ";

/// The envelope in Debezium's words.
///
/// # Errors
/// An operation that isn't known.
pub(super) fn translate_envelope<'r>(
    mut envelope: Envelope<'r>,
    arena: &'r Bump,
) -> Result<Envelope<'r>, MessageError> {
    let Some(code) = code_of(&envelope.op) else {
        return Err(match Operation::from_code(&envelope.op) {
            Some(_) => MessageError::OtherShape(Lookalike::Debezium),
            None => MessageError::unknown_operation(&envelope.op, EXPECTED),
        });
    };
    envelope.op = Cow::Borrowed(code);
    let source = &mut envelope.source;
    source.schema = source.schema.take().or(envelope.named.schema.take());
    source.table = source.table.take().or(envelope.named.table.take());
    if let Some(place) = source.lsn.and_then(log_place) {
        source.lsn = Some(arena.alloc_str(&place.to_string()));
        // its ts_ms are when it was sent
        envelope.known_by = KnownBy::Place(i64::try_from(place).unwrap_or(i64::MAX));
    }
    source.tx_id = source.tx_id.or(source.xid);
    Ok(envelope)
}

/// Debezium's letter for a word.
pub(super) fn code_of(word: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 7] = [
        ("INSERT", "c"),
        ("UPDATE", "u"),
        ("DELETE", "d"),
        ("TRUNCATE", "t"),
        ("READ", "r"),
        ("SNAPSHOT", "r"),
        ("MESSAGE", "m"),
    ];
    let is_it = |(known, _): &&(&str, &str)| known.eq_ignore_ascii_case(word);
    WORDS.iter().find(is_it).map(|(_, code)| *code)
}

/// The number that Postgres writes as two in hexadecimal; the text is JSON.
fn log_place(raw: &str) -> Option<u64> {
    let (high, low) = raw.trim_matches('"').split_once('/')?;
    let half = |digits| u32::from_str_radix(digits, 16).ok().map(u64::from);
    Some(half(high)? << 32 | half(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_postgres_log_is_the_number_that_debezium_writes() {
        assert_eq!(log_place("\"0/1634FA0\""), Some(23_285_664));
        assert_eq!(log_place("\"1/0\""), Some(1 << 32));
        for other in [
            "23285664",
            "\"0/\"",
            "\"/1\"",
            "\"0/123456789\"",
            "\"x/1\"",
            "\"-1/1\"",
        ] {
            assert_eq!(log_place(other), None, "{other}");
        }
    }
}
