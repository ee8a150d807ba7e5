//! The table: each option of a sink, whose it is, and what becomes of it. `docs/from-kafka-connect.md` shows the same.
//!
//! Where a value makes a difference, the code that reads it says so instead, at [`super::report::Section::say`].

use crate::operator::import_connector::connector::Kind;

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// A key of Landfall's.
    Key(&'static str),
    /// Nothing, for this reason, and nothing is lost.
    NotNeeded(&'static str),
    /// What it did is done in another way.
    Differs(&'static str),
    /// Nothing, and what it did isn't done.
    NoCounterpart(&'static str),
}

use Becomes::{Differs, Key, NoCounterpart, NotNeeded};

/// An option; a star at its end stands for the rest of its name.
pub type Row = (&'static str, &'static str, Becomes);

/// By whose sinks: C Confluent's and Aiven's, D Debezium's, K Confluent Cloud's.
#[rustfmt::skip]
pub const OPTIONS: &[Row] = &[
    // what is read
    ("name",                                  "CDK", Key("kafka.group is connect-<name>, the group whose offsets the connector committed")),
    ("topics",                                "CDK", Key("kafka.topics")),
    ("topics.regex",                          "CD",  Key("kafka.topics, between ^ and $: Connect matches whole names")),
    ("tasks.max",                             "CDK", NotNeeded("apply.lanes, and more processes of the same group")),
    ("kafka.endpoint",                        "K",   Key("kafka.brokers")),
    ("kafka.api.key",                         "K",   Key("kafka.properties.sasl.username")),
    ("kafka.api.secret",                      "K",   Key("kafka.properties.sasl.password_file")),
    ("kafka.auth.mode",                       "K",   Key("kafka.properties.security.protocol")),
    ("kafka.service.account.id",              "K",   NoCounterpart("an API key of the account: kafka.properties.sasl.username")),
    ("max.poll.records",                      "K",   NotNeeded("apply.batch_rows")),
    ("max.poll.interval.ms",                  "K",   NotNeeded("polling never waits for Postgres")),
    ("consumer.override.security.protocol",   "CD",  Key("kafka.properties.security.protocol")),
    ("consumer.override.sasl.mechanism",      "CD",  Key("kafka.properties.sasl.mechanism")),
    ("consumer.override.sasl.jaas.config",    "CD",  Key("kafka.properties.sasl.username and sasl.password_file")),
    ("consumer.override.sasl.*",              "CD",  NoCounterpart("librdkafka's own sasl.* under [kafka.properties]")),
    ("consumer.override.ssl.*",               "CD",  NotNeeded("librdkafka chooses by itself")),
    ("consumer.override.client.id",           "CD",  Key("kafka.properties.client.id")),
    ("consumer.override.client.rack",         "CD",  Key("kafka.properties.client.rack")),
    ("consumer.override.auto.offset.reset",   "CD",  Differs("kafka.start: only a partition that this destination never had asks it")),
    ("consumer.override.isolation.level",     "CD",  Differs("always read_committed: what was aborted never happened")),
    ("consumer.override.group.id",            "CD",  Key("kafka.group")),
    ("consumer.override.*",                   "CD",  NotNeeded("Landfall fetches and batches by its own measure")),
    // how it is written
    ("key.converter",                         "CD",  Key("format.key_encoding")),
    ("value.converter",                       "CD",  Key("format.encoding")),
    ("input.key.format",                      "K",   Key("format.key_encoding")),
    ("input.data.format",                     "K",   Key("format.encoding")),
    ("key.converter.schemas.enable",          "CD",  NotNeeded("keys are read with schemas and without")),
    ("value.converter.schemas.enable",        "CD",  NotNeeded("values are read with schemas and without")),
    ("value.converter.schema.registry.url",   "CD",  Key("format.registry.url")),
    ("key.converter.schema.registry.url",     "CD",  Key("format.registry.url")),
    ("value.converter.basic.auth.user.info",  "CD",  Key("format.registry.username and password_file")),
    ("value.converter.schema.registry.basic.auth.user.info", "CD", Key("format.registry.username and password_file")),
    ("key.converter.*",                       "CD",  NotNeeded("one registry for keys and values, asked by schema id")),
    ("value.converter.*",                     "CD",  NotNeeded("schemas are found by the id in each record")),
    ("header.converter",                      "CD",  NotNeeded("headers aren't written")),
    // where it goes
    ("connection.url",                        "CD",  Key("postgres.url")),
    ("connection.host",                       "K",   Key("postgres.url")),
    ("connection.port",                       "K",   Key("postgres.url")),
    ("db.name",                               "K",   Key("postgres.url")),
    ("ssl.mode",                              "K",   Key("postgres.url: sslmode")),
    ("ssl.rootcertfile",                      "K",   Differs("postgres.url: sslrootcert names a PEM file")),
    ("connection.user",                       "CK",  Key("postgres.url")),
    ("connection.username",                   "D",   Key("postgres.url")),
    ("connection.password",                   "CDK", Key("postgres.password_file")),
    ("table.name.format",                     "CDK", Key("route.table")),
    ("collection.name.format",                "D",   Key("route.table")),
    ("table.types",                           "CK",  NotNeeded("any table that Postgres lets be written")),
    ("dialect.name",                          "CK",  NotNeeded("it is Postgres")),
    ("connection.attempts",                   "CK",  NotNeeded("Postgres is waited for, however long it is away")),
    ("connection.backoff.ms",                 "CK",  NotNeeded("Postgres is waited for, however long it is away")),
    ("connection.pool.*",                     "D",   NotNeeded("a connection for each of apply.lanes")),
    ("connection.provider",                   "D",   NotNeeded("a connection for each of apply.lanes")),
    ("connection.restart.on.errors",          "D",   NotNeeded("Postgres is waited for, however long it is away")),
    ("connection.url.*",                      "D",   NotNeeded("a connection for each of apply.lanes")),
    ("hibernate.*",                           "D",   NotNeeded("there is no Hibernate")),
    // which row, and what of it
    ("insert.mode",                           "CDK", Key("route.write")),
    ("pk.mode",                               "CK",  Key("route.key")),
    ("pk.fields",                             "CK",  Key("route.key")),
    ("primary.key.mode",                      "D",   Key("route.key")),
    ("primary.key.fields",                    "D",   Key("route.key")),
    ("delete.enabled",                        "CDK", Key("apply.deletes")),
    ("truncate.enabled",                      "D",   Key("apply.truncates")),
    ("fields.whitelist",                      "CK",  Key("route.columns")),
    ("field.include.list",                    "D",   Key("route.columns")),
    ("field.exclude.list",                    "D",   Key("route.exclude")),
    ("replace.null.with.default",             "CK",  NotNeeded("a null that was sent stays a null")),
    // the tables themselves
    ("auto.create",                           "CK",  Key("apply.schema_evolution")),
    ("auto.evolve",                           "CK",  Key("apply.schema_evolution")),
    ("schema.evolution",                      "D",   Key("apply.schema_evolution")),
    ("quote.sql.identifiers",                 "CK",  NotNeeded("names are always quoted")),
    ("quote.identifiers",                     "D",   NotNeeded("names are always quoted")),
    ("collection.naming.strategy",            "D",   NoCounterpart("route.table says the name")),
    ("table.naming.strategy",                 "D",   NoCounterpart("route.table says the name")),
    ("column.naming.strategy",                "D",   NoCounterpart("route.rename, column by column")),
    ("table.name.normalize",                  "C",   Differs("route.table says the name as it is in Postgres")),
    ("topics.to.tables.mapping",              "C",   NoCounterpart("a [[route]] for each topic")),
    ("dialect.postgres.postgis.schema",       "D",   NotNeeded("the column's type says what a geometry becomes")),
    ("dialect.sqlserver.*",                   "D",   NotNeeded("it is Postgres")),
    // time
    ("db.timezone",                           "CK",  NotNeeded("times are written as the source has them")),
    ("date.timezone",                         "CK",  NotNeeded("times are written as the source has them")),
    ("use.time.zone",                         "D",   NotNeeded("times are written as the source has them")),
    ("database.time_zone",                    "D",   NotNeeded("times are written as the source has them")),
    ("timestamp.precision.mode",              "CK",  NotNeeded("the column's type decides")),
    ("timestamp.fields.list",                 "CK",  NotNeeded("the column's type decides")),
    // how much at a time, and what if it fails
    ("batch.size",                            "CD",  NotNeeded("apply.batch_rows, whose default suits")),
    ("batch.sizes",                           "K",   NotNeeded("apply.batch_rows, whose default suits")),
    ("use.reduction.buffer",                  "D",   NotNeeded("events of one key are always folded")),
    ("dialect.postgres.unnest.insert.enabled", "D",  NotNeeded("rows are always sent as arrays")),
    ("trim.sensitive.log",                    "C",   NotNeeded("no row value is ever logged")),
    ("max.retries",                           "CK",  NotNeeded("Postgres is waited for; retry.* is for deadlocks")),
    ("retry.backoff.ms",                      "CK",  NotNeeded("Postgres is waited for; retry.* is for deadlocks")),
    ("flush.*",                               "D",   NotNeeded("Postgres is waited for; retry.* is for deadlocks")),
    ("errors.retry.*",                        "CD",  NotNeeded("Postgres is waited for; retry.* is for deadlocks")),
    ("errors.max.retries",                    "D",   NotNeeded("Postgres is waited for; retry.* is for deadlocks")),
    ("errors.tolerance",                      "CDK", Differs("what can't be written becomes a dead letter, and many of them stop the partition: dead_letter.breaker")),
    ("errors.log.*",                          "CDK", NotNeeded("each dead letter is logged, without its values")),
    ("errors.deadletterqueue.topic.name",     "CD",  Key("dead_letter.topic")),
    ("errors.deadletterqueue.topic.replication.factor", "CD", Key("dead_letter.replication")),
    ("errors.deadletterqueue.context.headers.enable", "CD", NotNeeded("the headers are always there, under the same names")),
    // Connect's own
    ("config.action.reload",                  "CD",  NotNeeded("a change of the configuration asks for a restart")),
    ("config.providers*",                     "CD",  NotNeeded("password_file, or a LANDFALL_ variable")),
    ("predicates*",                           "CD",  NoCounterpart("transforms with predicates aren't taken over")),
    ("cloud.*",                               "K",   NotNeeded("where the connector ran")),
    ("kafka.region",                          "K",   NotNeeded("where the connector ran")),
    ("schema.context.name",                   "K",   NoCounterpart("schemas are asked for by their id alone")),
    ("value.subject.name.strategy",           "K",   NotNeeded("schemas are found by the id in each record")),
];

/// What becomes of a transform, by its class without its package.
#[rustfmt::skip]
pub const TRANSFORMS: &[(&str, Becomes)] = &[
    ("ExtractNewRecordState",      Key("format.envelope = \"debezium\": Landfall reads the envelope itself")),
    ("UnwrapFromEnvelope",         Key("format.envelope = \"debezium\": Landfall reads the envelope itself")),
    ("YBExtractNewRecordState",    NoCounterpart("YugabyteDB's envelope has each value in an object of its own")),
    ("ExtractNewDocumentState",    NoCounterpart("MongoDB's documents have no columns")),
    ("ExtractChangedRecordState",  NotNeeded("an update writes the columns that it has")),
    ("RegexRouter",                Key("route.topic and route.table")),
    ("ReplaceField$Value",         Key("route.columns, exclude and rename")),
    ("ReplaceField$Key",           Key("route.rename")),
    ("InsertField$Value",          Key("[route.lineage]")),
    ("MaskField$Value",            Key("route.mask")),
    ("ValueToKey",                 Key("route.key")),
    ("ExtractField$Key",           Key("route.key")),
    ("Cast$Value",                 NotNeeded("the column's type decides")),
    ("Cast$Key",                   NotNeeded("the column's type decides")),
    ("TimestampConverter$Value",   NotNeeded("the column's type decides")),
    ("TimestampConverter$Key",     NotNeeded("the column's type decides")),
    ("TimezoneConverter",          NotNeeded("the column's type decides")),
    ("SetSchemaMetadata$Value",    NotNeeded("a schema's name decides nothing")),
    ("SetSchemaMetadata$Key",      NotNeeded("a schema's name decides nothing")),
    ("InsertHeader",               NotNeeded("headers aren't written")),
    ("DropHeaders",                NotNeeded("headers aren't written")),
    ("HeaderFrom$Value",           NotNeeded("headers aren't written")),
    ("TombstoneHandler",           NotNeeded("tombstones delete, or are counted")),
    ("Flatten$Value",              NoCounterpart("an object lands in a json or jsonb column, whole")),
    ("HoistField$Value",           NoCounterpart("write the row as an object")),
    ("ExtractField$Value",         NoCounterpart("no part of a value can be made the row")),
    ("Filter",                     NoCounterpart("no record is left out: a rule or a trigger of Postgres can")),
    ("Filter$Value",               NoCounterpart("no record is left out: a rule or a trigger of Postgres can")),
    ("EventRouter",                NoCounterpart("route the outbox at its source, and read its topics as flat rows")),
    ("HeaderRouter",               NoCounterpart("route.table is made of the topic's name alone")),
    ("ExtractTopic$Value",         NoCounterpart("route.table is made of the topic's name alone")),
];

/// What becomes of an option of this kind of sink; `None`: it is none of its options.
pub fn find_option(kind: Kind, option: &str) -> Option<Becomes> {
    let letter = match kind {
        Kind::Confluent => 'C',
        Kind::Debezium => 'D',
        Kind::Cloud => 'K',
        Kind::ChangeSource | Kind::RowSource | Kind::Worker => return None,
    };
    let mut rows = OPTIONS.iter();
    let found = rows.find(|(name, of, _)| of.contains(letter) && is_meant(name, option));
    found.map(|(.., becomes)| *becomes)
}

/// What becomes of a transform. Those that somebody wrote himself aren't known.
pub fn find_transform(class: &str) -> Becomes {
    let short = class.rsplit('.').next().unwrap_or(class);
    let mut known = TRANSFORMS.iter();
    let found = known.find(|(name, _)| *name == short);
    found.map_or(
        NoCounterpart("not a transform that Landfall knows"),
        |(_, becomes)| *becomes,
    )
}

fn is_meant(name: &str, option: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => option.starts_with(start),
        None => name == option,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_a_star_stands_below_those_that_it_would_hide() {
        for (at, (name, of, _)) in OPTIONS.iter().enumerate() {
            let hiding = OPTIONS[..at].iter().find(|(above, others, _)| {
                is_meant(above, name.trim_end_matches('*'))
                    && of.chars().any(|k| others.contains(k))
            });
            assert_eq!(hiding, None, "{name}");
        }
    }

    #[test]
    fn an_option_is_known_to_its_own_sinks_alone() {
        assert!(find_option(Kind::Confluent, "pk.mode").is_some());
        assert_eq!(find_option(Kind::Debezium, "pk.mode"), None);
        assert!(find_option(Kind::Debezium, "hibernate.c3p0.min_size").is_some());
        assert_eq!(find_option(Kind::Confluent, "no.such.option"), None);
    }

    #[test]
    fn a_transform_is_known_by_its_class_in_whatever_package() {
        let router = find_transform("org.apache.kafka.connect.transforms.RegexRouter");
        assert!(matches!(router, Key(_)));
        let own = find_transform("com.example.Own");
        assert!(matches!(own, NoCounterpart(_)));
    }
}
