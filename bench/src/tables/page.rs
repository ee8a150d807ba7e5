//! The page: both sinks' tables, column by column.

use anyhow::{Context as _, Result};

use super::fixture::Fixture;
use super::made::{Facet, MadeColumn, MadeTable};

/// A topic's table as each sink made it.
pub struct Pair {
    pub fixture: Fixture,
    pub landfall: MadeTable,
    pub jdbc: MadeTable,
}

/// # Errors
/// If a column is missing that was there before.
pub fn write_page(versions: &str, pairs: &[Pair]) -> Result<String> {
    let mut page = format!(
        "# Tables that make themselves\n\nWritten by `bench/run tables`: three topics, landed by Landfall with `schema_evolution = \"create\"` and by the \
         Debezium JDBC sink with `schema.evolution = basic`, each into an empty database. {versions}\n\n\
         A column is compared with what its events tell of the source's: its type, whether it takes null, its default, and \
         the values of two rows. Whose lacks less is the more exact; what the other lacks stands beside it. A test holds Landfall's half of this page to what it \
         makes.\n"
    );
    for pair in pairs {
        page += &section(pair)?;
    }
    Ok(page)
}

fn section(pair: &Pair) -> Result<String> {
    let mut rows = String::new();
    let mut counts = [0; 4];
    for column in &pair.fixture.columns {
        let of = |table: &'_ MadeTable| table.columns.get(&column.name).map(describe);
        let both = pair.landfall.columns.get(&column.name);
        let both = both.zip(pair.jdbc.columns.get(&column.name));
        let (landfall, jdbc) = both.with_context(|| column.name.clone())?;
        let (verdict, why) = judge(landfall, jdbc);
        counts[verdict as usize] += 1;
        rows += &format!(
            "| {} | {} | {} | {} | {}{why} |\n",
            column.name,
            escape(&column.source),
            of(&pair.landfall).unwrap_or_default(),
            of(&pair.jdbc).unwrap_or_default(),
            WORDS[verdict as usize],
        );
    }
    Ok(format!(
        "\n## {}\n\n{}\n\nPrimary key: Landfall's {}, the JDBC sink's {}. Of {} columns {} are the same, {} more exact in Landfall's table, {} in the \
         JDBC sink's, {} differ otherwise.\n\n| column | source | Landfall | JDBC sink | more exact |\n|---|---|---|---|---|\n{rows}",
        pair.fixture.title,
        pair.fixture.says,
        key(&pair.landfall),
        key(&pair.jdbc),
        pair.fixture.columns.len(),
        counts[Verdict::Same as usize],
        counts[Verdict::Landfall as usize],
        counts[Verdict::Jdbc as usize],
        counts[Verdict::Otherwise as usize],
    ))
}

fn key(table: &MadeTable) -> String {
    format!("({})", table.key.join(", "))
}

#[derive(Clone, Copy)]
enum Verdict {
    Same,
    Landfall,
    Jdbc,
    Otherwise,
}

const WORDS: [&str; 4] = ["same", "Landfall", "JDBC sink", "neither"];

/// Who lacks less, and what the others lack.
fn judge(landfall: &MadeColumn, jdbc: &MadeColumn) -> (Verdict, String) {
    let facets = |of: &MadeColumn| of.lacks.keys().copied().collect::<Vec<Facet>>();
    let (ours, theirs) = (facets(landfall), facets(jdbc));
    let within = |few: &[Facet], many: &[Facet]| few.iter().all(|facet| many.contains(facet));
    let why = |who: &str, of: &MadeColumn| {
        let lacks: Vec<&str> = of.lacks.values().map(String::as_str).collect();
        format!(": {who} {}", escape(&lacks.join(", ")))
    };
    match (within(&ours, &theirs), within(&theirs, &ours)) {
        (true, true) if describe(landfall) == describe(jdbc) => (Verdict::Same, String::new()),
        (true, true) if ours.is_empty() => (Verdict::Same, ": as exact".to_owned()),
        (true, true) | (false, false) => {
            let both = why("Landfall's", landfall) + &why("; the sink's", jdbc);
            (Verdict::Otherwise, both)
        }
        (true, false) => (Verdict::Landfall, why("the sink's", jdbc)),
        (false, true) => (Verdict::Jdbc, why("Landfall's", landfall)),
    }
}

/// As a statement would have it.
fn describe(made: &MadeColumn) -> String {
    let mut text = made.kind.clone();
    if made.is_required {
        text += " not null";
    }
    if let Some(default) = &made.default {
        text += &format!(" default {default}");
    }
    escape(&text)
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
