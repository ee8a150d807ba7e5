//! What librdkafka says by itself, each of its clients again and again: told once, until the brokers are back.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::locked::Locked;

/// What is still so after this long is told again.
const MEMORY: Duration = Duration::from_secs(600);

/// More different lines than this are told however old they are.
const KEPT_LINES: usize = 1000;

static TOLD: LazyLock<Locked<Told>> = LazyLock::new(Locked::default);

#[derive(Default)]
struct Told {
    lines: HashMap<String, Instant>,
    last: Option<String>,
}

/// Whether nobody has said so lately: with other figures, and of another client, it is the same.
pub(super) fn is_news(line: &str) -> bool {
    let line = without_figures(line);
    let mut told = TOLD.lock();
    if told.lines.len() >= KEPT_LINES {
        told.lines.clear();
    }
    let before = told.lines.insert(line.to_owned(), Instant::now());
    let is_news = before.is_none_or(|at| at.elapsed() > MEMORY);
    if let (Some(before), false) = (before, is_news) {
        told.lines.insert(line.to_owned(), before); // told when it was told
    }
    is_news
}

/// Notes why a broker can't be reached, in all its words: some of them tell what mends it.
pub(super) fn note_reason(reason: &str) {
    TOLD.lock().last = Some(without_names(without_times(reason)).to_owned());
}

/// Why a broker couldn't be reached last.
pub(super) fn last_reason() -> Option<String> {
    TOLD.lock().last.clone()
}

/// The brokers are back: whatever is said next is news.
pub(super) fn forget_told() {
    *TOLD.lock() = Told::default();
}

/// Without the client's and the thread's name, and without how long it took and how often it was said.
pub(super) fn without_figures(line: &str) -> &str {
    let line = without_times(line);
    let line = line.split(": Disconnected").next().map_or(line, |start| {
        line.get(..start.len() + ": Disconnected".len())
            .unwrap_or(line)
    });
    without_names(line)
}

fn without_times(line: &str) -> &str {
    line.split(" (after ").next().unwrap_or(line)
}

fn without_names(mut line: &str) -> &str {
    while let Some((first, rest)) = line.split_once(": ") {
        if !first.starts_with("[thrd:") && !first.contains('#') {
            break;
        }
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_of_another_client_with_other_figures_is_no_news() {
        let refused = "Connect to ipv4#127.0.0.1:9 failed: Connection refused";
        let said = [
            format!(
                "landfall#consumer-1: 127.0.0.1:9/bootstrap: {refused} (after 0ms in state CONNECT)"
            ),
            format!(
                "landfall#producer-2: 127.0.0.1:9/bootstrap: {refused} (after 1ms in state CONNECT, 3 identical error(s) suppressed)"
            ),
            format!("[thrd:127.0.0.1:9/bootstrap]: 127.0.0.1:9/bootstrap: {refused}"),
        ];
        for line in &said {
            assert_eq!(
                without_figures(line),
                format!("127.0.0.1:9/bootstrap: {refused}")
            );
        }
        assert!(is_news(&said[0]) && !is_news(&said[1]) && !is_news(&said[2]));
    }

    #[test]
    fn how_long_a_connection_was_up_is_a_figure() {
        let line =
            "127.0.0.1:9/1: Disconnected: verify that security.protocol is correctly configured";
        assert_eq!(without_figures(line), "127.0.0.1:9/1: Disconnected");
    }
}
