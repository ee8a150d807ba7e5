//! The SQL of a statement. `key` and `written` are columns of the table; parameter `$n` is the array of the
//! n-th column written, in the form of the same place.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Deref;

use crate::rows::binary::{Column as Array, Form};
use crate::rows::sql::quote;
use crate::rows::table::{Column, Equality, Identity, Table};

/// Of so many rows, at most, it is said among which values their keys are.
const FEW_ROWS: usize = 32;

/// How a statement's arrays are sent, each in its place.
pub(super) struct Forms {
    forms: Vec<Form>,
    /// They have but a few rows.
    are_of_few: bool,
}

impl Forms {
    pub(super) fn of_arrays(arrays: &[Array<'_>]) -> Self {
        Self {
            forms: arrays.iter().map(|array| array.form).collect(),
            are_of_few: arrays.iter().all(|array| array.texts.len() <= FEW_ROWS),
        }
    }
}

impl Deref for Forms {
    type Target = [Form];

    fn deref(&self) -> &[Form] {
        &self.forms
    }
}

/// The table's name as SQL, with its schema.
pub(super) fn qualified_name(table: &Table) -> String {
    format!("{}.{}", quote(&table.name.schema), quote(&table.name.name))
}

/// The same, for a statement that finds rows: without those of tables that inherit from it, in which the table's unique
/// index tells nothing apart.
pub(super) fn own_rows(table: &Table) -> String {
    let only = if table.may_have_heirs { "ONLY " } else { "" };
    format!("{only}{}", qualified_name(table))
}

/// `unnest($1::text[])`.
fn unnest_parameter(at: usize, form: Form) -> String {
    format!("unnest(${}::{}[])", at + 1, form.type_name())
}

/// `(SELECT unnest($1::text[]) AS c1, …) AS u`. The arrays are unnested where values are selected, not
/// in FROM, where Postgres would store each of them once more: a third of the time.
pub(super) fn rows_subquery(forms: &[Form]) -> String {
    let column =
        |(at, form): (usize, &Form)| format!("{} AS c{}", unnest_parameter(at, *form), at + 1);
    let columns = forms.iter().enumerate().map(column);
    format!("(SELECT {}) AS u", join_sql(columns, ", "))
}

/// `u.c1::"pg_catalog"."int4"`: where it is a text Postgres itself parses it for the column's type.
fn cast_parameter(table: &Table, column: usize, parameter: usize) -> String {
    format!("u.c{}::{}", parameter + 1, type_of(table, column))
}

/// The same, rounded as the column would round it.
fn assigned_parameter(table: &Table, column: usize, parameter: usize) -> String {
    let column = table.columns.get(column);
    let cast = column.map_or(Cow::Borrowed("text"), Column::assigned_cast);
    format!("u.c{}::{cast}", parameter + 1)
}

/// `t."k"::"pg_catalog"."text" = u.c1::…::"pg_catalog"."text"`, byte by byte, of each column that keeps equal
/// values as they were written.
fn on_spelling(table: &Table, key: &[usize], written: &[usize]) -> String {
    let unique = table.unique_key(key);
    let columns = written.iter().enumerate();
    let columns = columns.filter(|(_, c)| key.contains(c));
    let kept = columns.filter(|(_, c)| unique.is_some_and(|unique| unique.keeps_as_written(**c)));
    let text = r#""pg_catalog"."text""#;
    let pairs = kept.map(|(at, column)| {
        format!(
            r#"t.{}::{text} OPERATOR("pg_catalog".=) {}::{text} COLLATE "pg_catalog"."C""#,
            column_name(table, *column),
            assigned_parameter(table, *column, at)
        )
    });
    join_sql(pairs, " AND ")
}

pub(super) fn type_of(table: &Table, column: usize) -> &str {
    let column = table.columns.get(column);
    column.map_or("text", |c| c.cast.as_str())
}

fn join_sql(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

pub(super) fn column_name(table: &Table, column: usize) -> String {
    table
        .columns
        .get(column)
        .map(|c| quote(&c.name))
        .unwrap_or_default()
}

/// `t."k" OPERATOR("pg_catalog".=) u.c1::"pg_catalog"."int4" AND …`: rows are compared as the key's unique
/// index compares them, so that a statement finds the row that an upsert would meet, by that index.
pub(super) fn on_key(table: &Table, key: &[usize], written: &[usize], forms: &Forms) -> String {
    let unique = table.unique_key(key);
    let columns = written.iter().enumerate();
    let columns = columns.filter(|(_, column)| key.contains(column));
    let pairs = columns.map(|(at, column)| {
        let equality = unique.and_then(|unique| unique.equality_of(*column));
        let equality = equality.cloned().unwrap_or_default();
        let among = among_values(table, *column, &equality, at, forms);
        let operand = equality.operand.map(|name| format!("::{name}"));
        let operand = operand.unwrap_or_default();
        let collation = equality.collation.map(|name| format!(" COLLATE {name}"));
        format!(
            "t.{}{operand} {} {}{operand}{}{}",
            column_name(table, *column),
            equality.operator,
            assigned_parameter(table, *column, at),
            collation.unwrap_or_default(),
            among.unwrap_or_default()
        )
    });
    join_sql(pairs, " AND ")
}

/// ` AND t."k" OPERATOR("pg_catalog".=) ANY ($1::int8[])`, which follows from the comparison with each of the array's values.
/// To the planner it is a constant, by which it opens and locks only the partitions concerned. Left out of a table that has
/// none, where the values would first have to become others, and of more than a few rows: an index would be looked through
/// for all values once for each of them.
fn among_values(
    table: &Table,
    column: usize,
    equality: &Equality,
    at: usize,
    forms: &Forms,
) -> Option<String> {
    let form = *forms.get(at)?;
    let compared = table.columns.get(column)?;
    if !table.is_partitioned || !forms.are_of_few || !compared.is_of_postgres() {
        return None;
    }
    let (name, modifier) = (&*compared.pg_type.name, compared.pg_type.modifier);
    // varchar has no equality of its own
    let operand = equality.operand.as_deref();
    let as_text = operand.is_none() || operand == Some(r#""pg_catalog"."text""#);
    let is_itself = match form {
        Form::Text => matches!(name, "text" | "varchar") && as_text,
        form => form.type_name() == name && modifier < 0 && operand.is_none(),
    };
    let own = Equality {
        operand: equality.operand.clone(),
        ..Equality::default()
    };
    (is_itself && !compared.of_domain && *equality == own).then(|| {
        format!(
            " AND t.{} {} ANY (${}::{}[])",
            quote(&compared.name),
            equality.operator,
            at + 1,
            form.type_name()
        )
    })
}

fn settable_columns<'a>(
    table: &'a Table,
    key: &'a [usize],
    written: &'a [usize],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let pairs = written.iter().copied().enumerate();
    let unique = table.unique_key(key);
    pairs.filter(move |(_, column)| {
        let respelled = unique.is_some_and(|unique| unique.keeps_as_written(*column));
        (!key.contains(column) || respelled)
            && !table
                .columns
                .get(*column)
                .is_some_and(|c| c.identity == Some(Identity::Always))
    })
}

pub(super) fn insert_sql(table: &Table, written: &[usize], forms: &Forms) -> String {
    let names = written.iter().map(|c| column_name(table, *c));
    let values = written.iter().zip(forms.iter()).enumerate();
    let values = values
        .map(|(at, (c, form))| format!("{}::{}", unnest_parameter(at, *form), type_of(table, *c)));
    format!(
        "INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {}",
        qualified_name(table),
        join_sql(names, ", "),
        join_sql(values, ", ")
    )
}

/// What `ON CONFLICT` goes by. Of bare columns it would take every unique index on them, and overwrite a row that only
/// another one holds equal.
fn arbiter<'t>(table: &'t Table, key: &[usize]) -> Cow<'t, str> {
    let arbiter = table.unique_key(key).map(|unique| &unique.arbiter);
    if let Some(Some(arbiter)) = arbiter {
        return Cow::Borrowed(arbiter);
    }
    let names = key.iter().map(|c| column_name(table, *c));
    Cow::Owned(format!("({})", join_sql(names, ", ")))
}

