//! How long topics keep events, and the ledger their ids: an event that outlives its id is not
//! recognised when it comes again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Config, Idempotency};
use crate::kafka::topic_settings::{TopicSettings, read_topic_settings};
use crate::operator::check::finding::Finding;

/// So many names of topics are shown; more tell nothing new.
const SHOWN_NAMES_LIMIT: usize = 5;

/// What a topic's configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    For(Duration),
    /// retention.ms = -1
    ForEver,
    /// cleanup.policy has no `delete`
    Compacted,
    /// Our user may not ask.
    Unknown,
}

/// Warns of topics that keep events longer than the ledger keeps ids.
pub async fn judge_retention(config: &Config, sources: &[&str], letters: &[&str]) -> Vec<Finding> {
    let names = [sources, letters].concat();
    if names.is_empty() {
        return Vec::new();
    }
    let Ok(settings) = read_topic_settings(config, &names).await else {
        return Vec::new(); // said by others
    };
    let warn = |name: &&str| warn_of_compaction(name, settings.get(*name)?);
    let compacted: Vec<Finding> = letters.iter().filter_map(warn).collect();
    if config.apply.idempotency == Idempotency::Offset {
        return compacted;
    }
    let kept = |name: &&str| {
        let kept = settings.get(*name).map_or(Kept::Unknown, kept_as_set);
        ((*name).to_owned(), kept)
    };
    let retention = config.apply.retention;
    let mut findings =
        warn_of_outliving(sources.iter().map(kept).collect(), SOURCE_TOPIC, retention);
    findings.extend(warn_of_outliving(
        letters.iter().map(kept).collect(),
        LETTER_TOPIC,
        retention,
    ));
    findings.extend(compacted);
    findings
}

/// Letters have their records' keys: of two of one row, compaction takes the earlier one away.
fn warn_of_compaction(topic: &str, settings: &TopicSettings) -> Option<Finding> {
    let policy = settings.cleanup_policy.as_deref()?;
    let is_compacted = policy.split(',').any(|part| part.trim() == "compact");
    is_compacted.then(|| {
        let finding = Finding::warning(
            "dead_letters_compacted",
            format!("the dead letter topic is compacted (cleanup.policy = {policy}): of a row's letters Kafka keeps the last, and the others can't be replayed"),
            "set its cleanup.policy to delete",
        );
        finding.of_topic(topic)
    })
}

fn kept_as_set(settings: &TopicSettings) -> Kept {
    let policy = settings.cleanup_policy.as_deref();
    let retention_ms = settings.retention_ms.as_deref();
    let (Some(policy), Some(retention_ms)) = (policy, retention_ms) else {
        return Kept::Unknown;
    };
    if !policy.split(',').any(|part| part.trim() == "delete") {
        return Kept::Compacted;
    }
    match retention_ms.parse::<i64>() {
        Ok(ms) => {
            u64::try_from(ms).map_or(Kept::ForEver, |ms| Kept::For(Duration::from_millis(ms)))
        }
        Err(_) => Kept::Unknown,
    }
}

/// A kind of topic: its finding's code, and what could happen.
type TopicKind = (&'static str, &'static str);

const SOURCE_TOPIC: TopicKind = (
    "topic_outlives_ledger",
    "what is then read once more from further back, as after `landfall forget` or from a topic that was created again, is applied a second time, over newer rows",
);

const LETTER_TOPIC: TopicKind = (
    "dead_letters_outlive_ledger",
    "an older letter that is replayed after its event was applied in another way is applied a second time, over newer rows",
);

