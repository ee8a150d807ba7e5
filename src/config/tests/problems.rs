use super::*;

/// The minimal configuration and `more`, which has exactly one problem.
fn problem(more: &str) -> String {
    let lines = problems(&minimal_and(more), &[]);
    assert_eq!(lines.len(), 1, "{more}: {lines:#?}");
    lines[0].clone()
}

#[test]
fn six_problems_are_six_lines() {
    let text = "\
[kafka]
topics = ['^(']
broker = 'x'
[postgres]
url = 'mysql://db'
password_file = '/absent'
[apply]
lanes = 99
[retry]
max_attempts = 'five'
";
    let variables = [("LANDFALL_KAFKA__BROKERS", "kafka:9092")];
    let lines = problems(text, &variables);
    let expected = [
        "landfall.toml:2: kafka.topics: \"^(\" is not a regex: unclosed group",
        "landfall.toml:3: kafka.broker: unknown key; did you mean kafka.brokers?",
        "landfall.toml:5: postgres.url: allowed: a URL that starts with postgres:// or postgresql://",
        "landfall.toml:6: postgres.password_file: the secret file /absent cannot be read: \
         No such file or directory (os error 2)",
        "landfall.toml:8: apply.lanes: found 99; allowed: a number from 1 to 64",
        "landfall.toml:10: retry.max_attempts: found \"five\"; allowed: a number from 1 to 4294967295",
    ];
    assert_eq!(lines, expected);
    let text = load(text, &variables).unwrap_err().to_string();
    assert!(text.starts_with("the configuration cannot be used, 6 problems:\n  "));
    assert_eq!(text.lines().count(), 7);
}

