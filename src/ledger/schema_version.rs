//! Which version the bookkeeping schema is of, and whether this build can work with it. A later build that has upgraded it
//! has written there which builds can go on: so one can go back to them, and have both side by side.

use std::collections::BTreeMap;

use crate::ledger::migrations::{MIGRATIONS, Migration};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::{Failure, Verdict};

/// What is noted of a migration that was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The lowest version whose builds can go on; `None`: that of the migration itself, as nobody said so.
    pub oldest_build: Option<i32>,
    /// The version of the Landfall that applied it, where it said so.
    pub applied_by: Option<String>,
}

/// The migrations that were applied, by their versions.
pub type AppliedMigrations = BTreeMap<i32, Applied>;

/// How the schema is, to this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// There is none.
    Absent,
    /// Some of this build's migrations are missing.
    Behind {
        /// All up to this version are there.
        version: i32,
        /// Those among the missing ones with which the builds of that version couldn't go on.
        no_way_back: Vec<&'static str>,
    },
    /// Everything that this build needs is there. The version is a higher one than its own, if a later one has added to it.
    Usable(i32),
    /// A later build has upgraded it, in a way that this one can't go on with.
    TooNew {
        version: i32,
        /// The lowest version whose builds can.
        oldest_build: i32,
        /// The version of that Landfall.
        applied_by: Option<String>,
    },
}

/// The version of the schema that this build makes.
pub fn current_version() -> i32 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

impl SchemaState {
    /// As the migrations tell that were applied.
    pub fn of_applied(applied: &AppliedMigrations) -> Self {
        Self::among(MIGRATIONS, applied)
    }

    /// The same to a build that has these migrations.
    fn among(migrations: &[Migration], applied: &AppliedMigrations) -> Self {
        let Some((&last, _)) = applied.last_key_value() else {
            return Self::Absent;
        };
        let own = migrations.last().map_or(0, |m| m.version);
        let later = applied.range(own + 1..);
        let needed = later.map(|(version, it)| (it.oldest_build.unwrap_or(*version), it));
        let most = needed.max_by_key(|(oldest_build, _)| *oldest_build);
        if let Some((oldest_build, it)) = most.filter(|(oldest_build, _)| *oldest_build > own) {
            return Self::TooNew {
                version: last,
                oldest_build,
                applied_by: it.applied_by.clone(),
            };
        }
        let is_there = |m: &&Migration| applied.contains_key(&m.version);
        let missing = migrations.iter().filter(|m| !is_there(m));
        if missing.clone().next().is_none() {
            return Self::Usable(last);
        }
        let there = migrations.iter().take_while(is_there);
        let version = there.last().map_or(0, |m| m.version);
        let final_ones = missing.filter(|m| m.oldest_build > version);
        Self::Behind {
            version,
            no_way_back: final_ones.map(|m| m.name).collect(),
        }
    }

    /// 0: there is none.
    pub fn version(&self) -> i32 {
        match self {
            Self::Absent => 0,
            Self::Behind { version, .. } | Self::Usable(version) | Self::TooNew { version, .. } => {
                *version
            }
        }
    }

    /// Why this build can't use it, or won't upgrade it unasked, in words.
    pub fn describe_hindrance(&self, schema: &str) -> Option<String> {
        match self {
            Self::TooNew {
                version,
                oldest_build,
                applied_by,
            } => {
                let by = applied_by.as_ref();
                let by = by.map_or("a later Landfall".into(), |v| format!("Landfall {v}"));
                Some(format!(
                    "the bookkeeping schema {schema} is at version {version}, to which {by} has upgraded it; builds of version \
                     {oldest_build} and later can go on with it, and this one is of {}",
                    current_version()
                ))
            }
            Self::Behind {
                version,
                no_way_back,
            } if !no_way_back.is_empty() => Some(format!(
                "upgrading the bookkeeping schema {schema} from version {version} has no way back: a Landfall of that version \
                 can't go on with it then ({})",
                no_way_back.join(", ")
            )),
            Self::Absent | Self::Behind { .. } | Self::Usable(_) => None,
        }
    }
}

/// What to do about a schema that is too new.
pub const TOO_NEW_REMEDY: &str = "use that Landfall or a later one, or restore destination and bookkeeping together from a \
                                  backup of before the upgrade";

/// What to do about an upgrade that can't be undone.
pub const NO_WAY_BACK_REMEDY: &str = "stop the workers, back up destination and bookkeeping together, and run \
                                      `landfall migrate --no-way-back`";

/// How the schema is.
///
/// # Errors
/// As Postgres says.
pub async fn read_state(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<SchemaState, Failure> {
    Ok(SchemaState::of_applied(
        &read_applied(client, schema).await?,
    ))
}

/// The migrations that were applied.
pub(super) async fn read_applied(
    client: &impl UnnamedStatements,
    schema: &str,
) -> Result<AppliedMigrations, Failure> {
    // not to_regclass: it answers from the session's cache, which misses what another process has
    // created while this one waited for the lock
    let find = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname = $1 AND c.relname = 'migrations')";
    let exists = client
        .query_typed_one(find, &[(&schema, tokio_postgres::types::Type::TEXT)])
        .await?;
    if !exists.get::<_, bool>(0) {
        return Ok(AppliedMigrations::new());
    }
    // as JSON: a schema that no build has upgraded which says such things hasn't the columns
    let sql = format!(
        "SELECT version, (to_jsonb(m) ->> 'oldest_build')::int4, to_jsonb(m) ->> 'applied_by' FROM {}.migrations m",
        quote(schema)
    );
    let rows = client.query_typed(&sql, &[]).await?;
    let applied = rows.iter().map(|row| {
        let (oldest_build, applied_by) = (row.get(1), row.get(2));
        let it = Applied {
            oldest_build,
            applied_by,
        };
        (row.get(0), it)
    });
    Ok(applied.collect())
}

