//! What a type's attributes say: Connect's own (`connect.name`, `connect.parameters`, `connect.type`),
//! which Debezium writes, and else Avro's `logicalType`.

use serde_json::Value;

use crate::format::avro::node::Meaning;
use crate::format::schema::{Kind, Logical, Parameters, SourceColumn, integer_of};

pub(super) type Object = Parameters;

/// `base` is the type that is annotated, without whose own form a logical type means nothing.
pub(super) fn read_meaning(object: &Object, base: &str) -> Meaning {
    let parameters = object.get("connect.parameters").and_then(Value::as_object);
    let parameter = |name| integer_of(parameters?.get(name));
    let (logical_type, connect_name) = (
        text_attribute(object, "logicalType"),
        text_attribute(object, "connect.name"),
    );
    let by_avro = logical_type.and_then(|name| of_logical_type(name, base));
    let logical = match connect_name {
        Some(name) => Some(Logical::from_name(name)),
        None => by_avro,
    };
    // Avro's default is a scale of 0
    let declared = by_avro == Some(Logical::Decimal);
    let scale = declared.then(|| match object.get("scale") {
        None => Some(0),
        scale => integer_of(scale),
    });
    let kind = match text_attribute(object, "connect.type") {
        Some("int8") if base == "int" => Some(Kind::Int8),
        Some("int16") if base == "int" => Some(Kind::Int16),
        _ => None,
    };
    let mut source = parameters.and_then(SourceColumn::from_parameters);
    let precision = integer_of(object.get("precision")).filter(|_| declared);
    if precision.is_some() {
        let told = source.get_or_insert_default();
        told.precision = told.precision.or(precision);
    }
    Meaning {
        logical,
        scale: parameter("scale").or(scale.flatten()),
        length: parameter("length"),
        kind,
        source,
    }
}

/// One that doesn't fit its type is to be ignored, says the specification.
fn of_logical_type(name: &str, base: &str) -> Option<Logical> {
    match (name, base) {
        ("decimal", "bytes" | "fixed") => Some(Logical::Decimal),
        ("big-decimal", "bytes") => Some(Logical::VariableScaleDecimal),
        ("uuid", "string" | "fixed") => Some(Logical::Uuid),
        ("duration", "fixed") => Some(Logical::Interval),
        ("date", "int") => Some(Logical::ConnectDate),
        ("time-millis", "int") => Some(Logical::ConnectTime),
        ("time-micros", "long") => Some(Logical::MicroTime),
        ("timestamp-millis" | "local-timestamp-millis", "long") => Some(Logical::ConnectTimestamp),
        ("timestamp-micros" | "local-timestamp-micros", "long") => Some(Logical::MicroTimestamp),
        ("timestamp-nanos" | "local-timestamp-nanos", "long") => Some(Logical::NanoTimestamp),
        _ => None,
    }
}

pub(super) fn text_attribute<'v>(object: &'v Object, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str()
}
