//! Unit tests of `transforms.rs`.

use super::*;
use crate::operator::import_connector::testing::sink_with;

fn read(options: &[(&str, &str)]) -> (Transforms, Section) {
    let sink = sink_with(options);
    let mut section = Section::about(&sink);
    let transforms = Transforms::read(&sink, &mut section);
    (transforms, section)
}

#[test]
fn each_transform_is_taken_in_its_order() {
    let (transforms, section) = read(&[
        ("transforms", "unwrap, a,b"),
        (
            "transforms.unwrap.type",
            "io.debezium.transforms.ExtractNewRecordState",
        ),
        ("transforms.unwrap.add.fields", "op,source.ts_ms:at,table"),
        (
            "transforms.a.type",
            "org.apache.kafka.connect.transforms.RegexRouter",
        ),
        ("transforms.a.regex", "x(.*)"),
        ("transforms.a.replacement", "$1"),
        (
            "transforms.b.type",
            "org.apache.kafka.connect.transforms.ReplaceField$Value",
        ),
        ("transforms.b.renames", "a:b,c : d,e:e"),
        ("transforms.b.exclude", "z"),
    ]);
    assert!(transforms.unwraps.as_ref().unwrap().keeps_tombstones);
    assert_eq!(transforms.routers, [("x(.*)".to_owned(), "$1".to_owned())]);
    assert_eq!(transforms.rename.len(), 2);
    assert_eq!(transforms.exclude, ["z"]);
    assert_eq!(transforms.lineage["op"], "__op");
    assert_eq!(transforms.lineage["source_time"], "__at");
    assert_eq!(section.part(Part::Mapped).count(), 3);
}

#[test]
fn what_is_conditional_or_somebodys_own_is_told_and_not_taken() {
    let (transforms, section) = read(&[
        ("transforms", "a,b,c"),
        (
            "transforms.a.type",
            "org.apache.kafka.connect.transforms.RegexRouter",
        ),
        ("transforms.a.predicate", "p"),
        ("transforms.b.type", "com.example.Own"),
    ]);
    assert_eq!(transforms, Transforms::default());
    assert_eq!(section.part(Part::NoCounterpart).count(), 3);
}

#[test]
fn deletes_that_are_rewritten_keep_no_tombstones_unless_the_file_says_so() {
    let unwrap = |more: &[(&str, &str)]| {
        let class = (
            "transforms.u.type",
            "io.debezium.transforms.ExtractNewRecordState",
        );
        read(&[&[("transforms", "u"), class], more].concat())
            .0
            .unwraps
            .unwrap()
    };
    let rewritten = unwrap(&[("transforms.u.delete.handling.mode", "rewrite")]);
    assert!(rewritten.rewrites_deletes && !rewritten.keeps_tombstones);
    let kept = unwrap(&[
        ("transforms.u.delete.handling.mode", "rewrite"),
        ("transforms.u.drop.tombstones", "false"),
    ]);
    assert!(kept.rewrites_deletes && kept.keeps_tombstones);
    let both = unwrap(&[(
        "transforms.u.delete.tombstone.handling.mode",
        "rewrite-with-tombstone",
    )]);
    assert!(both.rewrites_deletes && both.keeps_tombstones);
}
