//! Commands that the page shows, to be copied into a shell.

/// The word as a POSIX shell takes it, whatever it holds.
fn quote_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/=@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `landfall dlq` with this verb, of the letters of a table that were put aside for a reason.
pub fn dlq_command(verb: &str, table: Option<&str>, reason: &str) -> String {
    let table = table.map_or_else(String::new, |table| {
        format!(" --table {}", quote_word(table))
    });
    format!("landfall dlq {verb}{table} --reason {}", quote_word(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_the_shell_whatever_it_holds() {
        assert_eq!(quote_word("public.orders"), "public.orders");
        assert_eq!(quote_word("$(reboot) it's"), r"'$(reboot) it'\''s'");
        assert_eq!(quote_word(""), "''");
    }
}
