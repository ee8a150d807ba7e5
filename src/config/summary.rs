//! The settings in force, for the log line at start. No secrets.

use std::fmt;

use super::units::show_bytes;
use super::{Config, Encoding, Envelope, Idempotency, LaterEvents, LogFormat, WhenUnavailable};

/// Keys and values; `{}` puts them on one line, `{:#}` each on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary(Vec<(String, String)>);

impl Summary {
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn of(config: &Config) -> Self {
        let Config {
            kafka,
            format,
            postgres,
            routes,
            apply,
            retry,
            http,
            log,
            ..
        } = config;
        let mut fields = Vec::new();
        let mut add = |key: &str, value: String| fields.push((key.to_owned(), value));

        add("kafka.brokers", kafka.brokers.clone());
        add("kafka.group", kafka.group.clone());
        let topics: Vec<&str> = kafka.topics.iter().map(|topic| topic.as_str()).collect();
        add("kafka.topics", topics.join(","));
        for (name, value) in kafka.shown_properties() {
            add(&format!("kafka.properties.{name}"), value.to_owned());
        }
        let envelope = match format.envelope {
            Envelope::Debezium => "debezium",
        };
        add("format.envelope", envelope.to_owned());
        let encoding = match format.encoding {
            Encoding::Json => "json",
            Encoding::Avro => "avro",
        };
        add("format.encoding", encoding.to_owned());
        if let Some(registry) = format.registry_in_use() {
            add("format.registry.url", registry.display_urls());
            if let Some(login) = &registry.login {
                add("format.registry.username", login.username.clone());
            }
            let timeout = humantime::format_duration(registry.timeout);
            add("format.registry.timeout", timeout.to_string());
        }
        add("postgres.url", postgres.display_url());
        add("postgres.sslmode", postgres.tls().mode.to_string());
        add("postgres.schema", postgres.schema.clone());
        add("postgres.migrate", postgres.migrate.to_string());
        for (index, route) in routes.iter().enumerate() {
            let key = route
                .key
                .as_ref()
                .map(|key| format!(" key {}", key.join(",")));
            let route = format!(
                "{} -> {}{}",
                route.topic,
                route.table,
                key.unwrap_or_default()
            );
            add(&format!("route[{index}]"), route);
        }
        add("apply.lanes", apply.lanes.to_string());
        add("apply.batch_rows", apply.batch_rows.to_string());
        add("apply.batch_bytes", show_bytes(apply.batch_bytes));
        add("apply.memory", show_bytes(apply.memory));
        add(
            "apply.linger",
            humantime::format_duration(apply.linger).to_string(),
        );
        add("apply.deletes", apply.deletes.to_string());
        let idempotency = match apply.idempotency {
            Idempotency::EventId => "event_id",
            Idempotency::Offset => "offset",
        };
        add("apply.idempotency", idempotency.to_owned());
        add(
            "apply.retention",
            humantime::format_duration(apply.retention).to_string(),
        );
        add("retry.max_attempts", retry.max_attempts.to_string());
        let delay = |delay| humantime::format_duration(delay).to_string();
        add("retry.initial_delay", delay(retry.initial_delay));
        add("retry.max_delay", delay(retry.max_delay));
        add("retry.parent_wait", delay(retry.parent_wait));
        add(
            "retry.when_unavailable",
            name_of(&WhenUnavailable::CHOICES, retry.when_unavailable),
        );
        let letters = &config.dead_letter;
        add("dead_letter.topic", config.dead_letter_topic());
        let default = |number: Option<i32>| number.map_or("default".to_owned(), |n| n.to_string());
        add("dead_letter.partitions", default(letters.partitions));
        add("dead_letter.replication", default(letters.replication));
        add(
            "dead_letter.later_events",
            name_of(&LaterEvents::CHOICES, letters.later_events),
        );
        let breaker = &letters.breaker;
        add("dead_letter.breaker.ratio", breaker.ratio.to_string());
        add("dead_letter.breaker.window", breaker.window.to_string());
        add("dead_letter.breaker.open", delay(breaker.open));
        add("http.listen", http.listen.to_string());
        let log_format = match log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        add("log.format", log_format.to_owned());
        add("log.level", log.level.clone());
        Self(fields)
    }
}

fn name_of<T: PartialEq>(choices: &[(&'static str, T)], value: T) -> String {
    let chosen = choices.iter().find(|(_, choice)| *choice == value);
    chosen.map_or("", |(name, _)| name).to_owned()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n" } else { " " };
        for (index, (key, value)) in self.fields().enumerate() {
            if index > 0 {
                f.write_str(separator)?;
            }
            match value.contains(char::is_whitespace) {
                true => write!(f, "{key}={value:?}")?,
                false => write!(f, "{key}={value}")?,
            }
        }
        Ok(())
    }
}
