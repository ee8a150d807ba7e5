//! Types for columns that no schema tells of, out of sampled values: for a person to look at, never for a worker.

use super::column_type::ColumnType;
use super::wanted::{WantedTable, Wants};
use crate::format::change::Change;

/// What a value looks like, as JSON has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Boolean,
    /// Within a bigint.
    Integer,
    Number,
    /// A date or a time, or both.
    Moment,
    Text,
    Structure,
}

impl WantedTable {
    /// Gives each column of which no schema tells the type one that takes the values of these changes, marked as a proposal.
    pub fn propose_types(&mut self, changes: &[Change<'_>]) {
        for column in &mut self.columns {
            if column.wants != Wants::Untold {
                continue;
            }
            let values = changes.iter().flat_map(|change| {
                let name = column.name.as_str();
                [change.key.get(name), change.row.get(name)]
            });
            let looks: Vec<Look> = values.flatten().filter_map(look_at).collect();
            let (name, hint) = propose_type(&looks);
            column.wants = Wants::Type(ColumnType::plain(name));
            column.comment = Some(format!(
                "proposed from {} sampled values{hint}",
                looks.len()
            ));
        }
    }
}

/// The type, and what a person should think of.
fn propose_type(looks: &[Look]) -> (&'static str, &'static str) {
    let all = |few: &[Look]| looks.iter().all(|look| few.contains(look));
    match looks {
        [] => ("text", ": all are null"),
        _ if all(&[Look::Boolean]) => ("bool", ""),
        _ if all(&[Look::Integer]) => ("int8", ""),
        _ if all(&[Look::Integer, Look::Number]) => ("numeric", ""),
        _ if all(&[Look::Structure]) => ("jsonb", ""),
        _ if all(&[Look::Moment]) => ("text", ": they look like dates or times"),
        _ => ("text", ""),
    }
}

/// `None`: null, which looks like nothing.
fn look_at(raw: &str) -> Option<Look> {
    Some(match raw.as_bytes().first()? {
        b'n' => return None,
        b't' | b'f' => Look::Boolean,
        b'{' | b'[' => Look::Structure,
        b'"' if is_moment(raw.trim_matches('"')) => Look::Moment,
        b'"' => Look::Text,
        _ if raw.parse::<i64>().is_ok() => Look::Integer,
        _ => Look::Number,
    })
}

/// `2024-01-01`, `2024-01-01T10:00:00Z`, `10:00:00`.
fn is_moment(text: &str) -> bool {
    let begins = |pattern: &str| {
        let mut pairs = text.bytes().zip(pattern.bytes());
        text.len() >= pattern.len()
            && pairs.all(|(byte, like)| match like {
                b'9' => byte.is_ascii_digit(),
                like => byte == like,
            })
    };
    begins("9999-99-99") || begins("99:99:99")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_proposed_that_takes_all_sampled_values() {
        let cases: &[(&[&str], &str, &str)] = &[
            (&["1", "-2", "null"], "int8", ""),
            (&["9223372036854775808"], "numeric", ""),
            (&["1", "2.5"], "numeric", ""),
            (&["true", "false"], "bool", ""),
            (&["true", "1"], "text", ""),
            (&["{}", "[1]"], "jsonb", ""),
            (&["{}", "\"a\""], "text", ""),
            (&["\"a\"", "1"], "text", ""),
            (
                &["\"2024-01-01T10:00:00Z\"", "\"2024-01-01\"", "\"10:00:00\""],
                "text",
                ": they look like dates or times",
            ),
            (&["\"2024-01-01\"", "\"soon\""], "text", ""),
            (&["null"], "text", ": all are null"),
        ];
        for (values, expected, hint) in cases {
            let looks: Vec<Look> = values.iter().filter_map(|raw| look_at(raw)).collect();
            assert_eq!(propose_type(&looks), (*expected, *hint), "{values:?}");
        }
    }
}
