use std::collections::BTreeMap;

use super::*;
use crate::config::{FieldChoice, Lineage, Secret};
use crate::format::schema;
use crate::format::undecodable::Blame;
use crate::record::{Record, TopicPartition};

fn fields(of: &[(&str, &'static str)], schema: Option<&str>) -> Fields<'static> {
    let names = of.iter().map(|(name, _)| (*name).into()).collect();
    let schema = schema.map(|schema| Arc::new(schema::parse(schema).unwrap()));
    let shape = Shape::new(names, schema);
    let values: Vec<&str> = of.iter().map(|(_, raw)| *raw).collect();
    Fields {
        shape: Some(Arc::new(shape)),
        values: values.leak(),
    }
}

fn record() -> Record {
    Record {
        source: TopicPartition {
            topic: "orders".into(),
            partition: 3,
        },
        offset: 41,
        timestamp: Some(1_700_000_000_000),
        key: None,
        value: None,
        headers: Default::default(),
        epoch: 0,
        leader_epoch: None,
    }
}

/// `name=value` of each field, and its schema's kind where it has one.
fn shaped(shape: &RowShape, of: Fields<'static>, part: Part) -> Result<Vec<String>, String> {
    let (arena, record) = (Bump::new(), record());
    let facts = Facts::of_record(&record, None, true);
    let mut shaper = RowShaper::new(Arc::new(shape.clone()), Unavailable::new("gone"));
    let of_event = (&facts, Operation::Update);
    // the plan is made once, and holds the second time
    let _ = shaper.shape_fields(of.clone(), part, of_event, &arena);
    let shaped = shaper.shape_fields(of, part, of_event, &arena);
    let shaped = shaped.map_err(|refusal| {
        assert_eq!(refusal.blame, Blame::Route);
        refusal.message
    })?;
    let field = |(at, (name, raw)): (usize, (&str, &str))| {
        let kind = shaped.field_of(at, name).map(|field| &field.kind);
        let kind = kind.map_or(String::new(), |kind| format!(":{kind:?}"));
        format!("{name}{kind}={raw}")
    };
    Ok(shaped.iter().enumerate().map(field).collect())
}

fn names(of: &[&str]) -> std::collections::BTreeSet<String> {
    of.iter().map(ToString::to_string).collect()
}

fn texts<T>(of: &[(&str, T)]) -> BTreeMap<String, T>
where
    T: Clone,
{
    let texts = of.iter();
    texts.map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
}

const ROW: [(&str, &str); 3] = [("id", "7"), ("meta", "\"m\""), ("email", "\"a@x\"")];

#[test]
fn fields_are_left_out_and_called_otherwise_with_their_schema() {
    let shape = RowShape {
        fields: FieldChoice::AllBut(names(&["email"])),
        rename: texts(&[("meta", "details".to_owned())]),
        ..RowShape::default()
    };
    let plain = shaped(&shape, fields(&ROW, None), Part::Row).unwrap();
    assert_eq!(plain, ["id=7", "details=\"m\""]);
    let schema = r#"{"type":"struct","fields":[{"type":"int32","field":"id"},{"type":"string","field":"meta"},
        {"type":"string","field":"email"}]}"#;
    let typed = shaped(&shape, fields(&ROW, Some(schema)), Part::Row).unwrap();
    assert_eq!(typed, ["id:Int32=7", "details:String=\"m\""]);
    let only = RowShape {
        fields: FieldChoice::Only(names(&["id", "meta"])),
        ..RowShape::default()
    };
    let only = shaped(&only, fields(&ROW, None), Part::Row).unwrap();
    assert_eq!(only, ["id=7", "meta=\"m\""]);
}

#[test]
fn masked_values_are_texts_and_what_is_left_out_stays_left_out() {
    let shape = RowShape {
        mask: texts(&[
            ("email", Mask::Hash),
            ("meta", Mask::Text("hidden \"x\"".to_owned())),
            ("phone", Mask::Null),
        ]),
        mask_key: Some(Secret::new("k")),
        ..RowShape::default()
    };
    let row = [("email", "\"gone\""), ("meta", "null"), ("phone", "\"1\"")];
    let masked = shaped(&shape, fields(&row, None), Part::Row).unwrap();
    assert_eq!(
        masked,
        [
            "email:String=\"gone\"",
            "meta:String=\"hidden \\\"x\\\"\"",
            "phone:String=null"
        ]
    );
    let hashed = shaped(&shape, fields(&ROW[2..], None), Part::Row).unwrap();
    assert!(hashed[0].starts_with("email:String=\"") && !hashed[0].contains("a@x"));
    // in the key as in the row
    let key = shaped(&shape, fields(&ROW[2..], None), Part::Key).unwrap();
    assert_eq!(key, hashed);
}

#[test]
fn facts_and_texts_stand_beside_the_row_that_is_written_and_nowhere_else() {
    let shape = RowShape {
        lineage: Lineage {
            facts: vec![
                (Fact::Topic, "_topic".to_owned()),
                (Fact::Offset, "_offset".to_owned()),
                (Fact::Op, "_op".to_owned()),
                (Fact::SourcePosition, "_position".to_owned()),
                (Fact::SourceTime, "_time".to_owned()),
            ],
            texts: texts(&[("_from", "shop".to_owned())]),
        },
        ..RowShape::default()
    };
    let row = shaped(&shape, fields(&ROW[..1], None), Part::Row).unwrap();
    assert_eq!(
        row,
        [
            "id=7",
            "_topic:String=\"orders\"",
            "_offset:Int64=41",
            "_op:String=\"update\"",
            "_position:String=null",
            "_time:Int64=1700000000000",
            "_from:String=\"shop\""
        ]
    );
    for part in [Part::Key, Part::RowBefore] {
        let alone = shaped(&shape, fields(&ROW[..1], None), part).unwrap();
        assert_eq!(alone, ["id=7"]);
    }
}

#[test]
fn what_would_leave_out_a_key_or_write_two_fields_into_one_column_is_the_set_ups_fault() {
    let excludes = RowShape {
        fields: FieldChoice::AllBut(names(&["id"])),
        ..RowShape::default()
    };
    let error = shaped(&excludes, fields(&ROW[..1], None), Part::Key).unwrap_err();
    assert!(error.contains("exclude") && error.contains("id"), "{error}");
    let row = shaped(&excludes, fields(&ROW, None), Part::Row).unwrap();
    assert_eq!(row.len(), 2);

    let renames = RowShape {
        rename: texts(&[("meta", "email".to_owned())]),
        ..RowShape::default()
    };
    let error = shaped(&renames, fields(&ROW, None), Part::Row).unwrap_err();
    assert!(error.contains("meta and email"), "{error}");

    let masks = RowShape {
        mask: texts(&[("id", Mask::Null)]),
        ..RowShape::default()
    };
    let error = shaped(&masks, fields(&ROW[..1], None), Part::Key).unwrap_err();
    assert!(error.contains("only be hashed"), "{error}");
}

#[test]
fn what_is_hidden_or_left_out_is_so_however_a_connector_writes_its_name() {
    let shape = RowShape {
        fields: FieldChoice::AllBut(names(&["e-mail"])),
        mask: texts(&[("ssn", Mask::Null)]),
        ..RowShape::default()
    };
    let row = [("ID", "1"), ("SSN", "\"1\""), ("E_MAIL", "\"a@x\"")];
    let left = shaped(&shape, fields(&row, None), Part::Row).unwrap();
    assert_eq!(left, ["ID=1", "SSN:String=null"]);
    // another field that has the name is another field
    let row = [("ssn", "\"1\""), ("SSN", "\"2\"")];
    let left = shaped(&shape, fields(&row, None), Part::Row).unwrap();
    assert_eq!(left, ["ssn:String=null", "SSN=\"2\""]);
}
