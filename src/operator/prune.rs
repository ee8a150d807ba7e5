//! `landfall prune`: applies `apply.retention` to the ids of old events now, as `run` does hourly.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::Prune;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::ledger::retention::{Sweep, Swept};
use crate::ledger::schema_version;
use crate::operator::command_error::CommandError;
use crate::operator::terminal::{self, json_line, printable};
use crate::postgres::connection;
use crate::verdict::Failure;

const NO_IDS_KEPT: &str = "apply.idempotency is \"offset\": no event ids are kept\n";

/// Applies retention, and prints what was done.
///
/// # Errors
/// Postgres refuses, or our role may not. What was done until then has been printed.
pub async fn prune_ledger(config: &Config, asked: &Prune) -> Result<(), CommandError> {
    let apply = &config.apply;
    let (schema, group) = (&config.postgres.schema, &config.kafka.group);
    let ledger = Ledger::new(schema, group, apply.idempotency);
    let mut swept = Swept::default();
    let result = sweep_ledger(config, &ledger, asked.dry_run, &mut swept).await;
    if asked.json {
        terminal::print(&as_json_lines(&swept));
    } else if ledger.keeps_ids() || swept.positions + swept.moved > 0 {
        terminal::print(&as_text(&swept, asked.dry_run));
    } else {
        terminal::print(NO_IDS_KEPT);
    }
    result?;
    if swept.forbidden.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Refused(swept.explain_forbidden(schema)))
    }
}

async fn sweep_ledger(
    config: &Config,
    ledger: &Ledger,
    dry_run: bool,
    swept: &mut Swept,
) -> Result<(), Failure> {
    let pool = connection::build_pool(config)?;
    let mut client = connection::connect(&pool).await?;
    schema_version::require_usable(&client, &config.postgres.schema).await?;
    let sweep = Sweep {
        ledger,
        retention: config.apply.retention,
        dry_run,
    };
    sweep.apply_retention(&mut client, swept).await
}

/// One object a line.
fn as_json_lines(swept: &Swept) -> String {
    #[derive(Serialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum PruneLine<'a> {
        Created { partition: &'a str },
        Dropped { partition: &'a str },
        Kept { partition: &'a str },
        Emptied { partition: &'a str },
        Positions { rows: u64 },
        Moved { rows: u64 },
        Forbidden { what: &'a str },
    }
    let created = swept.created.iter();
    let created = created.map(|partition| PruneLine::Created { partition });
    let dropped = swept.dropped.iter();
    let dropped = dropped.map(|partition| PruneLine::Dropped { partition });
    let kept = swept
        .kept
        .iter()
        .map(|partition| PruneLine::Kept { partition });
    let emptied = swept.emptied.iter();
    let emptied = emptied.map(|partition| PruneLine::Emptied { partition });
    let forbidden = swept.forbidden.iter();
    let forbidden = forbidden.map(|what| PruneLine::Forbidden { what });
    let positions = (swept.positions > 0).then_some(PruneLine::Positions {
        rows: swept.positions,
    });
    let moved = (swept.moved > 0).then_some(PruneLine::Moved { rows: swept.moved });
    let lines = created.chain(dropped).chain(kept).chain(emptied);
    lines
        .chain(positions)
        .chain(moved)
        .chain(forbidden)
        .map(|line| json_line(&line))
        .collect()
}

fn as_text(swept: &Swept, dry_run: bool) -> String {
    let would = if dry_run { "would be " } else { "" };
    let mut text = String::new();
    for name in &swept.created {
        let _ = writeln!(text, "{would}created  {}", printable(name));
    }
    for name in &swept.dropped {
        let _ = writeln!(text, "{would}dropped  {}", printable(name));
    }
    for name in &swept.kept {
        let name = printable(name);
        let _ = writeln!(
            text,
            "kept     {name}: events were applied to it within apply.retention"
        );
    }
    for name in &swept.emptied {
        let _ = writeln!(text, "{would}emptied  {}", printable(name));
    }
    if swept.positions > 0 {
        let _ = writeln!(
            text,
            "{would}deleted  the positions of {} rows that were deleted",
            swept.positions
        );
    }
    if swept.moved > 0 {
        let _ = writeln!(
            text,
            "{would}deleted  what {} rows had under an old key",
            swept.moved
        );
    }
    if text.is_empty() {
        text.push_str("nothing to do\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_are_told_the_same() {
        let swept = Swept {
            created: vec!["a".to_owned()],
            dropped: vec!["b".to_owned()],
            kept: vec!["c".to_owned()],
            emptied: vec!["c".to_owned()],
            ..Swept::default()
        };
        let text = "created  a\ndropped  b\nkept     c: events were applied to it within apply.retention\n\
                    emptied  c\n";
        assert_eq!(as_text(&swept, false), text);
        assert!(as_text(&swept, true).contains("would be dropped  b\n"));
        let json = [
            r#"{"kind":"created","partition":"a"}"#,
            r#"{"kind":"dropped","partition":"b"}"#,
            r#"{"kind":"kept","partition":"c"}"#,
            r#"{"kind":"emptied","partition":"c"}"#,
            "",
        ];
        assert_eq!(as_json_lines(&swept), json.join("\n"));
        assert_eq!(as_text(&Swept::default(), true), "nothing to do\n");
    }

    #[test]
    fn what_is_forgotten_of_rows_is_told_where_there_is_any() {
        let swept = Swept {
            positions: 4,
            moved: 5,
            ..Swept::default()
        };
        let text = "deleted  the positions of 4 rows that were deleted\ndeleted  what 5 rows had under an old key\n";
        assert_eq!(as_text(&swept, false), text);
        let json = as_json_lines(&swept);
        assert!(
            json.contains(r#"{"kind":"positions","rows":4}"#)
                && json.contains(r#"{"kind":"moved","rows":5}"#),
            "{json}"
        );
    }
}
