//! Avro's binary encoding of numbers and lengths. What comes may be anything: nothing is believed
//! before it has been compared with the bytes that are there.

use crate::format::avro::error::AvroError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'b> {
    rest: &'b [u8],
}

impl<'b> Bytes<'b> {
    /// Reads from the first byte on.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes have not been read yet.
    pub fn bytes_left(&self) -> usize {
        self.rest.len()
    }

    /// The next `length` bytes.
    pub fn take_bytes(&mut self, length: usize) -> Result<&'b [u8], AvroError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(AvroError::Truncated);
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], AvroError> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(AvroError::Truncated);
        };
        self.rest = rest;
        Ok(*taken)
    }

    /// Seven bits a byte, the lowest first, the sign in the last bit of all.
    pub fn read_long(&mut self) -> Result<i64, AvroError> {
        // most of a datum's numbers are lengths and branches
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(i64::from(*byte >> 1) ^ -i64::from(*byte & 1));
        }
        self.read_long_of_many()
    }

    fn read_long_of_many(&mut self) -> Result<i64, AvroError> {
        let mut number: u64 = 0;
        for place in 0..10 {
            let [byte] = self.take_array()?;
            // of the tenth byte one bit is left
            if place == 9 && byte > 1 {
                return Err(AvroError::Number);
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err(AvroError::Number)
    }

    /// A long that must fit 32 bits.
    pub fn read_int(&mut self) -> Result<i32, AvroError> {
        i32::try_from(self.read_long()?).map_err(|_| AvroError::Number)
    }

    /// Bytes with their length before them.
    pub fn read_bytes(&mut self) -> Result<&'b [u8], AvroError> {
        let length = usize::try_from(self.read_long()?).map_err(|_| AvroError::Length)?;
        self.take_bytes(length)
    }

    /// Bytes with their length before them, in UTF-8.
    pub fn read_text(&mut self) -> Result<&'b str, AvroError> {
        std::str::from_utf8(self.read_bytes()?).map_err(|_| AvroError::Utf8)
    }

    /// One byte, 0 or 1.
    pub fn read_boolean(&mut self) -> Result<bool, AvroError> {
        match self.take_array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(AvroError::Boolean),
        }
    }

    /// The head of an array's or a map's next block: how many items, and how many bytes if it says so.
    /// `None` at the end.
    pub fn read_block_head(&mut self) -> Result<Option<Block>, AvroError> {
        match self.read_long()? {
            0 => Ok(None),
            items @ 1.. => Ok(Some(Block {
                items: items as u64,
                bytes: None,
            })),
            negative => {
                let bytes = usize::try_from(self.read_long()?).map_err(|_| AvroError::Length)?;
                Ok(Some(Block {
                    items: negative.unsigned_abs(),
                    bytes: Some(bytes),
                }))
            }
        }
    }
}

pub(super) struct Block {
    /// How many items follow.
    pub items: u64,
    /// How many bytes they take, if the writer says so.
    pub bytes: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_long(bytes: &[u8]) -> Result<i64, AvroError> {
        Bytes::new(bytes).read_long()
    }

    #[test]
    fn numbers_are_zigzag_and_bounded() {
        for (bytes, number) in [
            (&[0][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0x7f], -64),
            (&[0x80, 1], 64),
            (
                &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                i64::MAX,
            ),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                i64::MIN,
            ),
        ] {
            assert_eq!(read_long(bytes), Ok(number), "{bytes:?}");
        }
        assert_eq!(read_long(&[]), Err(AvroError::Truncated));
        assert_eq!(read_long(&[0x80]), Err(AvroError::Truncated));
        assert_eq!(read_long(&[0xff; 10]), Err(AvroError::Number));
        let too_large = [0x80, 0x80, 0x80, 0x80, 0x20];
        assert_eq!(Bytes::new(&too_large).read_int(), Err(AvroError::Number));
    }

    #[test]
    fn a_length_is_not_believed() {
        let longest = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Bytes::new(&longest).read_bytes(), Err(AvroError::Truncated));
        assert_eq!(Bytes::new(&[1]).read_bytes(), Err(AvroError::Length));
        assert_eq!(
            Bytes::new(&[4, b'a', 0xff]).read_text(),
            Err(AvroError::Utf8)
        );
    }
}
