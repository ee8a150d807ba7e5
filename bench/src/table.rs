//! A source table: its columns, and how row `n` looks in version `v`, as SQL over bigints `n` and `v`.

pub struct Column {
    pub name: String,
    pub definition: String,
    pub value: String,
}

impl Column {
    /// Its type alone.
    pub fn sql_type(&self) -> &str {
        let end = self
            .definition
            .find(" NOT NULL")
            .or_else(|| self.definition.find(" PRIMARY"));
        &self.definition[..end.unwrap_or(self.definition.len())]
    }
}

/// The first column is `id`, the key.
pub struct Table {
    pub columns: Vec<Column>,
}

fn column(name: &str, definition: &str, value: &str) -> Column {
    Column {
        name: name.to_owned(),
        definition: definition.to_owned(),
        value: value.to_owned(),
    }
}

fn id() -> Column {
    column("id", "bigint PRIMARY KEY", "n")
}

/// Types that the peer lands right, so that equality means something: see `bench/NOTES.md`.
const MIXED: [(&str, &str, &str); 11] = [
    ("customer_id", "integer NOT NULL", "(n * 7919 % 50000)::int"),
    (
        "status",
        "text NOT NULL",
        "(ARRAY['new','paid','packed','shipped','returned'])[1 + (n + v) % 5]",
    ),
    (
        "note",
        "text",
        "CASE WHEN n % 10 > 0 THEN md5((n * 31 + v)::text) END",
    ),
    (
        "amount",
        "numeric(12,2) NOT NULL",
        "((n * 7919 + v * 104729) % 10000000)::numeric / 100",
    ),
    ("weight", "double precision", "(n % 4000 + v % 8) * 0.125"),
    ("paid", "boolean NOT NULL", "(n + v) % 2 = 0"),
    (
        "ordered_at",
        "timestamptz NOT NULL",
        "timestamptz '2026-01-01 00:00:00Z' + n * interval '1.000123 s' + v * interval '1 ms'",
    ),
    ("due", "date", "date '2026-01-01' + ((n + v) % 365)::int"),
    (
        "attributes",
        "jsonb NOT NULL",
        "jsonb_build_object('n', n, 'version', v, 'tags', jsonb_build_array('a', n % 10), 'gift', v % 2 = 0)",
    ),
    ("token", "uuid NOT NULL", "md5((n + v)::text)::uuid"),
    ("quantity", "smallint", "((n + v) % 100)::smallint"),
];

impl Table {
    /// 12 columns of mixed types.
    pub fn mixed() -> Self {
        let others = MIXED.iter().map(|(n, d, v)| column(n, d, v));
        Self {
            columns: std::iter::once(id()).chain(others).collect(),
        }
    }

    /// 80 columns: the mixed ones, over and over.
    pub fn wide() -> Self {
        let others = (1..80).map(|i| {
            let (name, definition, value) = MIXED[i % MIXED.len()];
            column(&format!("{name}_{i}"), definition, value)
        });
        Self {
            columns: std::iter::once(id()).chain(others).collect(),
        }
    }

    /// Rows of 20 kB, that compress badly.
    pub fn large() -> Self {
        let body = "(SELECT string_agg(md5((n * 1000003 + v * 1009 + i)::text), '') FROM generate_series(1, 625) i)";
        Self {
            columns: vec![
                id(),
                column("status", "text NOT NULL", MIXED[1].2),
                column("amount", "numeric(12,2) NOT NULL", MIXED[3].2),
                column("body", "text NOT NULL", body),
            ],
        }
    }

    /// The same for a source and a destination.
    pub fn create(&self, name: &str) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|c| format!("{} {}", c.name, c.definition))
            .collect();
        format!("CREATE TABLE {name} ({})", columns.join(", "))
    }

    /// Inserts rows `first` to `last` in their version 0.
    pub fn insert(&self, name: &str, first: u64, last: u64) -> String {
        let values: Vec<&str> = self.columns.iter().map(|c| c.value.as_str()).collect();
        format!(
            "INSERT INTO {name} SELECT {} FROM generate_series({first}::bigint, {last}) n, (SELECT 0::bigint AS v) versions",
            values.join(", ")
        )
    }

    /// Updates the rows whose ids are in the array `ids` to version `version`, PL/pgSQL variables.
    pub fn update(&self, name: &str) -> String {
        let pairs: Vec<String> = self.columns[1..]
            .iter()
            .map(|c| format!("{} = new.{}", c.name, c.name))
            .collect();
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|c| format!("{} AS {}", c.value, c.name))
            .collect();
        format!(
            "UPDATE {name} SET {} FROM (SELECT {} FROM (SELECT unnest(ids) AS n, version AS v) which) new WHERE {name}.id = new.id",
            pairs.join(", "),
            values.join(", ")
        )
    }
}
