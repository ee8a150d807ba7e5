//! Column types that are written alike.

use super::error::ValueError;
use crate::rows::table::PgType;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Boolean,
    Integer,
    Float,
    Numeric,
    Money,
    Text,
    Json,
    Bytea,
    Bit,
    Varbit,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Hstore,
    Point,
    /// PostGIS geometry and geography.
    Geometry,
    /// pgvector's vector and halfvec.
    Vector,
    SparseVector,
    Array,
    /// Whatever Postgres reads from a string: enums, inet, ranges, xml, ltree, other extensions.
    Other,
}

impl Family {
    pub(super) fn of_column(column: &PgType) -> Family {
        if column.element.is_some() {
            return Family::Array;
        }
        match column.name.as_str() {
            "bool" => Family::Boolean,
            "int2" | "int4" | "int8" | "oid" => Family::Integer,
            "float4" | "float8" => Family::Float,
            "numeric" => Family::Numeric,
            "money" => Family::Money,
            "text" | "varchar" | "bpchar" | "char" | "name" | "citext" => Family::Text,
            "json" | "jsonb" => Family::Json,
            "bytea" => Family::Bytea,
            "bit" => Family::Bit,
            "varbit" => Family::Varbit,
            "date" => Family::Date,
            "time" => Family::Time,
            "timetz" => Family::TimeTz,
            "timestamp" => Family::Timestamp,
            "timestamptz" => Family::TimestampTz,
            "interval" => Family::Interval,
            "uuid" => Family::Uuid,
            "hstore" => Family::Hstore,
            "point" => Family::Point,
            "geometry" | "geography" => Family::Geometry,
            "vector" | "halfvec" => Family::Vector,
            "sparsevec" => Family::SparseVector,
            _ => Family::Other,
        }
    }

    /// The dates or times without a zone that a range or an array has, of which a text can hold several.
    pub(super) fn of_moments_within(column: &PgType) -> Option<Family> {
        if let Some(element) = &column.element {
            let family = Family::of_column(element);
            let is_moment = matches!(family, Family::Date | Family::Time | Family::Timestamp);
            return if is_moment {
                Some(family)
            } else {
                Family::of_moments_within(element)
            };
        }
        match column.name.as_str() {
            "tsrange" | "tsmultirange" => Some(Family::Timestamp),
            "daterange" | "datemultirange" => Some(Family::Date),
            _ => None,
        }
    }

    /// Of fixed size, so never stored out of line: no placeholder can stand for it.
    pub(super) fn is_fixed_size(self) -> bool {
        use Family as F;
        matches!(
            self,
            F::Boolean
                | F::Integer
                | F::Float
                | F::Money
                | F::Date
                | F::Time
                | F::TimeTz
                | F::Timestamp
                | F::TimestampTz
                | F::Interval
                | F::Uuid
                | F::Point
        )
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Family::Integer | Family::Float | Family::Numeric)
    }

    pub(super) fn unfit(self, found: &'static str) -> ValueError {
        ValueError::Unfit {
            found,
            column: self.type_name(),
        }
    }

    /// How an error names it; the column itself is named by whoever knows it.
    fn type_name(self) -> &'static str {
        use Family as F;
        match self {
            F::Boolean => "boolean",
            F::Integer => "integer",
            F::Float => "float",
            F::Numeric => "numeric",
            F::Money => "money",
            F::Text => "text",
            F::Json => "json",
            F::Bytea => "bytea",
            F::Bit => "bit",
            F::Varbit => "varbit",
            F::Date => "date",
            F::Time => "time",
            F::TimeTz => "timetz",
            F::Timestamp => "timestamp",
            F::TimestampTz => "timestamptz",
            F::Interval => "interval",
            F::Uuid => "uuid",
            F::Hstore => "hstore",
            F::Point => "point",
            F::Geometry => "geometry",
            F::Vector => "vector",
            F::SparseVector => "sparsevec",
            F::Array => "array",
            F::Other => "another kind",
        }
    }
}
