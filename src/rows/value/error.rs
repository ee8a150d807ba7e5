//! Why a value can't be written. Names kinds and types only: a row's values must never reach a log.

/// Why a value can't be what its column holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("expected {expected}, found {found}")]
    Unexpected {
        expected: &'static str,
        found: &'static str,
    },
    #[error("{found} can't be written to a column of type {column}")]
    Unfit {
        found: &'static str,
        column: &'static str,
    },
    #[error("expected {expected}, and what is there can't be read as one")]
    Malformed { expected: &'static str },
    #[error("{what} is out of range ({allowed})")]
    OutOfRange {
        what: &'static str,
        allowed: &'static str,
    },
    #[error("arrays are nested deeper than the {0} dimensions postgres has")]
    TooDeep(usize),
    #[error("a string without a schema reads as a base64 decimal and as a plain one; send schemas")]
    AmbiguousDecimal,
    #[error("a text holds the zero character, which postgres can't store")]
    ZeroCharacter,
}

pub(super) fn malformed(expected: &'static str) -> ValueError {
    ValueError::Malformed { expected }
}
