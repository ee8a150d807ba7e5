//! Writes TOML with comments: values are escaped by the library that reads them, comments hold on one line what they
//! are given.

use toml_edit::{Key, Value};

use crate::operator::terminal::printable;

/// Where a comment behind a value begins, and where lines end, in characters.
const COMMENT_AT: usize = 40;
const WIDTH: usize = 118;

/// A TOML text that grows.
#[derive(Debug, Default)]
pub struct TomlText {
    text: String,
    /// Whether what is written is an example, behind a `#`.
    is_example: bool,
}

impl TomlText {
    /// The whole.
    pub fn into_text(self) -> String {
        self.text
    }

    /// What is written from here on is an example, or isn't.
    pub fn set_example(&mut self, is_example: bool) {
        self.is_example = is_example;
    }

    /// A blank line.
    pub fn end_paragraph(&mut self) {
        self.text.push('\n');
    }

    /// `[name]`, or `[[name]]`.
    pub fn open_table(&mut self, header: &str) {
        self.end_paragraph();
        self.write_line(header);
    }

    /// Lines that begin with `# `.
    pub fn add_comment(&mut self, comment: &str) {
        let mut line = String::from("#");
        for word in printable(comment).split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.text += &line;
                self.text.push('\n');
                line = String::from("#");
            }
            line.push(' ');
            line += word;
        }
        self.text += &line;
        self.text.push('\n');
    }

    /// `key = value  # why`, or the comment above it if the line would be long.
    pub fn add_key(&mut self, key: &str, value: impl Into<Value>, why: &str) {
        let value = value.into();
        let entry = format!(
            "{} = {}",
            Key::new(key).display_repr(),
            value.to_string().trim()
        );
        let why = printable(why);
        if why.is_empty() {
            return self.write_line(&entry);
        }
        let column = COMMENT_AT - 1 - usize::from(self.is_example);
        let entry_width = entry.chars().count().max(column);
        if entry_width + 3 + why.chars().count() > WIDTH {
            self.add_comment(&why);
            return self.write_line(&entry);
        }
        self.write_line(&format!("{entry:<column$} # {why}"));
    }

    /// The same as an example, behind a `#`.
    pub fn add_example(&mut self, key: &str, value: impl Into<Value>, why: &str) {
        let before = std::mem::replace(&mut self.is_example, true);
        self.add_key(key, value, why);
        self.is_example = before;
    }

    fn write_line(&mut self, line: &str) {
        if self.is_example {
            self.text.push('#');
        }
        self.text += line;
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_comments_stay_on_their_lines() {
        let mut text = TomlText::default();
        text.open_table("[a]");
        text.add_key("b.c", r"^x\.'y$", "why\nnot");
        text.add_key("d", "e\nf\u{1}", "");
        text.add_example("g", true, "");
        text.add_comment(&"word ".repeat(60));
        let text = text.into_text();
        assert!(text.contains("\"b.c\" = "), "{text}");
        assert!(text.contains("# why not\n"), "{text}");
        assert!(text.contains("\n#g = true\n"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        let parsed: toml_value::Table = toml_value::read(&text);
        assert_eq!(parsed["a"]["b.c"], toml_value::text(r"^x\.'y$"));
        assert_eq!(parsed["a"]["d"], toml_value::text("e\nf\u{1}"));
    }

    /// Read back by the library that reads configurations.
    mod toml_value {
        use std::collections::BTreeMap;

        use figment::providers::{Format as _, Toml};
        use figment::value::Value;

        pub type Table = BTreeMap<String, BTreeMap<String, Value>>;

        pub fn read(text: &str) -> Table {
            Toml::from_str(text).unwrap()
        }

        pub fn text(text: &str) -> Value {
            Value::from(text)
        }
    }
}
