//! Which message of its schema a message is: the places of the messages that lead to it, from the outermost on.

use crate::format::protobuf::error::ProtobufError;

/// Deeper than the compiler lets messages be nested.
const MAX_DEPTH: i64 = 64;

/// Takes the places and the message apart. A single zero stands for the first message, the usual one.
///
/// # Errors
/// There are no places.
pub(super) fn split_index(datum: &[u8]) -> Result<(Vec<i64>, &[u8]), ProtobufError> {
    let mut rest = datum;
    let places = match read_number(&mut rest)? {
        0 => vec![0],
        count @ 1..=MAX_DEPTH => (0..count)
            .map(|_| read_number(&mut rest))
            .collect::<Result<_, _>>()?,
        _ => return Err(ProtobufError::Index),
    };
    Ok((places, rest))
}

/// Seven bits a byte, the lowest first, the sign in the last bit of all.
fn read_number(bytes: &mut &[u8]) -> Result<i64, ProtobufError> {
    let mut number: u64 = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first().ok_or(ProtobufError::Index)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
        }
    }
    Err(ProtobufError::Index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_zero_is_the_first_message_and_else_there_is_a_place_for_each_level() {
        for (datum, places, rest) in [
            (&[0, 9][..], vec![0], &[9][..]),
            (&[2, 2], vec![1], &[]),
            (&[4, 0, 0x80, 1, 7], vec![0, 64], &[7]),
        ] {
            assert_eq!(split_index(datum), Ok((places, rest)), "{datum:?}");
        }
        let endless = [0xff; 20];
        for none in [&[][..], &[1], &[4, 0], &[0x80], &[0xfe, 1, 0], &endless] {
            assert_eq!(split_index(none), Err(ProtobufError::Index), "{none:?}");
        }
    }
}
