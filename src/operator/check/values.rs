//! Do the sampled events' values go into the table's columns? No value is ever told.

use crate::config::{DecimalForm, SchemalessConfig};
use crate::format::change::Change;
use crate::format::landing::Landing;
use crate::operator::check::finding::Finding;
use crate::operator::check::relation::Relation;
use crate::operator::check::undeclared::{Proposed, propose_setting};
use crate::rows::table::Column;
use crate::rows::value::{self, Conversion, Reading, Value, ValueError};

/// Columns that take no null, have no default, and are left out by events.
pub fn find_required_columns(
    relation: &Relation,
    changes: &[Change<'_>],
    reading: &Reading,
) -> Option<Finding> {
    let rows: Vec<&Change<'_>> = changes
        .iter()
        .filter(|change| !change.operation.removes_row() && is_whole(relation, change, reading))
        .collect();
    let left_out: Vec<&str> = relation
        .not_null
        .iter()
        .filter(|column| !column.has_default)
        .map(|column| column.column.as_str())
        .filter(|name| {
            rows.iter()
                .any(|change| !fills_column(relation, change, name))
        })
        .collect();
    (!left_out.is_empty()).then(|| {
        Finding::problem(
            "required_columns",
            format!(
                "table {} has columns that are NOT NULL without a default and that its events don't carry: {}",
                relation.table.name,
                left_out.join(", ")
            ),
            "give them a default, or drop NOT NULL",
        )
    })
}

/// Whether the change has a value for the column, in its row or its key, or as it marks deleted rows.
fn fills_column(relation: &Relation, change: &Change<'_>, column: &str) -> bool {
    let at = relation.table.column_index(column);
    let is_it = |name: &str| relation.table.column_index(name) == at;
    let mut names = change.row.names().iter().chain(change.key.names());
    let marks = matches!(&change.landing, Landing::Marked(mark) if is_it(&mark.column));
    marks || names.any(|name| is_it(name))
}

/// Events that leave an unchanged value out update the row that is there, and need no other column.
fn is_whole(relation: &Relation, change: &Change<'_>, reading: &Reading) -> bool {
    !change.row.iter().enumerate().any(|(at, (name, _))| {
        matches!(
            convert_value(relation, change, (at, name), reading),
            Some(Ok(Value::Unavailable))
        )
    })
}

/// Whether a value of the change's row isn't one of its column's, which [`judge_conversions`] tells.
pub fn is_unfit(relation: &Relation, change: &Change<'_>, reading: &Reading) -> bool {
    change.row.iter().enumerate().any(|(at, (name, _))| {
        let converted = convert_value(relation, change, (at, name), reading);
        matches!(converted, Some(Err(_)))
    })
}

fn convert_value<'r>(
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
    changes: &[Change<'_>],
    reading: &Reading,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for column in &relation.table.columns {
        let takes_null = !relation.not_null.iter().any(|c| c.column == column.name);
        let own = relation.table.column_index(&column.name);
        let (mut values, mut nulls, mut refused, mut suspicious) = (0, 0, Vec::new(), 0);
        let mut rounded = 0;
        let mut assumed = None;
        for change in changes {
            let mut fields = change.row.names().iter().enumerate();
            let is_it = |name: &str| relation.table.column_index(name) == own;
            let Some((at, field)) = fields.find(|(_, name)| is_it(name)) else {
                continue;
            };
            match convert_value(relation, change, (at, field), reading) {
                None | Some(Ok(Value::Unavailable)) => {}
                Some(Ok(Value::Null)) if takes_null => {}
                Some(Ok(Value::Null)) => nulls += 1,
                Some(Ok(Value::Text(text))) => {
                    values += 1;
                    let scale = assumed_scale(relation, column, change, at, reading);
                    assumed = assumed.or(scale);
                    suspicious += usize::from(looks_like_placeholder(&text));
                    let is_narrow = column.pg_type.name == "float4";
                    rounded += usize::from(is_narrow && loses_digits(&text));
                }
                Some(Err(error)) => refused.push(Refused { change, at, error }),
            }
        }
        let (name, table) = (&column.name, &relation.table.name);
        let all = values + nulls + refused.len();
        findings.extend(judge_refused(relation, column, &refused, all, reading));
        findings.extend(assumed.map(|scale| suspect_scale(relation, column, scale)));
        if nulls > 0 {
            let found = format!(
                "column {name} of {table} is NOT NULL, and {nulls} of {all} sampled events have a null there"
            );
            findings.push(weigh_finding("nulls", found, "drop NOT NULL", nulls, all));
        }
        if rounded > 0 {
            let found = format!(
                "column {name} of {table} is a real, and {rounded} of {all} sampled values have more digits than it holds: they are rounded"
            );
            let remedy = "make it a double precision, if the source's is one";
            findings.push(Finding::warning("floats_rounded", found, remedy));
        }
        if suspicious > 0 {
            let found = format!("column {name} of {table}: {suspicious} of {all} sampled values");
            findings.push(suspect_placeholder(found));
        }
    }
    findings
}

/// A value that doesn't convert: of which event, which of its fields, and why.
struct Refused<'c, 'r> {
    change: &'c Change<'r>,
    at: usize,
    error: ValueError,
}

impl Refused<'_, '_> {
    fn field(&self) -> &str {
        self.change.row.names().get(self.at).map_or("", |name| name)
    }
}

/// `all`: how many values were sampled.
fn judge_refused(
    relation: &Relation,
    column: &Column,
    refused: &[Refused<'_, '_>],
    all: usize,
    reading: &Reading,
) -> Option<Finding> {
    let undeclared = refused.iter().find(|one| one.error.is_undeclared());
    let why = undeclared.or(refused.first())?;
    let (name, count) = (column.name.as_str(), refused.len());
    let found = format!(
        "column {name} of {} ({}) can't take {count} of {all} sampled values: {}",
        relation.table.name, column.pg_type.name, why.error
    );
    if undeclared.is_none() {
        let remedy = "give the column a type that fits the source's, or have the connector send schemas (schemas.enable)";
        return Some(weigh_finding("values_unfit", found, remedy, count, all));
    }
    let read = |schemaless| {
        let reading = reading.with_schemaless(schemaless);
        let undeclared = refused.iter().filter(|one| one.error.is_undeclared());
        let convert = |one: &Refused<'_, '_>| match convert_value(
            relation,
            one.change,
            (one.at, one.field()),
            &reading,
        ) {
            Some(Ok(Value::Text(text))) => Some(text.into_owned()),
            _ => None,
        };
        undeclared.map(convert).collect()
    };
    let base64 = SchemalessConfig {
        decimals: Some(DecimalForm::Base64),
        ..reading.schemaless
    };
    let proposed = Proposed {
        column: format!("{}.{name}", relation.table.name),
        scale: assumed_scale(
            relation,
            column,
            why.change,
            why.at,
            &reading.with_schemaless(base64),
        ),
    };
    let remedy = propose_setting(&why.error, reading.schemaless, &proposed, read);
    Some(Finding::problem("values_undeclared", found, remedy))
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

/// One odd record becomes a dead letter; if all are like it, the set-up is wrong.
pub fn weigh_finding(
    code: &'static str,
    found: String,
    remedy: &str,
    odd: usize,
    all: usize,
) -> Finding {
    if odd >= all {
        Finding::problem(code, found, remedy)
    } else {
        let remedy = format!("{remedy}; as it is, these become dead letters");
        Finding::warning(code, found, remedy)
    }
}
