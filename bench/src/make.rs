//! Makes the topics of a source: fills its table, has Debezium snapshot it, changes rows, and takes the
//! connectors and their slots away. What was made is kept until its definition changes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use postgres::Client;
use serde::{Deserialize, Serialize};

use crate::bench::Bench;
use crate::connector;
use crate::database::Database;
use crate::wait;
use crate::workload::{FIRST_SENTINEL, SENTINELS, Source, TABLE, Topic};

/// Debezium's own start, and its pauses, take a while.
const PATIENCE: Duration = Duration::from_secs(120);
/// Rows that a transaction at the source updates.
const UPDATES: u64 = 100;

/// What is there, as the marker file says.
#[derive(Serialize, Deserialize, Clone)]
pub struct Made {
    definition: String,
    /// Their prefixes.
    topics: Vec<String>,
    /// Records of each of its topics.
    pub records: u64,
    /// When, in milliseconds since 1970.
    pub made_at: u64,
}

impl Bench {
    /// The topics of a source that this run needs, made if they aren't there: one cannot be added to
    /// others later, so those of earlier runs are made along.
    ///
    /// # Errors
    /// What Postgres, Kafka or Connect say.
    pub fn made(&self, source: Source) -> Result<Made> {
        let definition = definition(source, self.options.events);
        let there = self
            .read_marker(source)
            .filter(|made| made.definition == definition);
        let is_there = |topic: &Topic| {
            there
                .iter()
                .any(|made| made.topics.iter().any(|t| t == topic.name))
        };
        let wanted: Vec<Topic> = source
            .topics()
            .filter(|t| is_there(t) || self.needed.contains(&t.name))
            .collect();
        if let Some(made) = &there
            && wanted.iter().all(is_there)
            && self.all_there(&wanted, made.records)?
        {
            return Ok(made.clone());
        }
        let _ = std::fs::remove_file(self.marker(source));
        let made = Made {
            definition,
            topics: wanted.iter().map(|topic| topic.name.to_owned()).collect(),
            records: self
                .make(source, &wanted)
                .with_context(|| format!("making the topics of {}", source.name()))?,
            made_at: u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?,
        };
        std::fs::write(self.marker(source), serde_json::to_string(&made)?)?;
        Ok(made)
    }

    fn marker(&self, source: Source) -> PathBuf {
        self.options
            .state
            .join(format!("made-{}.json", source.name()))
    }

