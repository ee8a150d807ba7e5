//! The house rules: what holds the code, the documents and the examples together.

mod checked;
mod names;
mod rooms;
mod statements;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Parser as _;
use landfall::cli::Cli;
use landfall::config::Config;
use landfall::failpoint;
use landfall::operator::import_connector::options::OPTIONS;
use landfall::watch::metrics;
use regex::Regex;

use crate::support::repository::{files, root, text};

/// A file's code without comments, which may name what they like.
fn code(file: &str) -> String {
    let text = text(file);
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_crash_seam_has_a_test_that_kills_the_worker_there() {
    let tests = text("tests/crash.rs");
    for seam in failpoint::SEAMS {
        assert!(tests.contains(&format!("crash_at(\"{seam}\")")), "{seam}");
    }
    let tests = text("tests/replay/crashes.rs");
    for seam in failpoint::REPLAY_SEAMS {
        assert!(tests.contains(&format!("killed_at(\"{seam}\")")), "{seam}");
    }
    let tests = text("tests/evolution/crashes.rs");
    for seam in failpoint::DDL_SEAMS {
        assert!(tests.contains(&format!("killed_at(\"{seam}\")")), "{seam}");
    }
}

/// The fenced blocks of a document that are marked as one of these languages.
fn blocks(document: &str, languages: &[&str]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut language: Option<String> = None;
    for line in document.lines() {
        match (&language, line.trim_start().strip_prefix("```")) {
            (None, Some(opened)) => {
                language = Some(opened.to_owned());
                blocks.push((opened.to_owned(), String::new()));
            }
            (Some(_), Some(_)) => language = None,
            (Some(_), None) => {
                let (_, block) = blocks.last_mut().unwrap();
                *block += &format!("{line}\n");
            }
            (None, None) => {}
        }
    }
    assert_eq!(language, None, "a block that isn't closed");
    let wanted = blocks
        .into_iter()
        .filter(|(l, _)| languages.contains(&&**l));
    wanted.map(|(_, block)| block).collect()
}

/// What the document shows in `code`, the lines of its shell blocks without comments, and what is typed
/// at a prompt; not what is answered there.
fn commands(document: &str) -> Vec<String> {
    let code = Regex::new("`([^`\n]+)`").unwrap();
    let block = Regex::new("(?ms)^```.*?^```$").unwrap();
    let prose = block.replace_all(document, "");
    let inline = code.captures_iter(&prose).map(|c| c[1].to_owned());
    let shell = blocks(document, &["sh"]).concat();
    let session = blocks(document, &["console"]).concat();
    let typed = session.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines = shell
        .lines()
        .chain(typed)
        .map(|line| line.trim().to_owned());
    inline
        .chain(lines)
        .map(|command| command.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "SECURITY.md",
    "ARCHITECTURE.md",
    "docs/from-kafka-connect.md",
    "docs/guarantees.md",
    "docs/operations.md",
    "deploy/README.md",
];

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = text("Makefile");
    let mut named = BTreeSet::new();
    for document in DOCUMENTS {
        for command in commands(&text(document)) {
            let targets = command.strip_prefix("make ").map(str::to_owned);
            let words = targets.iter().flat_map(|t| t.split(' '));
            // the others are variables
            named.extend(words.filter(|w| !w.contains('=')).map(str::to_owned));
        }
    }
    assert!(
        named.contains("demo") && named.contains("test"),
        "{named:?}"
    );
    for target in named {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn every_landfall_command_line_in_the_documents_is_one_that_it_takes() {
    let variable = Regex::new(r"^[A-Z_]+=\S* ").unwrap();
    let mut parsed = 0;
    for document in DOCUMENTS {
        for command in commands(&text(document)) {
            let mut command = command.as_str();
            while let Some(found) = variable.find(command) {
                command = &command[found.end()..];
            }
            let mut words = command.split_whitespace();
            let program = words.next().unwrap_or_default();
            if !(program == "landfall" || program.ends_with("/landfall")) || words.next().is_none()
            {
                continue;
            }
            let words = command
                .split_whitespace()
                .take_while(|word| !["|", "2>>", "&"].contains(word));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{document}: {command}: {error}");
            }
            parsed += 1;
        }
    }
    assert!(parsed > 3, "{parsed}");
}

/// The secret files that a configuration names need not be on this machine.
fn read(name: &str, configuration: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret\n").unwrap();
    let file = Regex::new(r#"(?m)(_file"? *= *)"[^"]*""#).unwrap();
    let at = format!("${{1}}\"{}\"", secret.display());
    let configuration = file.replace_all(configuration, at);
    Config::parse(&configuration).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn every_configuration_that_is_shown_is_one_that_landfall_reads() {
    for document in DOCUMENTS {
        for block in blocks(&text(document), &["toml"]) {
            read(document, &block);
        }
    }
    let examples = [files("config"), files("deploy/secrets")].concat();
    assert!(examples.contains(&"config/landfall.toml".to_owned()));
    for example in examples.iter().filter(|file| file.ends_with(".toml")) {
        read(example, &text(example));
    }
}

#[test]
fn every_key_and_every_metric_that_the_documents_name_exists() {
    let documents = DOCUMENTS.map(text).concat();
    let readme = text("README.md") + &text("docs/operations.md");
    let metric = Regex::new(r"\blandfall_[a-z_]+").unwrap();
    let unknown: Vec<&str> = metric
        .find_iter(&readme)
        .map(|found| found.as_str())
        .filter(|name| metrics::ALL.iter().all(|metric| metric.name != *name))
        .collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");

    let sections = "kafka|format|postgres|route|apply|retry|dead_letter|http|log|tracing|lineage";
    let key = Regex::new(&format!(r"`((?:{sections})(?:\.[a-z_]+)+)(?: = [^`]*)?`")).unwrap();
    let example = text("config/landfall.toml");
    let is_option = |name: &str| OPTIONS.iter().any(|(option, ..)| *option == name);
    for found in key.captures_iter(&documents) {
        if is_option(&found[1]) {
            continue; // Connect's, in the table of what becomes of it
        }
        if example.contains(&format!("[{}]\n", &found[1])) {
            continue; // a section
        }
        let (section, name) = found[1].rsplit_once('.').unwrap();
        let headers = [format!("[{section}]\n"), format!("#[[{section}]]\n")];
        let begin = headers.iter().find_map(|h| example.find(h.as_str()));
        let below = &example[begin.unwrap_or_else(|| panic!("no [{section}]"))..];
        let end = below[1..].find("\n[").unwrap_or(below.len() - 1);
        let below = &below[..=end];
        let written = [format!("\n{name} = "), format!("\n#{name} = ")];
        assert!(
            written.iter().any(|w| below.contains(w.as_str())),
            "{} is not in config/landfall.toml",
            &found[1]
        );
    }
}

#[test]
fn every_path_that_the_documents_name_is_there() {
    let path = Regex::new(r"[`(]((?:src|tests|dev|docs|config|deploy|monitoring|migrations|bench)/[\w./-]*|[A-Z]\w+\.md|LICENSE)[`)]").unwrap();
    for document in DOCUMENTS {
        for found in path.captures_iter(&text(document)) {
            assert!(root().join(&found[1]).exists(), "{document}: {}", &found[1]);
        }
    }
}

/// Where packages and images come from is the machine's configuration, which may be a mirror.
#[test]
fn no_file_names_a_registry_host() {
    let host = Regex::new(
        r"(?i)\b((static|index)[.]crates[.]io|crates[.]io/|repo1?[.]maven|maven[.]org|registry[.]npmjs|registry[.]yarnpkg|pypi[.]org|python[h]osted|proxy[.]golang[.]org|sum[.]golang[.]org|deb[.]debian[.]org|docker[.]io|ghcr[.]io|quay[.]io|gcr[.]io|mcr[.]microsoft)",
    )
    .unwrap();
    for file in files("") {
        // images and the like have no text to look at
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        let found: Vec<&str> = host.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(found.is_empty(), "{file}: {found:?}");
    }
}

#[test]
fn the_changelog_tells_of_this_version() {
    let changelog = text("CHANGELOG.md");
    let version = format!("## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(changelog.contains("## [Unreleased]") || changelog.contains(&version));
}

#[test]
fn the_readme_names_the_rust_that_it_takes() {
    let named = concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"));
    assert!(text("README.md").contains(named), "{named}");
}

#[test]
fn every_script_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let scripts = ["dev", ".ci", "bench"].into_iter().flat_map(files);
    for script in scripts {
        let path: PathBuf = root().join(&script);
        let is_script = text(&script).starts_with("#!");
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o111 != 0, is_script, "{script}");
    }
}
