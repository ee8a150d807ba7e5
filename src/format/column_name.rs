//! When the name of an event's field may stand for a column that is called otherwise: connectors write names in another
//! case than Postgres folded them to, and Avro takes letters, digits and underscores only.

use std::collections::{BTreeSet, HashMap};

/// Whether the names differ in their case only, or by what Avro makes of one of them.
pub fn may_stand_for(field: &str, column: &str) -> bool {
    let (field, column) = (field.to_lowercase(), column.to_lowercase());
    field == column || field == adjust_for_avro(&column) || adjust_for_avro(&field) == column
}

/// Which of an event's names may stand for others of them: those are names of columns of their own.
pub fn find_names_alike<'n>(names: &[&'n str]) -> HashMap<&'n str, BTreeSet<&'n str>> {
    let mut by_sound: HashMap<String, BTreeSet<&str>> = HashMap::new();
    for name in names {
        let sound = adjust_for_avro(&name.to_lowercase());
        by_sound.entry(sound).or_default().insert(name);
    }
    let mut found = HashMap::new();
    for alike in by_sound.values().filter(|alike| alike.len() > 1) {
        for name in alike {
            let others = alike.iter().copied();
            let others = others.filter(|other| other != name && may_stand_for(name, other));
            found.insert(*name, others.collect());
        }
    }
    found
}

/// The name as a connector adjusts it for Avro (`field.name.adjustment.mode=avro`): what isn't a letter, a digit or an
/// underscore becomes an underscore, and before a digit at the start there is one.
fn adjust_for_avro(name: &str) -> String {
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    let is_kept = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let rest = name.chars().map(|c| if is_kept(c) { c } else { '_' });
    digit.then_some('_').into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_of_another_case_or_one_that_avro_adjusts_and_for_no_other() {
        for (field, column) in [
            ("createdAt", "createdat"),
            ("ID", "id"),
            ("unit_price", "unit-price"),
            ("Unit_Price", "unit price"),
            ("unit-price", "unit_price"),
            ("_2nd", "2nd"),
            ("gr__e", "größe"),
        ] {
            assert!(may_stand_for(field, column), "{field} {column}");
        }
        assert!(!may_stand_for("a-b", "a.b"));
        assert!(!may_stand_for("created_at", "createdat"));
    }

    #[test]
    fn names_of_one_event_that_may_stand_for_each_other_are_found_among_all_of_them() {
        let found = find_names_alike(&["id", "a-b", "ID", "a.b", "A_b", "other", "id"]);
        let of = |name| {
            found
                .get(name)
                .map(|names| names.iter().copied().collect::<Vec<_>>())
        };
        assert_eq!(of("id"), Some(vec!["ID"]));
        assert_eq!(of("A_b"), Some(vec!["a-b", "a.b"]));
        assert_eq!(of("a-b"), Some(vec!["A_b"]));
        assert_eq!(of("other"), None);
    }
}
