use super::*;

const RETRY: Verdict = Verdict::Retry;
const LOCKED: Verdict = Verdict::Locked;
const TOO_MUCH: Verdict = Verdict::TooMuch;
const EARLY: Verdict = Verdict::Early;
const UNAVAILABLE: Verdict = Verdict::Unavailable;
const SYSTEMIC: Verdict = Verdict::Systemic;
const VALUE: Verdict = Verdict::Reject(Reason::Value);
const CONSTRAINT: Verdict = Verdict::Reject(Reason::Constraint);

/// Every class and every code of appendix A of Postgres' manual, versions 15 to 18.
#[rustfmt::skip]
const APPENDIX_A: &[(Verdict, &str)] = &[
    // 00: successful completion
    (SYSTEMIC, "00000"),
    // 01: warning
    (SYSTEMIC, "01000 0100C 01008 01003 01007 01006 01004 01P01"),
    // 02: no data
    (SYSTEMIC, "02000 02001"),
    // 03: sql statement not yet complete
    (SYSTEMIC, "03000"),
    // 08: connection exception
    (UNAVAILABLE, "08000 08003 08006 08001 08004 08007 08P01"),
    // 09: triggered action exception
    (CONSTRAINT, "09000"),
    // 0A: feature not supported
    (SYSTEMIC, "0A000"),
    // 0B: invalid transaction initiation
    (SYSTEMIC, "0B000"),
    // 0F: locator exception
    (SYSTEMIC, "0F000 0F001"),
    // 0L: invalid grantor
    (SYSTEMIC, "0L000 0LP01"),
    // 0P: invalid role specification
    (SYSTEMIC, "0P000"),
    // 0Z: diagnostics exception
    (SYSTEMIC, "0Z000 0Z002"),
    // 10: xquery error
    (SYSTEMIC, "10608"),
    // 20: case not found
    (CONSTRAINT, "20000"),
    // 21: cardinality violation
    (CONSTRAINT, "21000"),
    // 22: data exception
    (VALUE, "22000 2202E 22021 22008 22012 22005 2200B 22022 22015 2201E 22014 22016 2201F"),
    (VALUE, "2201G 22018 22007 22019 2200D 22025 22P06 22010 22023 22013 2201B 2201W 2201X"),
    (VALUE, "2202H 2202G 22009 2200C 2200G 22004 22002 22003 22026 22001 22011 22027 22024"),
    (VALUE, "2200F 22P01 22P02 22P03 22P04 22P05 2200L 2200M 2200N 2200S 2200T 22030 22031"),
    (VALUE, "22032 22033 22034 22035 22036 22037 22038 22039 2203A 2203B 2203C 2203D 2203E"),
    (VALUE, "2203F 2203G"),
    (SYSTEMIC, "2200H"),
    // 23: integrity constraint violation
    (CONSTRAINT, "23000 23502 23505 23514 23P01"),
    (EARLY, "23001 23503"),
    // 24: invalid cursor state
    (SYSTEMIC, "24000"),
    // 25: invalid transaction state
    (SYSTEMIC, "25000 25001 25002 25008 25003 25004 25005 25007 25P01"),
    (UNAVAILABLE, "25006"),
    (RETRY, "25P02 25P03 25P04"),
    // 26: invalid sql statement name
    (SYSTEMIC, "26000"),
    // 27: triggered data change violation
    (CONSTRAINT, "27000"),
    // 28: invalid authorization specification
    (SYSTEMIC, "28000 28P01"),
    // 2B: dependent privilege descriptors still exist
    (SYSTEMIC, "2B000 2BP01"),
    // 2D: invalid transaction termination
    (SYSTEMIC, "2D000"),
    // 2F: sql routine exception
    (SYSTEMIC, "2F000 2F005 2F002 2F003 2F004"),
    // 34: invalid cursor name
    (SYSTEMIC, "34000"),
    // 38: external routine exception
    (CONSTRAINT, "38000"),
    (SYSTEMIC, "38001 38002 38003 38004"),
    // 39: external routine invocation exception
    (CONSTRAINT, "39000 39004"),
    (SYSTEMIC, "39001 39P01 39P02 39P03"),
    // 3B: savepoint exception
    (SYSTEMIC, "3B000 3B001"),
    // 3D: invalid catalog name
    (SYSTEMIC, "3D000"),
    // 3F: invalid schema name
    (SYSTEMIC, "3F000"),
    // 40: transaction rollback
    (RETRY, "40000 40001 40003 40P01"),
    (CONSTRAINT, "40002"),
    // 42: syntax error or access rule violation
    (SYSTEMIC, "42000 42601 42501 42846 42803 42P20 42P19 42830 42602 42622 42939 42804 42P18"),
    (SYSTEMIC, "42P21 42P22 42809 428C9 42703 42883 42P01 42P02 42704 42701 42P03 42P04 42723"),
    (SYSTEMIC, "42P05 42P06 42P07 42712 42710 42702 42725 42P08 42P09 42P10 42611 42P11 42P12"),
    (SYSTEMIC, "42P13 42P14 42P15 42P16 42P17"),
    // 44: with check option violation
    (CONSTRAINT, "44000"),
    // 53: insufficient resources
    (UNAVAILABLE, "53000 53100 53300"),
    (TOO_MUCH, "53200"),
    (SYSTEMIC, "53400"),
    // 54: program limit exceeded
    (VALUE, "54000 54001"),
    (SYSTEMIC, "54011 54023"),
    // 55: object not in prerequisite state
    (SYSTEMIC, "55000 55P02 55P04"),
    (RETRY, "55006"),
    (LOCKED, "55P03"),
    // 57: operator intervention
    (UNAVAILABLE, "57000 57P01 57P02 57P03 57P05"),
    (RETRY, "57014"),
    (SYSTEMIC, "57P04"),
    // 58: system error
    (UNAVAILABLE, "58000 58030"),
    (SYSTEMIC, "58P01 58P02 58P03"),
    // 72: snapshot failure
    (RETRY, "72000"),
    // F0: configuration file error
    (UNAVAILABLE, "F0000 F0001"),
    // HV: foreign data wrapper error
    (SYSTEMIC, "HV000 HV005 HV002 HV010 HV021 HV024 HV007 HV008 HV004 HV006 HV091 HV00B HV00C"),
    (SYSTEMIC, "HV00D HV090 HV00A HV009 HV014 HV001 HV00P HV00J HV00K HV00Q HV00R HV00L HV00M"),
    (UNAVAILABLE, "HV00N"),
    // P0: pl/pgsql error
    (CONSTRAINT, "P0000 P0001 P0002 P0003 P0004"),
    // XX: internal error
    (RETRY, "XX000"),
    (SYSTEMIC, "XX001 XX002"),
];

