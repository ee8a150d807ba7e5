use super::super::reader::Reader;
use super::super::{
    BytesForm, DecimalForm, Envelope, LaterEvents, SchemalessConfig, TimeUnit, WhenUnavailable,
};
use super::*;
use crate::table_name::TableName;

const COMPLETE: &str = include_str!("../../../config/landfall.toml");

#[test]
fn every_default_of_the_example_is_the_default() {
    let written = Config::parse(COMPLETE).unwrap();
    let left_out = Config::parse(MINIMAL).unwrap();
    assert_eq!(format!("{written:#?}"), format!("{left_out:#?}"));
}

/// `#key = ...` and `#[[route]]`, as opposed to `# prose`.
fn uncommented() -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key.to_owned(),
        _ => line.to_owned(),
    };
    COMPLETE
        .lines()
        .map(|line| uncomment(line) + "\n")
        .collect()
}

#[test]
fn the_keys_that_the_example_comments_out_are_right_too() {
    let text: String = uncommented()
        .lines()
        .filter(|line| !line.contains("_file\"") && !line.contains("_file = "))
        // others say the same in another way
        .filter(|line| !line.contains("_command = "))
        .filter(|line| !line.starts_with("token = "))
        .filter(|line| !line.contains("oauthbearer") && !line.contains("https.ca"))
        .filter(|line| !line.starts_with("exclude = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.dead_letter_topic_of("t"), "landfall.dlq");
    assert_eq!(config.routes.len(), 1);
    assert_eq!(config.kafka.properties.len(), 4);
}

#[test]
fn the_example_has_every_key_and_each_by_itself() {
    let mut reader = Reader::of_text(&uncommented());
    Config::from_reader(&mut reader);
    let known = reader.known.clone();
    let missing: Vec<&String> = known.iter().filter(|key| !reader.is_set(key)).collect();
    assert!(
        missing.is_empty(),
        "not in config/landfall.toml: {missing:?}"
    );
    assert!(known.len() > 25, "{known:?}");
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let config = Config::parse(MINIMAL).unwrap();
    assert_eq!(config.kafka.group, "landfall");
    assert_eq!(config.dead_letter_topic_of("t"), "landfall.dlq");
    assert_eq!(config.postgres.schema, "landfall");
    assert!(config.postgres.migrate && config.apply.deletes);
    assert_eq!(config.apply.lanes, 4);
    assert_eq!(config.apply.batch_bytes, 16 * 1024 * 1024);
    assert_eq!(config.retry.max_attempts, 5);
    assert_eq!(config.retry.parent_wait.as_secs(), 30);
    assert_eq!(config.retry.when_unavailable, WhenUnavailable::Wait);
    assert_eq!(config.dead_letter.later_events, LaterEvents::Supersede);
    let breaker = &config.dead_letter.breaker;
    assert_eq!((breaker.ratio, breaker.window), (0.5, 100));
    assert_eq!(breaker.open.as_secs(), 30);
    assert_eq!(config.apply.retention.as_secs(), 7 * 86_400);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9464");
    assert!(config.subscribes_to("shop.public.orders"));
    assert!(!config.subscribes_to("shop.public.orders2"));
    assert!(config.route_for("shop.public.orders").is_none());
}

#[test]
fn the_first_route_that_matches_decides() {
    let routes = "[[route]]\ntopic = 'shop[.]public[.](?<t>.+)'\ntable = 'raw.${t}'\nkey = ['id']\n\
                  [[route]]\ntopic = '.*'\ntable = 'rest'\n";
    let config = Config::parse(&minimal_and(&format!("\n{routes}"))).unwrap();
    let (route, table) = config.route_for("shop.public.orders").unwrap();
    assert_eq!(table.to_string(), "raw.orders");
    assert_eq!(route.key.as_deref(), Some(&["id".to_owned()][..]));
    let (_, table) = config.route_for("other").unwrap();
    assert_eq!(table.to_string(), "public.rest");
}

#[test]
fn letters_go_to_the_topic_of_the_first_route_that_matches_else_to_the_groups() {
    let route =
        |topic: &str, own: &str| format!("[[route]]\ntopic = '{topic}'\ntable = 't'\n{own}\n");
    let own = |name: &str| format!("dead_letter_topic = '{name}'");
    let routes = [
        route("a", &own("a.dlq")),
        route("b", ""),
        route("[abc]", &own("abc.dlq")),
        route("d", &own("a.dlq")),
        route("e", &own("landfall.dlq")),
    ];
    let config = Config::parse(&minimal_and(&format!("\n{}", routes.concat()))).unwrap();
    let of = |topic| config.dead_letter_topic_of(topic);
    assert_eq!(
        ["a", "b", "c", "d", "e", "f"].map(of),
        [
            "a.dlq",
            "landfall.dlq",
            "abc.dlq",
            "a.dlq",
            "landfall.dlq",
            "landfall.dlq"
        ]
    );
    let all = config.dead_letter_topics().into_iter();
    let all: Vec<String> = all.map(|topic| topic.name).collect();
    assert_eq!(all, ["landfall.dlq", "a.dlq", "abc.dlq"]);
    let summary = config.summary().to_string();
    assert!(summary.contains("dead_letter_topic abc.dlq"), "{summary}");
}

#[test]
fn what_json_without_schemas_means_is_unsaid_unless_it_is_configured() {
    let unsaid = Config::parse(MINIMAL).unwrap().format.schemaless;
    assert_eq!(unsaid, SchemalessConfig::default());
    assert_eq!((unsaid.timestamps, unsaid.times), (None, None));
    assert_eq!((unsaid.decimals, unsaid.bytes), (None, None));
    let text = minimal_and(
        "\n[format.schemaless]\ntimestamps = 'millis'\ntimes = 'micros'\ndecimals = 'string'\nbytes = 'hex'\n",
    );
    let config = Config::parse(&text).unwrap();
    let expected = SchemalessConfig {
        timestamps: Some(TimeUnit::Millis),
        times: Some(TimeUnit::Micros),
        decimals: Some(DecimalForm::String),
        bytes: Some(BytesForm::Hex),
        scale: None,
    };
    assert_eq!(config.format.schemaless, expected);
    let summary = config.summary().to_string();
    for said in [
        "timestamps=millis",
        "times=micros",
        "decimals=string",
        "bytes=hex",
    ] {
        let said = format!("format.schemaless.{said}");
        assert!(summary.contains(&said), "{summary}");
    }
}

#[test]
fn a_column_may_have_a_scale_and_a_unit_of_its_own() {
    let text = minimal_and(
        "\n[format.schemaless]\ntimestamps = 'micros'\nscales = { price = 2, \"public.t.price\" = 3, shop.t.tax = -2 }\n\
         units = { at = 'millis' }\n",
    );
    let config = Config::parse(&text).unwrap();
    let (others, columns) = (config.format.schemaless, &config.format.schemaless_columns);
    let of = |schema: &str, column: &str| {
        let found = columns.settings_of(&TableName::new(schema, "t"), column, others);
        (found.scale, found.timestamps)
    };
    let (millis, micros) = (Some(TimeUnit::Millis), Some(TimeUnit::Micros));
    assert_eq!(of("public", "price"), (Some(3), micros));
    assert_eq!(of("shop", "price"), (Some(2), micros));
    assert_eq!(of("shop", "tax"), (Some(-2), micros));
    assert_eq!(of("public", "tax"), (None, micros));
    assert_eq!(of("public", "at"), (None, millis));
    let summary = config.summary().to_string();
    for said in ["scales.public.t.price=3", "units.at=millis"] {
        assert!(summary.contains(said), "{summary}");
    }
}

/// A sample, a topic of its, the envelope that its records have, and their table.
const SAMPLES: [(&str, &str, Envelope, Option<&str>); 10] = [
    (
        include_str!("../../../config/samples/jdbc-source-avro.toml"),
        "crm.contacts",
        Envelope::Flat,
        Some("crm.contacts"),
    ),
    (
        include_str!("../../../config/samples/unwrapped.toml"),
        "shop.public.orders",
        Envelope::Flat,
        Some("public.orders"),
    ),
    (
        include_str!("../../../config/samples/pg-replicate-kafka.toml"),
        "users",
        Envelope::PgReplicateKafka,
        Some("public.users"),
    ),
    (
        include_str!("../../../config/samples/trigger-outbox.toml"),
        "bf_employee_cdc",
        Envelope::Trigger,
        Some("public.employees"),
    ),
    (
        include_str!("../../../config/samples/trigger-outbox.toml"),
        "bf_salary_cdc",
        Envelope::Trigger,
        Some("public.salary_changes"),
    ),
    (
        include_str!("../../../config/samples/tenants-mysql.toml"),
        "monitor-4_acme_shop_order_line",
        Envelope::Debezium,
        Some("acme.order_line"),
    ),
    (
        include_str!("../../../config/samples/bookings.toml"),
        "cdc.heartbeat.bookings",
        Envelope::Debezium,
        None,
    ),
    (
        include_str!("../../../config/samples/debezium-jdbc-sink.toml"),
        "inventory.public.orders",
        Envelope::Debezium,
        Some("public.inventory_public_orders"),
    ),
    (
        include_str!("../../../config/samples/audit-trail.toml"),
        "ledger.public.accounts",
        Envelope::Debezium,
        Some("audit.accounts"),
    ),
    (
        include_str!("../../../config/samples/service-protobuf.toml"),
        "pricing.prices",
        Envelope::Flat,
        Some("public.prices"),
    ),
];

#[test]
fn each_sample_is_right_and_reads_its_topics_as_what_they_are() {
    for (text, topic, envelope, table) in SAMPLES {
        let config = Config::parse(text).unwrap_or_else(|error| panic!("{topic}: {error}"));
        assert!(config.subscribes_to(topic), "{topic}");
        assert_eq!(config.format_of(topic).envelope, envelope, "{topic}");
        let found = config.route_for(topic).map(|(_, table)| table.to_string());
        assert_eq!(found.as_deref(), table, "{topic}");
    }
    let samples = std::fs::read_dir("config/samples").unwrap().count();
    assert_eq!(samples, 9, "each of them is tried here");
}
