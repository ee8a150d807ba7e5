//! `bench/run tables`: the tables that Landfall and the Debezium JDBC sink make of the same topics, compared column by
//! column.

mod fixture;
mod landing;
mod made;
mod page;
mod topic;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::database::Database;
use crate::machine;
use fixture::Fixture;
use made::MadeTable;
use page::Pair;

const PAGE: &str = "docs/tables-made.md";

/// Makes the topics, has both sinks land them, and writes the page.
///
/// # Errors
/// If one of them can't.
pub fn compare(bench: &Bench) -> Result<()> {
    let mut topics = Vec::new();
    for fixture in fixture::all().context("bench/tables")? {
        let name = topic::make_topic(bench, &fixture)?;
        topics.push((fixture, name));
    }
    let landfall = Database::destination(&bench.stack, "tables_landfall")?;
    let jdbc = Database::destination(&bench.stack, "tables_jdbc")?;
    for database in [&landfall, &jdbc] {
        drop(database.recreate()?);
    }
    bench.show.now("Landfall makes its tables");
    landing::land_by_landfall(bench, &topics, &landfall)?;
    bench.show.now("the JDBC sink makes its tables");
    landing::land_by_jdbc(bench, &topics, &jdbc)?;
    let mut pairs = Vec::new();
    for (fixture, _) in topics {
        pairs.push(Pair {
            landfall: read(&landfall, &fixture)?,
            jdbc: read(&jdbc, &fixture)?,
            fixture,
        });
    }
    let versions = format!(
        "Debezium's sink is {}, in Kafka Connect {}; Postgres {}.",
        machine::version("DEBEZIUM_VERSION"),
        machine::version("KAFKA_VERSION"),
        machine::postgres_version(bench)?
    );
    std::fs::write(PAGE, page::write_page(&versions, &pairs)?).context(PAGE)
}

fn read(database: &Database, fixture: &Fixture) -> Result<MadeTable> {
    let mut client = database.connect()?;
    client.batch_execute("SET timezone = 'UTC'")?;
    made::read_table(&mut client, fixture).with_context(|| database.name.clone())
}
