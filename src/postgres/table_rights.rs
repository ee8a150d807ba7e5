//! What our role may do with a destination table: with the schema, on the table or on its columns, and with the sequences
//! that fill what events leave out; and the statements that let it do what it may not.

use tokio_postgres::types::Type;

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::rows::table::Table;
use crate::table_name::TableName;
use crate::verdict::Failure;

/// In the order in which they are told.
pub const TABLE_PRIVILEGES: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

const RIGHTS_QUERY: &str = "\
    SELECT c.oid, current_user::text, coalesce(has_schema_privilege(n.oid, 'USAGE'), false), \
           ARRAY(SELECT p FROM unnest($3::text[]) p WHERE has_table_privilege(c.oid, p) \
               OR (p <> 'DELETE' AND (SELECT bool_and(has_column_privilege(c.oid, a.attnum, p)) \
                   FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))), \
           ARRAY(SELECT p || ' ' || a.attname FROM unnest($3::text[]) p, pg_catalog.pg_attribute a \
               WHERE p <> 'DELETE' AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
               AND has_column_privilege(c.oid, a.attnum, p)) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2";

/// An identity column's sequence asks nobody for a privilege.
const DENIED_SEQUENCES_QUERY: &str = "\
    SELECT a.attname::text, pg_catalog.format('%I.%I', n.nspname, s.relname), s.relname::text \
    FROM pg_catalog.pg_attrdef d \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
    JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND u.objid = d.oid \
    JOIN pg_catalog.pg_class s ON s.oid = u.refobjid AND u.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace \
    WHERE d.adrelid = $1 AND CASE WHEN s.relkind = 'S' THEN \
        NOT (pg_catalog.has_sequence_privilege(s.oid, 'USAGE') OR pg_catalog.has_sequence_privilege(s.oid, 'UPDATE')) ELSE false END";

/// What a role may do with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRights {
    /// The table's, in the catalogue.
    pub oid: u32,
    /// Our role.
    pub role: String,
    /// May name what is in the schema.
    pub usage: bool,
    /// What the role may do with the table, or with each of its columns.
    pub privileges: Vec<&'static str>,
    /// What it may do with some columns, whatever it may do with others.
    pub on_columns: Vec<(String, String)>,
    /// Columns that take numbers of a sequence where events leave them out, which the role may not.
    pub denied_sequences: Vec<DeniedSequence>,
}

/// A sequence whose numbers our role may not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedSequence {
    /// The name of the column that it fills.
    pub column: String,
    /// Its own, as SQL.
    pub name: String,
    /// Its own, without a schema.
    pub plain: String,
}

/// What is done with a table. By default rows are looked for and written over, nothing tells of which columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableUse<'u> {
    /// The columns that are written; none, if nothing tells.
    pub columns: &'u [String],
    /// Whether rows are deleted.
    pub deletes: bool,
    /// Whether each change is a row of its own, so that none is looked for or written over.
    pub appends: bool,
}

/// Something that a role needs and may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LackedRight {
    /// The role and what it lacks, for people.
    pub found: String,
    /// The statement that lets it.
    pub grant: String,
    /// The name, without a schema, of what it is a right on.
    pub on: String,
    /// It is the right to name what is in the schema.
    pub is_of_schema: bool,
}

/// Reads what our role may do with a table; `None`: there is none of this name.
///
/// # Errors
/// As Postgres says.
pub async fn read_table_rights(
    client: &impl UnnamedStatements,
    name: &TableName,
) -> Result<Option<TableRights>, Failure> {
    let asked: &[&str] = &TABLE_PRIVILEGES;
    let of_table = [
        (&name.schema as _, Type::TEXT),
        (&name.name as _, Type::TEXT),
        (&asked as _, Type::TEXT_ARRAY),
    ];
    let Some(rights) = client.query_typed_opt(RIGHTS_QUERY, &of_table).await? else {
        return Ok(None);
    };
    let oid: u32 = rights.get(0);
    let sequences = client
        .query_typed(DENIED_SEQUENCES_QUERY, &[(&oid, Type::OID)])
        .await?;
    let granted: Vec<String> = rights.get(3);
    let on_columns: Vec<String> = rights.get(4);
    let in_two = |pair: &String| {
        let (privilege, column) = pair.split_once(' ')?;
        Some((privilege.to_owned(), column.to_owned()))
    };
    let is_granted = |privilege: &&str| granted.iter().any(|granted| granted == privilege);
    Ok(Some(TableRights {
        oid,
        role: rights.get(1),
        usage: rights.get(2),
        privileges: TABLE_PRIVILEGES.into_iter().filter(is_granted).collect(),
        on_columns: on_columns.iter().filter_map(in_two).collect(),
        denied_sequences: sequences
            .iter()
            .map(|row| DeniedSequence {
                column: row.get(0),
                name: row.get(1),
                plain: row.get(2),
            })
            .collect(),
    }))
}

