//! A table's unique keys as the catalogue describes them, and how their indexes tell equal values.
//!
//! Why: `docs/decisions/17`, `docs/decisions/18`.

use std::collections::HashMap;

use tokio_postgres::Row;

use crate::rows::key_kind::KeyKind;
use crate::rows::sql::quote;
use crate::rows::table::{Column, Equality, Sameness, UniqueKey};

/// Only what `ON CONFLICT` can go by: no predicate, no expression, valid, not deferrable, and
/// no exclusion. A row for each column of each index, in column order, with the equality (strategy 3 of a
/// btree) of the column's operator class, the type that this is for unless it stands for many, and the
/// collation if it isn't the column's; then what [`read_sameness`] reads: whether this equality is Postgres' own,
/// whether its type is an enum, its collation, and the hash function of just this equality, if there is one: what a
/// hash index or a hash join would call, with a seed; last, the operator class, the index's constraint, and the table.
pub(super) const UNIQUE_KEYS: &str = "\
    SELECT i.indexrelid, k.attnum, operators.nspname::text, o.oprname::text, \
           types.nspname::text, t.typname::text, \
           CASE WHEN l.oid <> a.attcollation THEN collations.nspname::text END, \
           CASE WHEN l.oid <> a.attcollation THEN l.collname::text END, \
           coalesce(operators.nspname = 'pg_catalog' AND o.oprname = '=', false), \
           c.opcintype = 'pg_catalog.anyenum'::pg_catalog.regtype, \
           collations.nspname::text, l.collname::text, coalesce(l.collisdeterministic, true), \
           h.nspname::text, h.proname::text, \
           classes.nspname::text, c.opcname::text, s.conname::text, i.indrelid \
    FROM pg_catalog.pg_index i \
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::int2[]), pg_catalog.unnest(i.indclass::oid[]), \
        pg_catalog.unnest(i.indcollation::oid[])) WITH ORDINALITY AS k(attnum, class, collated, place) \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
    JOIN pg_catalog.pg_opclass c ON c.oid = k.class \
    JOIN pg_catalog.pg_namespace classes ON classes.oid = c.opcnamespace \
    LEFT JOIN pg_catalog.pg_constraint s ON s.conindid = i.indexrelid AND s.conrelid = i.indrelid AND s.contype IN ('p', 'u') \
    LEFT JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 AND m.amoppurpose = 's' \
        AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype \
        AND m.amopmethod = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'btree') \
    LEFT JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr \
    LEFT JOIN pg_catalog.pg_namespace operators ON operators.oid = o.oprnamespace \
    LEFT JOIN pg_catalog.pg_type t ON t.oid = c.opcintype AND t.typtype <> 'p' \
    LEFT JOIN pg_catalog.pg_namespace types ON types.oid = t.typnamespace \
    LEFT JOIN pg_catalog.pg_collation l ON l.oid = k.collated \
    LEFT JOIN pg_catalog.pg_namespace collations ON collations.oid = l.collnamespace \
    LEFT JOIN LATERAL ( \
        SELECT n.nspname, p.proname FROM pg_catalog.pg_amop e \
        JOIN pg_catalog.pg_amproc f ON f.amprocfamily = e.amopfamily AND f.amproclefttype = e.amoplefttype \
            AND f.amprocrighttype = e.amoprighttype AND f.amprocnum = 2 \
        JOIN pg_catalog.pg_proc p ON p.oid = f.amproc::oid \
        JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
        WHERE e.amopopr = o.oid AND e.amoplefttype = c.opcintype AND e.amoprighttype = c.opcintype \
          AND e.amopmethod = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'hash') \
        LIMIT 1 \
    ) h ON true \
    WHERE i.indrelid = ANY ($1) AND i.indisunique AND i.indisvalid AND i.indimmediate AND NOT i.indisexclusion \
      AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts \
    ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid, k.attnum";

