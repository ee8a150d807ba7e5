//! What commands print: tables for people, without anything that could steer their terminal.

use std::fmt::Display;
use std::io::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, presets};

/// Columns two blanks apart, a line a row. On a terminal that is too narrow, the columns that may
/// shrink (by their index) are cut.
pub fn format_table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    may_shrink: &[usize],
) -> String {
    table_within(None, header, rows, may_shrink)
}

/// `width`: in characters; `None`: the terminal's, or any where there is none.
fn table_within<const N: usize>(
    width: Option<u16>,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    may_shrink: &[usize],
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_truncation_indicator("…")
        .set_header(header);
    if let Some(width) = width {
        table.set_width(width);
    }
    for row in rows {
        let mut row = Row::from(row.map(|cell| printable(&cell)));
        row.max_height(1);
        table.add_row(row);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if !may_shrink.contains(&at) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// The text on one line, without control characters and without those that turn or hide what
/// follows them: a key or an error message holds whatever somebody put there.
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            c if steers_terminal(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Whether the character moves the cursor, changes colours, or turns or hides the text around it.
fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Prints to standard output. Whoever reads only the first lines closes the pipe, which is no error;
/// the answer says whether to go on.
pub fn print(text: &str) -> bool {
    std::io::stdout().lock().write_all(text.as_bytes()).is_ok()
}

/// Prints one JSON object on a line of its own; the answer is that of [`print`].
pub fn print_json(object: &impl serde::Serialize) -> bool {
    print(&json_line(object))
}

/// The object as a line of JSON. What could steer a terminal is escaped, which JSON allows anywhere in
/// a text.
pub fn json_line(object: &impl serde::Serialize) -> String {
    // plain structs of text and numbers have no error
    let json = serde_json::to_string(object).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if steers_terminal(c) {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Prints to standard error why a command failed, line by line.
pub fn print_error(text: &str) {
    let lines: String = text.lines().map(|line| printable(line) + "\n").collect();
    // whoever closed standard error can't be told anything
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
}

/// "1 letter", "2 letters"
pub fn counted(count: impl PartialEq + From<u8> + Display, what: &str) -> String {
    let s = if count == 1.into() { "" } else { "s" };
    format!("{count} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<[String; 3]> {
        vec![
            ["1".into(), "a short one".into(), "x".into()],
            ["12".into(), "é".repeat(60), "yy".into()],
        ]
    }

    #[test]
    fn a_row_is_a_line_and_only_what_may_shrink_is_cut() {
        let wide = format_table(["id", "error", "state"], rows(), &[1]);
        assert_eq!(wide.lines().count(), 3);
        assert!(wide.starts_with("id  error "), "{wide}");
        assert!(wide.contains(&"é".repeat(60)), "{wide}");
        let narrow = table_within(Some(40), ["id", "error", "state"], rows(), &[1]);
        assert_eq!(narrow.lines().count(), 3, "{narrow}");
        let longest = narrow.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(40), "{narrow}");
        assert!(
            narrow
                .lines()
                .any(|line| line.starts_with("12  éé") && line.ends_with("…  yy")),
            "{narrow}"
        );
    }

    #[test]
    fn nothing_that_is_shown_steers_the_terminal() {
        let text = printable("a\x1b[31mred\x07\r\nb\u{9b}2J\u{202e}c \"'\\");
        assert_eq!(text, "a[31mred  b2Jc \"'\\");
        let cells = ["1".into(), "a\nb".into(), "\x1b]0;title\x07".into()];
        let shown = format_table(["id", "error", "state"], [cells], &[]);
        assert_eq!(shown.lines().count(), 2);
        assert!(!shown.contains('\x1b'), "{shown}");
    }

    #[test]
    fn json_says_the_same_as_the_text_that_it_escapes() {
        let text = "\x1b]0;title\x07\u{9b}2J\u{202e}é \"'\\";
        let line = json_line(&text);
        let raw = line.trim_end_matches('\n');
        assert!(!raw.chars().any(steers_terminal), "{line}");
        assert_eq!(serde_json::from_str::<String>(raw).unwrap(), text);
    }
}
