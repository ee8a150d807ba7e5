//! The settings in force, for the log line at start. No secrets.

use std::fmt;

/// Keys and values; `{}` puts them on one line, `{:#}` each on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary(Vec<(String, String)>);

impl Summary {
    /// Each key with its value, in the order of the sections.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Adds a setting. The value must hold no secret.
    pub(super) fn add(&mut self, key: &str, value: impl ToString) {
        self.0.push((key.to_owned(), value.to_string()));
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n" } else { " " };
        for (index, (key, value)) in self.fields().enumerate() {
            if index > 0 {
                f.write_str(separator)?;
            }
            if value.contains(char::is_whitespace) {
                write!(f, "{key}={value:?}")?;
            } else {
                write!(f, "{key}={value}")?;
            }
        }
        Ok(())
    }
}
