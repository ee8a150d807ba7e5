//! A schema of Avro's and a datum of it, read as an envelope, as a row, and for people.

use bumpalo::Bump;
use landfall::format::avro::{Plan, Texts};
use landfall::format::framed::strip_frame;

use super::split_input;
use crate::Target;

pub const TARGET: Target = Target {
    name: "avro",
    run,
    seeds: &[
        r#"{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"at","type":["null",{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}]}]}"#,
        r#"{"type":"record","name":"e","fields":[{"name":"before","type":["null",{"type":"record","name":"v","fields":[{"name":"id","type":"int"}]}]},{"name":"after","type":["null","v"]},{"name":"op","type":"string"}]}"#,
        r#"{"type":"array","items":{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}}"#,
        r#"{"type":"enum","name":"w","symbols":["A","B"],"default":"A"}"#,
    ],
};

fn run(input: &[u8]) {
    let _ = strip_frame(input);
    let [schema, datum] = split_input(input);
    let Ok(plan) = Plan::compile(&String::from_utf8_lossy(schema), &[]) else {
        return;
    };
    let (mut texts, arena) = (Texts::default(), Bump::new());
    let _ = plan.read_envelope(datum, true, &mut texts, &arena);
    let _ = plan.read_record(datum, &mut texts, &arena);
    let _ = plan.to_json(datum);
}
