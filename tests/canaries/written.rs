//! What was written, and the search in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};

/// Where something was written, and what.
#[derive(Default)]
pub struct Written(Vec<(String, String)>);

impl Written {
    pub fn add(&mut self, place: &str, text: String) {
        self.0.push((place.to_owned(), text));
    }

    /// Of a dead letter, what was put to the record; but for the cause in Postgres' own words, which belongs to the letter.
    pub fn add_own_headers(&mut self, message: &OwnedMessage) {
        let headers = message.headers().expect("a letter has headers");
        for header in headers.iter().filter(|h| h.key.starts_with("landfall.")) {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
            self.add("a letter's header", format!("{}: {value}", header.key));
        }
    }

    /// In bytes: whether there was anything to be searched.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }

    pub fn holds(&self, canary: &str) -> bool {
        self.0.iter().any(|(_, text)| text.contains(canary))
    }

    /// Neither as it is nor in the disguises that it goes over the wire in.
    #[track_caller]
    pub fn assert_has_none_of(&self, canaries: &[String]) {
        let mut found = Vec::new();
        for canary in canaries {
            let bytes = canary.bytes();
            let in_hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
            for disguised in [canary.clone(), STANDARD.encode(canary), in_hex] {
                for (place, text) in &self.0 {
                    let lines = text.lines().filter(|line| line.contains(&disguised));
                    found.extend(
                        lines
                            .take(3)
                            .map(|line| format!("{canary} in {place}: {line}")),
                    );
                }
            }
        }
        assert!(found.is_empty(), "{found:#?}");
    }
}
