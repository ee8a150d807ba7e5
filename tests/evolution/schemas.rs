//! Events with schemas, as Debezium writes them in JSON, and what their table became.

use serde_json::{Value, json};

use crate::support::events::{Event, change_of};
use crate::support::{World, eventually};

/// A field of a row: name, type, and what else its schema says.
pub type FieldSchema<'f> = (&'f str, &'f str, Value);

/// A field that may be null.
pub fn optional<'f>(name: &'f str, kind: &'f str) -> FieldSchema<'f> {
    (name, kind, json!({ "optional": true }))
}

/// One that may not.
pub fn required<'f>(name: &'f str, kind: &'f str) -> FieldSchema<'f> {
    (name, kind, json!({ "optional": false }))
}

fn fields(list: &[FieldSchema<'_>]) -> Value {
    let one = |(name, kind, more): &FieldSchema<'_>| {
        let mut field = more.clone();
        field["field"] = (*name).into();
        field["type"] = (*kind).into();
        field
    };
    list.iter().map(one).collect()
}

/// An insert whose key is `id`, with the schemas of its fields.
pub fn insert(table: &str, list: &[FieldSchema<'_>], row: Value) -> Event {
    let id = row["id"].as_i64().expect("an id");
    with_schemas(
        change_of(table, "c", id, json!({ "id": id }), Some(row)),
        list,
    )
}

/// The event with schemas around it.
pub fn with_schemas(event: Event, list: &[FieldSchema<'_>]) -> Event {
    let wrap = |part: &Option<Vec<u8>>, schema: Value| {
        let payload: Value = serde_json::from_slice(part.as_ref()?).expect("JSON");
        let wrapped = json!({ "schema": schema, "payload": payload });
        Some(wrapped.to_string().into_bytes())
    };
    let id: Vec<FieldSchema<'_>> = list.iter().filter(|f| f.0 == "id").cloned().collect();
    let row = |name: &str| json!({ "type": "struct", "field": name, "optional": true, "fields": fields(list) });
    Event {
        key: wrap(
            &event.key,
            json!({ "type": "struct", "fields": fields(&id) }),
        ),
        value: wrap(
            &event.value,
            json!({ "type": "struct", "name": "Envelope", "fields": [row("before"), row("after")] }),
        ),
        ..event
    }
}

/// Each column of the table: name, type, whether it takes no null, default; then the primary key.
pub async fn describe(world: &World, table: &str) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
            CASE WHEN c.is_nullable = 'NO' THEN 'not null' END, 'default ' || c.column_default)
        FROM pg_attribute a JOIN information_schema.columns c
            ON c.column_name = a.attname AND format('%I.%I', c.table_schema, c.table_name)::regclass = a.attrelid
        WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let columns = world.db.query(sql, &[&table]).await.unwrap();
    let mut told: Vec<String> = columns.iter().map(|row| row.get(0)).collect();
    let sql = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'p'";
    let key = world.db.query(sql, &[&table]).await.unwrap();
    told.extend(key.iter().map(|row| row.get::<_, String>(0)));
    told
}

/// Waits until the table is there, if it isn't, and describes it as it is once it has this column.
pub async fn until_column(world: &World, table: &str, column: &str) -> Vec<String> {
    eventually("the column is there", async || {
        let exists = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1::text) AND attname = $2 AND NOT attisdropped";
        let found = world.db.query_one(exists, &[&table, &column]).await.unwrap();
        (found.get::<_, i64>(0) > 0).then_some(())
    })
    .await;
    describe(world, table).await
}

/// A topic of this world for the table, with so many partitions.
pub async fn topic(world: &mut World, table: &str, partitions: i32) -> String {
    let topic = format!("{}.public.{table}", world.name);
    world.kafka.create_topic(&topic, partitions).await;
    world.topics.push(topic.clone());
    topic
}

pub fn create(world: &mut World) {
    world.set("apply", "schema_evolution = \"create\"");
}
