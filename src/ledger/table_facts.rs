//! The function of the bookkeeping schema that tells what tables are: [`FACTS`] with a plan that the session keeps, which
//! is a quarter of the price, for each batch.
//!
//! [`FACTS`]: crate::postgres::fingerprint::FACTS

use crate::rows::sql::quote;

/// The query that asks the function, as the catalogue takes it.
pub fn facts_query(schema: &str) -> String {
    let schema = quote(schema);
    format!("SELECT place, facts, oid FROM {schema}.table_facts_1($1, $2)")
}

#[cfg(test)]
mod tests {
    use twox_hash::XxHash3_64;

    use crate::postgres::fingerprint::FACTS;

    #[test]
    fn facts_that_change_get_a_function_of_their_own() {
        // If this fails: add a migration with a function table_facts_2 of the new text and ask that one above.
        // Databases at migration 24 keep the former function, whose hashes never are those of the new text.
        assert_eq!(
            XxHash3_64::oneshot(FACTS.as_bytes()),
            2_360_706_439_483_142_984
        );
    }
}
