//! Each dependency is used: one that no file names is compiled, and may bring an advisory, for nothing.
//! And the Rust that compiles them is the same for everybody.

use regex::Regex;

use crate::support::repository::{files, text};

/// The dependencies that no source names, and why they are there: none today.
const FOR_THEIR_FEATURES: &[(&str, &str)] = &[];

/// The names in a section of a Cargo.toml.
fn dependencies(manifest: &str, section: &str) -> Vec<String> {
    let text = text(manifest);
    let header = format!("[{section}]");
    let lines = text.lines().skip_while(|line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split_once(" = "))
        .filter(|(name, _)| !name.starts_with('#'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// The Rust sources below these folders; `with_tests` also those that are compiled for tests alone.
fn sources(folders: &[&str], with_tests: bool) -> Vec<String> {
    let is_test = |below: &str| {
        let mut names = below.split('/');
        names.any(|name| name == "tests" || name.ends_with("tests.rs"))
    };
    let mut sources = Vec::new();
    for folder in folders {
        let below = |file: &str| file.strip_prefix(folder).unwrap().to_owned();
        let mut found = files(folder);
        found.retain(|file| file.ends_with(".rs") && (with_tests || !is_test(&below(file))));
        sources.extend(found.iter().map(|file| text(file)));
    }
    sources
}

/// Those that no line of code names, `//` lines aside.
fn unused(dependencies: &[String], sources: &[String]) -> Vec<String> {
    let is_named = |dependency: &str| {
        let name = dependency.replace('-', "_");
        let path = Regex::new(&format!(r"\b{name}(::| as |;)")).unwrap();
        let mut lines = sources.iter().flat_map(|source| source.lines());
        lines.any(|line| !line.trim_start().starts_with("//") && path.is_match(line))
    };
    dependencies
        .iter()
        .filter(|name| {
            !FOR_THEIR_FEATURES.iter().any(|(known, _)| known == name) && !is_named(name)
        })
        .cloned()
        .collect()
}

#[test]
fn every_dependency_is_used_by_the_code_that_it_is_there_for() {
    for (manifest, section, folders, with_tests) in [
        ("Cargo.toml", "dependencies", ["src"].as_slice(), false),
        ("Cargo.toml", "dev-dependencies", &["src", "tests"], true),
        ("bench/Cargo.toml", "dependencies", &["bench/src"], true),
        (
            "bench/Cargo.toml",
            "dev-dependencies",
            &["bench/benches", "bench/tests"],
            true,
        ),
    ] {
        let declared = dependencies(manifest, section);
        assert!(declared.len() > 2, "{manifest}: {declared:?}");
        let unused = unused(&declared, &sources(folders, with_tests));
        assert!(unused.is_empty(), "{manifest} [{section}]: {unused:?}");
    }
}

#[test]
fn the_rust_that_is_pinned_is_the_one_that_cargo_toml_asks_for() {
    let pinned = text("rust-toolchain.toml");
    let asked = env!("CARGO_PKG_RUST_VERSION");
    assert!(pinned.contains(&format!("\nchannel = \"{asked}.0\"\n")));
}

#[test]
fn a_dependency_that_only_a_comment_names_is_unused() {
    let sources = ["// async_trait::async_trait\nuse serde_json::Value;\n".to_owned()];
    let declared = ["async-trait", "serde_json", "serde"].map(str::to_owned);
    assert_eq!(unused(&declared, &sources), ["async-trait", "serde"]);
}