#[test]
fn a_value_out_of_range_or_of_another_type_says_what_is_allowed() {
    for (more, says) in [
        (
            "[apply]\nlanes = 0",
            "apply.lanes: found 0; allowed: a number from 1 to 64",
        ),
        (
            "[apply]\nlanes = -1",
            "apply.lanes: found -1; allowed: a number from 1 to 64",
        ),
        (
            "[apply]\nlanes = '4'",
            "apply.lanes: found \"4\"; allowed: a number",
        ),
        (
            "[apply]\nlanes = 1.5",
            "apply.lanes: found 1.5; allowed: a number",
        ),
        (
            "[apply]\nbatch_rows = 100001",
            "allowed: a number from 1 to 100000",
        ),
        (
            "[apply]\nbatch_bytes = '1023B'",
            "allowed: a size such as \"16MiB\", from 1KiB to 1GiB",
        ),
        (
            "[apply]\nlinger = '61s'",
            "allowed: a duration with its unit, such as \"100ms\", from 0s to 1m",
        ),
        (
            "[format.schemaless]\ntimestamps = 'seconds'",
            "format.schemaless.timestamps: found \"seconds\"; allowed: \"millis\", \"micros\", \"nanos\"",
        ),
        (
            "[format.schemaless]\nscales = { '' = 2 }",
            "format.schemaless.scales: \"\" names no column; allowed: column or schema.table.column",
        ),
        (
            "[format.schemaless]\nscales = { 't.price' = 2 }",
            "format.schemaless.scales: \"t.price\" names no column; allowed: column or schema.table.column",
        ),
        (
            "[format.schemaless]\nscales = { price = 'two' }",
            "format.schemaless.scales: price: allowed: a whole number from -1000 to 16383",
        ),
        (
            "[format.schemaless]\nunits = { at = 'seconds' }",
            "format.schemaless.units: at: allowed: \"millis\", \"micros\", \"nanos\"",
        ),
        (
            "[format.schemaless]\ndecimals = 'double'",
            "format.schemaless.decimals: found \"double\"; allowed: \"base64\", \"string\", \"number\"",
        ),
        (
            "[apply]\nlinger = 100",
            "found 100; allowed: a duration with its unit",
        ),
        (
            "[apply]\ndeletes = 'no'",
            "found \"no\"; allowed: true or false",
        ),
        (
            "[apply]\nidempotency = 'none'",
            "allowed: \"event_id\", \"offset\"",
        ),
        (
            "[format]\nenvelope = 'flatt'",
            "found \"flatt\"; allowed: \"debezium\", \"flat\"",
        ),
        (
            "[format]\nencoding = 'xml'",
            "found \"xml\"; allowed: \"json\", \"avro\"",
        ),
        (
            "[format]\nunavailable_placeholder = 'hex:5f5'",
            "found \"hex:5f5\"; allowed: text, or pairs of hexadecimal digits behind hex:",
        ),
        (
            "[format]\nunavailable_placeholder = ''",
            "found \"\"; allowed: text that is not empty",
        ),
        (
            "[format]\nencoding = 'avro'",
            "format.encoding: avro needs the schema registry: set format.registry.url, such as",
        ),
        (
            "[format.registry]\nurl = 'registry:8081'",
            "format.registry.url: allowed: one or several URLs, such as",
        ),
        (
            "[format.registry]\nurl = 'http://r/?key=1'",
            "has a ? or a #: the URL ends with its path",
        ),
        (
            "[format.registry]\ncert_file = 'c.pem'",
            "format.registry.cert_file: needs format.registry.key_file beside it",
        ),
        (
            "[format.registry]\ntimeout = '1ms'",
            "allowed: a duration with its unit, such as \"100ms\", from 100ms to 10m",
        ),
        (
            "[http]\nlisten = 'localhost:9464'",
            "allowed: an IP address and a port",
        ),
        (
            "[http]\nhosts = ['sink.example.org:9464']",
            "http.hosts: found a list; allowed: names without a port",
        ),
        (
            "[log]\nlevel = 'inof'",
            "found \"inof\"; allowed: error, warn, info",
        ),
        ("[log]\nformat = 5", "found 5; allowed: \"text\", \"json\""),
        ("schema = 'pg_landfall'", "allowed: a schema name"),
        ("migrate = 1", "found 1; allowed: true or false"),
        (
            "[retry]\nmax_delay = '50ms'",
            "retry.max_delay: initial_delay is 100ms, which is more",
        ),
        ("[dead_letter]\ntopic = 'a b'", "allowed: a topic name"),
        (
            "[dead_letter]\nlater_events = 'drop'",
            "allowed: \"supersede\", \"park\"",
        ),
        (
            "[dead_letter.breaker]\nratio = 1.5",
            "found 1.5; allowed: a number above 0, up to 1",
        ),
        (
            "[retry]\nwhen_unavailable = 'skip'",
            "allowed: \"wait\", \"dead_letter\"",
        ),
        (
            "[kafka.properties]\nx = []",
            "kafka.properties.x: found a list; allowed: text, a number",
        ),
        (
            "route = 1",
            "postgres.route: unknown key; did you mean route?",
        ),
        (
            "[route]\ntopic = 'a'",
            "route: found a table; allowed: tables, each under [[route]]",
        ),
        (
            "[[retry]]\nmax_attempts = 1",
            "retry: allowed: a table, [retry]",
        ),
    ] {
        let line = problem(more);
        assert!(line.contains(says), "{more}: {line}");
    }
}

#[test]
fn a_key_of_later_work_is_unknown_yet() {
    let line = problem("[apply]\nstop_after = 'x'");
    assert!(line.contains("unknown key; allowed: "), "{line}");
}

#[test]
fn a_schema_evolution_that_there_is_not_names_those_that_there_are() {
    let route = "[[route]]\ntopic = 'a'\ntable = 'b'\nschema_evolution = 'basic'";
    for more in ["[apply]\nschema_evolution = 'basic'", route] {
        let line = problem(more);
        let allowed =
            r#"schema_evolution: found "basic"; allowed: "none", "add_columns", "create""#;
        assert!(line.contains(allowed), "{line}");
    }
}

