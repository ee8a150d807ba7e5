//! `docs/operations.md` is a session: every command in it is run, in order, against a real worker, Kafka
//! and a Postgres of its own, and has to answer what the document says.

mod answers;
mod document;
mod runbook;
mod shell;
mod words;

use std::time::{Duration, Instant};

use document::{Document, Step};
use shell::Shell;

use crate::support::PATIENCE;
use crate::support::kafka::Kafka;
use crate::support::own_postgres::OwnPostgres;
use crate::support::world::connect;

const DOCUMENT: &str = "docs/operations.md";

/// The topics that are there before the session begins, and how long they keep events: 7 days.
const TOPICS: [&str; 3] = [
    "shop.public.customers",
    "shop.public.orders",
    "landfall.dlq",
];
const RETENTION: (&str, &str) = ("retention.ms", "604800000");

#[tokio::test(flavor = "multi_thread")]
async fn the_session_in_the_operators_document_is_what_really_happens() {
    let document = Document::read(DOCUMENT);
    let postgres = OwnPostgres::start(&[]);
    let url = postgres.url();
    let owner = connect(&format!("{url}/postgres")).await;
    let create = "CREATE DATABASE warehouse";
    owner.batch_execute(create).await.expect("a database");
    let warehouse = connect(&format!("{url}/warehouse")).await;
    let tables = document.block("sql");
    warehouse.batch_execute(tables).await.expect("the tables");
    let mut shell = Shell::start(&postgres);
    let kafka = Kafka::new();
    for topic in TOPICS.map(|topic| shell.names.ours(topic)) {
        kafka.create_topic(&topic, 1).await;
        kafka.configure(&topic, &[RETENTION]).await;
    }
    shell.write("landfall.toml", document.block("toml"));

    assert!(document.steps.len() > 50, "{}", document.steps.len());
    for step in &document.steps {
        tokio::task::block_in_place(|| follow(&mut shell, step));
    }
}

/// What only looks is asked again, for the worker needs a moment; anything else is done once.
fn follow(shell: &mut Shell, step: &Step) {
    let since = Instant::now();
    loop {
        let (answer, code) = shell.run(&step.command);
        let wrong = step.is_wrong(&answer, code);
        let Some(wrong) = wrong else {
            return;
        };
        let again = step.only_looks() && since.elapsed() < PATIENCE;
        assert!(
            again,
            "{DOCUMENT}:{}: $ {}\n{wrong}; it says\n{answer}\nand not\n{}\n\nthe worker's log:\n{}",
            step.line,
            step.command,
            step.answer,
            shell.read("landfall.log")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}
