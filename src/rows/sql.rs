//! Names and texts as SQL: here alone, so that none gets in as it is.

/// A name as SQL: quoted, whatever it holds.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL, whatever it holds and whatever `standard_conforming_strings` says. For where no parameter can stand.
pub fn quote_text(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    match doubled.contains('\\') {
        true => format!("E'{}'", doubled.replace('\\', "\\\\")),
        false => format!("'{doubled}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_or_a_text_holds_stays_in_it() {
        assert_eq!(quote("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(quote_text("it's"), "'it''s'");
        assert_eq!(quote_text("\\'; DROP"), "E'\\\\''; DROP'");
    }
}
