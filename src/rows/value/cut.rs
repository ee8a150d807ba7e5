//! Types of which Postgres takes no more of a text than they hold, and says nothing about the rest.

use std::borrow::Cow;

use super::error::ValueError;

/// NAMEDATALEN, without the byte that ends it.
const NAME_BYTES: usize = 63;

/// The text, if a column of the type holds all of it.
pub(super) fn whole_text<'a>(
    text: Cow<'a, str>,
    type_name: &str,
) -> Result<Cow<'a, str>, ValueError> {
    let out_of_range = |what, allowed| Err(ValueError::OutOfRange { what, allowed });
    match type_name {
        "name" if text.len() > NAME_BYTES => out_of_range("a name", "63 bytes"),
        "char" if text.len() > 1 => out_of_range("a text for \"char\"", "one byte"),
        // before Postgres 16, the rest of the number, or what is none, is dropped
        "xid" | "cid" if text.parse::<u32>().is_err() => {
            out_of_range("a transaction id", "0 to 4294967295")
        }
        "xid8" if text.parse::<u64>().is_err() => {
            out_of_range("a transaction id", "0 to 18446744073709551615")
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    #[test]
    fn what_postgres_would_cut_is_refused_in_arrays_too() {
        let (name, long) = (
            format!("\"{}\"", "é".repeat(31)),
            format!("\"{}\"", "é".repeat(32)),
        );
        check(&[
            (&name, "", "name", name.trim_matches('"')),
            ("\"x\"", "", "char", "x"),
            ("\"\"", "", "char", ""),
            ("4294967295", "", "xid", "4294967295"),
            ("[\"x\",\"y\"]", "", "char[]", "{x,y}"),
        ]);
        for (raw, column) in [
            (long.as_str(), "name"),
            (&format!("[\"a\",{long}]"), "name[]"),
            ("\"xy\"", "char"),
            ("\"é\"", "char"),
            ("[\"xy\"]", "char[]"),
            ("4294967296", "xid"),
            ("\"x\"", "xid"),
            ("18446744073709551616", "xid8"),
        ] {
            refused(raw, "", column);
        }
        check(&[(&long, "", "text", long.trim_matches('"'))]);
    }
}
