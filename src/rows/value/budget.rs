//! How long a value's text may become: a few bytes of an event can say a number of many thousands of zeros.

use super::error::ValueError;

const FREE: usize = 1 << 20;
/// Bits take six characters for one, bytes in hexadecimal one and a half.
const PER_BYTE: usize = 16;

#[derive(Clone, Copy)]
pub(super) struct Budget {
    most: usize,
}

impl Budget {
    /// For a value that is written so in its event.
    pub(super) fn of(raw: &str) -> Self {
        Self {
            most: FREE.saturating_add(raw.len().saturating_mul(PER_BYTE)),
        }
    }

    pub(super) fn check(self, text: &str) -> Result<(), ValueError> {
        if text.len() > self.most {
            return Err(ValueError::OutOfRange {
                what: "a value's text",
                allowed: "1 MiB and 16 times what the event has for it",
            });
        }
        Ok(())
    }
}
