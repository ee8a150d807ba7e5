//! What an operator asks and orders: `landfall dlq`, `landfall status`, `landfall forget`.

mod dlq;
mod forget;
mod health;
mod status;
mod terminal;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::support::World;

/// Exit code, standard output and standard error. Nobody is there to be asked.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub text: String,
    pub error: String,
}

impl Answer {
    /// One object a line.
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
        self.text.lines().map(parse).collect()
    }

    /// Of each object.
    pub fn all(&self, key: &str) -> Vec<Value> {
        self.objects().iter().map(|o| o[key].clone()).collect()
    }
}

pub fn command(world: &World, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(words.split_whitespace());
    command.arg("--config").arg(world.config_file());
    command
}

pub fn landfall(world: &World, words: &str) -> Answer {
    let output = command(world, words)
        .stdin(std::process::Stdio::null())
        .output();
    let output = output.expect("landfall starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Answer {
        code: output.status.code(),
        text: text(output.stdout),
        error: text(output.stderr),
    }
}

/// The same, on success.
pub fn done(world: &World, words: &str) -> Answer {
    let answer = landfall(world, words);
    let said = format!("{words}: {}{}", answer.text, answer.error);
    assert_eq!(answer.code, Some(0), "{said}");
    answer
}

/// A letter in the bookkeeping table, of which some columns are given as SQL. Returns its number.
pub async fn put_aside(world: &World, columns: &[(&str, &str)]) -> i64 {
    let topic = format!("'{}'", world.topic);
    let mut all = BTreeMap::from([
        ("event_id", "gen_random_uuid()"),
        ("topic", &*topic),
        ("partition", "0"),
        ("\"offset\"", "7"),
        ("table_name", "'public.t'"),
        ("operation", "'insert'"),
        ("key", "'{\"id\":1}'"),
        ("reason", "'value'"),
        ("stage", "'TASK_PUT'"),
        ("sqlstate", "'22P02'"),
        (
            "message",
            "'invalid input syntax for type bigint: \"seven\"'",
        ),
        ("attempts", "1"),
        ("first_failed_at", "now() - interval '1 hour'"),
        ("last_failed_at", "now() - interval '1 hour'"),
        ("consumer_group", "'g'"),
        ("dlq_topic", "'g.dlq'"),
        ("dlq_partition", "0"),
        ("dlq_offset", "3"),
    ]);
    all.extend(columns.iter().copied());
    let names: Vec<&str> = all.keys().copied().collect();
    let values: Vec<&str> = all.values().copied().collect();
    let sql = format!(
        "INSERT INTO landfall.dead_letters ({}) VALUES ({}) RETURNING id",
        names.join(", "),
        values.join(", ")
    );
    let row = world.db.query_one(&sql, &[]).await;
    row.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}
