//! Whether any broker answers: an idle consumer asks for nothing that could fail. librdkafka's statistics tell it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::statistics::{Broker, Statistics};

use crate::config::KafkaConfig;
use crate::kafka::advice::{Advisor, is_refusal};
use crate::kafka::chatter;
use crate::locked::Locked;
use crate::watch::health::Health;

/// How long none may answer: connections come and go.
const AWAY_AFTER: Duration = Duration::from_millis(2_500);

/// A broker that is fetched from answers, whether there is something or not, after `fetch.wait.max.ms`: half a second.
const FETCH_SILENCE_LIMIT: Duration = Duration::from_secs(3);

/// How long a connection may be silent. librdkafka asks for topics every ten seconds.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// librdkafka says nothing of brokers that close a connection at once.
const NOTHING_SAID: &str = "nothing was said; if they ask for TLS or a login, set security.protocol and sasl.* in kafka.properties";

/// Looks at the brokers, once a second.
pub(super) struct BrokerWatch {
    advisor: Advisor,
    /// Since when none has answered.
    silent_since: Locked<Option<Instant>>,
    /// One has answered once.
    was_there: AtomicBool,
}

impl BrokerWatch {
    pub(super) fn new(config: &KafkaConfig) -> Self {
        Self {
            advisor: Advisor::new(config),
            silent_since: Locked::new(Some(Instant::now())),
            was_there: AtomicBool::new(false),
        }
    }

    /// Looks at what is known of the brokers, and tells if they have gone or have come back.
    pub(super) fn note_statistics(&self, statistics: &Statistics, health: &Health) {
        let mut silent_since = self.silent_since.lock();
        if statistics.brokers.values().any(answers) {
            *silent_since = None;
            self.was_there.store(true, Ordering::Relaxed);
            if health.note_kafka_away(None) {
                chatter::forget_told();
                self.advisor.forget();
                tracing::info!("Kafka is back");
            }
            return;
        }
        let since = *silent_since.get_or_insert_with(Instant::now);
        if since.elapsed() < AWAY_AFTER {
            return;
        }
        let reason = chatter::last_reason();
        let why = self.explain_silence(statistics, reason.as_deref());
        let is_new = health.note_kafka_away(Some(why.clone()));
        // Brokers that go say so in several ways. Another reason is news where none was ever there, or one refuses us.
        let tells =
            !self.was_there.load(Ordering::Relaxed) || reason.is_some_and(|r| is_refusal(&r));
        if tells && chatter::is_news(&why) || is_new {
            tracing::warn!("Kafka is away, and waited for: {why}");
        }
    }
}

impl BrokerWatch {
    fn explain_silence(&self, statistics: &Statistics, reason: Option<&str>) -> String {
        let brokers = statistics.brokers.values();
        let mut names: Vec<&str> = brokers
            .filter(|broker| broker.source != "logical" && broker.source != "internal")
            .map(|broker| &*broker.nodename)
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        let reason = reason.map(|reason| self.advisor.explain(reason));
        let reason = reason.unwrap_or_else(|| NOTHING_SAID.to_owned());
        format!("no broker answers ({}): {reason}", names.join(", "))
    }
}

fn answers(broker: &Broker) -> bool {
    answered_within(broker, SILENCE_LIMIT)
}

fn answered_within(broker: &Broker, limit: Duration) -> bool {
    let silent = Duration::from_micros(u64::try_from(broker.rxidle).unwrap_or_default());
    ["UP", "UPDATE"].contains(&&*broker.state) && silent < limit
}

/// The brokers that have just answered. Of partitions that are fetched from others, the statistics repeat what was once.
pub(super) fn list_heard_of(statistics: &Statistics) -> HashSet<i32> {
    let brokers = statistics.brokers.values();
    let heard_of = brokers.filter(|broker| answered_within(broker, FETCH_SILENCE_LIMIT));
    let ids = heard_of.map(|broker| broker.nodeid);
    ids.filter(|id| *id >= 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(state: &str, rxidle: i64) -> Broker {
        Broker {
            state: state.to_owned(),
            rxidle,
            ..Broker::default()
        }
    }

    #[test]
    fn a_broker_answers_if_it_is_connected_and_has_said_something_lately() {
        assert!(answers(&broker("UP", 10_000_000)) && answers(&broker("UP", -1)));
        assert!(!answers(&broker("UP", 25_000_000)));
        for state in ["INIT", "DOWN", "TRY_CONNECT", "CONNECT", "APIVERSION_QUERY"] {
            assert!(!answers(&broker(state, 0)), "{state}");
        }
    }
}
