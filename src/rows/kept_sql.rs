//! The SQL that reads what rows have before they go.

use std::collections::HashMap;

use crate::rows::binary::{Column, Form};
use crate::rows::row_change::{RowChange, Text};
use crate::rows::statement_sql::{Forms, column_name, on_key, own_rows, rows_subquery, type_of};
use crate::rows::table::Table;

/// Rows of one table by one key that are to be read together.
pub struct RowGroup<'n> {
    /// The table that the rows are of.
    pub table: &'n Table,
    key: &'n [usize],
    keys: Vec<&'n [Text<'n>]>,
    numbers: Vec<String>,
    columns: Vec<usize>,
}

/// A query with its parameters.
pub struct RowsQuery<'n> {
    /// Yields `number`, and `texts`: null if there is no such row.
    pub sql: String,
    /// One array for each parameter.
    pub parameters: Vec<Column<'n>>,
}

/// Groups the rows that the changes of these places read, each with a number by which its values are known.
/// `wanted` are the columns that are read for a place; where it is silent, all that only an event can tell.
pub fn group_rows<'n, 'w>(
    part: &[&'n RowChange<'n>],
    numbered: impl Iterator<Item = (usize, String)>,
    wanted: impl Fn(usize) -> Option<&'w [usize]>,
) -> Vec<RowGroup<'n>> {
    let mut groups: Vec<RowGroup<'n>> = Vec::new();
    let mut places: HashMap<(*const Table, &[usize]), usize> = HashMap::new();
    for (at, number) in numbered {
        let Some((change, key)) = part.get(at).and_then(|c| Some((*c, c.key_to_read()?))) else {
            continue;
        };
        let (table, by) = (&**change.table(), change.layout.key.as_slice());
        let place = *places.entry((table, by)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(RowGroup {
                table,
                key: by,
                keys: Vec::new(),
                numbers: Vec::new(),
                columns: Vec::new(),
            });
        }
        if let Some(group) = groups.get_mut(place) {
            group.keys.push(key.texts);
            group.numbers.push(number);
            match wanted(at) {
                Some(columns) => group.columns.extend(columns),
                None => group.columns.extend(plain_columns(table, by)),
            }
            group.columns.sort_unstable();
            group.columns.dedup();
        }
    }
    groups
}

/// The columns that neither the key nor Postgres tells.
fn plain_columns<'t>(table: &'t Table, key: &'t [usize]) -> impl Iterator<Item = usize> + 't {
    let columns = 0..table.columns.len();
    columns.filter(|column| !key.contains(column) && !table.is_computed(*column))
}

impl RowGroup<'_> {
    /// The names of the columns that are read, in the order of the texts.
    pub fn column_names(&self) -> Vec<String> {
        let columns = self
            .columns
            .iter()
            .filter_map(|at| self.table.columns.get(*at));
        columns.map(|column| column.name.clone()).collect()
    }

    /// The query that reads the rows. `number_form`: what their numbers are.
    pub fn to_query(&self, number_form: Form) -> RowsQuery<'_> {
        let mut parameters: Vec<Column<'_>> = Vec::with_capacity(self.key.len() + 1);
        for (at, column) in self.key.iter().enumerate() {
            let texts = self.keys.iter().map(|key| key.get(at)?.as_deref());
            parameters.push(Column::new(texts.collect(), type_of(self.table, *column)));
        }
        let numbers = self.numbers.iter().map(|number| Some(number.as_str()));
        parameters.push(Column {
            texts: numbers.collect(),
            form: number_form,
        });
        let forms = Forms::of_arrays(&parameters);
        let texts = self.columns.iter();
        let texts = texts.map(|at| format!("t.{}::pg_catalog.text", column_name(self.table, *at)));
        let sql = format!(
            "SELECT u.c{} AS number, CASE WHEN t.tableoid IS NOT NULL THEN ARRAY[{}]::pg_catalog.text[] END AS texts \
             FROM {} LEFT JOIN {} AS t ON {}",
            forms.len(),
            texts.collect::<Vec<_>>().join(", "),
            rows_subquery(&forms),
            own_rows(self.table),
            on_key(self.table, self.key, self.key, &forms)
        );
        RowsQuery { sql, parameters }
    }
}
