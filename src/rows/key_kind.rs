//! When two texts for a key column are one value, as far as that can be told without asking Postgres.
//!
//! Why: `docs/decisions/17`.

use std::borrow::Cow;

/// How a key column's type and its index tell equal values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// Each text is a value of its own: text and varchar of a deterministic collation, enums.
    #[default]
    Text,
    /// Whole numbers.
    Integer,
    /// Truth values.
    Boolean,
    /// 32 hexadecimal digits, in lower case and with hyphens as Postgres writes them.
    Uuid,
    /// Bytes, in hexadecimal as Postgres writes them.
    Bytes,
    /// Days.
    Date,
    /// Date and time, without a zone.
    Timestamp,
    /// Date and time, in UTC as our sessions write them.
    TimestampTz,
    /// Postgres writes equal values alike, and no others.
    WrittenAlike,
    /// Postgres holds values equal that it keeps as they were written: citext, numeric without a modifier,
    /// float, collations that aren't deterministic, and whatever we don't know.
    KeptAsWritten,
}

impl KeyKind {
    /// Of a base type by its name and the column's modifier. `own`: the type and the index's equality are
    /// Postgres' own, and the collation, if there is one, is deterministic.
    pub fn of_type(name: &str, modifier: i32, own: bool, is_enum: bool) -> Self {
        if is_enum {
            return Self::Text;
        }
        if !own {
            return Self::KeptAsWritten;
        }
        match name {
            "text" | "varchar" => Self::Text,
            "int2" | "int4" | "int8" | "oid" => Self::Integer,
            "bool" => Self::Boolean,
            "uuid" => Self::Uuid,
            "bytea" => Self::Bytes,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "time" | "timetz" | "inet" | "cidr" | "macaddr" | "macaddr8" | "bit" | "varbit"
            | "name" | "char" | "pg_lsn" | "xid8" | "money" => Self::WrittenAlike,
            // rounded to one scale, and filled up to one length, by the column
            "numeric" | "bpchar" if modifier >= 0 => Self::WrittenAlike,
            _ => Self::KeptAsWritten,
        }
    }

    /// The text that Postgres writes for the value, if that can be told without asking it. `modifier` is the
    /// column's.
    pub fn own_text(self, text: &str, modifier: i32) -> Option<Cow<'_, str>> {
        match self {
            Self::Text => Some(Cow::Borrowed(text)),
            Self::Integer => integer_text(text),
            Self::Boolean => match text {
                "true" | "t" | "1" => Some(Cow::Borrowed("true")),
                "false" | "f" | "0" => Some(Cow::Borrowed("false")),
                _ => None,
            },
            Self::Uuid => uuid_text(text),
            Self::Bytes => bytes_text(text),
            Self::Date => is_date(text.as_bytes()).then_some(Cow::Borrowed(text)),
            Self::Timestamp => timestamp_text(text, modifier).map(Cow::Owned),
            Self::TimestampTz => {
                let utc = text
                    .strip_suffix('Z')
                    .or_else(|| text.strip_suffix("+00"))?;
                Some(Cow::Owned(timestamp_text(utc, modifier)? + "+00"))
            }
            Self::WrittenAlike | Self::KeptAsWritten => None,
        }
    }

    /// Whether JSON writes the value without quotes, as events do.
    pub fn is_bare_in_json(self) -> bool {
        matches!(self, Self::Integer | Self::Boolean)
    }
}

/// A decimal number, as Postgres writes it, without zeros at its end: equal for equal numbers, whatever their scale.
pub fn plain_decimal(written: &str) -> &str {
    if !written.contains('.') {
        return written;
    }
    written.trim_end_matches('0').trim_end_matches('.')
}

fn integer_text(text: &str) -> Option<Cow<'_, str>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0");
    if plain {
        return Some(Cow::Borrowed(text));
    }
    let number: i64 = text.parse().ok()?;
    Some(Cow::Owned(number.to_string()))
}

fn uuid_text(text: &str) -> Option<Cow<'_, str>> {
    let uuid = (matches!(text.len(), 32 | 36))
        .then(|| uuid::Uuid::try_parse(text).ok())
        .flatten()?;
    let mut buffer = uuid::Uuid::encode_buffer();
    let own = uuid.hyphenated().encode_lower(&mut buffer);
    Some(if own == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(own.to_owned())
    })
}

fn bytes_text(text: &str) -> Option<Cow<'_, str>> {
    let digits = text.strip_prefix("\\x")?;
    if digits.len() % 2 != 0 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some(if digits.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    })
}

/// `YYYY-MM-DD`, which there is only one of for a day of those years; Postgres refuses the 31st of June.
fn is_date(text: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match text {
        [year @ .., b'-', m1, m2, b'-', d1, d2] => {
            year.len() == 4 && digits(year) && year != b"0000" && digits(&[*m1, *m2, *d1, *d2])
        }
        _ => false,
    }
}

