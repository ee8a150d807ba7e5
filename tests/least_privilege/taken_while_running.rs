//! Each grant is taken away under a living worker: what needs it stands still and says what to grant, the rest goes on, and
//! once it is granted again everything is there once.

use serde_json::json;

use super::{Guarded, grants_of};
use crate::support::worker::Worker;
use crate::support::{World, audit, events, eventually};

/// What becomes of the events that come while a grant is missing.
enum Meanwhile {
    /// They are landed, as they need no such right.
    Landed,
    /// Something stands still; the statement that it gives.
    Stands(String),
}

/// A worker with two tables, which a topic leads to each.
struct Watched {
    guarded: Guarded,
    numbered: String,
    worker: Worker,
    /// How often events have been sent.
    round: i64,
}

impl Watched {
    async fn start() -> Self {
        let mut guarded = Guarded::start("taken_running", &[]).await;
        // so the one table has to be landed beside the other
        let apply = guarded.world.settings.get_mut("apply").unwrap();
        *apply = vec!["lanes = 1".to_owned()];
        guarded
            .say("CREATE TABLE numbered (id bigint PRIMARY KEY, note text, n serial)")
            .await;
        // what everybody may do is nobody's grant
        guarded
            .say("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA landfall FROM PUBLIC")
            .await;
        guarded.grant(&[]);
        let numbered = format!("{}.public.numbered", guarded.world.name);
        guarded.world.kafka.create_topic(&numbered, 1).await;
        guarded.world.topics.push(numbered.clone());
        let worker = Worker::start(&["run"], &guarded.config("worker"), &[]);
        let mut watched = Self {
            guarded,
            numbered,
            worker,
            round: 0,
        };
        for _ in 0..2 {
            watched.send_round().await;
            watched.until_landed().await;
        }
        watched
    }

    fn world(&self) -> &World {
        &self.guarded.world
    }

    /// A row comes, the one before it changes, the one before that goes; and a row that takes a number.
    async fn send_round(&mut self) {
        self.round += 1;
        let (round, lsn) = (self.round, self.round * 10);
        let changes = [
            events::insert(lsn, round, 1),
            events::update(lsn + 1, round - 1, 2),
            events::delete(lsn + 2, round - 2),
        ];
        let changes = &changes[..round.min(3) as usize];
        let key = json!({ "id": round });
        let row = json!({ "id": round, "note": "n" });
        let numbered = [events::change_of("numbered", "c", lsn, key, Some(row))];
        let world = self.world();
        world.kafka.produce(&world.topic, changes).await;
        world.kafka.produce(&self.numbered, &numbered).await;
    }

    /// Whether the round's events are in: of `t`, and of `numbered`.
    async fn are_landed(&self) -> [bool; 2] {
        let sql = "SELECT EXISTS (SELECT FROM t WHERE id = $1) AND NOT EXISTS (SELECT FROM t WHERE id = $1 - 2) \
            AND NOT EXISTS (SELECT FROM t WHERE id = $1 - 1 AND version = 1), EXISTS (SELECT FROM numbered WHERE id = $1)";
        let row = self.world().db.query_one(sql, &[&self.round]).await;
        let row = row.expect(sql);
        [row.get(0), row.get(1)]
    }

    async fn until_landed(&self) {
        let what = format!("round {} is landed", self.round);
        eventually(&what, async || {
            (self.are_landed().await == [true; 2]).then_some(())
        })
        .await;
    }

    /// Waits until the round is landed, or something says that it waits for this grant.
    async fn settle(&self, wanted: &str) -> Meanwhile {
        let what = format!("the round is landed, or {wanted} asked for");
        eventually(&what, async || {
            if self.are_landed().await == [true; 2] {
                return Some(Meanwhile::Landed);
            }
            let (status, body) = self.worker.get("/readyz").await;
            let at = body.find(wanted).filter(|_| status == 503)?;
            let (grant, _) = body.get(at..)?.split_once(';')?;
            Some(Meanwhile::Stands(grant.to_owned()))
        })
        .await
    }

