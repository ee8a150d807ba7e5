//! The `table` label: bounded, as each of its values is a series of its own in every metric that has it.

use std::collections::HashSet;

use metrics::SharedString;

use crate::locked::Locked;

/// What stands for tables that aren't told apart any more. No table is called so without quotes.
pub const OTHER_TABLES: &str = "(others)";

/// The tables that are told apart.
pub(super) struct TableNames(Locked<Known>);

struct Known {
    most: usize,
    names: HashSet<String>,
}

impl TableNames {
    /// As many as there are.
    pub fn unbounded() -> Self {
        let names = HashSet::new();
        Self(Locked::new(Known {
            most: usize::MAX,
            names,
        }))
    }

    /// From now on no more than so many tables are told apart; the first ones that come.
    pub fn limit_to(&self, most: usize) {
        self.0.lock().most = most;
    }

    /// The value of the label for this table, if it has one already.
    pub fn known_label_of(&self, table: &str) -> Option<SharedString> {
        let known = self.0.lock();
        known.names.contains(table).then(|| table.to_owned().into())
    }

    /// The value of the label for this table; an empty name stays empty, as nothing tells the table.
    pub fn label_of(&self, table: &str) -> SharedString {
        let mut known = self.0.lock();
        if !table.is_empty() && !known.names.contains(table) {
            if known.names.len() >= known.most {
                return OTHER_TABLES.into();
            }
            known.names.insert(table.to_owned());
        }
        table.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_beyond_the_limit_share_a_name_and_those_that_came_first_keep_theirs() {
        let tables = TableNames::unbounded();
        tables.limit_to(2);
        let names = [
            "public.a", "", "public.b", "public.c", "public.a", "public.d",
        ];
        let labels = names.map(|name| tables.label_of(name));
        let expected = [
            "public.a",
            "",
            "public.b",
            OTHER_TABLES,
            "public.a",
            OTHER_TABLES,
        ];
        assert_eq!(labels, expected.map(SharedString::from));
    }
}
