//! Do the sampled events' values go into the table's columns? No value is ever told.

use crate::config::{DecimalForm, SchemalessConfig};
use crate::format::change::Change;
use crate::operator::check::causes::{Causes, tell_letter, weigh_finding};
use crate::operator::check::finding::Finding;
use crate::operator::check::observe::TableSample;
use crate::operator::check::relation::Relation;
use crate::operator::check::undeclared::{Proposed, propose_setting};
use crate::rows::table::Column;
use crate::rows::value::{self, Conversion, Reading, Value, ValueError};
use crate::verdict::Reason;

/// Whether a value of the change's row isn't one of its column's, which [`judge_conversions`] tells.
pub fn is_unfit(relation: &Relation, change: &Change<'_>, reading: &Reading) -> bool {
    change.row.iter().enumerate().any(|(at, (name, _))| {
        let converted = convert_value(relation, change, (at, name), reading);
        matches!(converted, Some(Err(_)))
    })
}

/// What the value of a change's field comes out as in its column; nothing, if it isn't written.
pub fn convert_value<'r>(
    relation: &Relation,
    change: &Change<'r>,
    (position, name): (usize, &str),
    reading: &Reading,
) -> Option<Result<Value<'r>, ValueError>> {
    let column = relation
        .table
        .columns
        .get(relation.table.column_index(name)?)?;
    if column.generated {
        return None;
    }
    let raw = change.row.values.get(position)?;
    let schema = change.row.schema();
    let field = schema.and_then(|schema| schema.field_at(position, name));
    let schemaless = reading.schemaless_of(&relation.table.name, &column.name);
    let pg_type = &column.pg_type;
    let conversion = Conversion::new(field, pg_type, schemaless);
    Some(conversion.to_text(raw, field, pg_type, reading))
}

/// The scale that is assumed of the field's decimals in base64.
fn assumed_scale(
    relation: &Relation,
    column: &Column,
    change: &Change<'_>,
    position: usize,
    reading: &Reading,
) -> Option<i32> {
    let raw = change.row.values.get(position)?;
    let schema = change.row.schema();
    let name = change.row.names().get(position)?;
    let field = schema.and_then(|schema| schema.field_at(position, name));
    let schemaless = reading.schemaless_of(&relation.table.name, &column.name);
    value::assumed_scale(field, &column.pg_type, schemaless).filter(|_| raw.contains('"'))
}

/// Columns into which values don't convert: a problem where none does, or where nothing tells what they mean; else a
/// warning.
pub fn judge_conversions(
    relation: &Relation,
    sample: &TableSample<'_>,
    reading: &Reading,
) -> Vec<Finding> {
    let columns = relation.table.columns.iter();
    let judged = columns.flat_map(|column| {
        let values = SampledValues::of_column(relation, column, sample, reading);
        values.judge_column(relation, column, sample, reading)
    });
    judged.collect()
}

/// What a sample's events have for one column.
#[derive(Default)]
struct SampledValues<'s, 'r> {
    /// How many values convert.
    fitting: usize,
    /// Nulls that the column doesn't take.
    nulls: Causes<(), usize>,
    /// Values that don't convert, by why.
    refused: Causes<ValueError, RefusedValue<'s, 'r>>,
    /// Those of them for which nothing tells what they mean.
    undeclared: Vec<RefusedValue<'s, 'r>>,
    suspicious: usize,
    rounded: usize,
    /// The scale that is assumed of decimals in base64.
    assumed: Option<i32>,
}

/// A value that doesn't convert: of which event of the sample, and which of its fields.
#[derive(Clone, Copy)]
struct RefusedValue<'s, 'r> {
    event: usize,
    change: &'s Change<'r>,
    field: usize,
}

impl<'s, 'r> SampledValues<'s, 'r> {
    fn of_column(
        relation: &Relation,
        column: &Column,
        sample: &'s TableSample<'r>,
        reading: &Reading,
    ) -> Self {
        let takes_null = !relation.not_null.iter().any(|c| c.column == column.name);
        let own = relation.table.column_index(&column.name);
        let mut values = Self::default();
        for (event, change) in sample.changes.iter().enumerate() {
            let mut fields = change.row.names().iter().enumerate();
            let is_it = |name: &str| relation.table.column_index(name) == own;
            let Some((at, field)) = fields.find(|(_, name)| is_it(name)) else {
                continue;
            };
            match convert_value(relation, change, (at, field), reading) {
                None | Some(Ok(Value::Unavailable)) => {}
                Some(Ok(Value::Null)) if takes_null => {}
                Some(Ok(Value::Null)) => values.nulls.note_sample((), event, None),
                Some(Ok(Value::Text(text))) => {
                    values.fitting += 1;
                    let scale = assumed_scale(relation, column, change, at, reading);
                    values.assumed = values.assumed.or(scale);
                    values.suspicious += usize::from(looks_like_placeholder(&text));
                    let is_narrow = column.pg_type.name == "float4";
                    values.rounded += usize::from(is_narrow && loses_digits(&text));
                }
                Some(Err(error)) => {
                    let field = at;
                    let refused = RefusedValue {
                        event,
                        change,
                        field,
                    };
                    let is_undeclared = error.is_undeclared();
                    values.undeclared.extend(is_undeclared.then_some(refused));
                    values.refused.note_sample(error, refused, None);
                }
            }
        }
        values
    }

    /// How many there are that are to be written.
    fn count_all(&self) -> usize {
        self.fitting + self.nulls.count_samples() + self.refused.count_samples()
    }

