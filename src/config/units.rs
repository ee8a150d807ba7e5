//! Values with a unit: durations (`100ms`) and sizes (`16MiB`).

use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::Value;

use super::value::{Found, Refusal, allowed, whole_number};

const SIZE_UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    // Last: the others end in it too.
    ("B", 1),
    ("", 1),
];

/// A duration with its unit, within `range`.
pub(super) fn duration_within(
    range: RangeInclusive<Duration>,
) -> impl FnOnce(&Found) -> Result<Duration, Refusal> {
    move |found| {
        let parsed = match found.value {
            Value::String(_, text) => humantime::parse_duration(text.trim()).ok(),
            _ => None,
        };
        parsed
            .filter(|duration| range.contains(duration))
            .ok_or_else(|| {
                allowed(format!(
                    "a duration with its unit, such as \"100ms\", from {} to {}",
                    show_duration(*range.start()),
                    show_duration(*range.end()),
                ))
            })
    }
}

/// A size in bytes, within `range`: `"16MiB"`, `"16MB"`, or a plain number of bytes.
pub(super) fn bytes_within(
    range: RangeInclusive<usize>,
) -> impl FnOnce(&Found) -> Result<usize, Refusal> {
    move |found| {
        let parsed = match found.value {
            Value::String(_, text) => parse_bytes(text),
            value => whole_number(value).and_then(|n| usize::try_from(n).ok()),
        };
        parsed.filter(|size| range.contains(size)).ok_or_else(|| {
            allowed(format!(
                "a size such as \"16MiB\", from {} to {}",
                show_bytes(*range.start()),
                show_bytes(*range.end())
            ))
        })
    }
}

/// A duration as it would be written: `1m 30s`.
pub(super) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

fn parse_bytes(text: &str) -> Option<usize> {
    SIZE_UNITS.iter().find_map(|(unit, factor)| {
        let number = text.trim().strip_suffix(unit)?.trim_end();
        let number: u64 = number.parse().ok()?;
        usize::try_from(number.checked_mul(*factor)?).ok()
    })
}

/// A size in the largest binary unit that needs no fraction.
pub(super) fn show_bytes(size: usize) -> String {
    for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if size >= factor && size.is_multiple_of(factor) {
            return format!("{}{unit}", size / factor);
        }
    }
    format!("{size}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        assert_eq!(parse_bytes("16MiB"), Some(16 << 20));
        assert_eq!(parse_bytes("1 GiB"), Some(1 << 30));
        assert_eq!(parse_bytes("64kB"), Some(64_000));
        assert_eq!(parse_bytes("512B"), Some(512));
        assert_eq!(parse_bytes("512"), Some(512));
        for wrong in [
            "",
            "MiB",
            "1.5MiB",
            "-1",
            "16mib",
            "16TiB",
            "99999999999GiB",
        ] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_is_shown_as_it_would_be_written() {
        for text in ["16MiB", "1GiB", "1500B", "3KiB"] {
            assert_eq!(parse_bytes(text).map(show_bytes).as_deref(), Some(text));
        }
    }
}