    /// Takes a grant away while events come, and gives it back as the worker has it. Returns whether anything waited for it.
    async fn take(&mut self, revoke: &str, wanted: &str) -> bool {
        self.guarded.say(revoke).await;
        self.send_round().await;
        let meanwhile = self.settle(wanted).await;
        let ours = wanted.contains(r#""public"."t""#);
        let others = wanted.contains("numbered_n_seq");
        let grant = match &meanwhile {
            Meanwhile::Landed => format!("{wanted} {}", self.guarded.role("worker")),
            Meanwhile::Stands(grant) => grant.clone(),
        };
        if ours || others {
            // a table's right stops its events, and no others
            let stopped = [!ours, !others];
            let what = format!("{revoke}: only its table stands still");
            eventually(&what, async || {
                (self.are_landed().await == stopped).then_some(())
            })
            .await;
        }
        self.guarded.say(&grant).await;
        self.until_landed().await;
        matches!(meanwhile, Meanwhile::Stands(_))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_grant_a_running_worker_loses_what_needs_it_waits_and_gives_the_statement_that_brings_it_back()
 {
    let mut watched = Watched::start().await;
    let role = watched.guarded.role("worker");
    let mut grants = grants_of(watched.world(), &role).await;
    grants.push((
        format!("REVOKE UPDATE ON t FROM {role}; GRANT UPDATE (id) ON t TO {role}"),
        r#"GRANT UPDATE ("body", "version") ON "public"."t" TO"#.to_owned(),
    ));
    let mut waited_for = Vec::new();
    for (revoke, wanted) in &grants {
        if watched.take(revoke, wanted).await {
            waited_for.push(wanted.as_str());
        }
    }
    for wanted in [
        r#"GRANT SELECT ON "public"."t" TO"#,
        r#"GRANT INSERT ON "public"."t" TO"#,
        r#"GRANT UPDATE ON "public"."t" TO"#,
        r#"GRANT UPDATE ("body", "version") ON "public"."t" TO"#,
        r#"GRANT DELETE ON "public"."t" TO"#,
        "GRANT USAGE ON SEQUENCE public.numbered_n_seq TO",
        r#"GRANT USAGE ON SCHEMA "public" TO"#,
        r#"GRANT USAGE ON SCHEMA "landfall" TO"#,
        r#"GRANT EXECUTE ON FUNCTION "landfall"."table_facts_1" TO"#,
        r#"GRANT UPDATE ON "landfall"."partitions" TO"#,
        r#"GRANT INSERT ON "landfall"."processed_events" TO"#,
        r#"GRANT SELECT ON "landfall"."dead_letters" TO"#,
    ] {
        assert!(waited_for.contains(&wanted), "{wanted}: {waited_for:#?}");
    }

    let Watched {
        guarded,
        worker,
        round,
        ..
    } = watched;
    eventually("it is ready", async || {
        (worker.get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    let (code, log) = worker.stop().await;
    assert_eq!(code, Some(0), "{log}");
    for wanted in waited_for {
        // once for each that stood still for it, however often it was tried
        let told = log.lines().filter(|line| line.contains(wanted)).count();
        assert!(
            (1..=2).contains(&told),
            "{wanted} is told {told} times: {log}"
        );
    }
    let world = &guarded.world;
    for (sql, expected) in [
        ("SELECT count(*) FROM t", 2),
        ("SELECT count(*) FROM audit", 3 * round - 3),
        ("SELECT count(DISTINCT n) FROM numbered", round),
        ("SELECT count(*) FROM landfall.dead_letters", 0),
        (
            "SELECT count(*) FROM landfall.processed_events",
            4 * round - 3,
        ),
    ] {
        assert_eq!(world.count(sql).await, expected, "{sql}");
    }
    audit::assert_forward_only(&world.db).await;
    guarded.end().await;
}