/// The version that the schema is of, if this build can work with it.
///
/// # Errors
/// Systemic if it can't; else as Postgres says.
pub async fn require_usable(client: &impl UnnamedStatements, schema: &str) -> Result<i32, Failure> {
    let state = read_state(client, schema).await?;
    if let SchemaState::Usable(version) = state {
        return Ok(version);
    }
    refuse_too_new(&state, schema)?;
    let why = format!(
        "the schema {schema} is at version {}, and version {} is needed: run `landfall migrate` with a role that may",
        state.version(),
        current_version()
    );
    Err(Failure::new(Verdict::Systemic, why))
}

/// # Errors
/// Systemic, if a later build has made of it what this one can't go on with.
pub(super) fn refuse_too_new(state: &SchemaState, schema: &str) -> Result<(), Failure> {
    match (state, state.describe_hindrance(schema)) {
        (SchemaState::TooNew { .. }, Some(why)) => Err(Failure::new(
            Verdict::Systemic,
            format!("{why}: {TOO_NEW_REMEDY}"),
        )),
        _ => Ok(()),
    }
}

/// # Errors
/// Systemic, if the builds of the version that is there couldn't go on with what this one makes of it.
pub(super) fn require_way_back(state: &SchemaState, schema: &str) -> Result<(), Failure> {
    match (state, state.describe_hindrance(schema)) {
        (SchemaState::Behind { .. }, Some(why)) => Err(Failure::new(
            Verdict::Systemic,
            format!("{why}: {NO_WAY_BACK_REMEDY}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(version: i32, oldest_build: i32) -> Migration {
        let (name, sql) = ("step", "");
        Migration {
            version,
            name,
            sql,
            oldest_build,
        }
    }

    /// As the build with these migrations has left it.
    fn applied_by(migrations: &[Migration]) -> AppliedMigrations {
        let applied = migrations.iter().map(|m| {
            let it = Applied {
                oldest_build: Some(m.oldest_build),
                applied_by: Some("9.9.9".to_owned()),
            };
            (m.version, it)
        });
        applied.collect()
    }

    #[test]
    fn a_migration_that_is_missing_between_others_is_missing() {
        let all = [1, 2, 5, 7].map(|version| step(version, 0));
        let but = |version: i32| {
            let mut applied = applied_by(&all);
            applied.remove(&version);
            SchemaState::among(&all, &applied).version()
        };
        assert_eq!([but(1), but(5), but(7)], [0, 2, 5]);
        let there = SchemaState::among(&all, &applied_by(&all));
        assert_eq!(there, SchemaState::Usable(7));
        let none = SchemaState::among(&all, &AppliedMigrations::new());
        assert_eq!(none, SchemaState::Absent);
    }

    #[test]
    fn a_build_goes_on_with_what_a_later_one_has_added_and_with_nothing_else() {
        let own = [step(1, 0), step(2, 0)];
        let after = |later: &[Migration]| {
            let mut applied = applied_by(&own);
            applied.append(&mut applied_by(later));
            SchemaState::among(&own, &applied)
        };
        assert_eq!(after(&[step(3, 0), step(4, 2)]), SchemaState::Usable(4));
        let state = after(&[step(3, 3), step(4, 0)]);
        let why = state.describe_hindrance("landfall").unwrap();
        for said in [
            "at version 4",
            "Landfall 9.9.9 has upgraded it",
            "of version 3 and later",
        ] {
            assert!(why.contains(said), "{why}");
        }
        let mut silent = applied_by(&own);
        silent.insert(3, Applied::default());
        assert!(matches!(
            SchemaState::among(&own, &silent),
            SchemaState::TooNew {
                oldest_build: 3,
                ..
            }
        ));
    }

    #[test]
    fn what_is_missing_of_ones_own_is_missing_beside_what_others_have_added() {
        let own = [step(1, 0), step(2, 0)];
        let applied = applied_by(&[step(1, 0), step(3, 0)]);
        assert_eq!(SchemaState::among(&own, &applied).version(), 1);
    }

    #[test]
    fn what_the_former_build_could_not_go_on_with_is_not_done_unasked() {
        let upgrade = |from: &[Migration], to: &[Migration]| {
            let state = SchemaState::among(to, &applied_by(from));
            require_way_back(&state, "landfall").map_err(|failure| failure.to_string())
        };
        let before = || step(32, 0);
        assert_eq!(upgrade(&[before()], &[before(), step(33, 0)]), Ok(()));
        // what 33 has made needless is taken away with 34, and builds of 33 don't miss it
        let taken_away = [before(), step(33, 0), step(34, 33)];
        assert_eq!(upgrade(&taken_away[..2], &taken_away), Ok(()));
        assert_eq!(upgrade(&[], &taken_away), Ok(()), "nothing was here");
        let refused = upgrade(&taken_away[..1], &taken_away).unwrap_err();
        for said in [
            "from version 32 has no way back",
            "landfall migrate --no-way-back",
        ] {
            assert!(refused.contains(said), "{refused}");
        }
    }
}
