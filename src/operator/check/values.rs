//! Do the sampled events' values go into the table's columns? No value is ever told.

use std::collections::BTreeSet;

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
    let sampled: Vec<(&Column, SampledValues<'_, '_>)> = columns
        .map(|column| {
            let values = SampledValues::of_column(relation, column, sample, reading);
            (column, values)
        })
        .collect();
    // columns that are each odd in some events may together leave none that fits
    let odd = sampled.iter().flat_map(|(_, values)| &values.odd);
    let none_fits = odd.collect::<BTreeSet<_>>().len() >= sample.changes.len();
    let judged = sampled.iter().flat_map(|(column, values)| {
        let refused = values.judge_refused(relation, column, sample, none_fits);
        let undeclared = values.judge_undeclared(relation, column, reading);
        let others = values.judge_fitting(relation, column);
        undeclared.into_iter().chain(refused).chain(others)
    });
    judged.collect()
}

/// Why a value can't be written to its column.
#[derive(PartialEq)]
enum Unfit {
    /// A null that the column doesn't take.
    Null,
    /// It doesn't convert.
    Value(ValueError),
}

impl Unfit {
    /// That of its event's dead letter.
    fn reason(&self) -> Reason {
        match self {
            Self::Null => Reason::Constraint,
            Self::Value(_) => Reason::Value,
        }
    }

    fn undeclared(&self) -> Option<&ValueError> {
        match self {
            Self::Value(error) if error.is_undeclared() => Some(error),
            Self::Value(_) | Self::Null => None,
        }
    }
}

/// What a sample's events have for one column.
#[derive(Default)]
struct SampledValues<'s, 'r> {
    /// How many values convert.
    fitting: usize,
    /// Values that can't be written, by why.
    refused: Causes<Unfit, RefusedValue<'s, 'r>>,
    /// Their events.
    odd: Vec<usize>,
    /// Those of them for which nothing tells what they mean.
    undeclared: Vec<RefusedValue<'s, 'r>>,
    suspicious: usize,
    rounded: usize,
    /// The scale that is assumed of decimals in base64.
    assumed: Option<i32>,
}

/// A value that can't be written: of which event of the sample, and which of its fields.
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
            let unfit = match convert_value(relation, change, (at, field), reading) {
                None | Some(Ok(Value::Unavailable)) => continue,
                Some(Ok(Value::Null)) if takes_null => continue,
                Some(Ok(Value::Null)) => Unfit::Null,
                Some(Ok(Value::Text(text))) => {
                    values.fitting += 1;
                    let scale = assumed_scale(relation, column, change, at, reading);
                    values.assumed = values.assumed.or(scale);
                    values.suspicious += usize::from(looks_like_placeholder(&text));
                    let is_narrow = column.pg_type.name == "float4";
                    values.rounded += usize::from(is_narrow && loses_digits(&text));
                    continue;
                }
                Some(Err(error)) => Unfit::Value(error),
            };
            let refused = RefusedValue {
                event,
                change,
                field: at,
            };
            let is_undeclared = unfit.undeclared().is_some();
            values.undeclared.extend(is_undeclared.then_some(refused));
            values.odd.push(event);
            values.refused.note_sample(unfit, refused, None);
        }
        values
    }

    /// How many there are that are to be written.
    fn count_all(&self) -> usize {
        self.fitting + self.odd.len()
    }

    /// Each cause; not those of values where it isn't known yet what these mean. `none_fits`: no event of the sample does.
    fn judge_refused(
        &self,
        relation: &Relation,
        column: &Column,
        sample: &TableSample<'_>,
        none_fits: bool,
    ) -> Vec<Finding> {
        let (name, table, all) = (&column.name, &relation.table.name, self.count_all());
        // one of several causes may still be all there is
        let is_throughout = none_fits || self.odd.len() >= all;
        let told = self.undeclared.is_empty();
        let causes = self.refused.iter();
        let causes = causes.filter(|one| told || one.cause == Unfit::Null);
        let findings = causes.map(|one| {
            let (reason, count) = (one.cause.reason(), one.count);
            let about = sample.tell_first(one.first.event, reason, count, all);
            let letter = tell_letter(reason);
            let finding = match &one.cause {
                Unfit::Null => weigh_finding(
                    "nulls",
                    format!(
                        "column {name} of {table} is NOT NULL, and {count} of {all} sampled events have a null there; {about}"
                    ),
                    &format!("drop NOT NULL; {letter}"),
                    is_throughout,
                ),
                Unfit::Value(error) => weigh_finding(
                    "values_unfit",
                    format!(
                        "{}; {about}",
                        self.tell_refused(relation, column, error, count)
                    ),
                    &format!(
                        "give the column a type that fits the source's, or have the connector send schemas (schemas.enable); {letter}"
                    ),
                    is_throughout,
                ),
            };
            finding.of_event(about.of_column(name))
        });
        findings.collect()
    }

    fn tell_refused(
        &self,
        relation: &Relation,
        column: &Column,
        error: &ValueError,
        count: usize,
    ) -> String {
        format!(
            "column {} of {} ({}) can't take {count} of {} sampled values: {error}",
            column.name,
            relation.table.name,
            column.pg_type.name,
            self.count_all()
        )
    }

    /// That nothing tells what values mean.
    fn judge_undeclared(
        &self,
        relation: &Relation,
        column: &Column,
        reading: &Reading,
    ) -> Option<Finding> {
        let mut causes = self.refused.iter();
        let (error, first) = causes.find_map(|one| Some((one.cause.undeclared()?, one.first)))?;
        let values = self.refused.iter().filter(|one| one.cause != Unfit::Null);
        let count = values.map(|one| one.count).sum();
        let found = self.tell_refused(relation, column, error, count);
        let remedy = self.propose_setting(relation, column, error, first, reading);
        Some(Finding::problem("values_undeclared", found, remedy))
    }

    /// What may be wrong with values that are written.
    fn judge_fitting(&self, relation: &Relation, column: &Column) -> Vec<Finding> {
        let (name, table, all) = (&column.name, &relation.table.name, self.count_all());
        let scale = self.assumed;
        let mut findings =
            Vec::from_iter(scale.map(|scale| suspect_scale(relation, column, scale)));
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
