//! The question which keys of a batch are one to their unique index, and what Postgres answers.
//!
//! Equal by the index's own operator and collation within the batch; over all batches by the hash of that
//! same equality, since those that are equal have one hash. Where there is no hash, by how Postgres writes the
//! value.
//!
//! Why: `docs/decisions/17`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::rows::key_identity::KeyIdentity;
use crate::rows::key_kind::{KeyKind, plain_decimal};
use crate::rows::row_change::{Layout, RowChange, Text};
use crate::rows::table::{Column, Equality, Sameness, UniqueKey};
use crate::table_name::TableName;

/// Two seeds make 128 bits of a hash of 64.
const SEEDS: [i64; 2] = [0, 7_046_029_254_386_353_131];

/// Notes what can be told of the change's keys without asking. `false`: Postgres has to be asked.
pub fn identify_locally(change: &mut RowChange<'_>) -> bool {
    let layout = &*change.layout;
    let Some(unique) = layout.table.unique_key(&layout.key) else {
        return true;
    };
    if unique.is_of_texts() {
        return true;
    }
    let own = tell_identity(layout, unique, &change.key);
    let former = match change.old_key.as_deref() {
        Some(key) => tell_identity(layout, unique, key),
        None => Some(None),
    };
    match (own, former) {
        (Some(None), Some(None)) => true,
        (Some(own), Some(former)) => {
            change.set_identities(own, former);
            true
        }
        _ => false,
    }
}

/// `None`: it can't be told. `Some(None)`: it is what the texts say.
fn tell_identity(
    layout: &Layout,
    unique: &UniqueKey,
    key: &[Text<'_>],
) -> Option<Option<Arc<KeyIdentity>>> {
    let mut other: Option<Vec<Text<'static>>> = None;
    for (at, text) in key.iter().enumerate() {
        let column = layout.table.columns.get(*layout.key.get(at)?)?;
        let own = own_text(unique, column, at, text)?;
        let written = text.as_deref().unwrap_or_default();
        if other.is_none() && own != written {
            let same = key.iter().take(at);
            let same = same.map(|text| text.as_deref().map(|t| Cow::Owned(t.to_owned())));
            other = Some(same.collect());
        }
        if let Some(texts) = &mut other {
            texts.push(Some(Cow::Owned(own.into_owned())));
        }
    }
    Some(other.map(|texts| {
        Arc::new(KeyIdentity {
            texts: texts.into(),
            spelling: None,
        })
    }))
}

fn own_text<'t>(
    unique: &UniqueKey,
    column: &Column,
    at: usize,
    text: &'t Text<'_>,
) -> Option<Cow<'t, str>> {
    let kind = unique.sameness.get(at)?.kind;
    kind.own_text(text.as_deref()?, column.pg_type.modifier)
}

/// The distinct keys of one table that Postgres is to be asked about.
#[derive(Debug)]
pub struct KeyQuestion<'q> {
    layout: Arc<Layout>,
    keys: Vec<Vec<Text<'q>>>,
    known: HashMap<Vec<Text<'q>>, usize>,
}

/// What Postgres says of one key.
#[derive(Clone, Debug)]
pub struct KeyAnswer {
    /// The place, in what was asked, of the first key that is equal.
    pub class: usize,
    /// Of each column: the value as Postgres writes it,
    pub written: Vec<String>,
    /// and its hash, if it has one.
    pub hashes: Vec<Option<String>>,
}

impl<'q> KeyQuestion<'q> {
    /// The table whose keys are asked about.
    pub fn table(&self) -> &TableName {
        &self.layout.table.name
    }

    /// No keys yet; `layout` has the table and the key's columns.
    pub fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            keys: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Whether it is about keys of this kind.
    pub fn is_of_layout(&self, layout: &Layout) -> bool {
        Arc::ptr_eq(&self.layout.table, &layout.table) && self.layout.key == layout.key
    }

