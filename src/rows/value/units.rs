//! What a number for a date or a time counts where no schema tells. The destination's column can't tell either:
//! its precision needn't be the source's.

use std::ops::RangeInclusive;

use super::error::ValueError;
use super::json::Json;
use super::times::Unit;
use crate::config::{SchemalessConfig, TimeUnit};
use crate::format::schema::Kind;

/// 9999-12-31, in days since 1970.
const LAST_DAY: i64 = 2_932_896;
/// The days of the years 1 to 2499, which dates are nearly always of.
const USUAL_DAYS: RangeInclusive<i64> = -719_162..=193_578;
/// The last second of that day.
const LAST_SECOND: i64 = 253_402_300_799;
const SECONDS_A_DAY: i64 = 86_400;
const LAST_OF_DAY: i64 = SECONDS_A_DAY - 1;
const QUARTER_HOUR: i64 = 900;
/// So many seconds around 1970 a moment of up to 2103 is read as in the next finer unit, a thousandth of its own.
const LIKELY_COARSER: i64 = 4_200_000;
/// The years 1000 to 2200.
const USUAL_SECONDS: RangeInclusive<i64> = -30_610_224_000..=7_289_654_399;
/// As what a moment of 1972 is read in the next coarser unit: the year 3968.
const FIRST_LIKELY_FINER: i64 = 63_072_000_000;

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

/// A schema's `kind`, if it has one. What doesn't fit 32 bits, the microseconds of a day, isn't counted in them: a
/// 32-bit number counts milliseconds, unless the configuration says otherwise.
pub(super) fn time_unit(
    kind: Option<&Kind>,
    schemaless: SchemalessConfig,
) -> Result<Unit, ValueError> {
    match (schemaless.times, kind) {
        (None | Some(TimeUnit::Millis), Some(Kind::Int32)) => Ok(Unit::Millis),
        (Some(_), Some(Kind::Int32)) => Err(ValueError::NarrowTime),
        (Some(unit), _) => Ok(unit.into()),
        (None, _) => Err(undeclared_unit("format.schemaless.times")),
    }
}

/// A number that is no moment in the unit that is set, or a day of the calendar as well, or that is likelier one of
/// another unit, is refused: the setting is for all columns, and a date may have come into one of timestamps, or
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
    if number == 0 || unit.infinity_text(number).is_some() {
        return Ok(unit);
    }
    if number.div_euclid(unit.per_second()) > LAST_SECOND {
        return Err(ValueError::OutOfRange {
            what: "a timestamp without a schema",
            allowed: "up to the year 9999, in the unit of format.schemaless.timestamps",
        });
    }
    if is_last_day_elsewhere(number, unit)
        || unit != Unit::Millis && is_likely_coarser(number, unit)
        || unit != Unit::Nanos && is_likely_finer(number, unit)
    {
        return Err(ValueError::AnotherUnit);
    }
    Ok(unit)
}

/// Whether it is of 9999-12-31 in another unit, which means "never" there.
fn is_last_day_elsewhere(number: i64, unit: Unit) -> bool {
    let is_last_day = |unit: Unit| number.div_euclid(unit.per_second() * SECONDS_A_DAY) == LAST_DAY;
    let mut others = [Unit::Millis, Unit::Micros].into_iter();
    !is_last_day(unit) && others.any(|other| other != unit && is_last_day(other))
}

/// Whether it is beside 1970, where a moment of 1970 to 2103, or a time of day, of the next coarser unit is. A local
/// midnight of 1970-01-01 is a few hours away, to the quarter.
fn is_likely_coarser(number: i64, unit: Unit) -> bool {
    let is_midnight_somewhere = number % (unit.per_second() * QUARTER_HOUR) == 0
        && (number / unit.per_second()).abs() <= SECONDS_A_DAY;
    (number / unit.per_second()).abs() <= LIKELY_COARSER && !is_midnight_somewhere
}

