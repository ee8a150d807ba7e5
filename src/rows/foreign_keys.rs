//! The order of tables that refer to each other.
//!
//! Why: `docs/decisions/08`.

use std::collections::{HashMap, HashSet};

/// Which tables refer to which, told by their oids.
#[derive(Default)]
pub struct ForeignKeys {
    /// Other tables that a table refers to.
    parents: HashMap<u32, Vec<u32>>,
    referenced: HashSet<u32>,
}

impl FromIterator<(u32, u32)> for ForeignKeys {
    /// Of pairs of child and parent.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(references: I) -> Self {
        let mut keys = Self::default();
        for (child, parent) in references {
            if child != parent {
                keys.parents.entry(child).or_default().push(parent);
            }
            keys.referenced.insert(parent);
        }
        keys
    }
}

impl ForeignKeys {
    /// Whether the table refers to any, or any to it.
    pub fn has_any(&self, table: u32) -> bool {
        self.parents.contains_key(&table) || self.is_referenced(table)
    }

    /// Whether any table refers to the table.
    pub fn is_referenced(&self, table: u32) -> bool {
        self.referenced.contains(&table)
    }

    /// How many foreign keys lead, at most, from the table to one that refers to no other: rows of lower
    /// ranks are written first and deleted last. Circles are cut where they come back to the table.
    pub fn rank_of(&self, table: u32) -> usize {
        // as many rounds as there are steps to the farthest ancestor; another circle than the table's own would have
        // more than there are ancestors
        let most = self.ancestors_of(table).len();
        let mut round = HashSet::from([table]);
        let mut steps = 0;
        while steps < most {
            round = self.parents_of(&round, table);
            if round.is_empty() {
                break;
            }
            steps += 1;
        }
        steps
    }

    fn ancestors_of(&self, table: u32) -> HashSet<u32> {
        let mut found = HashSet::new();
        let mut round = HashSet::from([table]);
        while !round.is_empty() {
            round = self.parents_of(&round, table);
            round.retain(|ancestor| found.insert(*ancestor));
        }
        found
    }

    /// Without the table where a circle begins.
    fn parents_of(&self, children: &HashSet<u32>, table: u32) -> HashSet<u32> {
        let parents = children.iter().filter_map(|child| self.parents.get(child));
        let parents = parents.flatten().copied();
        parents.filter(|parent| *parent != table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_rank_below_their_children() {
        let references = [(3, 2), (2, 1), (3, 1), (5, 3)];
        let keys: ForeignKeys = references.into_iter().collect();
        assert_eq!([1, 2, 3, 5, 9].map(|it| keys.rank_of(it)), [0, 1, 2, 3, 0]);
        let are_referenced = [1, 2, 3, 5, 9].map(|it| keys.is_referenced(it));
        assert_eq!(are_referenced, [true, true, true, false, false]);
        let have_any = [1, 2, 3, 5, 9].map(|it| keys.has_any(it));
        assert_eq!(have_any, [true, true, true, true, false]);
    }

    #[test]
    fn a_circle_comes_to_an_end() {
        let references = [(1, 2), (2, 1), (3, 1), (4, 5), (5, 6), (6, 5)];
        let keys: ForeignKeys = references.into_iter().collect();
        assert_eq!([1, 2].map(|it| keys.rank_of(it)), [1, 1]);
        assert!([3, 4].iter().all(|it| keys.rank_of(*it) > 0));
        // however many others there are
        let others = (1_000..9_000).map(|table| (table, table + 1));
        let keys: ForeignKeys = references.into_iter().chain(others).collect();
        assert!(keys.rank_of(4) <= 3);
    }
}
