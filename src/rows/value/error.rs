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
    #[error(
        "without a schema nothing tells {what}: set {key} to {allowed}, or have the connector send schemas"
    )]
    Undeclared {
        what: &'static str,
        key: &'static str,
        allowed: &'static str,
    },
    #[error(
        "nothing tells whether these bytes are in base64 or in hexadecimal: set format.schemaless.bytes to base64, hex or base64-url-safe, or have the connector send bytes as bytes (binary.handling.mode), with schemas"
    )]
    UndeclaredBytes,
    #[error(
        "without a schema nothing tells whether these bits are written as such or in base64: have the connector send schemas"
    )]
    UndeclaredBits,
    #[error(
        "without a schema nothing tells whether this interval counts microseconds or what format.schemaless.times says: have the connector send schemas, or intervals as text (interval.handling.mode)"
    )]
    UndeclaredInterval,
    #[error(
        "a 32-bit number can't count a day in the unit of format.schemaless.times: have the connector send the schemas' names, or one unit for all columns (time.precision.mode)"
    )]
    NarrowTime,
    #[error(
        "without a schema nothing tells the scale of this decimal: set it for the column under format.schemaless.scales, or give the column the precision and the scale of the source's, or have the connector send schemas, or decimals as text (decimal.handling.mode)"
    )]
    UndeclaredScale,
    #[error(
        "without a schema this number is a day as well as a moment of january 1970; have the connector send schemas"
    )]
    DayOrMoment,
    #[error(
        "without a schema this number is an unusual moment in the unit of format.schemaless.timestamps, and a usual one in another unit; set the column's under format.schemaless.units, or have the connector send schemas, or one unit for all columns (time.precision.mode)"
    )]
    AnotherUnit,
    #[error("a text holds the zero character, which postgres can't store")]
    ZeroCharacter,
}

impl ValueError {
    /// Whether it isn't the value that is wrong, but the set-up: nobody says what such values mean.
    pub fn is_undeclared(&self) -> bool {
        matches!(
            self,
            Self::Undeclared { .. }
                | Self::UndeclaredBytes
                | Self::UndeclaredBits
                | Self::UndeclaredInterval
                | Self::NarrowTime
                | Self::UndeclaredScale
        )
    }

    /// The key of the configuration that would say what such values mean, if there is one.
    pub fn missing_key(&self) -> Option<&'static str> {
        match self {
            Self::Undeclared { key, .. } => Some(key),
            Self::UndeclaredBytes => Some("format.schemaless.bytes"),
            _ => None,
        }
    }
}

pub(super) fn malformed(expected: &'static str) -> ValueError {
    ValueError::Malformed { expected }
}
