//! Debezium's envelope, read by a schema's plan: rows field by field, of `source` what is needed, the
//! rest passed over.

use std::borrow::Cow;
use std::sync::Arc;

use bumpalo::Bump;

use crate::format::avro::error::AvroError;
use crate::format::avro::fields::FieldBuilder;
use crate::format::avro::node::{Form, Node, NodeId};
use crate::format::avro::plan::{Plan, RowPlan, Texts, shape_of};
use crate::format::avro::write::Walk;
use crate::format::debezium::{
    Envelope, KnownBy, NamedBeside, Source, SourceField, op_of_rows, part_of,
};

#[derive(Debug)]
pub(super) struct EnvelopePlan {
    /// In the order of the record's fields.
    parts: Vec<(NodeId, Part)>,
    /// Without, the rows tell what happened.
    has_op: bool,
}

#[derive(Debug)]
enum Part {
    Op,
    Before(RowPlan),
    After(RowPlan),
    /// What its fields are for, in their order.
    Source(Vec<Option<SourceField>>),
    Transaction,
    /// The table, beside the row.
    Named(SourceField),
    Other,
}

impl EnvelopePlan {
    /// `None` if the record isn't one.
    pub fn from_record(nodes: &[Node], root: &RowPlan) -> Option<Self> {
        let members = match &nodes.get(record_node(nodes, root.node)?)?.form {
            Form::Record(members) => members,
            _ => return None,
        };
        let mut fields = FieldBuilder::new(nodes);
        let mut last: Option<RowPlan> = None;
        let mut row = |node| {
            // `before` and `after` are of one type: what is found for one's names holds for the other
            let record = record_node(nodes, node)?;
            let shape = match &last {
                Some(row) if row.node == record => row.shape.clone(),
                _ => shape_of(fields.connect_field(record, &Arc::from("")).ok()?),
            };
            last = Some(RowPlan {
                node: record,
                shape: shape.clone(),
            });
            Some(RowPlan { node, shape })
        };
        let mut parts = Vec::with_capacity(members.len());
        for member in members {
            let part = match &*member.name {
                "op" => Part::Op,
                "before" => row(member.node).map_or(Part::Other, Part::Before),
                "after" => row(member.node).map_or(Part::Other, Part::After),
                "transaction" => Part::Transaction,
                "schema" => Part::Named(SourceField::Schema),
                "table" => Part::Named(SourceField::Table),
                "source" => source_fields(nodes, member.node).map_or(Part::Other, Part::Source),
                _ => Part::Other,
            };
            parts.push((member.node, part));
        }
        let has = |is_it: fn(&Part) -> bool| parts.iter().any(|(_, part)| is_it(part));
        let has_op = has(|part| matches!(part, Part::Op));
        // whoever tells the source tells the operation, too
        let tells_rows = has(|part| matches!(part, Part::Before(_)))
            && has(|part| matches!(part, Part::After(_)))
            && !has(|part| matches!(part, Part::Source(_)));
        (has_op || tells_rows).then_some(Self { parts, has_op })
    }
}

/// The record that a node is, or is unless it is null.
pub(super) fn record_node(nodes: &[Node], node: NodeId) -> Option<NodeId> {
    match &nodes.get(node)?.form {
        Form::Record(_) => Some(node),
        Form::Optional { other, .. } => record_node(nodes, *other),
        _ => None,
    }
}

fn source_fields(nodes: &[Node], node: NodeId) -> Option<Vec<Option<SourceField>>> {
    match &nodes.get(record_node(nodes, node)?)?.form {
        Form::Record(members) => {
            let fields = members.iter().map(|m| SourceField::from_name(&m.name));
            Some(fields.collect())
        }
        _ => None,
    }
}

