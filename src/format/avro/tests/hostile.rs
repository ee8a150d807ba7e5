//! Bytes that lie.

use std::time::{Duration, Instant};

use bumpalo::Bump;

use super::{encode, plan, text};
use crate::format::avro::error::{AvroError, AvroSchemaError};
use crate::format::avro::{Plan, Texts};

/// The largest positive long, as a count or a length.
const MOST: [u8; 10] = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
const LEAST: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

#[test]
fn what_is_cut_off_or_has_more_is_refused_at_each_place() {
    let schema = r#"{"type":"record","name":"r","fields":[{"name":"a","type":"string"},{"name":"b","type":{"type":"array","items":"double"}}]}"#;
    let datum = [4, b'a', b'b', 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(text(schema, &datum).unwrap(), r#"{"a":"ab","b":[0.0]}"#);
    for end in 0..datum.len() {
        let refused = text(schema, &datum[..end]).unwrap_err().to_string();
        assert!(refused.contains("ends too early"), "{end}: {refused}");
    }
    let more = [&datum[..], &[0]].concat();
    assert_eq!(text(schema, &more), Err(AvroError::Trailing(1)));
}

#[test]
fn a_count_is_not_believed() {
    let started = Instant::now();
    for items in [
        r#""null""#,
        r#"{"type":"fixed","name":"f","size":0}"#,
        r#"{"type":"record","name":"r","fields":[]}"#,
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":"null"},{"name":"b","type":"null"}]}"#,
        r#""int""#,
    ] {
        let schema = format!(r#"{{"type":"array","items":{items}}}"#);
        assert!(text(&schema, &MOST).is_err(), "{items}");
        // as many, with a size before them
        let sized = [&LEAST[..], &[0, 0]].concat();
        assert!(text(&schema, &sized).is_err(), "{items}");
    }
    let map = r#"{"type":"map","values":"null"}"#;
    assert!(text(map, &MOST).is_err());
    assert_eq!(text(r#""bytes""#, &MOST), Err(AvroError::Truncated));
    assert_eq!(text(r#""string""#, &[1]), Err(AvroError::Length));
    let huge = r#"{"type":"fixed","name":"f","size":9223372036854775807}"#;
    assert_eq!(text(huge, &[0; 20]), Err(AvroError::Truncated));
    // no timing, but a loop of 2^60
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_block_may_give_its_size_in_bytes() {
    let schema = r#"{"type":"array","items":"int"}"#;
    assert_eq!(text(schema, &[3, 4, 2, 4, 2, 6, 0]).unwrap(), "[1,2,3]");
    assert_eq!(text(schema, &[3, 1, 2, 4, 0]), Err(AvroError::Length));
}

#[test]
fn indices_and_booleans_are_looked_at() {
    let union = r#"["null","int"]"#;
    assert_eq!(text(union, &[4]), Err(AvroError::Branch(2, 2)));
    assert_eq!(text(union, &[1]), Err(AvroError::Branch(-1, 2)));
    let several = r#"["null","int","string"]"#;
    assert_eq!(text(several, &[6]), Err(AvroError::Branch(3, 3)));
    let symbols = r#"{"type":"enum","name":"e","symbols":["a"]}"#;
    assert_eq!(text(symbols, &[2]), Err(AvroError::Symbol(1, 1)));
    assert_eq!(text(symbols, &[1]), Err(AvroError::Symbol(-1, 1)));
    assert_eq!(text(r#""boolean""#, &[2]), Err(AvroError::Boolean));
    assert_eq!(text(r#""string""#, &[2, 0xff]), Err(AvroError::Utf8));
    assert_eq!(text(r#""int""#, &MOST), Err(AvroError::Number));
}

#[test]
fn a_type_within_itself_ends() {
    let endless = r#"{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}"#;
    let refused = text(endless, &[]).unwrap_err().to_string();
    assert!(refused.contains("nested deeper"), "{refused}");
    let list = r#"{"type":"record","name":"r","fields":[{"name":"r","type":["null","r"]}]}"#;
    assert!(text(list, &[2; 100_000]).is_err());
    let nested = r#"{"type":"record","name":"r","fields":[{"name":"r","type":{"type":"array","items":"r"}}]}"#;
    assert!(text(nested, &[2; 100_000]).is_err());
    // each type has two of the next, so the last is there 2^30 times
    let mut schema = r#""int""#.to_owned();
    for level in 0..30 {
        schema = format!(
            r#"{{"type":"record","name":"r{level}","fields":[{{"name":"a","type":{schema}}},{{"name":"b","type":"r{}"}}]}}"#,
            level - 1
        );
        if level == 0 {
            schema = r#"{"type":"record","name":"r0","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}"#.to_owned();
        }
    }
    let too_large = Plan::compile(&schema, &[]);
    assert!(matches!(too_large, Err(AvroSchemaError::TooLarge(_))));
}

#[test]
fn a_schema_that_is_none_is_refused() {
    for schema in [
        "",
        "{",
        "[]",
        "7",
        "null7",
        r#""Unknown""#,
        r#"{"type":7}"#,
        r#"{"name":"x"}"#,
        r#"{"type":"array"}"#,
        r#"{"type":"map"}"#,
        r#"{"type":"fixed","name":"f","size":-1}"#,
        r#"{"type":"fixed","name":"f","size":"7"}"#,
        r#"{"type":"fixed","size":7}"#,
        r#"{"type":"enum","name":"e"}"#,
        r#"{"type":"enum","name":"e","symbols":[1]}"#,
        r#"{"type":"record","name":"r"}"#,
        r#"{"type":"record","name":"r","fields":[{"name":"a"}]}"#,
        r#"{"type":"record","name":"r","fields":[{"type":"int"}]}"#,
        r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
        r#"["int",["null","int"]]"#,
        r#"["int","int"]"#,
        r#"[{"type":"enum","name":"e","symbols":[]},{"type":"enum","name":"e","symbols":[]}]"#,
    ] {
        assert!(Plan::compile(schema, &[]).is_err(), "{schema}");
    }
    let deep = format!(
        "{}\"int\"{}",
        r#"{"type":"array","items":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(Plan::compile(&deep, &[]).is_err());
}

/// Every byte of a datum is turned into others, at every place: an answer, or a refusal.
#[test]
fn whatever_comes_is_answered_without_a_panic() {
    let schemas = [
        super::connect::ENVELOPE,
        r#"["null","int",{"type":"map","values":{"type":"array","items":["string","null"]}}]"#,
        r#"{"type":"record","name":"r","fields":[{"name":"d","type":{"type":"fixed","name":"i","size":12,"logicalType":"duration"}},
           {"name":"b","type":{"type":"bytes","logicalType":"big-decimal"}},{"name":"e","type":{"type":"enum","name":"e","symbols":["a","b"]}},
           {"name":"rest","type":["null","r"]}]}"#,
    ];
    let mut chance = super::random::Chance::new(7);
    let (mut arena, mut texts) = (Bump::new(), Texts::default());
    for schema in schemas {
        let plan = plan(schema);
        for round in 0..20_000 {
            let length = chance.below(60);
            // few different bytes: small counts, indices and lengths get further
            let most = if round % 2 == 0 { 8 } else { 256 };
            let datum: Vec<u8> = (0..length).map(|_| chance.below(most) as u8).collect();
            let whole = plan.to_json(&datum);
            if let Ok(whole) = &whole {
                serde_json::from_str::<serde::de::IgnoredAny>(whole).expect("JSON");
            }
            let record = plan.read_record(&datum, &mut texts, &arena);
            assert!(record.is_err() || whole.is_ok());
            let _ = plan.read_envelope(&datum, true, &mut texts, &arena);
            arena.reset();
        }
    }
}

/// The reference agrees on what is no datum.
#[test]
fn a_datum_of_another_schema_is_no_panic() {
    let datum = encode(r#""string""#, "some text that is long enough");
    for schema in [
        r#""double""#,
        r#"{"type":"array","items":"bytes"}"#,
        r#"["null","long"]"#,
    ] {
        assert!(text(schema, &datum).is_err(), "{schema}");
    }
}

#[test]
fn an_event_with_wrong_bytes_in_it_is_answered_without_a_panic() {
    use super::connect::{ENVELOPE, event, row, some};
    let plan = plan(ENVELOPE);
    let whole = event(some(1, row(6)), some(1, row(7)), "u");
    let mut chance = super::random::Chance::new(11);
    let (mut arena, mut texts) = (Bump::new(), Texts::default());
    for _ in 0..30_000 {
        let mut datum = whole.clone();
        for _ in 0..=chance.below(3) {
            let at = chance.below(datum.len() as u64) as usize;
            datum[at] = chance.below(256) as u8;
        }
        if chance.below(4) == 0 {
            datum.truncate(chance.below(datum.len() as u64) as usize);
        }
        let envelope = plan.read_envelope(&datum, true, &mut texts, &arena);
        for fields in envelope
            .iter()
            .flatten()
            .flat_map(|e| [&e.before, &e.after])
        {
            for (_, text) in fields.iter().flat_map(|f| f.iter()) {
                serde_json::from_str::<serde::de::IgnoredAny>(text).expect("JSON");
            }
        }
        drop(envelope);
        arena.reset();
    }
}