impl TableRights {
    /// The privileges that the role lacks for this use of the table.
    pub fn find_lacked_privileges(&self, table: &Table, used: TableUse<'_>) -> Vec<&'static str> {
        TABLE_PRIVILEGES
            .into_iter()
            .filter(|privilege| match *privilege {
                "DELETE" => used.deletes,
                "UPDATE" | "SELECT" => !used.appends,
                _ => true,
            })
            .filter(|privilege| !self.privileges.contains(privilege))
            .filter(|privilege| {
                self.find_denied_columns(table, used, privilege) != Some(Vec::new())
            })
            .collect()
    }

    /// What the role may not do with the table and is needed for this use of it, each with the statement that lets it.
    pub fn find_lacked(&self, table: &Table, used: TableUse<'_>) -> Vec<LackedRight> {
        let lacked = self.judge_schema(&table.name).into_iter();
        let lacked = lacked.chain(self.judge_privileges(table, used));
        lacked.chain(self.judge_sequences(table, used)).collect()
    }

    fn judge_schema(&self, table: &TableName) -> Option<LackedRight> {
        let (role, schema) = (&self.role, &table.schema);
        (!self.usage).then(|| LackedRight {
            found: format!("the role {role} may not use the schema {schema}"),
            grant: grant_schema_sql(schema, role),
            on: schema.clone(),
            is_of_schema: true,
        })
    }

    fn judge_privileges(&self, table: &Table, used: TableUse<'_>) -> Option<LackedRight> {
        let denied = self.find_lacked_privileges(table, used);
        if denied.is_empty() {
            return None;
        }
        let in_words = |quoting: fn(&str) -> String| {
            let words = denied.iter().map(|privilege| {
                match self.find_denied_columns(table, used, privilege) {
                    None => (*privilege).to_owned(),
                    Some(columns) => {
                        let columns: Vec<String> = columns.into_iter().map(quoting).collect();
                        format!("{privilege} ({})", columns.join(", "))
                    }
                }
            });
            words.collect::<Vec<_>>().join(", ")
        };
        let (name, role) = (&table.name, &self.role);
        Some(LackedRight {
            found: format!(
                "the role {role} lacks {} on {name}",
                in_words(str::to_owned)
            ),
            grant: format!(
                "GRANT {} ON {}.{} TO {};",
                in_words(quote),
                quote(&name.schema),
                quote(&name.name),
                quote(role)
            ),
            on: name.name.clone(),
            is_of_schema: false,
        })
    }

    /// Sequences whose numbers stand for what no event carries.
    fn judge_sequences(
        &self,
        table: &Table,
        used: TableUse<'_>,
    ) -> impl Iterator<Item = LackedRight> {
        let is_carried = move |column: &str| {
            let at = table.column_index(column);
            used.columns
                .iter()
                .any(|name| table.column_index(name) == at)
        };
        let denied = self.denied_sequences.iter();
        let needed = denied.filter(move |it| !used.columns.is_empty() && !is_carried(&it.column));
        needed.map(|DeniedSequence { column, name, plain }| LackedRight {
            found: format!(
                "the role {} lacks USAGE on the sequence {name}, which fills column {column} of {}",
                self.role, table.name
            ),
            grant: format!("GRANT USAGE ON SEQUENCE {name} TO {};", quote(&self.role)),
            on: plain.clone(),
            is_of_schema: false,
        })
    }

    /// The columns that need the privilege and lack it. `None`: none has it, or nothing tells which need it.
    fn find_denied_columns<'u>(
        &self,
        table: &Table,
        used: TableUse<'u>,
        privilege: &str,
    ) -> Option<Vec<&'u str>> {
        let granted = self.on_columns.iter().filter(|(has, _)| has == privilege);
        let granted: Vec<_> = granted.map(|(_, on)| table.column_index(on)).collect();
        if granted.is_empty() || used.columns.is_empty() {
            return None;
        }
        let is_denied = |name: &&str| {
            let column = table.column_index(name);
            column.is_some() && !granted.contains(&column)
        };
        let columns = used.columns.iter().map(String::as_str);
        Some(columns.filter(is_denied).collect())
    }
}

/// The statement that lets a role name what is in a schema.
pub fn grant_schema_sql(schema: &str, role: &str) -> String {
    format!(
        "GRANT USAGE ON SCHEMA {} TO {};",
        quote(schema),
        quote(role)
    )
}
