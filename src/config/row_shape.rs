//! What of an event's row is written, and under which names: `columns`, `exclude`, `rename` and `mask` of a
//! `[[route]]`.

use std::collections::{BTreeMap, BTreeSet};

use super::lineage::Lineage;
use super::reader::Reader;
use super::route_writes::{Deletes, WriteMode};
use super::secret::Secret;
use super::value::{Found, Refusal, because, parse_list, texts_by_name};

/// How a route's rows differ from what its events say. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowShape {
    /// Which fields of the events are written.
    pub fields: FieldChoice,
    /// Fields whose column is called otherwise, each with the column. No two have the same.
    pub rename: BTreeMap<String, String>,
    /// Fields of which something else is written.
    pub mask: BTreeMap<String, Mask>,
    /// By which hashes are keyed; there if any field is hashed.
    pub mask_key: Option<Secret>,
    /// Facts about the event that have columns.
    pub lineage: Lineage,
    /// What a delete does; `None`: what `apply.deletes` says.
    pub deletes: Option<Deletes>,
    /// Whether a row is written over or each change is a row.
    pub write: WriteMode,
}

/// Which fields of an event are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldChoice {
    #[default]
    All,
    /// `columns`
    Only(BTreeSet<String>),
    /// `exclude`
    AllBut(BTreeSet<String>),
}

/// What is written in place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// Its keyed hash, so that equal values stay equal.
    Hash,
    /// NULL.
    Null,
    /// A fixed text.
    Text(String),
}

impl FieldChoice {
    /// Whether the field of this name is written.
    pub fn has(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(fields) => fields.contains(field),
            Self::AllBut(fields) => !fields.contains(field),
        }
    }

    /// The key that chooses, for messages.
    pub fn key(&self) -> &'static str {
        match self {
            Self::All | Self::Only(_) => "columns",
            Self::AllBut(_) => "exclude",
        }
    }
}

impl RowShape {
    /// The fields that the route speaks of.
    pub fn named_fields(&self) -> impl Iterator<Item = &str> {
        let chosen = match &self.fields {
            FieldChoice::All => None,
            FieldChoice::Only(fields) | FieldChoice::AllBut(fields) => Some(fields.iter()),
        };
        let others = self.rename.keys().chain(self.mask.keys());
        let all = chosen.into_iter().flatten().chain(others);
        all.map(String::as_str)
    }

    /// The column of a field.
    pub fn column_of<'f>(&'f self, field: &'f str) -> &'f str {
        self.rename.get(field).map_or(field, String::as_str)
    }

    /// Whether fields are written as the events have them, and nothing beside them.
    pub fn keeps_fields(&self) -> bool {
        self.fields == FieldChoice::All
            && self.rename.is_empty()
            && self.mask.is_empty()
            && self.lineage.is_empty()
    }

    /// Whether deletes are applied, be it that rows are only marked; `default`: `apply.deletes`. Where changes are rows,
    /// a delete is one as any other.
    pub fn applies_deletes(&self, default: bool) -> bool {
        match &self.deletes {
            Some(deletes) => *deletes != Deletes::Skipped,
            None => default || self.write == WriteMode::Append,
        }
    }

    /// Whether rows may be removed from the table; `default`: `apply.deletes`.
    pub fn removes_rows(&self, default: bool) -> bool {
        self.applies_deletes(default) && self.empties_tables()
    }

    /// Whether a truncate removes rows, if any does. Where deletes leave rows, or all changes are rows, it must not.
    pub fn empties_tables(&self) -> bool {
        !matches!(self.deletes, Some(Deletes::Soft(_))) && self.write != WriteMode::Append
    }

    /// What is set, for the line at start. It names fields, and shows no key.
    pub(super) fn describe(&self) -> String {
        let mut parts = Vec::new();
        let join = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(",");
        match &self.fields {
            FieldChoice::All => {}
            FieldChoice::Only(fields) => parts.push(format!("columns {}", join(fields))),
            FieldChoice::AllBut(fields) => parts.push(format!("exclude {}", join(fields))),
        }
        let rename = self.rename.iter();
        parts.extend(rename.map(|(field, column)| format!("rename {field}={column}")));
        parts.extend(self.mask.keys().map(|field| format!("mask {field}")));
        parts.extend(self.lineage.describe());
        parts.extend(self.deletes.as_ref().map(Deletes::describe));
        parts.extend((self.write == WriteMode::Append).then(|| "append".to_owned()));
        parts.iter().map(|part| format!(" {part}")).collect()
    }

