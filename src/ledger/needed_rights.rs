//! What each command does with the bookkeeping: the roles of `deploy/postgres-roles.sql` may do just that.

/// What is done with the bookkeeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookkeepingUse {
    /// Events are landed: `run`.
    Landing,
    /// Letters are looked at, put in and given up: `dlq`.
    Letters,
    /// How far everything is: `status`.
    Looking,
}

/// Tables, each with what is done with it.
type Needed = &'static [(&'static str, &'static str)];

const LANDING: Needed = &[
    ("migrations", "SELECT"),
    ("partitions", "SELECT, INSERT, UPDATE"),
    ("topics", "SELECT, INSERT, UPDATE"),
    ("asked_topics", "SELECT, INSERT, UPDATE"),
    ("partition_starts", "SELECT, INSERT, UPDATE"),
    ("processed_events", "SELECT, INSERT, UPDATE, DELETE"),
    ("day_writes", "SELECT, INSERT, DELETE"),
    ("forgotten_partitions", "SELECT"),
    ("dead_letters", "SELECT, INSERT, UPDATE, DELETE"),
    ("table_topics", "SELECT, INSERT"),
    ("destination_tables", "SELECT, INSERT, UPDATE"),
    ("made_columns", "SELECT, INSERT, UPDATE"),
    ("row_sources", "SELECT, INSERT"),
    ("row_positions", "SELECT, INSERT, UPDATE, DELETE"),
    ("row_identities", "SELECT, INSERT"),
    ("moved_rows", "SELECT, INSERT, UPDATE, DELETE"),
    ("worker_sessions", "SELECT, INSERT, DELETE"),
];

const LETTERS: Needed = &[
    ("migrations", "SELECT"),
    // a row that is locked by FOR SHARE needs one of these
    ("partitions", "SELECT, UPDATE"),
    ("partition_starts", "SELECT"),
    ("processed_events", "SELECT, INSERT, UPDATE"),
    ("day_writes", "SELECT, INSERT"),
    ("dead_letters", "SELECT, UPDATE"),
    ("forgotten_partitions", "SELECT"),
    ("row_positions", "SELECT, INSERT, UPDATE, DELETE"),
    ("row_identities", "SELECT, INSERT"),
    ("moved_rows", "SELECT, INSERT, UPDATE, DELETE"),
    ("table_topics", "SELECT"),
];

const LOOKING: Needed = &[
    ("migrations", "SELECT"),
    ("partitions", "SELECT"),
    ("partition_starts", "SELECT"),
    ("dead_letters", "SELECT"),
    ("forgotten_partitions", "SELECT"),
];

impl BookkeepingUse {
    /// The tables, each with the privileges on it, separated by commas.
    pub fn privileges(self) -> Needed {
        match self {
            Self::Landing => LANDING,
            Self::Letters => LETTERS,
            Self::Looking => LOOKING,
        }
    }

    /// The functions that are called.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Landing => &["table_facts_1", "let_days_in"],
            Self::Letters => &["table_facts_1"],
            Self::Looking => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_is_granted_what_its_commands_need_and_no_more() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/postgres-roles.sql");
        let roles = std::fs::read_to_string(file).unwrap();
        for (role, used) in [
            ("worker", BookkeepingUse::Landing),
            ("operator", BookkeepingUse::Letters),
            ("reader", BookkeepingUse::Looking),
        ] {
            let on_tables = used.privileges().iter();
            let on_tables = on_tables
                .map(|(table, privileges)| format!("(:'{role}', '{table}', '{privileges}')"));
            let on_functions = used.functions().iter();
            let on_functions = on_functions.map(|function| format!("(:'{role}', '{function}')"));
            let grants: Vec<String> = on_tables.chain(on_functions).collect();
            for grant in &grants {
                assert!(roles.contains(grant), "{grant}");
            }
            let granted = roles.matches(&format!("(:'{role}', '")).count();
            assert_eq!(granted, grants.len(), "{role}");
        }
    }
}
