//! `landfall import-connector`: what people have for Kafka Connect's JDBC sinks becomes a configuration that Landfall
//! reads, without their passwords; and what isn't such a thing is refused by name. `tests/import_connector/` holds the
//! connectors, and beside each the configuration that it becomes.

mod landed;
mod shapes;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use landfall::config::Config;
use landfall::operator::import_connector::import_connectors;
use landfall::operator::import_connector::options::{Becomes, OPTIONS, TRANSFORMS};
use regex::Regex;

use crate::support::repository::{files, root, text};

const FOLDER: &str = "tests/import_connector";

/// Each connector's password, which must be seen nowhere.
const PASSWORD: &str = "hunter2";

fn import(files: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_landfall"))
        .current_dir(root())
        .arg("import-connector")
        .args(files)
        .output()
        .expect("landfall starts")
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// The sinks of the folder, without the sources beside them.
fn samples() -> Vec<String> {
    let mut found = files(FOLDER);
    found.retain(|file| {
        let is_connector = file.ends_with(".json") || file.ends_with(".properties");
        is_connector && !file.contains(".source.")
    });
    assert!(found.len() >= 20, "{}", found.len());
    found
}

/// Where what a sample becomes is written down, and the source beside it, if there is one.
fn beside(sample: &str) -> (String, Option<String>) {
    let (stem, _) = sample.rsplit_once('.').unwrap();
    let source = format!("{stem}.source.json");
    let source = root().join(&source).exists().then_some(source);
    (format!("{stem}.toml"), source)
}

/// The secret files that a configuration names need not be on this machine.
fn load(configuration: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "postgres://a@b/c\n").unwrap();
    static FILE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?m)^("?[\w.]*_file"? *= *)("[^"]*"|'[^']*')"#).unwrap());
    let at = format!("${{1}}\"{}\"", secret.display());
    Config::parse(&FILE.replace_all(configuration, at))
        .map_err(|error| error.problem_lines().collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_public_connector_becomes_the_configuration_that_is_written_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut differing = Vec::new();
    for sample in samples() {
        let (expected, source) = beside(&sample);
        let mut given = vec!["--brokers", "kafka:9092", sample.as_str()];
        given.extend(source.as_deref());
        let output = import(&given);
        let report = utf8(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{sample}: {report}");
        let configuration = utf8(&output.stdout);
        assert!(
            !configuration.contains(PASSWORD),
            "{sample}: {configuration}"
        );
        assert!(!report.contains(PASSWORD), "{sample}: {report}");
        let known = std::fs::read_to_string(root().join(&expected)).unwrap_or_default();
        if known != configuration {
            let written = folder
                .path()
                .join(Path::new(&expected).file_name().unwrap());
            std::fs::write(written, configuration).unwrap();
            differing.push(expected);
        }
    }
    let made = folder.path().display().to_string();
    if !differing.is_empty() {
        let _ = folder.keep();
    }
    assert!(
        differing.is_empty(),
        "{differing:?} differ: what was made is in {made}"
    );
}

/// What is written and isn't read yet. It goes as it comes.
const TO_COME: &[&str] = &["format.encoding: found \"json-schema\""];

#[test]
fn each_configuration_that_is_made_is_one_that_landfall_reads() {
    for sample in samples() {
        let (configuration, _) = beside(&sample);
        let problems = load(&text(&configuration)).err().unwrap_or_default();
        let problems: Vec<&str> = problems
            .lines()
            .filter(|line| !TO_COME.iter().any(|key| line.contains(key)))
            .collect();
        assert!(problems.is_empty(), "{configuration}: {problems:#?}");
    }
}

#[test]
fn the_folders_page_lists_each_connector_with_where_its_options_are_from() {
    let page = text(&format!("{FOLDER}/README.md"));
    for sample in samples() {
        let name = sample.rsplit('/').next().unwrap();
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 5, "{row}");
        assert!(
            ["none", "one", "more", "not"]
                .iter()
                .any(|edits| cells[4].trim().starts_with(edits)),
            "{row}"
        );
    }
}

/// As the document shows it.
fn describe(becomes: Becomes) -> String {
    match becomes {
        Becomes::Key(text) => text.to_owned(),
        Becomes::NotNeeded(text) => format!("*not needed:* {text}"),
        Becomes::Differs(text) => format!("*differs:* {text}"),
        Becomes::NoCounterpart(text) => format!("*no counterpart:* {text}"),
    }
}

#[test]
fn the_document_for_people_who_know_connect_shows_the_table_of_options() {
    let page = text("docs/from-kafka-connect.md");
    let options = OPTIONS
        .iter()
        .map(|(option, of, becomes)| format!("| `{option}` | {of} | {} |", describe(*becomes)));
    let transforms = TRANSFORMS
        .iter()
        .map(|(class, becomes)| format!("| `{class}` | {} |", describe(*becomes)));
    let rows: Vec<String> = options.chain(transforms).collect();
    let missing: Vec<&String> = rows
        .iter()
        .filter(|row| !page.contains(row.as_str()))
        .collect();
    assert!(missing.is_empty(), "missing:\n{missing:#?}");
    let shown = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(shown, rows.len(), "rows of options that are none");
}

const SINK: &str = "\"connector.class\": \"io.confluent.connect.jdbc.JdbcSinkConnector\"";

