//! Each grant of whoever replays letters, and of whoever looks, is taken away: a command works without it, or changes
//! nothing and says what to grant.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Guarded, grants_of};
use crate::support::{audit, events};

/// What a command says, and with which code it ends.
type Ended = (Option<i32>, String);

/// Runs commands side by side. A broker that is too busy to answer says nothing of rights: it is asked again.
async fn run_all(config: PathBuf, commands: Vec<String>) -> Vec<Ended> {
    let ran = tokio::task::spawn_blocking(move || {
        let mut ended = run_side_by_side(&config, &commands);
        for (words, ended) in commands.iter().zip(&mut ended) {
            while ended.1.contains("can't be reached") {
                *ended = run_side_by_side(&config, std::slice::from_ref(words)).remove(0);
            }
        }
        ended
    });
    ran.await.expect("no panic")
}

fn run_side_by_side(config: &Path, commands: &[String]) -> Vec<Ended> {
    let start = |words: &String| {
        Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(words.split_whitespace())
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("landfall starts")
    };
    let started: Vec<_> = commands.iter().map(start).collect();
    let ended = started.into_iter().map(|child| {
        let output = child.wait_with_output().expect("it ends");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8(said).expect("UTF-8"),
        )
    });
    ended.collect()
}

/// Takes a grant away, runs the commands, and gives it back as one of them says. Returns whether any needed it.
async fn take(
    guarded: &Guarded,
    what: &str,
    grant: &(String, String),
    commands: &[String],
) -> bool {
    let (revoke, wanted) = grant;
    guarded.say(revoke).await;
    let mut given = None;
    let ran = run_all(guarded.config(what), commands.to_vec()).await;
    for (words, (code, said)) in commands.iter().zip(ran) {
        let needs = code != Some(0) || said.contains("permission denied");
        let statement = said.find(wanted.as_str()).and_then(|at| said.get(at..));
        let statement = statement.and_then(|rest| Some(rest.split_once(';')?.0.to_owned()));
        assert_eq!(needs, statement.is_some(), "{revoke}, {words}: {said}");
        given = given.or(statement);
    }
    let back = given.clone();
    let back = back.unwrap_or_else(|| format!("{wanted} {}", guarded.role(what)));
    guarded.say(&back).await;
    given.is_some()
}

/// Takes these grants away from an operator, one after the other, each with a letter of its own to replay. Returns those
/// that a command needed.
async fn take_each(
    guarded: &Guarded,
    what: &str,
    grants: &[((String, String), i64)],
) -> Vec<String> {
    let mut needed = Vec::new();
    for (grant, letter) in grants {
        let mut commands = vec![format!("dlq replay --id {letter}"), "status".to_owned()];
        // what is read for letters alone; the rest is a replay's
        let of_letters = ["dead_letters", "migrations", "forgotten", "SCHEMA"];
        if of_letters.iter().any(|word| grant.1.contains(word)) {
            commands.extend([format!("dlq show {LETTERS}"), "dlq list".to_owned()]);
        }
        if take(guarded, what, grant, &commands).await {
            needed.push(grant.1.clone());
        }
        // a letter is in and marked, or neither
        let halves = format!(
            "SELECT count(*) FROM landfall.dead_letters d WHERE id = {letter} AND ((state = 'replayed') \
             <> EXISTS (SELECT FROM t WHERE id = d.id) OR state NOT IN ('parked', 'replayed'))"
        );
        assert_eq!(guarded.world.count(&halves).await, 0, "{}", grant.0);
    }
    needed
}

