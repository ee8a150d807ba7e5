//! Letters that wait for a decision. They are those of all who write the destination: tables of others must not take the labels
//! of our own.

#![allow(clippy::disallowed_macros)] // here they are allowed

use std::collections::{HashMap, HashSet};

use metrics::{SharedString, gauge};

use super::names::OPEN_LETTERS;
use super::table_names::TableNames;
use crate::locked::Locked;

/// The gauge of letters that wait.
pub(super) struct OpenLetters {
    /// Tables that have letters and labels, and aren't among those that we write.
    of_others: TableNames,
    /// Table and reason of what was told the last time, of which there may be none any more.
    told: Locked<HashSet<(SharedString, String)>>,
}

impl OpenLetters {
    /// However many tables others write, all are told apart.
    pub fn unbounded() -> Self {
        Self {
            of_others: TableNames::unbounded(),
            told: Locked::default(),
        }
    }

    /// From now on no more than so many of others' tables are told apart.
    pub fn limit_tables_of_others(&self, most: usize) {
        self.of_others.limit_to(most);
    }

    /// Table, reason and number of all that wait. Those of tables that aren't told apart are added up. `ours`: the tables that
    /// we write.
    pub fn set<'l>(
        &self,
        ours: &TableNames,
        letters: impl Iterator<Item = (&'l str, &'l str, u64)>,
    ) {
        let mut told = self.told.lock();
        let none_any_more = told.drain().map(|kind| (kind, 0));
        let mut sums: HashMap<(SharedString, String), u64> = none_any_more.collect();
        for (table, reason, count) in letters {
            let label = ours.known_label_of(table);
            let label = label.unwrap_or_else(|| self.of_others.label_of(table));
            *sums.entry((label, reason.to_owned())).or_default() += count;
        }
        for ((table, reason), count) in sums {
            gauge!(OPEN_LETTERS.name, "table" => table.clone(), "reason" => reason.clone())
                .set(count as f64);
            if count > 0 {
                told.insert((table, reason));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::with_local_recorder;

    use super::*;
    use crate::watch::metrics::Series;

    #[test]
    fn tables_of_others_take_no_labels_of_ours_and_what_is_decided_is_none() {
        let (series, letters) = (Series::default(), OpenLetters::unbounded());
        let ours = TableNames::unbounded();
        ours.limit_to(1);
        letters.limit_tables_of_others(1);
        let set = |counts: &[(&'static str, u64)]| {
            let counts = counts.iter().map(|(table, n)| (*table, "value", *n));
            with_local_recorder(&series, || letters.set(&ours, counts));
            let lines = series.render();
            let lines = lines.lines().filter_map(|line| {
                let rest = line.strip_prefix("landfall_open_dead_letters{table=\"")?;
                Some(rest.replace("\",reason=\"value\"}", ""))
            });
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            lines
        };
        assert_eq!(
            set(&[("theirs", 3), ("also theirs", 4)]),
            ["(others) 4", "theirs 3"]
        );
        assert_eq!(ours.label_of("ours").as_ref(), "ours");
        assert_eq!(
            set(&[("ours", 1), ("theirs", 3), ("also theirs", 1), ("more", 1)]),
            ["(others) 2", "ours 1", "theirs 3"]
        );
        assert_eq!(set(&[]), ["(others) 0", "ours 0", "theirs 0"]);
    }
}