/// `anew`: what isn't written is set to its default.
pub(super) fn upsert_sql(
    table: &Table,
    key: &[usize],
    written: &[usize],
    forms: &Forms,
    anew: bool,
) -> String {
    let mut sql = insert_sql(table, written, forms);
    let _ = write!(sql, " ON CONFLICT {} DO ", arbiter(table, key));
    let carried = settable_columns(table, key, written)
        .map(|(_, c)| format!("{0} = EXCLUDED.{0}", column_name(table, c)));
    let left_out = (0..table.columns.len())
        .filter(|c| {
            anew && !written.contains(c) && !table.columns.get(*c).is_none_or(|c| c.generated)
        })
        .map(|c| format!("{} = DEFAULT", column_name(table, c)));
    let sets = join_sql(carried.chain(left_out), ", ");
    let _ = if sets.is_empty() {
        write!(sql, "NOTHING")
    } else {
        write!(sql, "UPDATE SET {sets}")
    };
    sql
}

/// `spelled`: only rows that are spelled as the keys are.
pub(super) fn delete_sql(table: &Table, key: &[usize], forms: &Forms, spelled: bool) -> String {
    let mut sql = format!(
        "DELETE FROM {} AS t USING {} WHERE {}",
        own_rows(table),
        rows_subquery(forms),
        on_key(table, key, key, forms)
    );
    if spelled {
        let _ = write!(sql, " AND {}", on_spelling(table, key, key));
    }
    sql
}

