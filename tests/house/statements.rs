//! What holds of every statement of ours, as its text in the code shows.

use regex::Regex;

use super::{code, files};

/// No statement has a name: a pooler of transactions has another session for the next one.
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

/// The file's code without its tests.
fn own_code(file: &str) -> String {
    let code = code(file);
    let end = code.find("#[cfg(test)]\nmod tests {");
    code[..end.unwrap_or(code.len())].to_owned()
}

/// Names come from events, from the configuration and from the destination, and any of them may hold a quotation mark.
#[test]
fn names_and_texts_become_sql_in_one_place_alone() {
    let is_test = Regex::new(r"(_tests|/tests|testing)(\.rs|/)").unwrap();
    // doubled quotation marks, and what is put between some as it is
    let by_hand = [
        r#"replace\('"',\s*"\\"\\""\)"#,
        r#"replace\('\\'',\s*"''"\)"#,
        // a constant of ours may stand as it is
        r#""[^"\n]*\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|ALTER|CREATE|DROP|LOCK|GRANT|FROM|WHERE|SET|VALUES|TRUNCATE)\b[^"\n]*(?:'|\\")\{(?:[a-z]\w*|[0-9]*)\}(?:'|\\")"#,
    ]
    .map(|pattern| Regex::new(pattern).unwrap());
    let mut seen = 0;
    for file in files("src") {
        let places = own_code(&file);
        let found: Vec<&str> = by_hand
            .iter()
            .flat_map(|hand| hand.find_iter(&places))
            .map(|found| found.as_str())
            .collect();
        if file == "src/rows/sql.rs" {
            seen = found.len();
            continue;
        }
        let is_statement = !is_test.is_match(&file) && SPEAKING.iter().any(|r| file.starts_with(r));
        assert!(
            found.is_empty() || !is_statement,
            "{file}: {found:?}; there is rows::sql::quote for names, quote_text for texts"
        );
    }
    assert_eq!(seen, 2, "what is looked for is there");
}

/// The rooms that make statements.
const SPEAKING: [&str; 6] = [
    "src/rows/",
    "src/postgres/",
    "src/ledger",
    "src/pipeline",
    "src/operator/",
    "src/config/",
];
