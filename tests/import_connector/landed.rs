//! The connectors of this folder do what they did: each is imported as it is, and what its topics have, as `landed.yaml`
//! says it by their repositories, is checked and run into a database of its own. What a person has to change in the
//! configuration stands there as data, so that it is counted here and not by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use super::shapes::Shape;
use super::{FOLDER, beside, import, samples, utf8};
use crate::support::own_kafka::OwnKafka;
use crate::support::repository::text;
use crate::support::worker::Worker;
use crate::support::{World, stack};

/// A connector's topics, and what becomes of them.
#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    shape: Shape,
    /// Each has the whole history.
    topics: Vec<String>,
    /// What the connector didn't make either.
    #[serde(default)]
    tables: String,
    /// What each table has at the end. `*` is any value but null.
    #[serde(default)]
    rows: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    edits: Vec<Edit>,
    /// What `check` says of a topic that Landfall can't land, whatever is changed.
    #[serde(default)]
    cannot: Option<String>,
}

/// What a person has to change: a place in the configuration, or the destination by a statement.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Edit {
    find: String,
    /// `{registry}` is where it is.
    put: String,
    sql: String,
    /// What leads to it: a part of what the import reports, or of what `check` finds wrong.
    says: String,
}

/// How much a person had to change.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edits {
    None,
    One,
    More,
    Not,
}

const AT_ONCE: usize = 5;

#[tokio::test]
async fn public_connectors_land_what_they_landed_at_least_four_fifths_of_them_with_at_most_one_edit()
 {
    let cases: BTreeMap<String, Case> =
        serde_yaml::from_str(&text(&format!("{FOLDER}/landed.yaml"))).unwrap();
    // LANDED=name,name looks at some of them
    let only = std::env::var("LANDED").ok();
    let wanted = |sample: &String| {
        let stem = stem(sample);
        only.as_ref()
            .is_none_or(|only| only.split(',').any(|name| name == stem))
    };
    let kafka = OwnKafka::start();
    let (turns, cases) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(cases));
    let mut landings = JoinSet::new();
    let landing = async {
        for sample in samples().into_iter().filter(wanted) {
            let (turns, cases, broker) = (turns.clone(), cases.clone(), kafka.broker());
            landings.spawn_local(async move {
                let _turn = turns.acquire().await.unwrap();
                let name = stem(&sample).to_owned();
                let case = cases.get(&name);
                let case = case.unwrap_or_else(|| panic!("landed.yaml has no {name}"));
                (land(&sample, case, &broker).await, name)
            });
        }
        landings.join_all().await
    };
    let outcomes = LocalSet::new().run_until(landing).await;
    let (mut landed, mut failed) = (BTreeMap::new(), Vec::new());
    for (outcome, name) in outcomes {
        match outcome {
            Ok(edits) => drop(landed.insert(name, edits)),
            Err(why) => failed.push(format!("{name}: {why}")),
        }
    }
    let count = |wanted| landed.values().filter(|edits| **edits == wanted).count();
    let [none, one, more, not] = [Edits::None, Edits::One, Edits::More, Edits::Not].map(count);
    println!("{none} unchanged, {one} with one edit, {more} with more, {not} not");
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    if only.is_none() {
        assert!(landed.len() >= 20, "{}", landed.len());
        assert!(5 * (none + one) >= 4 * landed.len(), "{landed:?}");
        says_the_same(&landed, [none, one, more, not]);
    }
}

fn stem(sample: &str) -> &str {
    let name = sample.rsplit('/').next().unwrap();
    name.split('.').next().unwrap()
}