/// Counts the rows of these keys that are spelled otherwise than any of them.
pub(super) fn respelled_sql(
    table: &Table,
    key: &[usize],
    written: &[usize],
    forms: &Forms,
) -> String {
    format!(
        "SELECT count(*) FROM {} AS t, {} WHERE {} AND NOT ({})",
        own_rows(table),
        rows_subquery(forms),
        on_key(table, key, written, forms),
        on_spelling(table, key, written)
    )
}

/// Removes all rows. Not by TRUNCATE, which locks readers out, is refused where a foreign key refers to the table, and
/// takes another privilege.
pub fn empty_sql(table: &Table) -> String {
    format!("DELETE FROM {}", own_rows(table))
}

pub(super) fn update_sql(table: &Table, key: &[usize], written: &[usize], forms: &Forms) -> String {
    let mut sets = assign_columns(table, settable_columns(table, key, written));
    if sets.is_empty() {
        // nothing but the key and values it leaves out: the row must be there all the same
        sets = key
            .first()
            .map(|c| format!("{0} = t.{0}", column_name(table, *c)))
            .unwrap_or_default();
    }
    format!(
        "UPDATE {} AS t SET {sets} FROM {} WHERE {}",
        own_rows(table),
        rows_subquery(forms),
        on_key(table, key, written, forms)
    )
}

/// The same where a later change has written the row: its key stays as it is spelled. `spelled`: only of rows that are
/// spelled as the keys are.
pub(super) fn fill_sql(
    table: &Table,
    key: &[usize],
    written: &[usize],
    forms: &Forms,
    spelled: bool,
) -> String {
    let filled = settable_columns(table, key, written).filter(|(_, c)| !key.contains(c));
    let mut sql = format!(
        "UPDATE {} AS t SET {} FROM {} WHERE {}",
        own_rows(table),
        assign_columns(table, filled),
        rows_subquery(forms),
        on_key(table, key, written, forms)
    );
    if spelled {
        let _ = write!(sql, " AND {}", on_spelling(table, key, written));
    }
    sql
}

fn assign_columns(table: &Table, columns: impl Iterator<Item = (usize, usize)>) -> String {
    let assign = |(at, c)| {
        format!(
            "{} = {}",
            column_name(table, c),
            cast_parameter(table, c, at)
        )
    };
    join_sql(columns.map(assign), ", ")
}

/// The value that each of these rows has in a column now, as text, with the row's place in the arrays.
pub(super) fn column_sql(table: &Table, key: &[usize], forms: &Forms, column: usize) -> String {
    let first = forms.first().map_or("text", |form| form.type_name());
    let rows = rows_subquery(forms);
    let numbered = rows.replacen(
        "(SELECT ",
        &format!("(SELECT generate_subscripts($1::{first}[], 1) AS n, "),
        1,
    );
    format!(
        "SELECT u.n, t.{}::text FROM {} AS t, {numbered} WHERE {}",
        column_name(table, column),
        own_rows(table),
        on_key(table, key, key, forms)
    )
}

/// The places of texts among each other, as the column sorts them: what it would round, as it rounds it.
pub(super) fn rank_sql(table: &Table, column: usize) -> String {
    let cast = table.columns.get(column).map(Column::assigned_cast);
    format!(
        "SELECT dense_rank() OVER (ORDER BY v) FROM (SELECT n, t::{} AS v FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n)) AS s ORDER BY n",
        cast.unwrap_or(Cow::Borrowed("text"))
    )
}

pub(super) fn count_sql(table: &Table, key: &[usize], written: &[usize], forms: &Forms) -> String {
    format!(
        "SELECT count(*) FROM {} AS t, {} WHERE {}",
        own_rows(table),
        rows_subquery(forms),
        on_key(table, key, written, forms)
    )
}
