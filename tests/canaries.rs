//! What is written holds no secret and no value of a row: such as are found nowhere else are planted wherever one may come
//! from, and everything that a run and the commands write is searched for them, at the log's finest level.
//!
//! A value may be where it belongs: in the destination, in the dead letter topic and its bookkeeping, and in what
//! `landfall dlq` shows of a letter to whoever asks for it.

mod planted;
mod written;

use planted::{Planted, SECRETS, VALUES};
use written::Written;

use crate::commands::landfall;
use crate::support::worker::Worker;
use crate::support::{World, eventually};

/// What others read of a worker over HTTP, with the token and without.
async fn read_port(worker: &Worker, written: &mut Written) {
    let address = worker.address().await;
    for token in [Some(SECRETS.http), None] {
        for path in ["/", "/status.json", "/metrics", "/healthz", "/readyz"] {
            let url = format!("http://{address}{path}");
            let asked = tokio::task::spawn_blocking(move || {
                let config = ureq::Agent::config_builder().http_status_as_error(false);
                let request = config.build().new_agent().get(&url);
                let request = match token {
                    Some(token) => request.header("authorization", &format!("Bearer {token}")),
                    None => request,
                };
                let mut answer = request.call().expect("the server answers");
                answer.body_mut().read_to_string().expect("text")
            });
            written.add(path, asked.await.unwrap());
        }
    }
}

fn run_commands(world: &World, commands: &[&str], written: &mut Written) {
    for words in commands {
        let answer = landfall(world, words);
        written.add(words, answer.text);
        written.add(words, answer.error);
    }
}

async fn letters(world: &World) -> i64 {
    let sql = "SELECT count(*) FROM landfall.dead_letters";
    world.count(sql).await
}

#[tokio::test]
async fn nothing_that_is_written_holds_a_value_of_a_row_or_a_secret() {
    let planted = Planted::sow("canaries").await;
    let (world, mut written) = (&planted.world, Written::default());
    world.migrate().await;

    // as text, while the registry's password is wrong, and then right
    let worker = Worker::start(&["run"], &world.config_file(), &planted.variables);
    planted.produce_rows_and_refused_ones(0).await;
    eventually("all that is refused is put aside", async || {
        (letters(world).await >= planted.refused).then_some(())
    })
    .await;
    worker.says(&["doesn't let us in"]).await;
    written.add(
        "check, with a wrong password",
        landfall(world, "check").text,
    );
    planted.unlock();
    world.until_count("SELECT count(*) FROM t", 1).await;
    read_port(&worker, &mut written).await;
    let commands = ["check", "check --json", "status", "status --json"];
    run_commands(world, &commands, &mut written);
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    written.add("the log", log);

    // as JSON
    let variables = planted.variables_with(&[("LANDFALL_LOG__FORMAT", "json")]);
    planted.produce_rows_and_refused_ones(100).await;
    let command = ["run", "--until-caught-up"];
    let mut worker = Worker::start(&command, &world.config_file(), &variables);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    written.add("the log in JSON", worker.log());
    assert_eq!(letters(world).await, 2 * planted.refused);

    // by a panic whose message quotes a row
    let panics = format!("before_transaction=panic(at {})", VALUES.panic);
    let variables = planted.variables_with(&[("FAILPOINTS", &panics)]);
    planted.produce_rows_and_refused_ones(200).await;
    let mut worker = Worker::start(&["run"], &world.config_file(), &variables);
    assert_eq!(worker.wait().await, Some(1), "{}", worker.log());
    let log = worker.log();
    assert!(log.contains("panicked"), "{log}");
    written.add("the log of a panic", log);

    written.add("spans", planted.collector.whole());
    let events = planted.lineage.events();
    written.add("lineage", events.iter().map(ToString::to_string).collect());
    for message in world.published().await {
        written.add_own_headers(&message);
    }
    assert!(written.size() > 10_000, "{}", written.size());
    written.assert_has_none_of(&planted.values());
    written.assert_has_none_of(&planted.secrets());

    // the search finds what is there: a letter is its record, and whoever asks for it is shown it
    let mut letters = Written::default();
    let commands = [
        "dlq list --json",
        "dlq show 1",
        "dlq replay --dry-run",
        "dlq replay",
    ];
    run_commands(world, &commands, &mut letters);
    assert!(letters.holds(VALUES.refused) && letters.holds(VALUES.key));
    letters.assert_has_none_of(&planted.secrets());
}
