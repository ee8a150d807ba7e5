//! What a value means beyond its physical type, by the name its schema bears.

/// The logical types of Connect and Debezium, named as they are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logical {
    Date,
    Time,
    MicroTime,
    NanoTime,
    Timestamp,
    MicroTimestamp,
    NanoTimestamp,
    ZonedTime,
    ZonedTimestamp,
    Year,
    MicroDuration,
    NanoDuration,
    Interval,
    Decimal,
    VariableScaleDecimal,
    Bits,
    Json,
    Xml,
    Uuid,
    Enum,
    EnumSet,
    Ltree,
    Point,
    Geometry,
    Geography,
    ConnectDate,
    ConnectTime,
    ConnectTimestamp,
    TsVector,
    DoubleVector,
    FloatVector,
    SparseVector,
    /// A name that we don't know, for example that of a row's own struct.
    Other,
}

impl Logical {
    /// The type that a schema's `name` stands for.
    pub fn from_name(name: &str) -> Logical {
        if let Some(name) = name.strip_prefix("io.debezium.time.") {
            return Logical::of_debezium_time(name);
        }
        if let Some(name) = name.strip_prefix("io.debezium.data.") {
            return Logical::of_debezium_data(name);
        }
        match name {
            "org.apache.kafka.connect.data.Decimal" => Logical::Decimal,
            "org.apache.kafka.connect.data.Date" => Logical::ConnectDate,
            "org.apache.kafka.connect.data.Time" => Logical::ConnectTime,
            "org.apache.kafka.connect.data.Timestamp" => Logical::ConnectTimestamp,
            _ => Logical::Other,
        }
    }

    fn of_debezium_time(name: &str) -> Logical {
        match name {
            "Date" => Logical::Date,
            "Time" => Logical::Time,
            "MicroTime" => Logical::MicroTime,
            "NanoTime" => Logical::NanoTime,
            "Timestamp" => Logical::Timestamp,
            "MicroTimestamp" => Logical::MicroTimestamp,
            "NanoTimestamp" => Logical::NanoTimestamp,
            "ZonedTime" => Logical::ZonedTime,
            "ZonedTimestamp" => Logical::ZonedTimestamp,
            "Year" => Logical::Year,
            "MicroDuration" => Logical::MicroDuration,
            "NanoDuration" => Logical::NanoDuration,
            "Interval" => Logical::Interval,
            _ => Logical::Other, // IsoDate, IsoTime, IsoTimestamp: strings that the column reads
        }
    }

    fn of_debezium_data(name: &str) -> Logical {
        match name {
            "VariableScaleDecimal" => Logical::VariableScaleDecimal,
            "Bits" => Logical::Bits,
            "Json" => Logical::Json,
            "Xml" => Logical::Xml,
            "Uuid" => Logical::Uuid,
            "Enum" => Logical::Enum,
            "EnumSet" => Logical::EnumSet,
            "Ltree" => Logical::Ltree,
            "TsVector" | "Tsvector" => Logical::TsVector,
            "geometry.Point" => Logical::Point,
            "geometry.Geometry" => Logical::Geometry,
            "geometry.Geography" => Logical::Geography,
            "DoubleVector" => Logical::DoubleVector,
            "FloatVector" => Logical::FloatVector,
            "SparseVector" | "SparseDoubleVector" => Logical::SparseVector,
            _ => Logical::Other,
        }
    }
}
