//! Quotes within the text of a value, as arrays and hstore both read them.

/// Writes the text between double quotes, with a backslash before each quote and each backslash.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}
