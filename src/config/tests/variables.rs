use std::path::Path;

use super::super::DEFAULT_PATH;
use super::*;

#[test]
fn a_variable_wins_over_the_file() {
    let environment = [
        ("LANDFALL_APPLY__LANES", "8"),
        ("LANDFALL_APPLY__DELETES", "false"),
        ("LANDFALL_APPLY__LINGER", "0s"),
        ("LANDFALL_APPLY__BATCH_BYTES", "1MiB"),
        ("LANDFALL_DEAD_LETTER__TOPIC", "letters"),
        ("LANDFALL_LOG__FORMAT", "json"),
    ];
    let config = load(&minimal_and("\n[apply]\nlanes = 2\n"), &environment).unwrap();
    assert_eq!(config.apply.lanes, 8);
    assert!(!config.apply.deletes);
    assert!(config.apply.linger.is_zero());
    assert_eq!(config.apply.batch_bytes, 1 << 20);
    assert_eq!(config.dead_letter_topic_of("t"), "letters");
    assert_eq!(config.log.format, crate::config::LogFormat::Json);
}

#[test]
fn a_list_is_a_toml_array_or_has_commas() {
    for text in ["orders, ^shop[.]a", r#"["orders", "^shop[.]a"]"#] {
        let config = load(MINIMAL, &[("LANDFALL_KAFKA__TOPICS", text)]).unwrap();
        let topics: Vec<&str> = config
            .kafka
            .topics
            .iter()
            .map(|topic| topic.as_str())
            .collect();
        assert_eq!(topics, ["orders", "^shop[.]a"]);
    }
}

#[test]
fn text_of_digits_stays_text() {
    let environment = [
        ("LANDFALL_KAFKA__GROUP", "42"),
        ("LANDFALL_POSTGRES__PASSWORD", "0123"),
        ("LANDFALL_POSTGRES__SCHEMA", "true"),
    ];
    let config = load(MINIMAL, &environment).unwrap();
    assert_eq!(config.kafka.group, "42");
    assert_eq!(password_of(&config), Some(b"0123".into()));
    assert_eq!(config.postgres.schema, "true");
}

#[test]
fn a_property_variable_has_underscores_for_dots() {
    let text = minimal_and(
        "\n[kafka.properties]\nsecurity.protocol = 'PLAINTEXT'\nfetch.max.bytes = 1000\n",
    );
    let environment = [("LANDFALL_KAFKA__PROPERTIES__SECURITY_PROTOCOL", "SSL")];
    let properties = load(&text, &environment).unwrap().kafka.properties;
    assert_eq!(properties["security.protocol"], "SSL");
    assert_eq!(properties["fetch.max.bytes"], "1000");
    assert_eq!(properties.len(), 2);
}

#[test]
fn other_peoples_variables_are_left_alone() {
    let environment = [
        ("LANDFALL_CONFIG", "x.toml"),
        ("LANDFALL_STACK_KAFKA__PORT", "1"),
        ("LANDFALL_LANES", "99"),
        ("PATH__X", "1"),
    ];
    assert!(load(MINIMAL, &environment).is_ok());
}

#[test]
fn the_environment_alone_is_enough_without_the_default_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DEFAULT_PATH);
    let environment = [
        ("LANDFALL_KAFKA__BROKERS", "kafka:9092"),
        ("LANDFALL_KAFKA__TOPICS", "orders"),
        ("LANDFALL_POSTGRES__URL", "postgres://db/warehouse"),
    ];
    assert!(Config::load_file(&path, true, owned(&environment)).is_ok());

    let error = Config::load_file(&path, true, owned(&environment[..1]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("landfall.toml: no such file"), "{error}");
    assert!(
        error.contains("LANDFALL_KAFKA__TOPICS, LANDFALL_POSTGRES__URL"),
        "{error}"
    );

    let error = Config::load_with(Path::new("other.toml"), owned(&environment)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("other.toml: cannot be read: No such file")
    );
}
