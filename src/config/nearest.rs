//! The known key a misspelt one was meant to be.

/// The candidate that `written` most likely meant, if one is near enough.
///
/// Keys of the same table are compared by spelling; a key of another table counts only if
/// it has the very same name, that is, was put under the wrong heading.
pub(super) fn nearest_key<'a>(
    written: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let (table, name) = split_key(written);
    candidates
        .filter_map(|candidate| {
            let (candidate_table, candidate_name) = split_key(candidate);
            let distance = if candidate_table == table {
                edit_distance(name, candidate_name)
            } else if candidate_name == name {
                1
            } else {
                return None;
            };
            let near = (name.chars().count() / 3).max(1);
            (distance <= near).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// `apply.lanes` is the name `lanes` in the table `apply`.
pub(super) fn split_key(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// Levenshtein's: how many characters to insert, delete or replace.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (&to, pair) in b.iter().zip(row.windows(2)) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => continue,
            };
            left = (diagonal + usize::from(from != to)).min(above.min(left) + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_foreign_one_finds_none() {
        let known = [
            "kafka.brokers",
            "kafka.group",
            "apply.lanes",
            "apply.linger",
        ];
        let meant = |key| nearest_key(key, known.into_iter());
        assert_eq!(meant("kafka.broker"), Some("kafka.brokers"));
        assert_eq!(meant("apply.lane"), Some("apply.lanes"));
        assert_eq!(meant("apply.linger_ms"), Some("apply.linger"));
        assert_eq!(meant("lanes"), Some("apply.lanes"));
        assert_eq!(meant("apply.truncates"), None);
    }
}