/// Whoever looks has nothing that looking doesn't need.
async fn take_from_reader(guarded: &Guarded) {
    let grants = grants_of(&guarded.world, &guarded.role("reader")).await;
    let grants = grants.into_iter().filter(|(_, wanted)| {
        let others = ["SEQUENCE", "FUNCTION", r#"SCHEMA "public""#];
        !others.iter().any(|word| wanted.contains(word))
    });
    for grant in grants {
        let is_needed = take(guarded, "reader", &grant, &["status".to_owned()]).await;
        assert!(is_needed, "{}", grant.0);
    }
}

/// How many letters are refused, and wait: more than there are grants.
const LETTERS: i64 = 40;

/// Letters that can be applied by now.
async fn start_with_letters() -> Guarded {
    let mut guarded = Guarded::start("taken_operator", &[]).await;
    let breaker = guarded.world.settings.get_mut("dead_letter.breaker");
    breaker.unwrap().push("ratio = 1.0".to_owned());
    // what everybody may do is nobody's grant
    guarded
        .say("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA landfall FROM PUBLIC")
        .await;
    guarded.say("ALTER TABLE t ADD CHECK (version < 100)").await;
    let refused: Vec<_> = (1..=LETTERS)
        .map(|id| events::insert(id, id, 150))
        .collect();
    let world = &guarded.world;
    world.kafka.produce(&world.topic, &refused).await;
    let (code, said) = guarded.landfall("worker", "run --until-caught-up");
    assert_eq!(code, Some(0), "{said}");
    guarded
        .say("ALTER TABLE t DROP CONSTRAINT t_version_check")
        .await;
    guarded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_grant_an_operator_or_a_reader_lacks_a_command_works_without_or_says_what_to_grant()
 {
    let guarded = start_with_letters().await;
    let world = &guarded.world;
    // operators of the same rights, each of whom loses some of them, side by side
    let operators: Vec<String> = (0..8).map(|nth| format!("operator{nth}")).collect();
    let mut shares = Vec::new();
    for (nth, what) in operators.iter().enumerate() {
        let role = guarded.role(what);
        guarded.grant(&[&format!("operator={role}")]);
        let mut grants = grants_of(world, &role).await;
        let is_other = |wanted: &str| wanted.contains("SEQUENCE") || wanted.contains("let_days_in");
        grants.retain(|(_, wanted)| !is_other(wanted));
        assert!(
            (25..LETTERS).contains(&(grants.len() as i64)),
            "{grants:#?}"
        );
        let numbered = grants.into_iter().zip(1..);
        let share = numbered.filter(|(_, letter)| *letter as usize % operators.len() == nth);
        shares.push(share.collect::<Vec<_>>());
    }
    let taken = operators.iter().zip(&shares);
    let taken = taken.map(|(what, grants)| take_each(&guarded, what, grants));
    let taken = futures::future::join_all(taken);
    let (needed, ()) = futures::future::join(taken, take_from_reader(&guarded)).await;
    let needed = needed.concat();
    for wanted in [
        r#"SELECT ON "landfall"."migrations""#,
        r#"SELECT ON "landfall"."partitions""#,
        r#"UPDATE ON "landfall"."partitions""#,
        r#"SELECT ON "landfall"."partition_starts""#,
        r#"INSERT ON "landfall"."processed_events""#,
        r#"INSERT ON "landfall"."day_writes""#,
        r#"UPDATE ON "landfall"."dead_letters""#,
        r#"SELECT ON "landfall"."forgotten_partitions""#,
        r#"SELECT ON "landfall"."table_topics""#,
        r#"EXECUTE ON FUNCTION "landfall"."table_facts_1""#,
        r#"INSERT ON "public"."t""#,
        r#"USAGE ON SCHEMA "public""#,
        r#"USAGE ON SCHEMA "landfall""#,
    ] {
        let wanted = format!("GRANT {wanted} TO");
        assert!(needed.contains(&wanted), "{wanted}: {needed:#?}");
    }

    let (code, said) = guarded.landfall("operator", "dlq replay");
    assert_eq!(code, Some(0), "{said}");
    for (sql, expected) in [
        ("SELECT count(*) FROM t WHERE version = 150", LETTERS),
        ("SELECT count(*) FROM audit", LETTERS),
        (
            "SELECT count(*) FROM landfall.dead_letters WHERE state = 'replayed'",
            LETTERS,
        ),
    ] {
        assert_eq!(world.count(sql).await, expected, "{sql}");
    }
    audit::assert_forward_only(&world.db).await;
    for role in operators.iter().map(|what| guarded.role(what)) {
        guarded
            .say(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
            .await;
    }
    guarded.end().await;
}
