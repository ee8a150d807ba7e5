//! Confluent's wire format, which all encodings with a registry share: a zero byte, four bytes of schema id, and what the
//! schema's encoding makes of the rest.

mod apicurio;
mod error;
mod reader;
mod schema;

pub use apicurio::{Half, explain_missing_frame};
pub use error::FrameError;
pub use reader::FramedReader;
pub use schema::{KnownSchema, Referred, RegisteredSchema, SchemaType};

/// What a registered schema is identified by. Never negative in Confluent's registry, whose type is Java's int.
pub type SchemaId = i32;

const MAGIC_BYTE: u8 = 0;

/// Takes a message apart into the id of its schema and what is written by it.
///
/// # Errors
/// It isn't in Confluent's wire format.
pub fn strip_frame(message: &[u8]) -> Result<(SchemaId, &[u8]), FrameError> {
    match message {
        [MAGIC_BYTE, rest @ ..] => {
            let Some((id, datum)) = rest.split_first_chunk() else {
                return Err(FrameError::Truncated);
            };
            match SchemaId::from_be_bytes(*id) {
                // no registry has a schema 0: it is the beginning of a longer id
                0 if datum.len() >= apicurio::ID_SURPLUS_BYTES => Err(FrameError::ApicurioId),
                id @ 0.. => Ok((id, datum)),
                _ => Err(FrameError::Id),
            }
        }
        [b'{' | b'"' | b'[', ..] => Err(FrameError::LooksLikeJson),
        [other, ..] => Err(FrameError::Magic(*other)),
        [] => Err(FrameError::Truncated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_zero_byte_an_id_and_a_datum() {
        assert_eq!(strip_frame(&[0, 0, 0, 1, 2, 9, 9]), Ok((258, &[9, 9][..])));
        assert_eq!(strip_frame(&[0, 0, 0, 0, 7]), Ok((7, &[][..])));
        assert_eq!(strip_frame(&[0, 0, 0, 1]), Err(FrameError::Truncated));
        assert_eq!(strip_frame(&[]), Err(FrameError::Truncated));
        assert_eq!(strip_frame(&[3, 0, 0, 0, 7]), Err(FrameError::Magic(3)));
        assert_eq!(strip_frame(b"{\"id\":1}"), Err(FrameError::LooksLikeJson));
        assert_eq!(strip_frame(&[0, 0x80, 0, 0, 0]), Err(FrameError::Id));
        let apicurio = [0, 0, 0, 0, 0, 0, 0, 0, 7, 2];
        assert_eq!(strip_frame(&apicurio), Err(FrameError::ApicurioId));
    }
}
