//! Kafka Connect's options, where somebody who knows them types them into `landfall.toml`: each with what does the same here.
//! Whole connectors' configurations are another matter: `landfall import-connector` reads them.

/// Options with what to do instead. One that ends with a dot stands for all that begin so; of several that fit, the first counts.
const OPTIONS: &[(&str, &str)] = &[
    ("bootstrap.servers", "set kafka.brokers"),
    ("group.id", "set kafka.group"),
    ("name", "set kafka.group"),
    ("connector.class", "not needed"),
    (
        "topics.regex",
        "set kafka.topics, a list, the pattern with ^ before it",
    ),
    (
        "tasks.max",
        "set apply.lanes, or start more processes of the group",
    ),
    ("auto.offset.reset", "set kafka.start"),
    ("consumer.override.auto.offset.reset", "set kafka.start"),
    ("consumer.override.max.poll.records", "set apply.batch_rows"),
    (
        "consumer.override.sasl.jaas.config",
        "set sasl.username and sasl.password_file, in quotes, in [kafka.properties]",
    ),
    (
        "consumer.override.",
        "write it in quotes, without consumer.override, in [kafka.properties]",
    ),
    ("max.poll.records", "set apply.batch_rows"),
    (
        "sasl.jaas.config",
        "set sasl.username and sasl.password_file, in quotes, in [kafka.properties]",
    ),
    (
        "security.protocol",
        "write it in quotes in [kafka.properties]",
    ),
    ("sasl.mechanism", "write it in quotes in [kafka.properties]"),
    (
        "connection.url",
        "set postgres.url = \"postgres://user@host/database\", without jdbc:",
    ),
    (
        "connection.user",
        "put the user into postgres.url: postgres://user@host/database",
    ),
    (
        "connection.username",
        "put the user into postgres.url: postgres://user@host/database",
    ),
    (
        "connection.password",
        "set postgres.password_file, or postgres.password",
    ),
    (
        "connection.attempts",
        "not needed: what is away is waited for",
    ),
    (
        "connection.backoff.ms",
        "not needed: what is away is waited for",
    ),
    (
        "connection.pool.",
        "not needed: each of apply.lanes has a connection",
    ),
    ("hibernate.", "not needed: the destination is a Postgres"),
    ("dialect.", "not needed: the destination is a Postgres"),
    (
        "insert.mode",
        "not needed for upsert; write = \"append\" in the [[route]] makes every change a row",
    ),
    (
        "pk.mode",
        "not needed where the record's key has the columns; else name them as key of the [[route]]",
    ),
    (
        "primary.key.mode",
        "not needed where the record's key has the columns; else name them as key of the [[route]]",
    ),
    ("pk.fields", "set key of the [[route]]"),
    ("primary.key.fields", "set key of the [[route]]"),
    (
        "delete.enabled",
        "set apply.deletes, which is true unless it says false",
    ),
    ("truncate.enabled", "set apply.truncates"),
    ("auto.create", "set apply.schema_evolution = \"create\""),
    (
        "auto.evolve",
        "set apply.schema_evolution = \"add_columns\"",
    ),
    (
        "schema.evolution",
        "set apply.schema_evolution: basic is \"create\" here",
    ),
    (
        "table.name.format",
        "set table of a [[route]], with ${name} for what the topic's pattern captures as (?<name>...)",
    ),
    (
        "collection.name.format",
        "set table of a [[route]], with ${name} for what the topic's pattern captures as (?<name>...)",
    ),
    ("fields.whitelist", "set columns of the [[route]]"),
    ("field.include.list", "set columns of the [[route]]"),
    ("field.exclude.list", "set exclude of the [[route]]"),
    ("quote.identifiers", "not needed: names are quoted"),
    ("quote.sql.identifiers", "not needed: names are quoted"),
    (
        "transforms.",
        "not needed for envelopes, which are read as they are; a [[route]] leads topics to tables",
    ),
    (
        "transforms",
        "not needed for envelopes, which are read as they are; a [[route]] leads topics to tables",
    ),
    (
        "predicates.",
        "not needed for envelopes, which are read as they are; a [[route]] leads topics to tables",
    ),
    ("batch.size", "set apply.batch_rows"),
    (
        "max.retries",
        "set retry.max_attempts; what is away is waited for",
    ),
    ("retry.backoff.ms", "set retry.initial_delay"),
    (
        "flush.max.retries",
        "set retry.max_attempts; what is away is waited for",
    ),
    ("flush.retry.delay.ms", "set retry.initial_delay"),
    (
        "errors.tolerance",
        "not needed: what can't be landed becomes a dead letter, up to dead_letter.breaker.ratio",
    ),
    ("errors.deadletterqueue.topic.name", "set dead_letter.topic"),
    (
        "errors.deadletterqueue.topic.replication.factor",
        "set dead_letter.replication",
    ),
    (
        "errors.deadletterqueue.context.headers.enable",
        "not needed: dead letters always have headers",
    ),
    (
        "errors.retry.",
        "set retry.max_attempts; what is away is waited for",
    ),
    (
        "errors.log.",
        "not needed: the log and `landfall dlq list` tell",
    ),
    (
        "value.converter.schemas.enable",
        "not needed: JSON is read with schemas and without",
    ),
    (
        "key.converter.schemas.enable",
        "not needed: JSON is read with schemas and without",
    ),
    (
        "value.converter.schema.registry.url",
        "set format.registry.url",
    ),
    (
        "key.converter.schema.registry.url",
        "set format.registry.url",
    ),
    ("schema.registry.url", "set format.registry.url"),
    (
        "value.converter.basic.auth.user.info",
        "set format.registry.username and format.registry.password_file",
    ),
    (
        "key.converter.basic.auth.user.info",
        "set format.registry.username and format.registry.password_file",
    ),
    (
        "basic.auth.user.info",
        "set format.registry.username and format.registry.password_file",
    ),
    ("value.converter", "set format.encoding"),
    ("key.converter", "set format.encoding"),
    (
        "db.timezone",
        "not needed where it is UTC, which is how times are read",
    ),
    (
        "database.time_zone",
        "not needed where it is UTC, which is how times are read",
    ),
    (
        "use.time.zone",
        "not needed where it is UTC, which is how times are read",
    ),
];

