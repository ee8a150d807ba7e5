//! Every type of MySQL's and MariaDB's: what stands in docs/sources.md of it, its edges, and both sides' value as text.

/// A column of the source's table, which is called as `name` says, and has NULL in one more row.
pub struct Column {
    /// As the document calls the type.
    pub kind: &'static str,
    pub name: &'static str,
    /// Its definition at the source.
    pub at_source: &'static str,
    /// SQL literals of the source.
    pub values: [&'static str; 4],
    /// What `create` makes.
    pub made: Side,
    /// What a careful user may have made.
    pub careful: Side,
    /// Where it goes in JSON without schemas.
    pub schemaless: Schemaless,
}

/// What JSON without schemas tells of a column's values.
#[derive(Clone, Copy, PartialEq)]
pub enum Schemaless {
    /// Enough for the careful column.
    ForCareful,
    /// Enough for the one that `create` makes.
    ForMade,
    /// Too little: a snapshot and the log write them in two ways.
    TooLittle,
}

/// A type of the destination's, and how a value of it compares: SQL of the source and of the destination, in which `{}`
/// is the column. Their texts are equal.
#[derive(Clone, Copy)]
pub struct Side {
    pub of: &'static str,
    pub source: &'static str,
    pub landed: &'static str,
}

const fn side(of: &'static str, source: &'static str, landed: &'static str) -> Side {
    Side { of, source, landed }
}

/// Both sides write such values alike.
const fn plain(of: &'static str) -> Side {
    side(of, "{}", "{}::text")
}

const fn column(
    (kind, name, at_source): (&'static str, &'static str, &'static str),
    values: [&'static str; 4],
    made: Side,
    careful: Side,
) -> Column {
    Column {
        kind,
        name,
        at_source,
        values,
        made,
        careful,
        schemaless: Schemaless::ForCareful,
    }
}

const fn needs_schema(column: Column) -> Column {
    Column {
        schemaless: Schemaless::ForMade,
        ..column
    }
}

/// A decimal text without zeros at its end.
const TRIMMED: &str = "trim_scale({}::text::numeric)::text";
const SECONDS: &str = "extract(epoch FROM {})::numeric(20,6)::text";
const OF_SECONDS: &str = "to_char({}, 'YYYY-MM-DD HH24:MI:SS')";
const OF_MICROS: &str = "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')";
const OF_ZONED_SECONDS: &str = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";
const OF_ZONED_MICROS: &str = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";

const BYTES: Side = side("bytea", "LOWER(HEX({}))", "encode({}, 'hex')");
const DOCUMENT: Side = side(
    "jsonb",
    "REPLACE(TO_BASE64(ST_AsBinary({})), '\\n', '')",
    "{}->>'wkb'",
);

pub const COLUMNS: [Column; 50] = [
    column(
        ("TINYINT", "i1", "tinyint"),
        ["-128", "127", "0", "1"],
        plain("smallint"),
        plain("integer"),
    ),
    column(
        ("TINYINT UNSIGNED", "u1", "tinyint unsigned"),
        ["0", "255", "1", "128"],
        plain("smallint"),
        plain("integer"),
    ),
    column(
        ("TINYINT(1), BOOLEAN", "b1", "boolean"),
        ["0", "1", "true", "false"],
        plain("smallint"),
        side("boolean", "{}", "{}::int::text"),
    ),
    column(
        ("SMALLINT", "i2", "smallint"),
        ["-32768", "32767", "0", "1"],
        plain("smallint"),
        plain("integer"),
    ),
    column(
        ("SMALLINT UNSIGNED", "u2", "smallint unsigned"),
        ["0", "65535", "1", "32768"],
        plain("integer"),
        plain("bigint"),
    ),
    column(
        ("MEDIUMINT", "i3", "mediumint"),
        ["-8388608", "8388607", "0", "1"],
        plain("integer"),
        plain("bigint"),
    ),
    column(
        ("MEDIUMINT UNSIGNED", "u3", "mediumint unsigned"),
        ["0", "16777215", "1", "2"],
        plain("integer"),
        plain("bigint"),
    ),
    column(
        ("INT", "i4", "int"),
        ["-2147483648", "2147483647", "0", "1"],
        plain("integer"),
        plain("bigint"),
    ),
    column(
        ("INT UNSIGNED", "u4", "int unsigned"),
        ["0", "4294967295", "1", "2147483648"],
        plain("bigint"),
        plain("numeric"),
    ),
    column(
        ("INT ZEROFILL", "z4", "int(6) zerofill"),
        ["0", "42", "999999", "1234567"],
        side("bigint", "{} + 0", "{}::text"),
        side("text", "{} + 0", "{}"),
    ),
    column(
        ("BIGINT", "i8", "bigint"),
        ["-9223372036854775808", "9223372036854775807", "0", "-1"],
        plain("bigint"),
        plain("numeric"),
    ),
    column(
        ("BIGINT UNSIGNED", "u8", "bigint unsigned"),
        [
            "0",
            "18446744073709551615",
            "9223372036854775808",
            "9223372036854775807",
        ],
        plain("numeric(20,0)"),
        plain("numeric(20)"),
    ),
    column(
        ("DECIMAL(p,s), NUMERIC", "d12", "decimal(12,2)"),
        ["-9999999999.99", "9999999999.99", "0", "0.01"],
        plain("numeric(12,2)"),
        plain("numeric(14,2)"),
    ),
    column(
        ("DECIMAL(65,30)", "d65", "decimal(65,30)"),
        [
            "-99999999999999999999999999999999999.999999999999999999999999999999",
            "99999999999999999999999999999999999.999999999999999999999999999999",
            "0",
            "0.000000000000000000000000000001",
        ],
        plain("numeric(65,30)"),
        plain("numeric(65,30)"),
    ),
    column(
        ("DECIMAL UNSIGNED", "du", "decimal(10,3) unsigned"),
        ["0", "9999999.999", "0.001", "1"],
        plain("numeric(10,3)"),
        plain("numeric(10,3)"),
    ),
    column(
        ("FLOAT", "f4", "float"),
        ["-1.5", "1234.5", "0", "0.25"],
        side("real", "{}", TRIMMED),
        side("double precision", "{}", TRIMMED),
    ),
    column(
        ("FLOAT(m,d)", "fs", "float(7,3)"),
        ["-9999.5", "1234.567", "0", "0.001"],
        side("double precision", "{}", "{}::numeric(7,3)::text"),
        side("real", "{}", "{}::text::numeric(7,3)::text"),
    ),
    column(
        ("DOUBLE", "f8", "double"),
        [
            "-1.7976931348623157e308",
            "2.2250738585072014e-308",
            "0",
            "0.1",
        ],
        side("double precision", "{}", "replace({}::text, 'e+', 'e')"),
        side("double precision", "{}", "replace({}::text, 'e+', 'e')"),
    ),
    column(
        ("BIT(1)", "t1", "bit(1)"),
        ["b'0'", "b'1'", "0", "1"],
        side("bit(1)", "{} + 0", "{}::text"),
        side("boolean", "{} + 0", "{}::int::text"),
    ),
    needs_schema(column(
        ("BIT(n)", "t12", "bit(12)"),
        ["b'0'", "b'111111111111'", "b'100000000001'", "1"],
        side("bit(12)", "LPAD(BIN({} + 0), 12, '0')", "{}::text"),
        side("integer", "{} + 0", "{}::text"),
    )),
    needs_schema(column(
        ("BIT(64)", "t64", "bit(64)"),
        ["0", "18446744073709551615", "9223372036854775808", "256"],
        side("bit(64)", "LPAD(BIN({} + 0), 64, '0')", "{}::text"),
        side("numeric(20)", "{} + 0", "{}::text"),
    )),
    column(
        ("DATE", "dt", "date"),
        [
            "'1000-01-01'",
            "'9999-12-31'",
            "'1970-01-01'",
            "'2024-02-29'",
        ],
        plain("date"),
        plain("date"),
    ),
    column(
        ("DATETIME", "dm", "datetime"),
        [
            "'1000-01-01 00:00:00'",
            "'9999-12-31 23:59:59'",
            "'1970-01-01 00:00:00'",
            "'2024-03-31 02:30:00'",
        ],
        side("timestamp without time zone", "{}", OF_SECONDS),
        side("timestamp(0)", "{}", OF_SECONDS),
    ),
    column(
        ("DATETIME(6)", "dm6", "datetime(6)"),
        [
            "'1000-01-01 00:00:00.000001'",
            "'9999-12-31 23:59:59.999999'",
            "'1970-01-01 00:00:00'",
            "'1960-02-29 23:59:59.999999'",
        ],
        side("timestamp without time zone", "{}", OF_MICROS),
        side("timestamptz", "{}", OF_ZONED_MICROS),
    ),
    column(
        ("TIMESTAMP", "ts", "timestamp NULL"),
        [
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07'",
            "'2024-03-31 02:30:00'",
            "'2000-01-01 00:00:00'",
        ],
        side("timestamp with time zone", "{}", OF_ZONED_SECONDS),
        side("timestamp", "{}", OF_SECONDS),
    ),
    column(
        ("TIMESTAMP(6)", "ts6", "timestamp(6) NULL"),
        [
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07.999999'",
            "'2024-10-27 02:30:00.000001'",
            "'2000-01-01 00:00:00.5'",
        ],
        side("timestamp with time zone", "{}", OF_ZONED_MICROS),
        side("timestamptz", "{}", OF_ZONED_MICROS),
    ),
    column(
        ("TIME", "tm", "time"),
        ["'-838:59:59'", "'838:59:59'", "'00:00:00'", "'24:00:00'"],
        side("interval", "CONCAT(TIME_TO_SEC({}), '.000000')", SECONDS),
        side("interval", "CONCAT(TIME_TO_SEC({}), '.000000')", SECONDS),
    ),
    column(
        ("TIME(6)", "tm6", "time(6)"),
        [
            "'-838:59:58.999999'",
            "'838:59:58.999999'",
            "'-00:00:00.000001'",
            "'23:59:59.999999'",
        ],
        side("interval", "TIME_TO_SEC({})", SECONDS),
        side("interval", "TIME_TO_SEC({})", SECONDS),
    ),
    column(
        ("TIME within a day", "tmd", "time(6)"),
        [
            "'00:00:00'",
            "'24:00:00'",
            "'23:59:59.999999'",
            "'12:34:56.5'",
        ],
        side("interval", "TIME_TO_SEC({})", SECONDS),
        side("time", "TIME_TO_SEC({})", SECONDS),
    ),
    column(
        ("YEAR", "yr", "year"),
        ["1901", "2155", "2000", "1970"],
        plain("integer"),
        plain("smallint"),
    ),
    column(
        ("CHAR(n)", "ch", "char(5)"),
        ["''", "'abcde'", "'😀ü'", "'a b'"],
        side("character(5)", "{}", "rtrim({}::text)"),
        plain("text"),
    ),
    column(
        ("VARCHAR(n)", "vc", "varchar(20)"),
        ["''", "'😀 👩‍👩‍👧'", "'NULL'", "'ü \"x\" %'"],
        plain("character varying(20)"),
        plain("text"),
    ),
    column(
        ("VARCHAR, latin1", "vl", "varchar(20) CHARACTER SET latin1"),
        ["''", "'é ß €'", "'plain'", "'ÿ'"],
        plain("character varying(20)"),
        plain("text"),
    ),
    column(
        ("TINYTEXT", "x1", "tinytext"),
        ["''", "'😀'", "'a'", "' '"],
        plain("text"),
        plain("varchar(255)"),
    ),
    column(
        ("TEXT", "x2", "text"),
        ["''", "REPEAT('😀', 9000)", "'a'", "' '"],
        plain("text"),
        plain("varchar"),
    ),
    column(
        ("MEDIUMTEXT", "x3", "mediumtext"),
        ["''", "'😀'", "'a'", "' '"],
        plain("text"),
        plain("text"),
    ),
    column(
        ("LONGTEXT", "x4", "longtext"),
        ["''", "REPEAT('ü', 70000)", "'a'", "' '"],
        plain("text"),
        plain("text"),
    ),
    column(
        ("BINARY(n)", "y4", "binary(4)"),
        ["x''", "x'ffffffff'", "x'01020300'", "x'00'"],
        BYTES,
        BYTES,
    ),
    column(
        ("BINARY(16)", "y16", "binary(16)"),
        [
            "x'00000000000000000000000000000000'",
            "x'ffffffffffffffffffffffffffffffff'",
            "x'123e4567e89b12d3a456426655440000'",
            "x'0102'",
        ],
        BYTES,
        side("uuid", "LOWER(HEX({}))", "replace({}::text, '-', '')"),
    ),
    column(
        ("VARBINARY(n)", "yv", "varbinary(20)"),
        ["x''", "x'00ff00'", "x'20'", "x'5c78'"],
        BYTES,
        BYTES,
    ),
    column(
        ("TINYBLOB to LONGBLOB", "yb", "blob"),
        ["x''", "x'00'", "REPEAT(x'00ff', 9000)", "'text'"],
        BYTES,
        BYTES,
    ),
    column(
        ("ENUM", "en", "enum('calm', 'storm', 'größer')"),
        ["'calm'", "'storm'", "'größer'", "1"],
        plain("text"),
        plain("weather"),
    ),
    Column {
        schemaless: Schemaless::TooLittle,
        ..column(
            (
                "ENUM whose words have commas",
                "ec",
                "enum('calm', 'storm, or worse')",
            ),
            ["'calm'", "'storm, or worse'", "1", "2"],
            plain("text"),
            plain("weather"),
        )
    },
    needs_schema(column(
        ("SET", "st", "set('a', 'b c', '{d}')"),
        ["''", "'a,b c,{d}'", "'b c'", "'{d}'"],
        plain("text"),
        side("text[]", "{}", "array_to_string({}, ',')"),
    )),
    column(
        ("JSON of MariaDB", "js", "json"),
        [
            "'{\"a\": \"😀\"}'",
            "'[1, null]'",
            "'\"text\"'",
            "'12345678901234567890'",
        ],
        plain("text"),
        plain("jsonb"),
    ),
    column(
        ("UUID of MariaDB", "uu", "uuid"),
        [
            "'00000000-0000-0000-0000-000000000001'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'123e4567-e89b-12d3-a456-426655440001'",
            "'00000000-0000-4000-8000-0000000000ff'",
        ],
        plain("uuid"),
        plain("text"),
    ),
    column(
        ("POINT", "pt", "point"),
        [
            "POINT(0, 0)",
            "POINT(-180, 90)",
            "POINT(1.5, -2.25)",
            "POINT(1e300, 0.1)",
        ],
        side(
            "point",
            "CONCAT('(', ST_X({}), ',', ST_Y({}), ')')",
            "replace({}::text, 'e+', 'e')",
        ),
        side(
            "jsonb",
            "CONCAT(ST_X({}), ' ', ST_Y({}))",
            "replace(({}->>'x')::float8 || ' ' || ({}->>'y')::float8, 'e+', 'e')",
        ),
    ),
    column(
        ("GEOMETRY and others", "ge", "geometry"),
        [
            "ST_GeomFromText('POINT(1 2)')",
            "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",
            "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)",
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 0))')",
        ],
        DOCUMENT,
        side("json", DOCUMENT.source, DOCUMENT.landed),
    ),
    column(
        (
            "generated columns",
            "gn",
            "int GENERATED ALWAYS AS (i3 + 1) STORED",
        ),
        ["DEFAULT", "DEFAULT", "DEFAULT", "DEFAULT"],
        plain("integer"),
        plain("integer"),
    ),
    column(
        ("names with blanks and capitals", "Named So", "varchar(9)"),
        ["'a'", "''", "'b'", "NULL"],
        plain("character varying(9)"),
        plain("text"),
    ),
];