/// The table's keys, the primary key first, out of its rows of [`UNIQUE_KEYS`]. `numbers`: where the column of an `attnum`
/// stands in `columns`.
pub(super) fn read_unique_keys(
    rows: &[Row],
    columns: &[Column],
    numbers: &HashMap<i16, usize>,
) -> Vec<UniqueKey> {
    let mut unique_keys = Vec::new();
    let index_of = |row: &Row| row.get::<_, u32>(0);
    for rows in rows.chunk_by(|a, b| index_of(a) == index_of(b)) {
        let mut key = UniqueKey::of_columns(Vec::new());
        key.arbiter = Some(read_arbiter(rows, columns, numbers));
        for row in rows {
            // a column of the table's own, since indexes on columns of the system's can't be
            let Some(at) = numbers.get(&row.get(1)).copied() else {
                continue;
            };
            key.columns.push(at);
            let column = columns.get(at);
            key.equality.push(read_equality(row, column));
            key.sameness
                .push(column.map_or_else(Sameness::default, |column| read_sameness(row, column)));
        }
        unique_keys.push(key);
    }
    unique_keys
}

/// What makes `ON CONFLICT` go by this index, out of the rows of [`UNIQUE_KEYS`].
fn read_arbiter(rows: &[Row], columns: &[Column], numbers: &HashMap<i16, usize>) -> String {
    let constraint: Option<String> = rows.first().and_then(|row| row.get(17));
    if let Some(constraint) = constraint {
        return format!("ON CONSTRAINT {}", quote(&constraint));
    }
    let parts = rows.iter().filter_map(|row| {
        let column = columns.get(*numbers.get(&row.get(1))?)?;
        let collation = read_name(row, 10).map(|name| format!(" COLLATE {}", quote_name(name)));
        let class = quote_name(read_name(row, 15)?);
        let collation = collation.unwrap_or_default();
        Some(format!("{}{collation} {class}", quote(&column.name)))
    });
    format!("({})", parts.collect::<Vec<_>>().join(", "))
}

/// The equality out of a row of [`UNIQUE_KEYS`].
fn read_equality(row: &Row, column: Option<&Column>) -> Equality {
    let of_column = |name: &String| column.is_some_and(|c| c.cast == *name && !c.of_domain);
    let base = column
        .filter(|column| column.of_domain)
        .map(|c| c.cast.clone());
    Equality {
        // an operator's name can't be quoted, and needn't be
        operator: read_name(row, 2)
            .map(|(schema, name)| format!("OPERATOR({}.{name})", quote(&schema)))
            .unwrap_or(Equality::default().operator),
        operand: read_name(row, 4)
            .map(quote_name)
            .or(base)
            .filter(|name| !of_column(name)),
        collation: read_name(row, 6).map(quote_name),
    }
}

/// How the index tells equal values of the column, out of a row of [`UNIQUE_KEYS`].
fn read_sameness(row: &Row, column: &Column) -> Sameness {
    let class: Option<String> = row.get(5); // of a class for many types: none
    let compared_as = class.as_deref().unwrap_or(&column.pg_type.name);
    let own = column.is_of_postgres()
        && row.get(8)
        && row.get(12)
        && compares_as_own(&column.pg_type.name, compared_as);
    let (name, modifier) = (&column.pg_type.name, column.pg_type.modifier);
    Sameness {
        kind: KeyKind::of_type(name, modifier, own, row.get(9)),
        collation: read_name(row, 10).map(quote_name),
        hash: read_name(row, 13).map(quote_name),
        is_decimal: own && name == "numeric",
    }
}

/// Whether the index tells values of the type apart as the type itself does, though its operator class may be another
/// type's: by `bpchar_ops` a text is compared without its last blanks.
fn compares_as_own(type_name: &str, class_type: &str) -> bool {
    type_name == class_type
        || matches!(
            (type_name, class_type),
            ("varchar", "text") | ("cidr", "inet") | ("bit", "varbit")
        )
}

fn quote_name((schema, name): (String, String)) -> String {
    format!("{}.{}", quote(&schema), quote(&name))
}

/// A schema and a name in it, if they are there: two columns of the row.
fn read_name(row: &Row, at: usize) -> Option<(String, String)> {
    let schema: Option<String> = row.get(at);
    let name: Option<String> = row.get(at + 1);
    Some((schema?, name?))
}
