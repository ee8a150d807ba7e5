//! The ledger forgets what was applied long ago, and nothing else.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::events::insert;
use crate::support::worker::Worker;
use crate::support::{Event, World, audit, stack};

const DAY_MS: i64 = 86_400_000;

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("after 1970").as_millis()).expect("this age")
}

/// Inserts of these rows, which happened at the source so many days ago.
fn days_ago(days: i64, ids: std::ops::Range<i64>) -> Vec<Event> {
    let event = |id| insert(days * 1_000_000 + id, id, 1).at(now_ms() - days * DAY_MS);
    ids.map(event).collect()
}

/// Partitions of the ledger; of a day that many days ago it is `day_name`.
const DAYS: &str =
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'landfall.processed_events'::regclass";

async fn day_name(world: &World, days_ago: i64) -> String {
    let sql = "SELECT 'processed_events_' || to_char(to_timestamp($1::bigint) AT TIME ZONE 'UTC', 'YYYYMMDD')";
    let seconds = (now_ms() - days_ago * DAY_MS) / 1000;
    let row = world.db.query_one(sql, &[&seconds]).await;
    row.expect("a name").get(0)
}

async fn has(world: &World, table: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'landfall' AND tablename = '{table}'"
    );
    world.count(&sql).await == 1
}

/// As if all that has been applied had been so long ago.
async fn age(world: &World, interval: &str) {
    let sql = format!("UPDATE landfall.day_writes SET written_at = now() - interval '{interval}'");
    world.db.batch_execute(&sql).await.expect(&sql);
}

fn start_prune(world: &World, arguments: &[&str]) -> Worker {
    let arguments: Vec<&str> = ["prune"].iter().chain(arguments).copied().collect();
    Worker::start(&arguments, &world.config_file(), &[])
}

async fn prune(world: &World, arguments: &[&str]) -> String {
    let mut worker = start_prune(world, arguments);
    assert_eq!(worker.wait().await, Some(0), "{}", worker.log());
    worker.log()
}

/// A world with an event of ten days ago, which was applied so long ago.
async fn aged(name: &str, interval: &str) -> (World, String) {
    let world = World::new(name, 1).await;
    world
        .kafka
        .produce(&world.topic, &days_ago(10, 1..20))
        .await;
    world.catch_up().await;
    age(&world, interval).await;
    let day = day_name(&world, 10).await;
    assert!(has(&world, &day).await, "{day}");
    (world, day)
}

#[tokio::test]
async fn today_and_tomorrow_are_created_ahead() {
    let world = World::new("ahead", 1).await;
    world.migrate().await;
    let (today, tomorrow) = (day_name(&world, 0).await, day_name(&world, -1).await);

    let said = prune(&world, &["--dry-run"]).await;
    assert!(
        said.contains(&format!("would be created  {today}")),
        "{said}"
    );
    assert_eq!(world.count(DAYS).await, 1, "a dry run creates nothing");

    let said = prune(&world, &[]).await;
    assert!(said.contains(&format!("created  {tomorrow}")), "{said}");
    assert!(has(&world, &today).await && has(&world, &tomorrow).await);
    assert_eq!(prune(&world, &[]).await, "nothing to do");
}