/// Whether it is far from now, where a moment of 1970 to now of the next finer unit is. Days that stand for "never" are
/// far away too, to the day.
fn is_likely_finer(number: i64, unit: Unit) -> bool {
    let second = number.div_euclid(unit.per_second());
    let of_day = second.rem_euclid(SECONDS_A_DAY);
    let is_sentinel = second.abs() < FIRST_LIKELY_FINER && matches!(of_day, 0 | LAST_OF_DAY)
        || second.div_euclid(SECONDS_A_DAY) == LAST_DAY;
    !USUAL_SECONDS.contains(&second) && !is_sentinel
}

/// Debezium counts intervals in microseconds, and MySQL's times, which fit an interval too, as it counts times.
pub(super) fn interval_unit(schemaless: SchemalessConfig) -> Result<Unit, ValueError> {
    match time_unit(None, schemaless)? {
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
                    (TimeUnit::Micros, "45296789000", "12:34:56.789000"),
                    (TimeUnit::Nanos, "45296789000000", "12:34:56.789000000"),
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
            // milliseconds: 1972-05-01, a time of day, 9999-12-31 as "never"
            (TimeUnit::Micros, "73526400000"),
            (TimeUnit::Micros, "45296789"),
            (TimeUnit::Micros, "253402300799000"),
            (TimeUnit::Micros, "253402300799999"),
            (TimeUnit::Micros, "253402214400000"),
            (TimeUnit::Nanos, "253402300799999999"),
            (TimeUnit::Nanos, "1704067200123"),
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
    fn a_number_of_a_finer_unit_than_the_configured_one_is_refused() {
        for (unit, raw) in [
            // microseconds of 1975-01-01 and of that noon, in the year 6969
            (TimeUnit::Millis, "157766400000000"),
            (TimeUnit::Millis, "157809600123456"),
            // of 1970-06-01 08:09:10, in the year 2385
            (TimeUnit::Millis, "13075750000000"),
            (TimeUnit::Millis, "-157766400000000"),
            (TimeUnit::Micros, "157766400000000000"),
        ] {
            let error = refused_declared(timestamps(unit), raw, "", "timestamp");
            assert_eq!(error, ValueError::AnotherUnit, "{raw}");
        }
        check_declared(
            timestamps(TimeUnit::Millis),
            &[
                // what stands for "never" and for "always"
                ("253402214400000", "", "timestamp", "9999-12-31 00:00:00"),
                ("32503680000000", "", "timestamp", "3000-01-01 00:00:00"),
                ("32503679999999", "", "timestamp", "2999-12-31 23:59:59.999"),
                ("-62135596800000", "", "timestamp", "0001-01-01 00:00:00"),
                ("4102444800123", "", "timestamp", "2100-01-01 00:00:00.123"),
                ("86400123", "", "timestamp", "1970-01-02 00:00:00.123"),
            ],
        );
        check_declared(
            timestamps(TimeUnit::Micros),
            &[
                (
                    "253402300799999999",
                    "",
                    "timestamp",
                    "9999-12-31 23:59:59.999999",
                ),
                ("253402214400000000", "", "timestamp", "9999-12-31 00:00:00"),
                (
                    "253315900800001",
                    "",
                    "timestamp",
                    "1978-01-10 21:31:40.800001",
                ),
            ],
        );
    }

    #[test]
    fn a_32_bit_number_for_a_time_of_day_counts_milliseconds_or_stops_its_topic() {
        let int32 = r#"{"type":"int32"}"#;
        for schemaless in [SchemalessConfig::default(), times(TimeUnit::Millis)] {
            check_declared(schemaless, &[("45296789", int32, "time", "12:34:56.789")]);
        }
        for unit in [TimeUnit::Micros, TimeUnit::Nanos] {
            let error = refused_declared(times(unit), "45296789", int32, "time");
            assert_eq!(error, ValueError::NarrowTime);
            assert!(error.is_undeclared());
        }
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