/// `YYYY-MM-DD hh:mm:ss.ffffff` without zeros at the fraction's end. `None` where Postgres would round, or
/// carry a 24th hour over.
fn timestamp_text(text: &str, modifier: i32) -> Option<String> {
    let (date, clock) = text.split_once([' ', 'T'])?;
    let (time, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time.as_bytes() else {
        return None;
    };
    let digits = [h1, h2, m1, m2, s1, s2].iter().all(u8::is_ascii_digit)
        && fraction.bytes().all(|b| b.is_ascii_digit());
    let in_range = [h1, h2] < *b"24" && m1 < b'6' && s1 < b'6';
    let fraction = fraction.trim_end_matches('0');
    let places = usize::try_from(modifier).unwrap_or(6).min(6);
    if !is_date(date.as_bytes()) || !digits || !in_range || fraction.len() > places {
        return None;
    }
    Some(if fraction.is_empty() {
        format!("{date} {time}")
    } else {
        format!("{date} {time}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(kind: KeyKind, text: &str) -> String {
        let own = kind.own_text(text, -1);
        own.map_or("?".to_owned(), Cow::into_owned)
    }

    #[test]
    fn texts_of_one_value_are_told_without_asking_where_their_type_is_simple() {
        use KeyKind::*;
        let cases: &[(KeyKind, &str, &[&str])] = &[
            (Integer, "12", &["12", "+12", "012"]),
            (Integer, "0", &["0", "-0", "00"]),
            (Integer, "-7", &["-7", "-07"]),
            (Boolean, "true", &["true", "t", "1"]),
            (
                Uuid,
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                &[
                    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                    "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                    "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                ],
            ),
            (Bytes, "\\xab", &["\\xab", "\\xAB"]),
            (Text, "01", &["01"]),
            (
                Timestamp,
                "2024-01-02 03:04:05.5",
                &["2024-01-02T03:04:05.500", "2024-01-02 03:04:05.5"],
            ),
            (
                TimestampTz,
                "2024-01-02 03:04:05+00",
                &[
                    "2024-01-02T03:04:05Z",
                    "2024-01-02 03:04:05.000+00",
                    "2024-01-02 03:04:05+00",
                ],
            ),
        ];
        for (kind, expected, texts) in cases {
            for text in *texts {
                assert_eq!(own(*kind, text), *expected, "{kind:?} {text}");
            }
        }
    }

    #[test]
    fn of_anything_else_postgres_is_asked() {
        use KeyKind::*;
        for (kind, text) in [
            (Integer, " 12"),
            (Integer, "0x1f"),
            (Integer, "x"),
            (Boolean, "yes"),
            (Uuid, "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
            (Bytes, "\\x0"),
            (Bytes, "abc"),
            (Date, "infinity"),
            (Date, "0000-01-01"),
            (Date, "2024-1-1"),
            (Timestamp, "2024-01-02 24:00:00"),
            (Timestamp, "2024-01-02 23:59:60"),
            (Timestamp, "2024-01-02 03:04:05.1234567"),
            (TimestampTz, "2024-01-02 03:04:05+01"),
            (TimestampTz, "4713-01-01T00:00:00Z BC"),
            (WrittenAlike, "10.0.0.1"),
            (KeptAsWritten, "Bob"),
        ] {
            assert_eq!(own(kind, text), "?", "{kind:?} {text}");
        }
        assert!(Timestamp.own_text("2024-01-02 03:04:05.123", 0).is_none());
        assert!(Timestamp.own_text("2024-01-02 03:04:05.1", 3).is_some());
    }

    #[test]
    fn a_type_that_is_not_known_is_asked_for() {
        let kind = |name, own, is_enum| KeyKind::of_type(name, -1, own, is_enum);
        assert_eq!(kind("text", true, false), KeyKind::Text);
        assert_eq!(kind("text", false, false), KeyKind::KeptAsWritten);
        assert_eq!(kind("citext", true, false), KeyKind::KeptAsWritten);
        assert_eq!(kind("mood", false, true), KeyKind::Text);
        assert_eq!(kind("numeric", true, false), KeyKind::KeptAsWritten);
    }

    #[test]
    fn what_the_column_gives_one_form_is_written_alike() {
        for (name, modifier, own, expected) in [
            ("numeric", 655_366, true, KeyKind::WrittenAlike),
            ("numeric", -1, true, KeyKind::KeptAsWritten),
            ("bpchar", 9, true, KeyKind::WrittenAlike),
            ("bpchar", -1, true, KeyKind::KeptAsWritten),
            // of a collation that isn't deterministic
            ("bpchar", 9, false, KeyKind::KeptAsWritten),
            ("float8", -1, true, KeyKind::KeptAsWritten),
        ] {
            let kind = KeyKind::of_type(name, modifier, own, false);
            assert_eq!(kind, expected, "{name} {modifier}");
        }
    }
}
