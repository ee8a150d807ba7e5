//! Messages that stand for a single value, as Connect has it: moments, decimals, and scalars that may be null.

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use crate::format::json_text;
use crate::format::protobuf::error::ProtobufError;
use crate::format::schema::Logical;

/// What a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WellKnown {
    /// In microseconds, all that Postgres holds: what is finer is cut.
    Timestamp,
    Date,
    TimeOfDay,
    /// With a scale of its own.
    Decimal,
    /// A scalar, which the message makes one that may be missing.
    Wrapper,
}

impl WellKnown {
    /// By the message's name; `None` if it is a struct like any other.
    pub fn of(message: &MessageDescriptor) -> Option<Self> {
        Some(match message.full_name() {
            "google.protobuf.Timestamp" => Self::Timestamp,
            "google.type.Date" => Self::Date,
            "google.type.TimeOfDay" => Self::TimeOfDay,
            "confluent.type.Decimal" => Self::Decimal,
            name => {
                let scalar = name
                    .strip_prefix("google.protobuf.")?
                    .strip_suffix("Value")?;
                let scalars = [
                    "Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String",
                    "Bytes",
                ];
                match scalars.contains(&scalar) {
                    true => Self::Wrapper,
                    false => return None,
                }
            }
        })
    }

    /// The logical type of what is written.
    pub fn logical(self) -> Option<Logical> {
        match self {
            Self::Timestamp => Some(Logical::MicroTimestamp),
            Self::Date => Some(Logical::ConnectDate),
            Self::TimeOfDay => Some(Logical::MicroTime),
            Self::Decimal => Some(Logical::VariableScaleDecimal),
            Self::Wrapper => None,
        }
    }
}

/// What a wrapper is around.
pub(super) fn wrapped_field(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    message.get_field_by_name("value")
}

/// A field that is a whole number; 0 where there is none.
fn number(message: &DynamicMessage, name: &str) -> i64 {
    match message.get_field_by_name(name).as_deref() {
        Some(Value::I32(number)) => i64::from(*number),
        Some(Value::U32(number)) => i64::from(*number),
        Some(Value::I64(number)) => *number,
        _ => 0,
    }
}

/// Microseconds since 1970.
pub(super) fn micros_of_timestamp(message: &DynamicMessage) -> Result<i64, ProtobufError> {
    let micros = number(message, "seconds").checked_mul(1_000_000);
    let more = number(message, "nanos").div_euclid(1_000);
    let micros = micros.and_then(|micros| micros.checked_add(more));
    micros.ok_or(ProtobufError::Moment("timestamp"))
}

/// Microseconds since midnight, which may be its end.
pub(super) fn micros_of_time(message: &DynamicMessage) -> Result<i64, ProtobufError> {
    let [hours, minutes, seconds, nanos] =
        ["hours", "minutes", "seconds", "nanos"].map(|name| number(message, name));
    let is_time = (0..=24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..=60).contains(&seconds)
        && (0..1_000_000_000).contains(&nanos);
    if !is_time {
        return Err(ProtobufError::Moment("time of day"));
    }
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + nanos / 1_000)
}

/// Days since 1970. A date that lacks its year, month or day is none that Postgres has.
pub(super) fn days_of_date(message: &DynamicMessage) -> Result<i64, ProtobufError> {
    let [year, month, day] = ["year", "month", "day"].map(|name| number(message, name));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    };
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return Err(ProtobufError::Moment("date"));
    }
    // years that begin in March end with the leap day
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Ok(days - 719_468)
}

/// As Debezium writes a decimal with a scale of its own.
pub(super) fn push_decimal(message: &DynamicMessage, out: &mut String) {
    out.push_str("{\"scale\":");
    json_text::push_integer(number(message, "scale"), out);
    out.push_str(",\"value\":");
    match message.get_field_by_name("value").as_deref() {
        // no bytes are the integer zero, as Protobuf leaves out what is empty
        Some(Value::Bytes(bytes)) if !bytes.is_empty() => json_text::push_base64(bytes, out),
        _ => json_text::push_base64(&[0], out),
    }
    out.push('}');
}