impl Plan {
    /// `None` where there is null in place of an envelope. `before` is read only if it is asked for.
    ///
    /// # Errors
    /// The bytes aren't what the schema says, or that isn't an envelope of Debezium's.
    pub fn read_envelope<'r>(
        &self,
        datum: &[u8],
        with_before: bool,
        texts: &mut Texts,
        arena: &'r Bump,
    ) -> Result<Option<Envelope<'r>>, AvroError> {
        let Some(plan) = &self.envelope else {
            return Err(AvroError::NoEnvelope("op"));
        };
        let mut walk = Walk::new(&self.nodes, datum);
        let Some(members) = walk.enter_record(self.root_node())? else {
            walk.expect_end()?;
            return Ok(None);
        };
        let mut envelope = Envelope {
            op: Cow::Borrowed(""),
            before: None,
            after: None,
            source: Box::default(),
            transaction: None,
            named: NamedBeside::default(),
            known_by: KnownBy::Source,
        };
        let with_before = with_before || !plan.has_op;
        for ((node, part), member) in plan.parts.iter().zip(members) {
            let read = match part {
                Part::Op => read_op(&mut walk, *node, texts).map(|op| envelope.op = op),
                Part::Before(row) if with_before => row
                    .read_fields(&mut walk, texts, arena)
                    .map(|row| envelope.before = row),
                Part::After(row) => row
                    .read_fields(&mut walk, texts, arena)
                    .map(|row| envelope.after = row),
                Part::Source(wanted) => {
                    let walk = &mut walk;
                    read_source(walk, *node, wanted, texts, arena, &mut envelope.source)
                }
                Part::Transaction => read_transaction(&mut walk, *node, texts, arena)
                    .map(|transaction| envelope.transaction = transaction),
                Part::Named(field) => read_named(&mut walk, *node, texts).map(|name| match field {
                    SourceField::Schema => envelope.named.schema = name,
                    _ => envelope.named.table = name,
                }),
                Part::Before(_) | Part::Other => walk.skip_value(*node),
            };
            read.map_err(|e| e.in_field(&member.name))?;
        }
        walk.expect_end()?;
        if !plan.has_op {
            let [before, after] = [&envelope.before, &envelope.after].map(part_of);
            let op = op_of_rows(before, after).ok_or(AvroError::NoEnvelope("op"))?;
            envelope.op = Cow::Borrowed(op);
        }
        Ok(Some(envelope))
    }
}

fn read_op(
    walk: &mut Walk<'_, '_>,
    node: NodeId,
    texts: &mut Texts,
) -> Result<Cow<'static, str>, AvroError> {
    texts.clear();
    walk.write_value(node, &mut texts.text)?;
    Ok(match texts.text.as_str() {
        "\"c\"" => Cow::Borrowed("c"),
        "\"u\"" => Cow::Borrowed("u"),
        "\"d\"" => Cow::Borrowed("d"),
        "\"r\"" => Cow::Borrowed("r"),
        other => Cow::Owned(other.trim_matches('"').to_owned()),
    })
}

/// The text, if it is one.
fn read_named(
    walk: &mut Walk<'_, '_>,
    node: NodeId,
    texts: &mut Texts,
) -> Result<Option<Cow<'static, str>>, AvroError> {
    texts.clear();
    walk.write_value(node, &mut texts.text)?;
    let name: Option<String> = serde_json::from_str(&texts.text).unwrap_or_default();
    Ok(name.map(Cow::Owned))
}

/// Its JSON text; `None` for null.
fn read_transaction<'r>(
    walk: &mut Walk<'_, '_>,
    node: NodeId,
    texts: &mut Texts,
    arena: &'r Bump,
) -> Result<Option<&'r str>, AvroError> {
    texts.clear();
    walk.write_value(node, &mut texts.text)?;
    let transaction = Some(texts.text.as_str()).filter(|text| *text != "null");
    Ok(transaction.map(|text| &*arena.alloc_str(text)))
}

fn read_source<'r>(
    walk: &mut Walk<'_, '_>,
    node: NodeId,
    wanted: &[Option<SourceField>],
    texts: &mut Texts,
    arena: &'r Bump,
    source: &mut Source<'r>,
) -> Result<(), AvroError> {
    let Some(members) = walk.enter_record(node)? else {
        return Ok(());
    };
    texts.clear();
    for (member, wanted) in members.iter().zip(wanted) {
        let read = match wanted {
            Some(_) => walk.write_value(member.node, &mut texts.text),
            None => walk.skip_value(member.node),
        };
        read.map_err(|e| e.in_field(&member.name))?;
        texts.ends.push(texts.text.len());
    }
    for (text, wanted) in texts.copy_to_arena(arena).iter().zip(wanted) {
        if let Some(field) = wanted {
            source.set_field(*field, text);
        }
    }
    Ok(())
}
