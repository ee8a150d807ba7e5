//! What a number for a date or a time counts where no schema tells. The destination's column can't tell either:
//! its precision needn't be the source's.

use std::ops::RangeInclusive;

use super::error::ValueError;
use super::json::Json;
use super::times::Unit;
use crate::config::{SchemalessConfig, TimeUnit};

/// 9999-12-31, in days since 1970.
const LAST_DAY: i64 = 2_932_896;
/// The days of the years 1 to 2499, which dates are nearly always of.
const USUAL_DAYS: RangeInclusive<i64> = -719_162..=193_578;
/// The last one of that day.
const LAST_SECOND: i64 = 253_402_300_799;
/// The seconds around 1970 that a moment of 1973 to 2100 is read as in the next smaller unit, a thousandth of its own.
/// A day's worth, which a local midnight of 1970-01-01 may be away, isn't among them.
const LIKELY_ANOTHER_UNIT: RangeInclusive<u64> = 100_000..=4_200_000;

impl From<TimeUnit> for Unit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Millis => Unit::Millis,
            TimeUnit::Micros => Unit::Micros,
            TimeUnit::Nanos => Unit::Nanos,
        }
    }
}

/// Connectors write days as days, whatever they write times in. A number of days far away is a moment's.
pub(super) fn check_day(json: Json<'_>) -> Result<(), ValueError> {
    match json.as_integer("a number of days") {
        Ok(day) if day > LAST_DAY => Err(ValueError::OutOfRange {
            what: "a number of days without a schema",
            allowed: "days since 1970, up to the year 9999",
        }),
        _ => Ok(()),
    }
}

pub(super) fn time_unit(schemaless: SchemalessConfig) -> Result<Unit, ValueError> {
    match schemaless.times {
        Some(unit) => Ok(unit.into()),
        None => Err(undeclared_unit("format.schemaless.times")),
    }
}

/// A number that is no moment in the unit that is set, or a day of the calendar as well, or that is likelier one of a
/// larger unit, is refused: the setting is for all columns, and a date may have come into one of timestamps, or
/// milliseconds into one that is less precise than the others (Debezium's adaptive choice).
pub(super) fn timestamp_unit(
    json: Json<'_>,
    schemaless: SchemalessConfig,
) -> Result<Unit, ValueError> {
    let unit: Unit = match schemaless.timestamps {
        Some(unit) => unit.into(),
        None => return Err(undeclared_unit("format.schemaless.timestamps")),
    };
    let Ok(number) = json.as_integer("a timestamp") else {
        return Ok(unit); // refused where it is read
    };
    // as a day, 0 is the same moment
    if number != 0 && USUAL_DAYS.contains(&number) || number == LAST_DAY {
        return Err(ValueError::DayOrMoment);
    }
    let seconds = (number / unit.per_second()).unsigned_abs();
    if unit != Unit::Millis && LIKELY_ANOTHER_UNIT.contains(&seconds) {
        return Err(ValueError::AnotherUnit);
    }
    let is_infinite = unit.infinity_text(number).is_some();
    if number.div_euclid(unit.per_second()) > LAST_SECOND && !is_infinite {
        return Err(ValueError::OutOfRange {
            what: "a timestamp without a schema",
            allowed: "up to the year 9999, in the unit of format.schemaless.timestamps",
        });
    }
    Ok(unit)
}

/// Debezium counts intervals in microseconds, and MySQL's times, which fit an interval too, as it counts times.
pub(super) fn interval_unit(schemaless: SchemalessConfig) -> Result<Unit, ValueError> {
    match time_unit(schemaless)? {
        Unit::Micros => Ok(Unit::Micros),
        Unit::Millis | Unit::Nanos => Err(ValueError::UndeclaredInterval),
    }
}