    fn judge_column(
        &self,
        relation: &Relation,
        column: &Column,
        sample: &TableSample<'_>,
        reading: &Reading,
    ) -> Vec<Finding> {
        let (name, table, all) = (&column.name, &relation.table.name, self.count_all());
        let mut findings = self.judge_refused(relation, column, sample, reading);
        findings.extend(
            self.assumed
                .map(|scale| suspect_scale(relation, column, scale)),
        );
        for nulls in self.nulls.iter() {
            let count = nulls.count;
            let about = sample.tell_first(nulls.first, Reason::Constraint, count, all);
            let found = format!(
                "column {name} of {table} is NOT NULL, and {count} of {all} sampled events have a null there; {about}"
            );
            let remedy = format!("drop NOT NULL; {}", tell_letter(Reason::Constraint));
            let finding = weigh_finding("nulls", found, &remedy, count >= all);
            findings.push(finding.of_event(about.of_column(name)));
        }
        if self.rounded > 0 {
            let found = format!(
                "column {name} of {table} is a real, and {} of {all} sampled values have more digits than it holds: they are rounded",
                self.rounded
            );
            let remedy = "make it a double precision, if the source's is one";
            findings.push(Finding::warning("floats_rounded", found, remedy));
        }
        if self.suspicious > 0 {
            let values = self.suspicious;
            let found = format!("column {name} of {table}: {values} of {all} sampled values");
            findings.push(suspect_placeholder(found));
        }
        findings
    }

    fn judge_refused(
        &self,
        relation: &Relation,
        column: &Column,
        sample: &TableSample<'_>,
        reading: &Reading,
    ) -> Vec<Finding> {
        let (all, odd) = (self.count_all(), self.refused.count_samples());
        let tell = |error: &ValueError, count: usize| {
            format!(
                "column {} of {} ({}) can't take {count} of {all} sampled values: {error}",
                column.name, relation.table.name, column.pg_type.name
            )
        };
        let undeclared = self.refused.iter().find(|one| one.cause.is_undeclared());
        if let Some(one) = undeclared {
            let remedy = self.propose_setting(relation, column, &one.cause, one.first, reading);
            let found = tell(&one.cause, odd);
            return vec![Finding::problem("values_undeclared", found, remedy)];
        }
        let causes = self.refused.iter().map(|one| {
            let about = sample.tell_first(one.first.event, Reason::Value, one.count, all);
            let found = format!("{}; {about}", tell(&one.cause, one.count));
            let remedy = format!(
                "give the column a type that fits the source's, or have the connector send schemas (schemas.enable); {}",
                tell_letter(Reason::Value)
            );
            // one of several causes may still be all there is
            weigh_finding("values_unfit", found, &remedy, odd >= all)
                .of_event(about.of_column(&column.name))
        });
        causes.collect()
    }

    /// What to set so that it is told what the values mean.
    fn propose_setting(
        &self,
        relation: &Relation,
        column: &Column,
        error: &ValueError,
        first: RefusedValue<'_, '_>,
        reading: &Reading,
    ) -> String {
        let read = |schemaless| {
            let reading = reading.with_schemaless(schemaless);
            let convert = |one: &RefusedValue<'_, '_>| {
                let name = one.change.row.names().get(one.field)?;
                match convert_value(relation, one.change, (one.field, name), &reading) {
                    Some(Ok(Value::Text(text))) => Some(text.into_owned()),
                    _ => None,
                }
            };
            self.undeclared.iter().map(convert).collect()
        };
        let base64 = SchemalessConfig {
            decimals: Some(DecimalForm::Base64),
            ..reading.schemaless
        };
        let base64 = reading.with_schemaless(base64);
        let (change, field) = (first.change, first.field);
        let proposed = Proposed {
            column: format!("{}.{}", relation.table.name, column.name),
            scale: assumed_scale(relation, column, change, field, &base64),
        };
        propose_setting(error, reading.schemaless, &proposed, read)
    }
}

fn suspect_scale(relation: &Relation, column: &Column, scale: i32) -> Finding {
    let (name, table) = (&column.name, &relation.table.name);
    Finding::warning(
        "scale_assumed",
        format!(
            "column {name} of {table} has decimals in base64, which don't tell their scale: {scale} is assumed, as the column has"
        ),
        format!(
            "if the source's scale is another, the numbers are wrong by a power of ten; set it, be it the same: scales = {{ \"{table}.{name}\" = {scale} }} under [format.schemaless]"
        ),
    )
}

/// Whether a `real` holds another number than the text says, and no text of its own says it so.
fn loses_digits(text: &str) -> bool {
    let (Ok(wide), Ok(narrow)) = (text.parse::<f64>(), text.parse::<f32>()) else {
        return false;
    };
    let as_written = narrow.to_string().parse::<f64>();
    narrow.is_finite() && f64::from(narrow) != wide && as_written != Ok(wide)
}

fn suspect_placeholder(values: String) -> Finding {
    Finding::warning(
        "placeholder_unknown",
        format!(
            "{values} look like a connector's placeholder for a large value that didn't change, and are another than format.unavailable_placeholder"
        ),
        "if they are one, set format.unavailable_placeholder to the connector's unavailable.value.placeholder; as it is, they are written as data",
    )
}

/// Like Debezium's own, in underscores, as others are named after it; what is configured is told apart before.
fn looks_like_placeholder(text: &str) -> bool {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (5..=80).contains(&text.len()) && text.starts_with("__") && text.bytes().all(is_of_word)
}
