//! The order of tables that refer to each other.
//!
//! Why: `docs/decisions/08`.

use std::collections::{HashMap, HashSet};

/// How many foreign keys lead, at most, from the table to one that refers to no other: rows of lower
/// ranks are written first and deleted last. Circles are cut where they come back to the table.
/// `references` are pairs of child and parent.
pub fn foreign_key_rank(table: u32, references: &[(u32, u32)]) -> usize {
    let mut parents: HashMap<u32, Vec<u32>> = HashMap::new();
    for (child, parent) in references.iter().filter(|(child, parent)| child != parent) {
        parents.entry(*child).or_default().push(*parent);
    }
    // as many rounds as there are steps to the farthest ancestor
    let mut round = vec![table];
    let mut steps = 0;
    let mut farthest: HashMap<u32, usize> = HashMap::new();
    while !round.is_empty() && steps <= parents.len() {
        for ancestor in &round {
            farthest.insert(*ancestor, steps);
        }
        let next: HashSet<u32> = round
            .iter()
            .filter_map(|table| parents.get(table))
            .flatten()
            .copied()
            .filter(|parent| *parent != table)
            .collect();
        round = next.into_iter().collect();
        steps += 1;
    }
    farthest.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_rank_below_their_children() {
        let references = [(3, 2), (2, 1), (3, 1), (5, 3)];
        let ranks = [1, 2, 3, 5, 9].map(|table| foreign_key_rank(table, &references));
        assert_eq!(ranks, [0, 1, 2, 3, 0]);
    }

    #[test]
    fn a_circle_comes_to_an_end() {
        let references = [(1, 2), (2, 1), (3, 1), (4, 5), (5, 6), (6, 5)];
        assert_eq!(foreign_key_rank(1, &references), 1);
        assert_eq!(foreign_key_rank(2, &references), 1);
        assert!(foreign_key_rank(3, &references) > 0);
        assert!(foreign_key_rank(4, &references) > 0);
    }
}