/// The page's last column, and the document's sentence.
fn says_the_same(landed: &BTreeMap<String, Edits>, counts: [usize; 4]) {
    let page = text(&format!("{FOLDER}/README.md"));
    for (name, edits) in landed {
        let begin = format!("| `{name}.");
        let row = page.lines().find(|line| line.starts_with(&begin)).unwrap();
        let said = row.trim_matches('|').rsplit(" | ").next().unwrap();
        let word = format!("{edits:?}").to_lowercase();
        assert!(said.trim().starts_with(&word), "{name}: {word}, not {said}");
    }
    let [none, one, more, not] = counts;
    let sentence = format!(
        "Of {} public connectors {none} land what they landed unchanged, {one} with one edit, {more} with more, and {not} can't",
        landed.len()
    );
    let document = text("docs/from-kafka-connect.md").replace('\n', " ");
    assert!(document.contains(&sentence), "{sentence}");
}

/// Imports, checks and runs it, twice.
async fn land(sample: &str, case: &Case, broker: &str) -> Result<Edits, String> {
    let world = World::at("landed", 1, broker).await;
    let (_, source) = beside(sample);
    let mut given = vec!["--brokers", broker, sample];
    given.extend(source.as_deref());
    let output = import(&given);
    if output.status.code() != Some(0) {
        return Err(utf8(&output.stderr).to_owned());
    }
    let imported = put_in_place(utf8(&output.stdout), stem(sample), &world);
    let group = Regex::new(r#"(?m)^group = "([^"]*)""#).unwrap();
    let group = group.captures(&imported).expect("a group")[1].to_owned();
    let mut records = 0;
    for topic in &case.topics {
        world.kafka.create_topic(topic, 1).await;
        // as a connector that was stopped before it had read anything
        world.kafka.reset(&group, topic, 1, 0).await;
        let events = case.shape.events(topic);
        records += events.len();
        world.kafka.produce(topic, &events).await;
    }
    world.db.batch_execute(&case.tables).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("landfall.toml");
    std::fs::write(&file, &imported).unwrap();
    if let Some(says) = &case.cannot {
        let refused = refused(&file, says, &world, records).await;
        return refused.map(|()| Edits::Not);
    }
    let mut edited = imported;
    let report = utf8(&output.stderr);
    for edit in &case.edits {
        let (code, said) = command(&["check"], &file).await;
        let by_check = code == Some(1) && said.contains(&edit.says);
        if !by_check && !report.contains(&edit.says) {
            return Err(format!(
                "check, exit {code:?}, doesn't say {:?}:\n{said}",
                edit.says
            ));
        }
        if !edited.contains(&edit.find) {
            return Err(format!("no {:?} in\n{edited}", edit.find));
        }
        let registry = format!("{}/apis/ccompat/v7", stack().registry);
        edited = edited.replacen(&edit.find, &edit.put.replace("{registry}", &registry), 1);
        world.db.batch_execute(&edit.sql).await.unwrap();
        std::fs::write(&file, &edited).unwrap();
    }
    for (arguments, expected) in [
        (&["check"][..], Some(0)),
        (&["run", "--until-caught-up"], Some(0)),
    ] {
        let (code, said) = command(arguments, &file).await;
        if code != expected {
            return Err(format!("{arguments:?}, exit {code:?}:\n{said}\n{edited}"));
        }
    }
    let first = compare(&world, case).await?;
    // all of it comes once more
    for topic in &case.topics {
        world.kafka.reset(&group, topic, 1, 0).await;
    }
    let (code, said) = command(&["run", "--until-caught-up"], &file).await;
    let second = compare(&world, case).await?;
    if code != Some(0) || first != second {
        return Err(format!(
            "the second run, exit {code:?}, changed rows:\n{said}"
        ));
    }
    Ok(match case.edits.len() {
        0 => Edits::None,
        1 => Edits::One,
        _ => Edits::More,
    })
}

/// `check` says so, and nothing is landed: `run` stands still, or puts every record aside.
async fn refused(file: &Path, says: &str, world: &World, records: usize) -> Result<(), String> {
    let (code, said) = command(&["check"], file).await;
    if code != Some(1) || !said.contains(says) {
        return Err(format!(
            "check, exit {code:?}, doesn't say {says:?}:\n{said}"
        ));
    }
    let (code, said) = command(&["run", "--until-caught-up"], file).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    let letters = world.count(letters).await as usize;
    let stands_still = code == Some(1) && said.contains(says) && letters == 0;
    if !stands_still && letters != records {
        return Err(format!("{letters} dead letters, exit {code:?}:\n{said}"));
    }
    Ok(())
}

async fn command(arguments: &[&str], file: &Path) -> (Option<i32>, String) {
    let mut worker = Worker::start(arguments, file, &[]);
    (worker.wait().await, worker.log())
}

/// What belongs to the place and is no edit: addresses and secrets.
fn put_in_place(imported: &str, name: &str, world: &World) -> String {
    let registry = format!("url = \"{}/apis/ccompat/v7\"", stack().registry);
    let postgres = format!("url = \"{}\"", world.database_url);
    let group = format!("group = \"connect-lcc-{name}\"");
    let changes = [
        (r#"(?m)^url = "http[^"]*""#, registry.as_str()),
        (r#"(?m)^url = "postgres:[^"]*""#, &postgres),
        (r"(?m)^url_file = .*", &postgres),
        (r"(?m)^password_file = .*\n", ""),
        (r"(?m)^#group = [^#\n]*", &group),
        (r#"(?m)^#start = "group""#, "start = \"group\""),
        (r"(?ms)^\[kafka\.properties\]\n.*?\n\n", ""),
    ];
    let mut placed = imported.to_owned();
    for (regex, by) in changes {
        let regex = Regex::new(regex).unwrap();
        placed = regex.replace_all(&placed, regex::NoExpand(by)).into_owned();
    }
    placed + "\n[http]\nlisten = \"127.0.0.1:0\"\n"
}

/// Rows are as expected, and none is put aside; answers where each row lies, which tells whether it was written again.
async fn compare(world: &World, case: &Case) -> Result<Vec<String>, String> {
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    if world.count(letters).await > 0 {
        let why = "SELECT string_agg(message, E'\n') FROM landfall.dead_letters";
        let why: Option<String> = world.db.query_one(why, &[]).await.unwrap().get(0);
        return Err(format!("dead letters: {why:?}"));
    }
    let mut places = Vec::new();
    for (table, expected) in &case.rows {
        let sql = format!(
            "SELECT to_jsonb(t)::text, '{table}' || t.ctid || t.xmin FROM {table} t ORDER BY 1"
        );
        let rows = world.db.query(&sql, &[]).await;
        let rows = rows.map_err(|error| format!("{sql}: {error:?}"))?;
        let found: Vec<Value> = rows
            .iter()
            .map(|row| serde_json::from_str(row.get(0)).unwrap())
            .collect();
        let all = found.len() == expected.len()
            && expected
                .iter()
                .all(|row| found.iter().any(|found| fits(row, found)));
        if !all {
            let (found, expected) = (lines(&found), lines(expected));
            return Err(format!("{table} has\n{found}instead of\n{expected}"));
        }
        places.extend(rows.iter().map(|row| row.get::<_, String>(1)));
    }
    Ok(places)
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("  {row}\n")).collect()
}

fn fits(expected: &Value, found: &Value) -> bool {
    let (Value::Object(expected), Value::Object(found)) = (expected, found) else {
        return false;
    };
    let same = |expected: &Value, found: &Value| match expected {
        Value::String(any) if any == "*" => !found.is_null(),
        Value::Number(number) => number.as_f64() == found.as_f64(),
        _ => expected == found,
    };
    let known = |(name, value)| expected.get(name).is_some_and(|e| same(e, value));
    // what an expected row leaves out is null
    found.iter().all(|(name, value): (&String, &Value)| {
        known((name, value)) || (value.is_null() && !expected.contains_key(name))
    }) && expected.keys().all(|name| found.contains_key(name))
}