#[test]
fn an_unknown_key_suggests_the_nearest_wherever_it_belongs() {
    for (more, says) in [
        (
            "[aply]\nlanes = 1",
            "landfall.toml:9: aply: unknown key; did you mean apply?",
        ),
        (
            "[[routes]]\ntopic = 'a'",
            "routes: unknown key; did you mean route?",
        ),
        (
            "lanes = 4",
            "postgres.lanes: unknown key; did you mean apply.lanes?",
        ),
        (
            "[[route]]\ntopic = 'a'\ntable = 'b'\nkeys = ['c']",
            "landfall.toml:12: route[0].keys: unknown key; did you mean route[0].key?",
        ),
        (
            "zebra = 1",
            "postgres.zebra: unknown key; allowed: migrate, password, password_command, password_file, schema, url, url_file",
        ),
    ] {
        let line = problem(more);
        assert!(line.contains(says), "{more}: {line}");
    }
}

#[test]
fn a_wrong_variable_is_named_as_it_is_written() {
    let environment = [
        ("LANDFALL_APPLY__LANE", "4"),
        ("LANDFALL_APPLY__LANES", "many"),
        ("LANDFALL_FLY__AWAY", "1"),
        ("LANDFALL_KAFKA__PROPERTIES__GROUP_ID", "x"),
        ("LANDFALL_KAFKA__TOPICS", "[1, 2"),
        ("LANDFALL_ROUTE__TOPIC", "x"),
    ];
    let expected = [
        "LANDFALL_APPLY__LANE: apply.lane: unknown key; did you mean LANDFALL_APPLY__LANES?",
        "LANDFALL_APPLY__LANES: apply.lanes: found \"many\"; allowed: a number from 1 to 64",
        "LANDFALL_FLY__AWAY: fly: unknown key; allowed: apply, dead_letter, format, http, kafka, lineage, log, postgres, retry, route, tracing",
        "LANDFALL_KAFKA__PROPERTIES__GROUP_ID: kafka.properties.group.id: cannot be set: set kafka.group instead",
        "LANDFALL_KAFKA__TOPICS: kafka.topics: found \"[1, 2\"; allowed: a TOML list of texts, or texts with commas between",
        "LANDFALL_ROUTE__TOPIC: route: routes are written in the file, as [[route]]",
    ];
    let lines = problems(MINIMAL, &environment);
    let expected = expected.map(|line| format!("environment variable {line}"));
    assert_eq!(lines, expected);
}

#[test]
fn a_required_key_that_is_not_set_is_reported_once() {
    assert_eq!(
        problems("", &[]),
        [
            "landfall.toml: kafka.brokers: missing; set it here or as LANDFALL_KAFKA__BROKERS",
            "landfall.toml: kafka.topics: missing; set it here or as LANDFALL_KAFKA__TOPICS",
            "landfall.toml: postgres.url: missing; set it here or as LANDFALL_POSTGRES__URL",
        ]
    );
    // A table that is none is the one thing to say of it.
    let lines = problems("kafka = 5\n[postgres]\nurl = 'postgres://db'\n", &[]);
    assert_eq!(lines, ["landfall.toml:1: kafka: allowed: a table, [kafka]"]);
    let lines = problems("kafka = \n", &[("LANDFALL_APPLY__LANES", "0")]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("landfall.toml:1: not TOML: "),
        "{lines:?}"
    );
    let line = problem("[[route]]\ntopic = 'a'");
    assert!(
        line.starts_with("landfall.toml:9: route[0].table: missing"),
        "{line}"
    );
}

#[test]
fn a_property_that_landfall_owns_is_refused_with_the_reason() {
    for (property, reason) in [
        ("group.id", "set kafka.group"),
        ("bootstrap.servers", "set kafka.brokers"),
        ("enable.auto.commit", "after Postgres has committed"),
        ("enable.auto.offset.store", "after Postgres has committed"),
        ("enable.partition.eof", "Landfall sets it"),
        ("auto.offset.reset", "set kafka.start = \"latest\""),
        ("isolation.level", "aborted transactions"),
        ("statistics.interval.ms", "Landfall sets it"),
    ] {
        let line = problem(&format!("[kafka.properties]\n\"{property}\" = 'x'"));
        let start = format!("landfall.toml:10: kafka.properties.{property}: cannot be set: ");
        assert!(line.starts_with(&start) && line.contains(reason), "{line}");
    }
}