#[tokio::test]
async fn a_worker_creates_days_ahead_and_drops_a_day_last_written_long_ago() {
    let (world, day) = aged("dropped_by_run", "8 days").await;
    let tomorrow = day_name(&world, -1).await;
    let sql = format!("DROP TABLE landfall.{tomorrow}");
    world.db.batch_execute(&sql).await.expect("it is there");

    let worker = world.run();

    worker
        .says(&["dropped days of processed_events", &day])
        .await;
    assert!(!has(&world, &day).await);
    assert!(has(&world, &tomorrow).await);
    crate::support::eventually("it is told when", async || {
        let at = worker
            .metric("landfall_last_pruned_timestamp_seconds", &[])
            .await;
        (at > 1e9).then_some(())
    })
    .await;
    assert_eq!(worker.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_run_until_caught_up_looks_after_the_ledger_though_there_is_nothing_to_land() {
    let (world, day) = aged("dropped_once", "8 days").await;
    world.catch_up().await;
    assert!(!has(&world, &day).await);
}

#[tokio::test]
async fn a_day_last_written_long_ago_is_dropped_by_prune_which_says_so() {
    let (world, day) = aged("dropped_by_prune", "8 days").await;

    let said = prune(&world, &["--dry-run"]).await;
    assert!(said.contains(&format!("would be dropped  {day}")), "{said}");
    assert!(has(&world, &day).await, "a dry run drops nothing");

    let said = prune(&world, &["--json"]).await;
    let lines: Vec<Value> = said
        .lines()
        .map(|l| serde_json::from_str(l).expect(l))
        .collect();
    let dropped = lines.iter().filter(|l| l["kind"] == "dropped");
    let dropped: Vec<&Value> = dropped.map(|l| &l["partition"]).collect();
    assert_eq!(dropped, [day.as_str()], "{said}");
    assert!(!has(&world, &day).await);
}

#[tokio::test]
async fn a_day_of_old_events_that_were_applied_lately_stays() {
    let world = World::new("stays", 1).await;
    let events = days_ago(10, 1..20);
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    age(&world, "6 days").await;
    let day = day_name(&world, 10).await;
    let said = prune(&world, &[]).await;
    assert!(said.contains(&format!("kept     {day}")), "{said}");
    world.catch_up().await;
    assert!(has(&world, &day).await);
    // and what its source sends again is recognised
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM audit").await, 19);
}

#[tokio::test]
async fn a_day_that_was_written_long_ago_and_is_not_over_for_long_stays() {
    let world = World::new("not_over", 1).await;
    world.kafka.produce(&world.topic, &days_ago(6, 1..20)).await;
    world.catch_up().await;
    age(&world, "30 days").await;
    prune(&world, &[]).await;
    assert!(has(&world, &day_name(&world, 6).await).await);
}

#[tokio::test]
async fn events_of_a_dropped_day_that_are_delivered_again_are_not_applied_twice() {
    let (world, day) = aged("redelivered", "8 days").await;
    prune(&world, &[]).await;
    assert!(!has(&world, &day).await);
    let writes = world.count("SELECT count(*) FROM audit").await;

    world.kafka.reset(world.group(), &world.topic, 1, 0).await;
    world
        .kafka
        .produce(&world.topic, &days_ago(0, 100..101))
        .await;
    let worker = world.run();
    worker.says(&["behind the watermark"]).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 100", 1)
        .await;

    assert_eq!(world.count("SELECT count(*) FROM audit").await, writes + 1);
    audit::assert_forward_only(&world.db).await;
}

#[tokio::test]
async fn the_default_partition_is_emptied_once_nothing_was_written_to_it_within_retention() {
    let mut world = World::new("default", 1).await;
    // too long ago for a day of its own
    world
        .kafka
        .produce(&world.topic, &days_ago(500, 1..21))
        .await;
    world.catch_up().await;
    let rows = "SELECT count(*) FROM landfall.processed_events_other";
    assert_eq!(world.count(rows).await, 20);
    age(&world, "8 days").await;
    world.set("apply", "retention = \"30d\"");
    let other = days_ago(501, 21..24);
    world.kafka.produce(&world.topic, &other).await;
    world.catch_up().await;
    assert_eq!(world.count(rows).await, 23, "within 30 days");
    world.settings.get_mut("apply").expect("set").pop();
    prune(&world, &[]).await;
    assert_eq!(world.count(rows).await, 23, "written within 7 days");
    age(&world, "8 days").await;

    let dry = prune(&world, &["--dry-run"]).await;
    let told = "would be emptied  processed_events_other";
    assert!(dry.contains(told), "{dry}");
    assert_eq!(world.count(rows).await, 23, "a dry run empties nothing");
    let said = prune(&world, &[]).await;
    assert!(said.contains("emptied  processed_events_other"), "{said}");
    assert_eq!(world.count(rows).await, 0);
    // and what its source sends again later than that is applied again
    world.kafka.produce(&world.topic, &other).await;
    world.catch_up().await;
    assert_eq!(world.count(rows).await, 3);
}

#[tokio::test]
async fn what_comes_for_a_day_as_it_is_dropped_is_not_emptied_with_the_default_partition() {
    let (world, day) = aged("dropped_and_written", "8 days").await;
    let more = "INSERT INTO landfall.processed_events_other (id, partition_id) VALUES ('00000000-0000-4000-8000-000000000001', 1)";
    world.db.batch_execute(more).await.expect(more);
    // a lane lands an event of the day at that moment
    let lane = format!(
        "CREATE TABLE of_day AS SELECT id, partition_id FROM landfall.{day} LIMIT 1;
         CREATE FUNCTION write_again() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() WHERE object_name = '{day}') THEN
                 INSERT INTO landfall.day_writes (day) SELECT day FROM landfall.day_writes GROUP BY day HAVING day = to_date(right('{day}', 8), 'YYYYMMDD') - date '1970-01-01';
                 INSERT INTO landfall.processed_events (id, partition_id) SELECT * FROM public.of_day;
             END IF;
         END $$;
         CREATE EVENT TRIGGER write_again ON sql_drop EXECUTE FUNCTION write_again()"
    );
    world.db.batch_execute(&lane).await.expect(&lane);

    let said = prune(&world, &[]).await;

    assert!(said.contains(&format!("dropped  {day}")), "{said}");
    assert_eq!(
        world
            .count("SELECT count(*) FROM landfall.processed_events JOIN of_day USING (id)")
            .await,
        1,
        "{said}"
    );
}

#[tokio::test]
async fn a_day_that_nobody_has_noted_is_kept_for_as_long_as_one_that_was_written_now() {
    let (world, day) = aged("unnoted", "8 days").await;
    // as a worker of a former build writes it
    let unnoted = "DELETE FROM landfall.day_writes";
    world.db.batch_execute(unnoted).await.expect(unnoted);
    for _ in 0..2 {
        let said = prune(&world, &[]).await;
        assert!(said.contains(&format!("kept     {day}")), "{said}");
    }
    age(&world, "8 days").await;
    let said = prune(&world, &[]).await;
    assert!(said.contains(&format!("dropped  {day}")), "{said}");
}

#[tokio::test]
async fn days_to_come_are_made_however_much_the_default_partition_holds() {
    let world = World::new("large_default", 1).await;
    world.migrate().await;
    let more = "INSERT INTO landfall.processed_events (id, partition_id)
                SELECT gen_random_uuid(), 1 FROM generate_series(1, 350000) i";
    world.db.batch_execute(more).await.expect("old rows");
    // somebody has begun before, and was killed
    let left = "ALTER TABLE landfall.processed_events_other ADD CONSTRAINT landfall_keeps_out_1 CHECK (true) NOT VALID";
    world.db.batch_execute(left).await.expect(left);

    // the next day may begin meanwhile
    let (near, far) = (day_name(&world, -3).await, day_name(&world, -7).await);

    let mut said = prune(&world, &[]).await;
    // a day whose table can't be had in time is made by the next prune
    for _ in 0..5 {
        if has(&world, &near).await && has(&world, &far).await {
            break;
        }
        said = prune(&world, &[]).await;
    }

    for day in [near, far] {
        assert!(has(&world, &day).await, "{said}");
    }
    let left = "SELECT count(*) FROM pg_constraint WHERE conname LIKE 'landfall_keeps_out%'";
    assert_eq!(world.count(left).await, 0);
    // looking through it under lock would hold up who writes to it
    assert!(!has(&world, &day_name(&world, 0).await).await, "{said}");
    let events = [days_ago(0, 1..2), days_ago(-3, 2..3)].concat();
    world.kafka.produce(&world.topic, &events).await;
    world.catch_up().await;
    assert_eq!(world.count("SELECT count(*) FROM t").await, 2);
}

#[tokio::test]
async fn two_prunes_at_once_drop_each_day_once_and_neither_fails() {
    let world = World::new("two_prunes", 1).await;
    for day in 10..30 {
        world
            .kafka
            .produce(&world.topic, &days_ago(day, day * 100..day * 100 + 3))
            .await;
    }
    world.catch_up().await;
    age(&world, "8 days").await;

    let mut prunes = [start_prune(&world, &[]), start_prune(&world, &[])];
    for prune in &mut prunes {
        assert_eq!(prune.wait().await, Some(0), "{}", prune.log());
    }

    let both = prunes.map(|p| p.log()).join("\n");
    assert_eq!(both.matches("dropped  ").count(), 20, "{both}");
    assert_eq!(
        world.count(DAYS).await,
        9,
        "today, seven days to come and the default partition"
    );
}

#[tokio::test]
async fn days_are_dropped_while_a_worker_lands_and_each_event_lands_once() {
    let world = World::new("beside", 2).await;
    world.migrate().await;
    let worker = world.run();
    // old and new days by turns; what is old is made so as soon as it is there
    let mut said = String::new();
    for round in 0..10 {
        let from = round * 1000;
        let days: Vec<Event> = (0..10)
            .flat_map(|day| days_ago(day * 4, from + day * 100..from + day * 100 + 50))
            .collect();
        world.kafka.produce(&world.topic, &days).await;
        let landed = format!("SELECT count(*) FROM t WHERE id < {}", from + 200);
        world.until_count(&landed, round * 500 + 100).await;
        age(&world, "8 days").await;
        said += &prune(&world, &[]).await;
    }
    world.until_count("SELECT count(*) FROM t", 5000).await;
    assert!(said.contains("dropped  "), "{said}");

    let log = worker.stop().await.1;
    assert_eq!(
        world.count("SELECT count(*) FROM audit").await,
        5000,
        "each once"
    );
    assert!(!log.contains("ERROR"), "{log}");
    assert_eq!(
        world.kafka.read_all(&world.dead_letter_topic()).await.len(),
        0
    );
}

/// The worker remembers which days there are.
#[tokio::test]
async fn events_of_a_day_that_another_process_dropped_land_and_are_recognised() {
    let (world, day) = aged("elsewhere", "6 days").await;
    let worker = world.run();
    world
        .kafka
        .produce(&world.topic, &days_ago(10, 30..31))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 30", 1)
        .await;
    age(&world, "8 days").await;
    prune(&world, &[]).await;
    assert!(!has(&world, &day).await);

    let event = days_ago(10, 40..41);
    world.kafka.produce(&world.topic, &event).await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 40", 1)
        .await;
    world.kafka.produce(&world.topic, &event).await;
    crate::support::eventually("it is recognised", async || {
        let duplicates = worker.metric("landfall_events_total", &["outcome=\"duplicate\""]);
        (duplicates.await == 1.0).then_some(())
    })
    .await;
    assert_eq!(
        world
            .count("SELECT count(*) FROM audit WHERE id = 40")
            .await,
        1
    );
}

#[tokio::test]
async fn a_lane_that_writes_for_long_is_not_waited_for_at_the_others_cost() {
    let (world, day) = aged("held", "8 days").await;
    // a transaction that has written to the ledger and takes its time
    let other = crate::support::world::connect(&world.database_url).await;
    let hold = "BEGIN; INSERT INTO landfall.processed_events (id, partition_id) VALUES (gen_random_uuid(), 1)";
    other.batch_execute(hold).await.expect("it writes");

    let worker = world.run();
    let mut pruning = start_prune(&world, &[]);
    for id in 100..140 {
        world
            .kafka
            .produce(&world.topic, &days_ago(0, id..id + 1))
            .await;
        let landed = format!("SELECT count(*) FROM t WHERE id = {id}");
        world.until_count(&landed, 1).await;
    }
    assert_eq!(pruning.wait().await, Some(1), "{}", pruning.log());
    let (code, log) = worker.stop().await;
    assert_eq!(
        (code, log.contains("tried again")),
        (Some(0), false),
        "{log}"
    );
    assert!(pruning.log().contains("lock timeout"), "{}", pruning.log());
    assert!(has(&world, &day).await);

    other.batch_execute("COMMIT").await.expect("it ends");
    prune(&world, &[]).await;
    assert!(!has(&world, &day).await);
}

#[tokio::test]
async fn a_role_that_may_not_drop_days_is_told_once_and_its_worker_goes_on() {
    let (world, day) = aged("no_rights", "8 days").await;
    let role = world.name.clone();
    let lesser = format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON t, audit TO {role}; GRANT USAGE ON SCHEMA landfall TO {role};
         GRANT USAGE ON SEQUENCE audit_seq_seq TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landfall TO {role};
         DROP TABLE landfall.{}", day_name(&world, -1).await
    );
    world.db.batch_execute(&lesser).await.expect("a role");
    let address = stack().postgres.replace("postgres@", &format!("{role}@"));
    let config = world.config_file_for(&format!("{address}/{}", world.name));

    let mut pruning = Worker::start(&["prune"], &config, &[]);
    assert_eq!(pruning.wait().await, Some(1));
    let said = pruning.log();
    assert!(
        said.contains("may not create days of processed_events, nor drop days"),
        "{said}"
    );
    assert!(said.contains(&format!("OWNER TO \"{role}\"")), "{said}");

    // whoever makes days was killed at it, and their events would wait for the owner
    let left = "ALTER TABLE landfall.processed_events_other ADD CONSTRAINT landfall_keeps_out_1 CHECK (true) NOT VALID";
    world.db.batch_execute(left).await.expect(left);
    let worker = Worker::start(&["run"], &config, &[]);
    worker
        .says(&["retention is incomplete", "run `landfall prune`"])
        .await;
    world
        .kafka
        .produce(&world.topic, &days_ago(0, 50..51))
        .await;
    world
        .until_count("SELECT count(*) FROM t WHERE id = 50", 1)
        .await;
    assert_eq!(worker.stop().await.0, Some(0));
    assert!(has(&world, &day).await);
    let left = "SELECT count(*) FROM pg_constraint WHERE conname LIKE 'landfall_keeps_out%'";
    assert_eq!(world.count(left).await, 0);
    let revoke = "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA landfall FROM PUBLIC";
    world.db.batch_execute(revoke).await.expect(revoke);
    let (_, text) = check(&config);
    assert!(text.contains("ledger_not_prunable"), "{text}");
    assert!(text.contains("EXECUTE on landfall.table_facts_1"), "{text}");
    assert!(
        text.contains(&format!("ALTER TABLE landfall.{day} OWNER TO {role};")),
        "{text}"
    );
    let sql = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    world.db.batch_execute(&sql).await.expect("gone");
}