#[test]
fn what_is_no_sink_is_refused_with_the_file_what_was_found_and_what_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let other_class =
        "{\"connector.class\": \"io.confluent.connect.s3.S3SinkConnector\"}".to_owned();
    let mysql = format!(
        "{{{SINK}, \"topics\": \"t\", \"connection.url\": \"jdbc:mysql://u:{PASSWORD}@h/d\"}}"
    );
    let listed = format!("{{{SINK}, \"topics\": [\"a\", \"b\"]}}");
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        (
            "broken.json",
            b"{\"name\": ".to_vec(),
            &["not JSON", "line 1"],
        ),
        ("empty.json", Vec::new(), &["not JSON"]),
        (
            "nested.json",
            nested.into_bytes(),
            &["not JSON", "recursion limit"],
        ),
        (
            "bytes.json",
            b"{\"a\": \"\xff\"}".to_vec(),
            &["not UTF-8", "byte 7"],
        ),
        (
            "huge.json",
            vec![b' '; (16 << 20) + 1],
            &["larger than 16 MiB"],
        ),
        (
            "text.json",
            b"\"a text\"".to_vec(),
            &["found a text", "allowed"],
        ),
        (
            "other.json",
            b"{\"version\": 1}".to_vec(),
            &["keys such as version", "connector.class"],
        ),
        (
            "class.json",
            other_class.into_bytes(),
            &["S3SinkConnector", "allowed: io.confluent", "PostgresSink"],
        ),
        (
            "list.json",
            listed.into_bytes(),
            &["topics: found a list", "allowed: text"],
        ),
        (
            "mysql.json",
            mysql.into_bytes(),
            &["found jdbc:mysql:…", "allowed: jdbc:postgresql"],
        ),
        (
            "topics.json",
            format!("{{{SINK}}}").into_bytes(),
            &["topics: missing", "topics.regex"],
        ),
        ("bad.properties", b"a=\\u00zz".to_vec(), &["not properties"]),
    ];
    for (name, content, says) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let output = import(&[path.to_str().unwrap()]);
        let error = utf8(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}: {error}");
        assert_eq!(utf8(&output.stdout), "", "{name}");
        assert!(error.contains(name), "{name}: {error}");
        for part in says {
            assert!(error.contains(part), "{name}: {part}: {error}");
        }
        assert!(!error.contains(PASSWORD), "{name}: {error}");
    }
    let output = import(&["/nowhere/sink.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(utf8(&output.stderr).contains("/nowhere/sink.json: cannot be read"));
}

/// Texts that somebody's file may have in place of any value.
const NASTY: &[&str] = &[
    "",
    " ",
    ",",
    ",,a",
    "${",
    "${}",
    "${a:b:c}",
    "{{ x }}",
    "$1",
    "$",
    "$99999999999999999999",
    "(",
    ")",
    "[",
    "[]",
    "\\",
    "a\\",
    "^",
    "$^",
    "(?<n>a)(?<n>b)",
    "é😀",
    "\u{0}",
    "\n",
    "a:b",
    ":",
    "::",
    "jdbc:",
    "jdbc:postgresql:",
    "jdbc:postgresql://",
    "jdbc:postgresql://@:/?&&=&user",
    "jdbc:postgresql://[::1]:x/é?ssl&sslkey=%",
    "http://u:p@",
    "truE",
    "-1",
    "99999999999999999999999",
    "kafka",
    "record_value",
    "RECORD_KEY",
    "io.x.StringConverter",
    "'\"'''\"\"\"",
    "a\u{202e}b",
];

#[test]
fn whatever_stands_in_a_connectors_file_nothing_panics_and_what_is_made_is_toml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.json");
    let path = path.to_str().unwrap();
    let try_it = |content: &[u8]| {
        std::fs::write(path, content).unwrap();
        if let Ok(made) = import_connectors(&[path.to_owned()], None) {
            let problems = load(&made.configuration).err().unwrap_or_default();
            assert!(
                !problems.contains("not TOML"),
                "{}\n{problems}",
                made.configuration
            );
        }
    };
    let samples = samples().into_iter();
    let samples = samples.filter(|sample| sample.ends_with(".json"));
    for (nth, sample) in samples.enumerate() {
        let whole = text(&sample);
        // cut, and with one byte changed
        for at in (0..whole.len()).step_by(37) {
            try_it(&whole.as_bytes()[..at]);
            let mut changed = whole.clone().into_bytes();
            changed[at] ^= 1 << (at % 8);
            try_it(&changed);
        }
        let parsed: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let place = if parsed["config"].is_object() {
            "/config"
        } else {
            ""
        };
        let options: Vec<String> = parsed
            .pointer(place)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for (at, option) in options.iter().enumerate() {
            for nasty in NASTY.iter().skip((nth + at) % 7).step_by(7) {
                let mut changed = parsed.clone();
                changed.pointer_mut(place).unwrap()[option] = (*nasty).into();
                try_it(changed.to_string().as_bytes());
            }
        }
    }
}

#[test]
fn standard_input_is_read_as_what_connect_answers_of_all_its_connectors() {
    use std::io::Write as _;
    let sink = text(&format!("{FOLDER}/avro-envelope.json"));
    let sink: serde_json::Value = serde_json::from_str(&sink).unwrap();
    let listing = serde_json::json!({
        "one": {"info": sink},
        "two": {"info": {"name": "two", "config": {"connector.class": "io.aiven.kafka.S3"}}},
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["import-connector", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(listing.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", utf8(&output.stderr));
    assert!(utf8(&output.stdout).contains("[postgres]"));
    assert!(utf8(&output.stderr).contains("left out: two"));
}

#[test]
fn no_option_stands_in_the_table_twice_for_one_sink() {
    let mut seen = BTreeSet::new();
    for (option, of, _) in OPTIONS {
        for sink in of.chars() {
            assert!(seen.insert((option, sink)), "{option} {sink}");
        }
    }
}