fn undeclared_unit(key: &'static str) -> ValueError {
    ValueError::Undeclared {
        what: "what this number counts",
        key,
        allowed: "millis, micros or nanos",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{SchemalessConfig, TimeUnit};
    use crate::rows::value::ValueError;
    use crate::rows::value::testing::{check_declared, refused, refused_declared};

    /// Plain integers have no unit either, schema or not.
    const SCHEMAS: [&str; 2] = ["", r#"{"type":"int64"}"#];

    fn timestamps(unit: TimeUnit) -> SchemalessConfig {
        SchemalessConfig {
            timestamps: Some(unit),
            ..SchemalessConfig::default()
        }
    }

    fn times(unit: TimeUnit) -> SchemalessConfig {
        SchemalessConfig {
            times: Some(unit),
            ..SchemalessConfig::default()
        }
    }

    #[test]
    fn a_number_without_a_unit_stops_its_topic_and_names_the_key_to_set() {
        for schema in SCHEMAS {
            for column in [
                "timestamp",
                "timestamp(0)",
                "timestamp(3)",
                "timestamptz",
                "timestamp[]",
            ] {
                let raw = match column {
                    "timestamp[]" => "[1704067200123]",
                    _ => "1704067200123",
                };
                let error = refused(raw, schema, column);
                assert!(error.is_undeclared());
                assert_eq!(
                    error.to_string(),
                    "without a schema nothing tells what this number counts: set \
                     format.schemaless.timestamps to millis, micros or nanos, or have the connector send schemas"
                );
            }
            for column in ["time", "time(3)", "timetz", "interval"] {
                let error = refused("45296789", schema, column);
                assert!(error.is_undeclared());
                assert_eq!(
                    error.to_string(),
                    "without a schema nothing tells what this number counts: set \
                     format.schemaless.times to millis, micros or nanos, or have the connector send schemas"
                );
            }
        }
        // the other key doesn't help
        assert!(
            refused_declared(times(TimeUnit::Micros), "1704067200123", "", "timestamp")
                .is_undeclared()
        );
        assert!(
            refused_declared(timestamps(TimeUnit::Micros), "45296789", "", "time").is_undeclared()
        );
    }

    #[test]
    fn the_configured_unit_holds_whatever_the_columns_precision_is() {
        for schema in SCHEMAS {
            for column in ["timestamp", "timestamp(3)", "timestamp(6)"] {
                let moment = "2024-01-01 00:00:00.123";
                for (unit, raw, expected) in [
                    (TimeUnit::Millis, "1704067200123", moment),
                    (
                        TimeUnit::Micros,
                        "1704067200123000",
                        "2024-01-01 00:00:00.123000",
                    ),
                    (
                        TimeUnit::Nanos,
                        "1704067200123000000",
                        "2024-01-01 00:00:00.123000000",
                    ),
                ] {
                    check_declared(timestamps(unit), &[(raw, schema, column, expected)]);
                }
            }
            for column in ["time", "time(3)", "time(6)"] {
                for (unit, raw, expected) in [
                    (TimeUnit::Millis, "45296789", "12:34:56.789"),
                    (TimeUnit::Micros, "45296789012", "12:34:56.789012"),
                    (TimeUnit::Nanos, "45296789012345", "12:34:56.789012345"),
                ] {
                    check_declared(times(unit), &[(raw, schema, column, expected)]);
                }
            }
        }
        check_declared(
            timestamps(TimeUnit::Millis),
            &[
                ("0", "", "timestamptz", "1970-01-01 00:00:00+00"),
                ("193579", "", "timestamp", "1970-01-01 00:03:13.579"),
                ("9223372036825200", "", "timestamp", "infinity"),
                (
                    "253402300799999",
                    "",
                    "timestamp",
                    "9999-12-31 23:59:59.999",
                ),
                (
                    "[1704067200123,null]",
                    "",
                    "timestamp[]",
                    "{\"2024-01-01 00:00:00.123\",NULL}",
                ),
            ],
        );
    }

    #[test]
    fn a_schema_that_tells_the_unit_wins() {
        let micros = r#"{"type":"int64","name":"io.debezium.time.MicroTimestamp"}"#;
        check_declared(
            timestamps(TimeUnit::Millis),
            &[("1", micros, "timestamp", "1970-01-01 00:00:00.000001")],
        );
    }

    #[test]
    fn a_number_that_the_configured_unit_makes_no_sense_of_is_refused() {
        // microseconds, read as milliseconds: in the year 55970
        for raw in ["1704067200123456", "1704067200123456789"] {
            let error = refused_declared(timestamps(TimeUnit::Millis), raw, "", "timestamp");
            assert!(!error.is_undeclared());
            assert_eq!(
                error.to_string(),
                "a timestamp without a schema is out of range \
                 (up to the year 9999, in the unit of format.schemaless.timestamps)"
            );
        }
        // 2024-01-01 as a day, or twenty seconds after 1970 began
        for raw in ["19723", "-1", "-719162", "193578", "2932896"] {
            assert_eq!(
                refused_declared(timestamps(TimeUnit::Millis), raw, "", "timestamp"),
                ValueError::DayOrMoment
            );
        }
        refused_declared(times(TimeUnit::Millis), "45296789012", "", "time");
    }

    #[test]
    fn a_number_of_a_larger_unit_than_the_configured_one_is_refused() {
        for (unit, raw) in [
            (TimeUnit::Micros, "1704067200123"),
            (TimeUnit::Micros, "100000000000"),
            (TimeUnit::Micros, "-1704067200123"),
            (TimeUnit::Nanos, "1704067200123456"),
        ] {
            let error = refused_declared(timestamps(unit), raw, "", "timestamp");
            assert_eq!(error, ValueError::AnotherUnit, "{raw}");
            assert!(!error.is_undeclared());
        }
        check_declared(
            timestamps(TimeUnit::Micros),
            &[
                // midnight of the epoch's day, a few hours away from Greenwich
                ("-43200000000", "", "timestamp", "1969-12-31 12:00:00"),
                ("50400000000", "", "timestamp", "1970-01-01 14:00:00"),
                ("5184000000000", "", "timestamp", "1970-03-02 00:00:00"),
            ],
        );
    }

    #[test]
    fn a_number_that_is_written_with_a_point_or_an_exponent_is_read_all_the_same() {
        check_declared(
            timestamps(TimeUnit::Millis),
            &[
                (
                    "1.704067200123E12",
                    "",
                    "timestamp",
                    "2024-01-01 00:00:00.123",
                ),
                ("19723.0", "", "date", "2024-01-01"),
            ],
        );
        for raw in ["1.9723e4", "1.7040672001234567E15", "1704067200123.5"] {
            refused_declared(timestamps(TimeUnit::Millis), raw, "", "timestamp");
        }
    }

    #[test]
    fn a_date_is_a_number_of_days_and_no_moment() {
        check_declared(
            timestamps(TimeUnit::Millis),
            &[
                ("19723", "", "date", "2024-01-01"),
                ("2932896", "", "date", "9999-12-31"),
            ],
        );
        // 1970-01-02 in milliseconds
        assert_eq!(
            refused("86400000", "", "date").to_string(),
            "a number of days without a schema is out of range (days since 1970, up to the year 9999)"
        );
    }

    #[test]
    fn an_interval_counts_microseconds_or_nothing_that_is_known() {
        check_declared(
            times(TimeUnit::Micros),
            &[("1000", "", "interval", "1000 microseconds")],
        );
        for unit in [TimeUnit::Millis, TimeUnit::Nanos] {
            let error = refused_declared(times(unit), "1000", "", "interval");
            assert_eq!(error, ValueError::UndeclaredInterval);
            assert!(error.is_undeclared());
        }
    }
}
