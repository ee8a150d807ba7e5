//! When the name of an event's field may stand for a column that is called otherwise: connectors write names in another
//! case than Postgres folded them to, and Avro takes letters, digits and underscores only.

/// Whether the names differ in their case only, or by what Avro makes of one of them.
pub fn may_stand_for(field: &str, column: &str) -> bool {
    let (field, column) = (field.to_lowercase(), column.to_lowercase());
    field == column || field == adjust_for_avro(&column) || adjust_for_avro(&field) == column
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
}