#[tokio::test]
async fn without_ids_there_is_nothing_to_prune() {
    let (mut world, day) = aged("offsets", "8 days").await;
    world.set("apply", "idempotency = \"offset\"");
    let said = prune(&world, &[]).await;
    assert!(said.contains("no event ids are kept"), "{said}");
    world.catch_up().await;
    assert!(has(&world, &day).await);
}

/// `check --json`: exit code and output.
fn check(config: &std::path::Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["check", "--json", "--config"])
        .arg(config)
        .output()
        .expect("landfall starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

fn warning(text: &str, code: &str) -> Option<Value> {
    let objects = text
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).expect(l));
    objects
        .into_iter()
        .find(|o| o["kind"] == "warning" && o["code"] == code)
}

#[tokio::test]
async fn check_warns_of_topics_that_keep_events_longer_than_the_ledger_their_ids() {
    let mut world = World::new("outlives", 1).await;
    world.catch_up().await; // creates the dead letter topic
    let (topic, letters) = (world.topic.clone(), world.dead_letter_topic());
    let week = [("retention.ms", "604800000")];
    let month = [("retention.ms", "2592000000")];
    let (source, other) = ("topic_outlives_ledger", "dead_letters_outlive_ledger");

    world.kafka.configure(&topic, &week).await;
    world.kafka.configure(&letters, &week).await;
    let (code, text) = check(&world.config_file());
    assert_eq!(code, Some(0), "{text}");
    assert!(
        warning(&text, source).is_none() && warning(&text, other).is_none(),
        "{text}"
    );

    world.kafka.configure(&topic, &month).await;
    world
        .kafka
        .configure(&letters, &[("retention.ms", "-1")])
        .await;
    let (code, text) = check(&world.config_file());
    assert_eq!(code, Some(0), "a warning is no problem: {text}");
    let found = warning(&text, source).expect(&text);
    assert_eq!(found["topic"], topic.as_str());
    assert!(
        found["remedy"]
            .to_string()
            .contains("retention.ms to 604800000"),
        "{found}"
    );
    assert_eq!(
        warning(&text, other).expect(&text)["topic"],
        letters.as_str()
    );

    world
        .kafka
        .configure(&topic, &[("cleanup.policy", "compact"), week[0]])
        .await;
    let (_, text) = check(&world.config_file());
    assert!(
        warning(&text, source).expect(&text)["found"]
            .to_string()
            .contains("compact")
    );

    world.set("apply", "idempotency = \"offset\"");
    let (_, text) = check(&world.config_file());
    assert!(warning(&text, source).is_none(), "no ids are kept: {text}");
}