    fn read_marker(&self, source: Source) -> Option<Made> {
        let text = std::fs::read_to_string(self.marker(source)).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn all_there(&self, topics: &[Topic], records: u64) -> Result<bool> {
        for topic in topics {
            if self.kafka.records(&topic.full_name())? != records {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns how many records each topic has.
    fn make(&self, source: Source, topics: &[Topic]) -> Result<u64> {
        self.stack.start_connect()?;
        let connectors = connector::Connectors::new(&self.stack)?;
        let older: Vec<String> = source.topics().map(Topic::full_name).collect();
        self.kafka.delete(&older)?;
        let database = Database::source(&self.stack, &source.database())?;
        drop_slots(&database, source)?;
        let rows = source.volume(self.options.events).rows;
        self.show
            .now(&format!("{}: filling the source table", source.name()));
        let mut client = database.recreate()?;
        fill(&mut client, source, rows)?;
        for topic in topics {
            connectors.put(&database.name, topic.name, topic.encoding, &[])?;
        }
        let names: Vec<String> = topics.iter().map(|t| t.full_name()).collect();
        self.await_records(source, "snapshot", &names, rows)?;
        let records = rows + self.change(source, &mut client)?;
        self.await_records(source, "changes", &names, records)?;
        drop(connectors);
        drop_slots(&database, source)?;
        client.batch_execute("VACUUM ANALYZE")?;
        Ok(records)
    }

    /// Changes the source's rows; returns how many records that makes.
    fn change(&self, source: Source, client: &mut Client) -> Result<u64> {
        let mut records = 0;
        let updates = source.volume(self.options.events).updates;
        let transactions = updates.div_ceil(UPDATES);
        for transaction in 0..transactions {
            let row = client.query_one("SELECT change($1)", &[&i64::try_from(transaction)?])?;
            records += u64::try_from(row.get::<_, i64>(0))?;
            if transaction % 20 == 0 {
                self.show.now(&format!(
                    "{}: changing rows at the source: {transaction} of {transactions} transactions",
                    source.name()
                ));
            }
        }
        let last = FIRST_SENTINEL + SENTINELS - 1;
        client.batch_execute(&source.table().insert(TABLE, FIRST_SENTINEL, last))?;
        Ok(records + SENTINELS)
    }

    fn await_records(
        &self,
        source: Source,
        what: &str,
        topics: &[String],
        records: u64,
    ) -> Result<()> {
        let all = records * topics.len() as u64;
        wait::until_count(&format!("records in {topics:?}"), all, PATIENCE, || {
            let mut now = 0;
            for topic in topics {
                now += self.kafka.records(topic)?;
            }
            self.show.now(&format!(
                "{}: Debezium, {what}: {now} of {all} records",
                source.name()
            ));
            Ok(now)
        })
    }
}

/// Whatever the topics follow from.
fn definition(source: Source, events: u64) -> String {
    let volume = source.volume(events);
    let table = source.table();
    format!(
        "{volume:?} {SENTINELS} {} {}",
        table.insert(TABLE, 0, 0),
        changes(source, volume.rows)
    )
}

fn fill(client: &mut Client, source: Source, rows: u64) -> Result<()> {
    let table = source.table();
    client.batch_execute(&table.create(TABLE))?;
    client.batch_execute(&format!("CREATE PUBLICATION bench FOR TABLE {TABLE}"))?;
    if source == Source::Mixed {
        client.batch_execute(HISTORY)?;
    }
    client.batch_execute(&table.insert(TABLE, 1, rows))?;
    client.batch_execute(&changes(source, rows))?;
    Ok(())
}

/// What the limit program lands: every version of every row.
const HISTORY: &str = "
    CREATE TABLE history (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, deleted boolean NOT NULL, version orders NOT NULL);
    CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO history (deleted, version) VALUES (TG_OP = 'DELETE', CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
        RETURN NULL;
    END $$;
    CREATE TRIGGER remember AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION remember()";

/// A function that does the source's n-th transaction, and returns how many records it will become.
/// Ids are walked through by large primes, so that neighbours in time aren't neighbours in the table.
fn changes(source: Source, rows: u64) -> String {
    let hot = match source {
        Source::Hot => (rows / 100).max(1),
        _ => 0,
    };
    let hot_updates = if hot > 0 { UPDATES * 9 / 10 } else { 0 };
    let others = UPDATES - hot_updates;
    let volume_deletes = match source {
        Source::Hot => 1,
        _ => UPDATES / 8,
    };
    let update = source.table().update(TABLE);
    format!(
        "CREATE FUNCTION change(version bigint) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE ids bigint[]; updated bigint; deleted bigint;
        BEGIN
            SELECT array_agg(DISTINCT id) INTO ids FROM (
                SELECT 1 + (version * {hot_updates} + i) % greatest({hot}, 1) AS id FROM generate_series(1, {hot_updates}) i
                UNION ALL
                SELECT 1 + {hot} + ((version * {others} + i) * 15485863) % ({rows} - {hot}) FROM generate_series(1, {others}) i) which;
            version := version + 1;
            {update};
            GET DIAGNOSTICS updated = ROW_COUNT;
            DELETE FROM {TABLE} WHERE id IN (
                SELECT 1 + {hot} + (((version * {volume_deletes} + i) * 32452843) % ({rows} - {hot})) FROM generate_series(1, {volume_deletes}) i);
            GET DIAGNOSTICS deleted = ROW_COUNT;
            RETURN updated + 2 * deleted;
        END $$"
    )
}

fn drop_slots(database: &Database, source: Source) -> Result<()> {
    source
        .topics()
        .try_for_each(|topic| connector::drop_slot(database, topic.name))
}