#[test]
fn a_property_that_says_what_landfall_does_anyway_is_taken() {
    for anyway in [
        "isolation.level = 'read_committed'",
        "auto.offset.reset = 'earliest'",
        "enable.auto.commit = false",
        "enable.auto.offset.store = 'false'",
    ] {
        let text = format!("[kafka.properties]\n{anyway}");
        let config = load(&minimal_and(&text), &[]).unwrap();
        assert!(config.kafka.properties.is_empty(), "{anyway}");
    }
}

#[test]
fn an_option_of_kafka_connect_leads_to_the_key_for_it() {
    for (more, key, says) in [
        (
            "connection.url = 'jdbc:postgresql://db/w'",
            "kafka.connection.url",
            "set postgres.url",
        ),
        (
            "[apply]\nbatch.size = 3000",
            "apply.batch.size",
            "set apply.batch_rows",
        ),
        (
            "[apply]\n\"delete.enabled\" = true",
            "apply.delete.enabled",
            "set apply.deletes",
        ),
        (
            "errors.deadletterqueue.topic.name = 'd'",
            "postgres.errors.deadletterqueue.topic.name",
            "set dead_letter.topic",
        ),
        (
            "[format]\nschema.registry.url = 'http://r'",
            "format.schema.registry.url",
            "set format.registry.url",
        ),
        (
            "[connection]\nuser = 'x'",
            "connection.user",
            "put the user into postgres.url",
        ),
        (
            "[[route]]\ntopic = 'a'\ntable = 'a'\npk.fields = 'id'",
            "route[0].pk.fields",
            "set key of the [[route]]",
        ),
    ] {
        let in_kafka = key.starts_with("kafka.");
        let text = match in_kafka {
            true => minimal_and("").replace("[kafka]", &format!("[kafka]\n{more}")),
            false => minimal_and(more),
        };
        let lines = problems(&text, &[]);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let said = format!("{key}: is an option of Kafka Connect's; here: {says}");
        assert!(lines[0].contains(&said), "{lines:#?}");
    }
    // one problem for each, under the line of each
    let two = problems(
        &minimal_and("[connector]\ntasks.max = 1\nname = 'sink'\nbatch.size = 1"),
        &[],
    );
    assert_eq!(two.len(), 3, "{two:#?}");
    assert!(two[0].starts_with("landfall.toml:"), "{two:#?}");
}

#[test]
fn a_pasted_connector_that_is_no_toml_is_taken_for_what_it_is() {
    let text = "value.converter = 'x'\nvalue.converter.schemas.enable = true";
    let lines = problems(text, &[]);
    assert!(lines[0].contains("landfall import-connector"), "{lines:#?}");
}

#[test]
fn topics_and_brokers_are_taken_as_people_write_them() {
    let load = |topics: &str, brokers: &str| {
        let text = format!(
            "[kafka]\nbrokers = {brokers}\ntopics = {topics}\n[postgres]\nurl = 'postgres://db/w'"
        );
        let kafka = load(&text, &[]).unwrap().kafka;
        let topics: Vec<String> = kafka.topics.iter().map(|t| t.as_str().to_owned()).collect();
        (kafka.brokers, topics.join(" "))
    };
    let expected = |topics: &str| ("a:1,b:2".to_owned(), topics.to_owned());
    assert_eq!(
        load("'shop.a, shop.b'", "['a:1', 'b:2']"),
        expected("shop.a shop.b")
    );
    assert_eq!(
        load("'^shop[.][a-z]{1,3}'", "'a:1,b:2'"),
        expected("^shop[.][a-z]{1,3}")
    );
    let text = minimal_and("").replace("[kafka]", "[kafka]\ntopics.regex = 'shop.*'");
    let text = text
        .lines()
        .filter(|line| !line.starts_with("topics ="))
        .collect::<Vec<_>>();
    let lines = problems(&text.join("\n"), &[]);
    assert!(
        lines[0].contains("set kafka.topics, a list, the pattern with ^"),
        "{lines:#?}"
    );
}