#[tokio::test]
async fn the_dead_letter_topic_is_created_with_as_many_partitions_as_configured() {
    let mut world = World::new("dlq_partitions", 1).await;
    world.set("dead_letter", "partitions = 3");
    world.set("dead_letter", "replication = 1");
    let (code, text) = check(&world.config_file());
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(
        world.kafka.partitions(&world.dead_letter_topic()),
        0,
        "check creates nothing"
    );
    world.catch_up().await;
    assert_eq!(world.kafka.partitions(&world.dead_letter_topic()), 3);
}

#[tokio::test]
async fn a_replication_that_the_cluster_has_no_brokers_for_is_a_problem_before_it_is_one() {
    let mut world = World::new("dlq_replication", 1).await;
    world.set("dead_letter", "replication = 3");
    let (code, text) = check(&world.config_file());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("\"creatable\":false"), "{text}");
    let problem = text
        .lines()
        .find(|l| l.contains("\"dead_letter_topic\"") && l.contains("problem"));
    assert!(
        problem
            .expect(&text)
            .contains("set dead_letter.replication"),
        "{text}"
    );
    world
        .run()
        .says(&[
            "can't create the dead letter topic",
            "set dead_letter.replication",
        ])
        .await;
}

#[tokio::test]
async fn where_deleted_rows_stood_is_forgotten_also_where_no_ids_are_kept() {
    for idempotency in ["event_id", "offset"] {
        let mut world = World::new(&format!("positions_{idempotency}"), 1).await;
        world.set("apply", &format!("idempotency = \"{idempotency}\""));
        world.migrate().await;
        let rows = "INSERT INTO landfall.row_positions (row_key, source, position, partition_id, gone_at)
            SELECT pg_catalog.gen_random_uuid(), 1, '', 1, now() - days * interval '1 day' FROM unnest(ARRAY[9, 8, 1, NULL]) days";
        world.db.batch_execute(rows).await.unwrap();
        let said = prune(&world, &["--dry-run"]).await;
        let told = "would be deleted  the positions of 2 rows that were deleted";
        assert!(said.contains(told), "{said}");
        let worker = world.run();
        let left = "SELECT count(*) FROM landfall.row_positions";
        world.until_count(left, 2).await;
        worker.stop().await;
        let recent = "SELECT count(*) FROM landfall.row_positions WHERE gone_at > now() - interval '2 days' OR gone_at IS NULL";
        assert_eq!(world.count(recent).await, 2);
    }
}
