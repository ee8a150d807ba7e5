//! No statement of ours has a name: a pooler of transactions has another session for the next one.

use regex::Regex;

use super::{code, files};

#[test]
fn no_statement_is_prepared_under_a_name() {
    let named =
        Regex::new(r"\.(query|query_one|query_opt|query_raw|execute|execute_raw)\(\s*[^)\s]|\.prepare(_typed|_cached|_typed_cached)?\(")
            .unwrap();
    for file in files("src") {
        let code = code(&file);
        let found = named.find(&code).map(|found| found.as_str());
        assert_eq!(
            found, None,
            "{file}: tokio-postgres names what this prepares; there is query_typed, execute_typed"
        );
    }
}