fn warn_of_outliving(
    topics: Vec<(String, Kept)>,
    (code, danger): TopicKind,
    retention: Duration,
) -> Vec<Finding> {
    let mut alike: BTreeMap<Kept, Vec<String>> = BTreeMap::new();
    for (name, kept) in topics {
        if kept > Kept::For(retention) {
            alike.entry(kept).or_default().push(name);
        }
    }
    let ids = humantime::format_duration(retention);
    let finding = |(kept, names): (Kept, Vec<String>)| {
        let set = format!("retention.ms to {} or less", retention.as_millis());
        let (found, remedy) = match kept {
            Kept::For(longer) => {
                let longer = humantime::format_duration(longer);
                (
                    format!("keeps events for {longer} (retention.ms)"),
                    format!("set apply.retention to \"{longer}\" or more, or the topic's {set}"),
                )
            }
            Kept::ForEver => (
                "keeps events for ever (retention.ms = -1)".to_owned(),
                format!(
                    "set apply.retention to as long as events may come again, or the topic's {set}"
                ),
            ),
            Kept::Compacted => (
                "keeps each key's last event for ever (cleanup.policy = compact)".to_owned(),
                format!(
                    "set apply.retention to as long as events may come again, or the topic's cleanup.policy to compact,delete and its {set}"
                ),
            ),
            Kept::Unknown => {
                let found = "may keep events longer than the ledger keeps their ids (apply.retention): its configuration can't be read";
                let remedy = "let the user read it (kafka-acls --operation DescribeConfigs), or see that retention.ms is not longer than apply.retention";
                return warn_of_topics("retention_unknown", &names, found, remedy);
            }
        };
        let found =
            format!("{found}, and the ledger their ids for {ids} (apply.retention): {danger}");
        warn_of_topics(code, &names, &found, &remedy)
    };
    alike.into_iter().map(finding).collect()
}

/// One for all topics that are alike: a pattern may match hundreds.
fn warn_of_topics(code: &'static str, names: &[String], found: &str, remedy: &str) -> Finding {
    let [first, others @ ..] = names else {
        return Finding::warning(code, found, remedy);
    };
    if others.is_empty() {
        return Finding::warning(code, found, remedy).of_topic(first);
    }
    let shown = names.get(..SHOWN_NAMES_LIMIT).unwrap_or(names).join(", ");
    let dots = if names.len() > SHOWN_NAMES_LIMIT {
        ", …"
    } else {
        ""
    };
    let found = format!("each of {} topics ({shown}{dots}) {found}", names.len());
    Finding::warning(code, found, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn found(topics: &[(&str, Kept)]) -> Vec<Finding> {
        let topics = topics.iter().map(|(n, k)| ((*n).to_owned(), *k));
        warn_of_outliving(topics.collect(), SOURCE_TOPIC, 7 * DAY)
    }

    #[test]
    fn a_topics_configuration_says_how_long_it_keeps_events() {
        let of = |policy: &str, ms: &str| {
            kept_as_set(&TopicSettings {
                cleanup_policy: Some(policy.to_owned()),
                retention_ms: Some(ms.to_owned()),
            })
        };
        assert_eq!(of("delete", "604800000"), Kept::For(7 * DAY));
        assert_eq!(of("compact,delete", "604800000"), Kept::For(7 * DAY));
        assert_eq!(of("delete", "-1"), Kept::ForEver);
        assert_eq!(of("compact", "604800000"), Kept::Compacted);
        assert_eq!(of("delete", "soon"), Kept::Unknown);
        let untold = TopicSettings {
            cleanup_policy: None,
            retention_ms: Some("1".to_owned()),
        };
        assert_eq!(kept_as_set(&untold), Kept::Unknown);
    }

    #[test]
    fn a_compacted_dead_letter_topic_is_worth_a_warning() {
        let of = |policy: &str| {
            let settings = TopicSettings {
                cleanup_policy: Some(policy.to_owned()),
                retention_ms: None,
            };
            warn_of_compaction("t", &settings).map(|finding| finding.code)
        };
        assert_eq!(of("compact,delete"), Some("dead_letters_compacted"));
        assert_eq!(of("delete"), None);
    }

    #[test]
    fn a_topic_that_keeps_events_as_long_as_the_ledger_their_ids_is_fine() {
        assert_eq!(
            found(&[("a", Kept::For(7 * DAY)), ("b", Kept::For(DAY))]),
            []
        );
    }

    #[test]
    fn topics_that_outlive_the_ledger_are_told_together_where_they_are_alike() {
        let longer = Kept::For(30 * DAY);
        let findings = found(&[("a", longer), ("b", Kept::ForEver), ("c", longer)]);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|f| !f.is_problem()));
        let [both, one] = findings.as_slice() else {
            panic!("{findings:?}")
        };
        assert!(
            both.found
                .starts_with("each of 2 topics (a, c) keeps events for 30days"),
            "{}",
            both.found
        );
        assert!(both.remedy.contains("apply.retention to \"30days\""));
        assert!(both.remedy.contains("retention.ms to 604800000"));
        assert_eq!(one.topic.as_deref(), Some("b"));
        assert!(one.found.contains("for ever"));
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        let findings = found(&[("a", Kept::Unknown)]);
        assert_eq!(findings[0].code, "retention_unknown");
        assert!(findings[0].remedy.contains("DescribeConfigs"));
    }
}
