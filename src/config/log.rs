//! `[log]`: what is written to standard error, and how.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::reader::Reader;
use super::summary::Summary;
use super::value::{Refusal, allowed, one_of, parse_string, word_for};

/// `[log]`: form and level of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// A filter of `tracing_subscriber::EnvFilter`: `info`, or `info,landfall=debug`.
    pub level: String,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

const FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

impl LogConfig {
    pub(super) fn summarize(&self, summary: &mut Summary) {
        summary.add("log.format", word_for(&FORMATS, self.format));
        summary.add("log.level", &self.level);
    }

    pub(super) fn from_reader(reader: &mut Reader) -> Self {
        let default = Self::default();
        let format = one_of(&FORMATS);
        Self {
            format: reader.read_or("log.format", default.format, format),
            level: reader.read_or("log.level", default.level, |found| {
                check_filter(parse_string(found)?)
            }),
        }
    }
}

/// The filter's own parser takes a misspelt level for a target of which everything is
/// wanted: `inof` would log nothing of ours. A word alone must therefore be a level.
fn check_filter(text: String) -> Result<String, Refusal> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let words_are_levels = text
        .split(',')
        .all(|directive| directive.contains(['=', '[']) || is_level(directive));
    if words_are_levels && EnvFilter::try_new(&text).is_ok() {
        return Ok(text);
    }
    Err(allowed(
        "error, warn, info, debug, trace or off, and target=level, with commas and no blanks \
         between",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_filters_and_a_misspelt_level_is_not() {
        for right in [
            "info",
            "off",
            "info,landfall=debug",
            "warn,rdkafka=trace",
            "INFO",
        ] {
            assert!(check_filter(right.to_owned()).is_ok(), "{right}");
        }
        for wrong in [
            "inof",
            "info,landfall",
            "landfall=loud",
            "info,",
            "warn, rdkafka=trace",
        ] {
            assert!(check_filter(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