/// What to do instead of setting this key, if it is an option of Kafka Connect's, under whatever heading it stands.
pub(super) fn advise_on_option(key: &str) -> Option<&'static str> {
    // an option of one word is one only where no heading gives it another meaning
    let ends = key
        .match_indices('.')
        .filter_map(|(at, _)| key.get(at + 1..));
    let mut names = std::iter::once(key).chain(ends.filter(|end| end.contains('.')));
    names.find_map(|name| {
        let option = OPTIONS
            .iter()
            .find(|(option, _)| match option.ends_with('.') {
                true => name.starts_with(option),
                false => name == *option,
            });
        option.map(|(_, advice)| *advice)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_known_under_whatever_heading_it_stands() {
        assert_eq!(advise_on_option("group.id"), Some("set kafka.group"));
        for key in [
            "pk.fields",
            "kafka.pk.fields",
            "route[0].pk.fields",
            "config.pk.fields",
        ] {
            assert_eq!(
                advise_on_option(key),
                Some("set key of the [[route]]"),
                "{key}"
            );
        }
        let transform = advise_on_option("transforms.unwrap.type");
        assert!(transform.is_some_and(|advice| advice.starts_with("not needed for envelopes")));
        assert_eq!(advise_on_option("name"), Some("set kafka.group"));
        assert_eq!(advise_on_option("route[0].name"), None);
        assert_eq!(advise_on_option("apply.lanes"), None);
    }

    #[test]
    fn the_longer_of_two_names_is_not_taken_for_the_shorter_one() {
        let registry = advise_on_option("value.converter.schema.registry.url");
        assert_eq!(registry, Some("set format.registry.url"));
        let start = advise_on_option("consumer.override.auto.offset.reset");
        assert_eq!(start, Some("set kafka.start"));
    }
}