fn codes() -> impl Iterator<Item = (Verdict, &'static str)> {
    APPENDIX_A
        .iter()
        .flat_map(|(verdict, codes)| codes.split(' ').map(|code| (*verdict, code)))
}

#[test]
fn each_code_that_postgres_documents_has_its_verdict() {
    let wrong: Vec<_> = codes()
        .map(|(expected, code)| (code, of_sqlstate(code), expected))
        .filter(|(_, verdict, expected)| verdict != expected)
        .collect();
    assert!(wrong.is_empty(), "(code, verdict, expected): {wrong:?}");
}

#[test]
fn the_table_names_each_code_once() {
    let mut seen = std::collections::HashSet::new();
    for (_, code) in codes() {
        assert!(code.len() == 5 && seen.insert(code), "{code}");
    }
    assert_eq!(seen.len(), 263);
}

/// A trigger may raise any code, and Postgres may invent more: what is not known stops its partition, it
/// neither waits for ever in silence nor diverts the stream.
#[test]
fn what_postgres_does_not_document_is_systemic() {
    for code in [
        "", "2", "é", "éé", "ZZ999", "T0001", "99999", "45000", "hv00n", "XX999",
    ] {
        assert_eq!(of_sqlstate(code), SYSTEMIC, "{code:?}");
    }
}

/// A code that a later version adds to a class goes with the class.
#[test]
fn an_unknown_code_of_a_known_class_goes_with_its_class() {
    let cases = [
        ("08ZZZ", UNAVAILABLE),
        ("22ZZZ", VALUE),
        ("23ZZZ", CONSTRAINT),
        ("28ZZZ", SYSTEMIC),
        ("40ZZZ", RETRY),
        ("42ZZZ", SYSTEMIC),
        ("57ZZZ", UNAVAILABLE),
    ];
    for (code, verdict) in cases {
        assert_eq!(of_sqlstate(code), verdict, "{code}");
    }
}
