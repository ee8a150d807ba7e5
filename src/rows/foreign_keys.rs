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
        // as many rounds as there are steps to the farthest ancestor
        let mut round = HashSet::from([table]);
        let mut steps = 0;
        let mut farthest: HashMap<u32, usize> = HashMap::new();
        while !round.is_empty() && steps <= self.parents.len() {
            for ancestor in &round {
                farthest.insert(*ancestor, steps);
            }
            let parents = round.iter().filter_map(|child| self.parents.get(child));
            let parents = parents.flatten().copied();
            round = parents.filter(|parent| *parent != table).collect();
            steps += 1;
        }
        farthest.into_values().max().unwrap_or(0)
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
    }
}
