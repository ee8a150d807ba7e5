//! How the unique indexes of a table tell equal values: what must be known to ask Postgres for them.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;

use crate::rows::key_kind::KeyKind;
use crate::rows::sql::quote;
use crate::rows::table::{Column, Sameness};
use crate::verdict::Failure;

/// A row for each column of each unique index: whether its equality is Postgres' own, whether its type is an
/// enum, its collation, and the hash function of just this equality, if there is one: what a hash index or a
/// hash join would call, with a seed.
const SAMENESS: &str = "\
    SELECT i.indexrelid, k.attnum, coalesce(operators.nspname = 'pg_catalog' AND o.oprname = '=', false), \
           c.opcintype = 'pg_catalog.anyenum'::pg_catalog.regtype, \
           collations.nspname::text, l.collname::text, coalesce(l.collisdeterministic, true), \
           h.nspname::text, h.proname::text \
    FROM pg_catalog.pg_index i \
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(i.indkey::int2[]), pg_catalog.unnest(i.indclass::oid[]), \
        pg_catalog.unnest(i.indcollation::oid[])) WITH ORDINALITY AS k(attnum, class, collated, place) \
    JOIN pg_catalog.pg_opclass c ON c.oid = k.class \
    LEFT JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 AND m.amoppurpose = 's' \
        AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype \
        AND m.amopmethod = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'btree') \
    LEFT JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr \
    LEFT JOIN pg_catalog.pg_namespace operators ON operators.oid = o.oprnamespace \
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
    WHERE i.indrelid = $1 AND i.indisunique AND k.place <= i.indnkeyatts AND k.attnum > 0";

/// By the index's oid and the column's `attnum`.
pub type SamenessOf = HashMap<(u32, i16), Sameness>;

/// Reads how each unique index of the table tells equal values. `column_at`: the column of an `attnum`.
///
/// # Errors
/// As Postgres says.
pub async fn load_sameness<'c>(
    client: &impl GenericClient,
    table: u32,
    column_at: impl Fn(i16) -> Option<&'c Column>,
) -> Result<SamenessOf, Failure> {
    let mut found = SamenessOf::new();
    for row in client.query(SAMENESS, &[&table]).await? {
        let (index, number): (u32, i16) = (row.get(0), row.get(1));
        let Some(column) = column_at(number) else {
            continue;
        };
        let qualified = |at| {
            let schema: Option<String> = row.get(at);
            let name: Option<String> = row.get(at + 1);
            Some(format!("{}.{}", quote(&schema?), quote(&name?)))
        };
        let own = column.is_of_postgres() && row.get(2) && row.get(6);
        let sameness = Sameness {
            kind: KeyKind::of_type(
                &column.pg_type.name,
                column.pg_type.modifier,
                own,
                row.get(3),
            ),
            collation: qualified(4),
            hash: qualified(7),
        };
        found.insert((index, number), sameness);
    }
    Ok(found)
}
