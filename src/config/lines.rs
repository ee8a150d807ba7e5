//! The line on which each key of a TOML text stands.
//!
//! The TOML reader below figment does not keep positions. This is no second parser: it
//! looks at the start of lines only, and a key it misses is reported without its line.

use std::collections::BTreeMap;

/// Dotted key (`apply.lanes`, `route[0].topic`) to line number, counted from 1.
pub(super) fn lines_of_keys(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    let mut table = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if let Some(name) = table_header(line, "[[", "]]") {
            let index = lists.entry(name.clone()).or_default();
            table = format!("{name}[{index}]");
            *index += 1;
            lines.entry(name).or_insert(number);
            lines.entry(table.clone()).or_insert(number);
        } else if let Some(name) = table_header(line, "[", "]") {
            lines.entry(name.clone()).or_insert(number);
            table = name;
        } else if let Some(key) = assigned_key(line) {
            let key = match table.as_str() {
                "" => key,
                table => format!("{table}.{key}"),
            };
            lines.entry(key).or_insert(number);
        }
    }
    lines
}

fn table_header(line: &str, open: &str, close: &str) -> Option<String> {
    let (name, _) = line.strip_prefix(open)?.split_once(close)?;
    plain_key(name)
}

fn assigned_key(line: &str) -> Option<String> {
    let (key, _) = line.split_once('=')?;
    plain_key(key)
}

/// `kafka . "security.protocol"` is written `kafka.security.protocol`.
fn plain_key(key: &str) -> Option<String> {
    let plain: String = key
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\''))
        .collect();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    (!plain.is_empty() && plain.chars().all(allowed)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lists_and_quoted_keys_have_their_lines() {
        let text = "top = 1\n[kafka] # brokers\nbrokers = \"a=b\"\n\n[kafka.properties]\n\
                    \"security.protocol\" = \"SSL\"\n[[route]]\ntopic = 'a'\n[[route]]\ntopic = 'b'\n";
        let lines = lines_of_keys(text);
        let line = |key: &str| lines.get(key).copied();
        assert_eq!(line("top"), Some(1));
        assert_eq!(line("kafka"), Some(2));
        assert_eq!(line("kafka.brokers"), Some(3));
        assert_eq!(line("kafka.properties.security.protocol"), Some(6));
        assert_eq!(line("route[0].topic"), Some(8));
        assert_eq!(line("route[1].topic"), Some(10));
    }
}
