//! One word for one thing: what the code has a name for, the document explains under that name.

use landfall::letter::LetterState;
use landfall::status::PartitionState;
use landfall::verdict::{Reason, Verdict};
use landfall::watch::standing::Standing;

use super::DOCUMENT;
use crate::support::repository::root;

/// The part of the document below the line that begins so, up to the next line that is as strong.
fn part(begin: &str, end: &str) -> String {
    let document = std::fs::read_to_string(root().join(DOCUMENT)).expect("the document");
    let at = document.find(begin).unwrap_or_else(|| panic!("no {begin}"));
    let part = &document[at + begin.len()..];
    part[..part.find(end).unwrap_or(part.len())].to_owned()
}

#[test]
fn an_operator_finds_each_reason_to_stand_still_or_wait_where_to_begin() {
    let (lanes, partitions) = (
        part("**Rows don't arrive, of no table.**", "\n**"),
        part("**Rows don't arrive, of one table.**", "\n**"),
    );
    for why in Standing::REASONS {
        assert!(partitions.contains(&format!("`({why})`")), "{why}");
    }
    for verdict in Verdict::ALL.map(Verdict::name) {
        let begins = lanes
            .lines()
            .any(|line| line.contains("`lane 0 waits") && line.contains(&format!("({verdict})`")));
        assert!(begins, "{verdict}");
    }
}

#[test]
fn an_operator_finds_each_reason_of_a_dead_letter_where_to_begin() {
    let letters = part("**Some rows are missing.**", "\n**");
    let reasons = letters
        .lines()
        .filter(|line| line.trim_start().starts_with("| `"));
    let reasons: String = reasons
        .map(|line| line.split('|').nth(1).unwrap())
        .collect();
    for reason in Reason::ALL.map(Reason::name) {
        assert!(reasons.contains(&format!("`{reason}`")), "{reason}");
    }
}

#[test]
fn each_state_of_a_dead_letter_and_each_verdict_is_among_the_words() {
    let words = part("## Words", "\n## ");
    let states = LetterState::ALL.map(LetterState::name);
    for word in Verdict::ALL.map(Verdict::name).iter().chain(&states) {
        let explained =
            words.contains(&format!("`{word}`")) || words.contains(&format!("| {word} |"));
        assert!(explained, "{word}");
    }
}

#[test]
fn status_says_why_a_partition_stands_still_in_the_words_of_readyz() {
    for (state, why) in [
        (PartitionState::Overtaken, "lost"),
        (PartitionState::Waiting, "waits"),
    ] {
        assert!(Standing::REASONS.contains(&why));
        let said = state.describe_state();
        assert!(
            said.starts_with(&format!("stands still ({why}): ")),
            "{said}"
        );
    }
}