    /// Adds a key, and returns its place.
    pub fn add_key(&mut self, key: &[Text<'q>]) -> usize {
        if let Some(at) = self.known.get(key) {
            return *at;
        }
        let at = self.keys.len();
        self.keys.push(key.to_vec());
        self.known.insert(key.to_vec(), at);
        at
    }

    /// How many keys there are.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// How many columns the key has.
    pub fn column_count(&self) -> usize {
        self.layout.key.len()
    }

    /// The parameters of the statement for some of the keys: an array of texts for each column.
    pub fn column_texts(&self, keys: std::ops::Range<usize>) -> Vec<Vec<Option<&str>>> {
        let keys = self.keys.get(keys).unwrap_or_default();
        let column = |at: usize| {
            let texts = keys.iter().map(|key| key.get(at)?.as_deref());
            texts.collect()
        };
        (0..self.layout.key.len()).map(column).collect()
    }

    /// The statement. It returns for each key its place, counted from 1, that of the first that is equal, and for
    /// each column the value as it is written and its hash. `with_hashes`: not every type with a hash function
    /// has one for its elements. Hashes are joined first, since to compare values may be slow.
    pub fn to_sql(&self, with_hashes: bool) -> String {
        let columns = KeyColumns::of_layout(&self.layout);
        let hash = |n: usize, c: &KeyColumn<'_>| c.hash_sql(n).filter(|_| with_hashes);
        let arrays = columns.join(", ", |n, _| {
            format!(r#""pg_catalog".unnest(${n}::"pg_catalog"."text"[])"#)
        });
        let names = columns.join(", ", |n, _| format!("c{n}"));
        let values = columns.join(", ", |n, c| {
            format!("u.c{n}::{} AS k{n}", c.column.assigned_cast())
        });
        let hashed = columns.join(", ", |n, c| {
            let hash = hash(n, c).unwrap_or_else(|| "NULL".to_owned());
            format!(r#"v.k{n}, ({hash})::"pg_catalog"."text" COLLATE "pg_catalog"."C" AS h{n}"#)
        });
        let equal = columns.join(" AND ", |n, c| match hash(n, c) {
            Some(_) => format!(
                r#"a.h{n} OPERATOR("pg_catalog".=) b.h{n} AND {}"#,
                c.equality_sql(n)
            ),
            None => c.equality_sql(n),
        });
        let told = columns.join(", ", |n, _| {
            format!(r#"a.k{n}::"pg_catalog"."text", a.h{n}"#)
        });
        format!(
            "WITH k AS MATERIALIZED (SELECT v.n, {hashed} FROM (SELECT u.n, {values} \
             FROM ROWS FROM ({arrays}) WITH ORDINALITY AS u({names}, n) OFFSET 0) AS v) \
             SELECT a.n, c.first, {told} FROM k AS a JOIN (SELECT a.n, \"pg_catalog\".min(b.n) AS first FROM k AS a JOIN k AS b \
             ON {equal} GROUP BY a.n) AS c ON c.n OPERATOR(\"pg_catalog\".=) a.n"
        )
    }

    /// What the keys are, by their places; `None` for those of which Postgres said nothing, as it refuses them.
    pub fn read_answers(&self, answers: &[Option<KeyAnswer>]) -> Vec<Option<Arc<KeyIdentity>>> {
        let columns = KeyColumns::of_layout(&self.layout);
        let keeps = columns.0.iter();
        let keeps = keeps.clone().any(|c| c.kind() == KeyKind::KeptAsWritten);
        let mut classes: HashMap<Vec<Text<'static>>, usize> = HashMap::new();
        let mut identities: HashMap<usize, Box<[Text<'static>]>> = HashMap::new();
        let mut read = Vec::with_capacity(answers.len());
        for answer in answers {
            let Some(answer) = answer else {
                read.push(None);
                continue;
            };
            let texts = identities.entry(answer.class).or_insert_with(|| {
                let first = answers.get(answer.class).and_then(Option::as_ref);
                let mut texts = columns.row_texts(first.unwrap_or(answer));
                // a hash that two keys share which aren't equal
                if *classes.entry(texts.clone()).or_insert(answer.class) != answer.class {
                    texts.push(Some(Cow::Owned(answer.class.to_string())));
                }
                texts.into()
            });
            read.push(Some(Arc::new(KeyIdentity {
                texts: texts.clone(),
                spelling: keeps.then(|| answer.written.clone().into()),
            })));
        }
        read
    }
}

/// A key's column with what is known of it.
struct KeyColumn<'l> {
    column: &'l Column,
    equality: Equality,
    sameness: Sameness,
}

struct KeyColumns<'l>(Vec<KeyColumn<'l>>);

impl<'l> KeyColumns<'l> {
    fn of_layout(layout: &'l Layout) -> Self {
        let unique = layout.table.unique_key(&layout.key);
        let column = |(at, column): (usize, &usize)| {
            Some(KeyColumn {
                column: layout.table.columns.get(*column)?,
                equality: unique?.equality.get(at).cloned().unwrap_or_default(),
                sameness: unique?.sameness.get(at).cloned().unwrap_or_default(),
            })
        };
        Self(layout.key.iter().enumerate().filter_map(column).collect())
    }

    /// Of each column, counted from 1.
    fn join(&self, separator: &str, part: impl Fn(usize, &KeyColumn<'_>) -> String) -> String {
        let columns = self.0.iter().enumerate();
        let parts: Vec<String> = columns.map(|(at, column)| part(at + 1, column)).collect();
        parts.join(separator)
    }

    fn row_texts(&self, answer: &KeyAnswer) -> Vec<Text<'static>> {
        let columns = self.0.iter().enumerate();
        let text = |(at, column): (usize, &KeyColumn<'_>)| {
            if column.sameness.is_decimal {
                let written = answer.written.get(at)?;
                return Some(Cow::Owned(plain_decimal(written).to_owned()));
            }
            let hash = answer.hashes.get(at).cloned().flatten();
            let hash = hash.filter(|_| column.kind() == KeyKind::KeptAsWritten);
            let hash = hash.map(|hash| format!("~{hash}"));
            hash.or_else(|| answer.written.get(at).cloned())
                .map(Cow::Owned)
        };
        columns.map(text).collect()
    }
}

impl KeyColumn<'_> {
    fn kind(&self) -> KeyKind {
        self.sameness.kind
    }

    /// `a.k1`, for the operator and the hash.
    fn operand_sql(&self, table: char, n: usize) -> String {
        match &self.equality.operand {
            Some(name) => format!("{table}.k{n}::{name}"),
            None => format!("{table}.k{n}"),
        }
    }

    fn collated(&self, operand: String) -> String {
        match &self.sameness.collation {
            Some(name) => format!("({operand}) COLLATE {name}"),
            None => operand,
        }
    }

    fn equality_sql(&self, n: usize) -> String {
        format!(
            "{} {} {}",
            self.operand_sql('a', n),
            self.equality.operator,
            self.collated(self.operand_sql('b', n))
        )
    }

    /// Of a value that isn't told by its text. Of an array, its dimensions as well: they count, and its hash leaves
    /// them out.
    fn hash_sql(&self, n: usize) -> Option<String> {
        let asked = self.kind() == KeyKind::KeptAsWritten && !self.sameness.is_decimal;
        let hash = self.sameness.hash.as_ref().filter(|_| asked)?;
        let value = self.collated(self.operand_sql('v', n));
        let mut parts: Vec<String> = SEEDS
            .iter()
            .map(|seed| format!("{hash}({value}, {seed}::\"pg_catalog\".\"int8\")"))
            .collect();
        if self.column.pg_type.element.is_some() {
            parts.push(format!("\"pg_catalog\".array_dims(v.k{n})"));
        }
        Some(format!(
            "\"pg_catalog\".concat_ws(':', {})",
            parts.join(", ")
        ))
    }
}

#[cfg(test)]
#[path = "key_question_tests.rs"]
mod tests;
