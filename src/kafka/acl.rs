//! The statement that gives a right which is missing.

use crate::config::KafkaConfig;

/// What a right is on, with the option of `kafka-acls` for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'n> {
    Topic(&'n str),
    Group(&'n str),
}

/// `kafka-acls` as it gives this right to the user who is logged in. Who that is the brokers alone know, unless a name is
/// what clients log in with.
pub fn write_grant(config: &KafkaConfig, operation: &str, on: Resource<'_>) -> String {
    let (option, name) = match on {
        Resource::Topic(name) => ("--topic", name),
        Resource::Group(name) => ("--group", name),
    };
    let user = find_user(config).unwrap_or("…");
    format!(
        "kafka-acls --bootstrap-server {} --add --allow-principal User:{user} --operation {operation} {option} {name}",
        config.brokers
    )
}

/// That the user who is logged in lacks this right, with the statement that gives it.
pub fn describe_missing(config: &KafkaConfig, operation: &str, on: Resource<'_>) -> String {
    let what = match on {
        Resource::Topic(name) => format!("topic {name}"),
        Resource::Group(name) => format!("consumer group {name}"),
    };
    let grant = write_grant(config, operation, on);
    format!(
        "the user may not {} {what} ({grant})",
        operation.to_lowercase()
    )
}

fn find_user(config: &KafkaConfig) -> Option<&str> {
    let get = |name: &str| config.properties.get(name).map(String::as_str);
    let protocol = get("security.protocol")?;
    let logs_in = protocol.to_ascii_uppercase().starts_with("SASL_");
    get("sasl.username").filter(|_| logs_in)
}