    /// Reads the keys of the route that begins with `route` (`route[0]`), whose key and version are told.
    pub(super) fn from_reader(
        reader: &mut Reader,
        route: &str,
        (key_columns, version): (&[String], Option<&str>),
        mask_key: Option<&Secret>,
    ) -> Self {
        let key = |name: &str| format!("{route}.{name}");
        let rename = reader.read_or(&key("rename"), BTreeMap::new(), parse_rename);
        let mask = reader.read_or(&key("mask"), BTreeMap::new(), parse_masks);
        if mask.values().any(|mask| *mask == Mask::Hash) && mask_key.is_none() {
            let problem = "hashes are keyed: set apply.mask_key_file to a file that holds the key";
            reader.note_problem(&key("mask"), problem);
        }
        let shape = Self {
            fields: read_choice(reader, route),
            rename,
            mask,
            mask_key: mask_key.cloned(),
            lineage: Lineage::from_reader(reader, &key("lineage")),
            deletes: Deletes::from_reader(reader, route),
            write: WriteMode::from_reader(reader, route),
        };
        shape.note_lost_columns(reader, route, (key_columns, version));
        shape.note_contradictions(reader, route);
        shape
    }

    /// What tells rows apart, or their versions, has to be there as it is.
    fn note_lost_columns(
        &self,
        reader: &mut Reader,
        route: &str,
        (key_columns, version): (&[String], Option<&str>),
    ) {
        if let Some(version) = version {
            let renamed = self.rename.iter().find(|(_, column)| *column == version);
            let field = renamed.map_or(version, |(field, _)| field);
            for (lost, name) in [
                (!self.fields.has(field), self.fields.key()),
                (self.mask.contains_key(field), "mask"),
            ] {
                if lost {
                    let problem = format!("{field} is the version of the rows");
                    reader.note_problem(&format!("{route}.{name}"), problem);
                }
            }
        }
        for column in key_columns {
            if !self.fields.has(column) {
                let place = format!("{route}.{}", self.fields.key());
                reader.note_problem(
                    &place,
                    format!("leaves out {column}, which tells rows apart"),
                );
            }
            if self
                .mask
                .get(column)
                .is_some_and(|mask| *mask != Mask::Hash)
            {
                let problem = format!("{column} tells rows apart: it can only be hashed");
                reader.note_problem(&format!("{route}.mask"), problem);
            }
        }
    }

    fn note_contradictions(&self, reader: &mut Reader, route: &str) {
        let columns = self.lineage.columns().map(|column| ("lineage", column));
        let marked = self.deletes.as_ref().and_then(Deletes::marked_column);
        let columns = columns.chain(marked.map(|column| ("soft_delete", column)));
        for (place, column) in columns.collect::<Vec<_>>() {
            if self.rename.values().any(|renamed| renamed == column) {
                let problem = format!("rename has a field for the column {column} already");
                reader.note_problem(&format!("{route}.{place}"), problem);
            }
        }
        let lineage: Vec<&str> = self.lineage.columns().collect();
        if let Some(column) = marked.filter(|column| lineage.contains(column)) {
            let problem = format!("lineage has the column {column} already");
            reader.note_problem(&format!("{route}.soft_delete"), problem);
        }
        for (column, field) in self.rename.iter().map(|(field, column)| (column, field)) {
            if self.mask.contains_key(column) && !self.rename.contains_key(column) {
                let problem = format!(
                    "{column} is the column of {field}: mask names fields of the events, as {field} = …"
                );
                reader.note_problem(&format!("{route}.mask"), problem);
            }
        }
        if self.write == WriteMode::Append && marked.is_some() {
            let problem = "with write = \"append\" each delete is a row of its own";
            reader.note_problem(&format!("{route}.deletes"), problem);
        }
    }
}

fn read_choice(reader: &mut Reader, route: &str) -> FieldChoice {
    let [columns, exclude] = ["columns", "exclude"].map(|name| {
        let fields = reader.read(&format!("{route}.{name}"), parse_list);
        fields.map(BTreeSet::from_iter)
    });
    match (columns, exclude) {
        (Some(_), Some(_)) => {
            let problem = "columns is set as well; set only one of them";
            reader.note_problem(&format!("{route}.exclude"), problem);
            FieldChoice::All
        }
        (Some(columns), None) => FieldChoice::Only(columns),
        (None, Some(exclude)) => FieldChoice::AllBut(exclude),
        (None, None) => FieldChoice::All,
    }
}

fn parse_rename(found: &Found) -> Result<BTreeMap<String, String>, Refusal> {
    let rename = texts_by_name(found, "a table of fields, each with its column")?;
    let mut seen = BTreeMap::new();
    for (field, column) in &rename {
        if let Some(other) = seen.insert(column, field) {
            return Err(because(format!(
                "{other} and {field} can't both be the column {column}"
            )));
        }
        if column.is_empty() {
            return Err(because(format!("{field} has no name for its column")));
        }
    }
    Ok(rename)
}

fn parse_masks(found: &Found) -> Result<BTreeMap<String, Mask>, Refusal> {
    let what = r#"a table of fields, each with "hash", "null" or a fixed text"#;
    let masks = texts_by_name(found, what)?;
    let mask = |text: String| match text.as_str() {
        "hash" => Mask::Hash,
        "null" => Mask::Null,
        _ => Mask::Text(text),
    };
    let masks = masks.into_iter();
    Ok(masks.map(|(field, text)| (field, mask(text))).collect())
}
