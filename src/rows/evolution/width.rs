//! Whether a column holds all values of another type, or would if it were wider.

use super::column_type::{ColumnType, Size};
use crate::rows::table::PgType;

/// What a column lacks to hold all values of another type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// Nothing, or it is another type than the source's on purpose.
    Enough,
    /// It holds them as this type, and what it holds stays what it is.
    WidenTo(ColumnType),
    /// It would have to become another type.
    ByHand(ColumnType),
}

/// What a column of the type `now` lacks to hold all values of the type `wanted`.
pub(super) fn compare_width(now: &PgType, wanted: &ColumnType) -> Width {
    if holds(now, wanted) {
        return Width::Enough;
    }
    match widen(now, wanted) {
        Some(wider) => Width::WidenTo(wider),
        None if holds_in_part(&now.name) => Width::ByHand(wanted.clone()),
        None => Width::Enough,
    }
}

/// The one of two types that holds the values of the other as well, or one that is wider than both.
pub(super) fn common_type(one: &ColumnType, other: &ColumnType) -> Option<ColumnType> {
    let (now, then) = (one.to_pg_type(), other.to_pg_type());
    if (one.name, other.name) == ("bit", "bit") && one != other && !one.is_array && !other.is_array
    {
        // each takes no more and no fewer than its own
        let most = bits_of(one).max(bits_of(other));
        return Some(ColumnType::bits("varbit", Some(most)));
    }
    if one == other || holds(&now, other) {
        return Some(one.clone());
    }
    if holds(&then, one) {
        return Some(other.clone());
    }
    widen(&now, other).or_else(|| widen(&then, one))
}

fn holds(now: &PgType, wanted: &ColumnType) -> bool {
    if wanted.is_array || now.element.is_some() {
        return *now == wanted.to_pg_type();
    }
    if let Some(needed) = whole_digits(wanted.name) {
        let has = match now.name.as_str() {
            "numeric" => digits_of(now).map_or(i32::MAX, |(precision, scale)| precision - scale),
            "float8" => 15,
            "float4" => 6,
            "text" => i32::MAX,
            name => whole_digits(name).unwrap_or_default(),
        };
        return has >= needed;
    }
    match (now.name.as_str(), wanted.name) {
        ("float8", "float4") | ("interval", "time") => true,
        ("numeric", "numeric") => wider_numeric(now, wanted).is_none(),
        ("varchar" | "bpchar", "varchar" | "bpchar" | "text") => longer_text(now, wanted).is_none(),
        ("bit", "bit") => now.modifier == bits_of(wanted),
        ("varbit", "bit" | "varbit") => now.modifier < 0 || now.modifier >= bits_of(wanted),
        ("text", wanted) => SCALARS.contains(&wanted),
        (now, wanted) => now == wanted,
    }
}

/// The type that a column of the type `now` can become, without a value of it being another one then.
fn widen(now: &PgType, wanted: &ColumnType) -> Option<ColumnType> {
    if wanted.is_array || now.element.is_some() {
        return None;
    }
    match (now.name.as_str(), wanted.name) {
        (now, wide) if whole_digits(now).is_some() && whole_digits(wide).is_some() => {
            Some(wanted.clone())
        }
        ("float4", "float8") => Some(wanted.clone()),
        ("numeric", "numeric") => wider_numeric(now, wanted),
        ("numeric", name) => {
            let ((_, scale), whole) = (digits_of(now)?, whole_digits(name)?);
            Some(ColumnType::numeric(Some(whole + scale), Some(scale)))
        }
        ("varbit", "bit" | "varbit") => Some(match bits_of(wanted) {
            i32::MAX => ColumnType::plain("varbit"),
            bits => ColumnType::bits("varbit", Some(bits)),
        }),
        // the blanks of a bpchar would begin to count
        ("varchar", "varchar" | "bpchar" | "text") => longer_text(now, wanted),
        _ => None,
    }
}

/// Types of which a text is one of the forms that values are written in.
const SCALARS: [&str; 13] = [
    "bool",
    "bpchar",
    "date",
    "float4",
    "float8",
    "numeric",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "uuid",
    "varchar",
];

/// Types that hold another type's values in part, so that the difference shows with some of them only.
fn holds_in_part(name: &str) -> bool {
    let others = [
        "numeric", "float4", "float8", "bool", "date", "varchar", "bpchar", "bit",
    ];
    others.contains(&name) || whole_digits(name).is_some()
}

/// Decimal digits of an integer type's greatest value.
fn whole_digits(name: &str) -> Option<i32> {
    match name {
        "int2" => Some(5),
        "int4" => Some(10),
        "int8" => Some(19),
        _ => None,
    }
}

/// How many bits a `bit(n)` or a `varbit(n)` takes.
fn bits_of(bits: &ColumnType) -> i32 {
    match bits.size {
        Size::Length(length) => length,
        _ => i32::MAX,
    }
}

/// Precision and scale of a numeric that has such, as numeric's own functions take the modifier apart.
fn digits_of(numeric: &PgType) -> Option<(i32, i32)> {
    let modifier = numeric.modifier.checked_sub(4).filter(|m| *m >= 0)?;
    let scale = ((modifier & 0x7ff) ^ 1024) - 1024;
    Some(((modifier >> 16) & 0xffff, scale))
}

/// With the digits of both; `None`: those of `now` are enough.
fn wider_numeric(now: &PgType, wanted: &ColumnType) -> Option<ColumnType> {
    let (precision, scale) = digits_of(now)?;
    let Size::Digits {
        precision: wanted_precision,
        scale: wanted_scale,
    } = wanted.size
    else {
        return Some(wanted.clone());
    };
    let whole = (precision - scale).max(wanted_precision - wanted_scale);
    let both = scale.max(wanted_scale);
    let is_enough = (whole, both) == (precision - scale, scale);
    (!is_enough).then(|| ColumnType::numeric(Some(whole + both), Some(both)))
}

/// A `varchar` as long as both, or a text; `None`: `now` is long enough.
fn longer_text(now: &PgType, wanted: &ColumnType) -> Option<ColumnType> {
    let length = now.modifier.checked_sub(4).filter(|length| *length > 0)?;
    match wanted.size {
        Size::Length(wanted) if wanted <= length => None,
        Size::Length(wanted) => Some(ColumnType::characters("varchar", Some(wanted))),
        _ => Some(ColumnType::plain("text")),
    }
}
