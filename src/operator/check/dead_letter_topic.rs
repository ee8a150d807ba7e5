//! The dead letter topics: is each there, or could `run` create it, and may it be written?

use crate::config::{Config, LetterTopic};
use crate::kafka::acl::{Resource, write_grant};
use crate::kafka::complaints::Complaints;
use crate::kafka::dead_letter_topic::{CreationError, validate_creation};
use crate::kafka::topics::Topics;
use crate::operator::check::finding::Finding;
use crate::operator::check::report::LetterTopicLine;

/// What is known of each of the topics: which of them are `there`; `None`: no broker answered.
pub fn list_topics(config: &Config, there: Option<&[String]>) -> Vec<LetterTopicLine> {
    let line = |LetterTopic { name, .. }| LetterTopicLine {
        exists: there.map(|there| there.contains(&name)),
        topic: name,
        creatable: None,
    };
    config.dead_letter_topics().into_iter().map(line).collect()
}

/// Can each of the topics be created or written? Notes in its line whether it could be created.
pub async fn judge_topics(config: &Config, lines: &mut [LetterTopicLine]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, topic) in lines.iter_mut().zip(config.dead_letter_topics()) {
        if line.exists == Some(true) {
            findings.extend(find_missing_right(config, &topic).await);
            continue;
        }
        let hindrance = find_hindrance(config, &topic).await;
        line.creatable = match &hindrance {
            None => Some(true),
            Some(finding) if finding.is_problem() => Some(false),
            Some(_) => None,
        };
        findings.extend(hindrance);
    }
    findings
}

/// What hinders the broker from creating the topic: it is asked to, without doing so. `None`: nothing.
async fn find_hindrance(config: &Config, wanted: &LetterTopic) -> Option<Finding> {
    let topic = &wanted.name;
    let complaints = Complaints::new(&config.kafka);
    let finding = match validate_creation(config, wanted, &complaints).await.err()? {
        error if error.is_of_hidden_topic() => return Some(forbidden_topic(config, wanted)),
        CreationError::Client(error) => {
            let found = complaints.without_secrets(&error.to_string());
            return Some(Finding::problem("kafka_property", found, "correct it"));
        }
        CreationError::Unanswered(error) => {
            let found = format!(
                "the dead letter topic {topic} is not there, and whether it can be created is unknown: {}",
                complaints.without_secrets(&error.to_string())
            );
            let remedy = format!("create {topic} yourself, or check again");
            Finding::warning("dead_letter_topic_unknown", found, remedy)
        }
        CreationError::Refused { error, remedy, .. } => {
            let found = format!(
                "the dead letter topic {topic} is not there, and can't be created: {error}"
            );
            let remedy = format!("{remedy}; without it the first reject stops `run`");
            Finding::problem("dead_letter_topic", found, remedy)
        }
    };
    Some(finding.of_topic(topic))
}

/// Whether the user may write the topic, which is there. `None`: nothing is wrong, or the brokers don't tell.
async fn find_missing_right(config: &Config, there: &LetterTopic) -> Option<Finding> {
    let (owned, name) = (config.clone(), there.name.clone());
    let asked = tokio::task::spawn_blocking(move || Topics::new(&owned)?.may_write(&name));
    let Ok(Ok(Some(false))) = asked.await else {
        return None;
    };
    Some(forbidden_topic(config, there))
}

fn forbidden_topic(config: &Config, there: &LetterTopic) -> Finding {
    let LetterTopic { name: topic, key } = there;
    let found = format!("the user may not write to the dead letter topic {topic}");
    let remedy = format!(
        "allow it ({}), or set {key}; without it the first reject stops `run`",
        write_grant(&config.kafka, "Write", Resource::Topic(topic))
    );
    Finding::problem("dead_letter_topic_forbidden", found, remedy).of_topic(topic)
}