#[test]
fn the_dead_letters_topic_may_not_be_read() {
    let line = problem("[dead_letter]\ntopic = 'shop.public.orders'");
    assert_eq!(
        line,
        "landfall.toml:5: kafka.topics: \"shop.public.orders\" would read the dead \
                      letters' own topic \"shop.public.orders\"; take it out, or set \
                      dead_letter.topic to another topic"
    );
    let lines = problems(MINIMAL, &[("LANDFALL_KAFKA__TOPICS", "orders,^land")]);
    assert!(
        lines[0]
            .contains("\"^land\" would read the dead letters' own topic \"landfall.dlq\"; narrow")
    );
    let lines = problems(MINIMAL, &[("LANDFALL_KAFKA__GROUP", "a b")]);
    assert!(
        lines[0].contains("kafka.group: dead letters would go to \"a b.dlq\""),
        "{lines:?}"
    );
}

#[test]
fn no_routes_letters_may_be_read_or_go_to_what_is_no_topic() {
    let route = |name: &str| {
        problem(&format!(
            "[[route]]\ntopic = 'x'\ntable = 'x'\ndead_letter_topic = '{name}'"
        ))
    };
    let line = route("shop.public.orders");
    assert!(
        line.ends_with(
            "kafka.topics: \"shop.public.orders\" would read the dead letters' own topic \"shop.public.orders\"; \
             take it out, or set route.dead_letter_topic to another topic"
        ),
        "{line}"
    );
    let wrong = route("a b");
    assert!(
        wrong.contains("route[0].dead_letter_topic") && wrong.contains("allowed: a topic name")
    );
    let text = format!("{MINIMAL}[[route]]\ntopic = 'x'\ntable = 'x'\ndead_letter_topic = 'x.dlq'");
    let lines = problems(&text, &[("LANDFALL_KAFKA__TOPICS", "orders,^x")]);
    assert!(
        lines[0].contains("\"x.dlq\"; narrow the pattern, or set route.dead_letter_topic"),
        "{lines:?}"
    );
}

#[test]
fn every_wrong_route_is_reported() {
    let text = "
[[route]]
topic = '('
table = '${x}'
[[route]]
topic = '(?<a>.)'
table = '${b}'
[[route]]
topic = 'c'
table = 'c'
key = ['id', 'id']
";
    assert_eq!(
        problems(&minimal_and(text), &[]),
        [
            "landfall.toml:11: route[0].topic: \"(\" is not a regex: unclosed group",
            "landfall.toml:15: route[1].table: \"${b}\": ${b} is no capture of the route's topic; it has a",
            "landfall.toml:19: route[2].key: names a column twice",
        ]
    );
}

#[test]
fn a_key_that_is_a_single_value_needs_one_column_that_nothing_else_fills() {
    let route = |more: &str| {
        format!("[[route]]\ntopic = 't'\ntable = 't'\nkey_from = 'record_key'\n{more}")
    };
    for (more, says) in [
        ("", "needs their column: key = [\"id\"]"),
        ("key = ['a', 'b']", "needs their column: key = [\"id\"]"),
        (
            "key = ['id']\nrename = { name = 'id' }",
            "rename makes another field of the row id, which is the key's column",
        ),
    ] {
        let said = problem(&route(more));
        assert!(
            said.contains("route[0].key_from: ") && said.contains(says),
            "{said}"
        );
    }
    assert!(load(&minimal_and(&route("key = ['id']")), &[]).is_ok());
}
