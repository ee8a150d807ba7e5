//! `docs/guarantees.md` says of each guarantee what it depends on, and by which code `landfall check` warns where that
//! isn't so: the codes are those that there are, all of them are told, and what can't be seen is said.

use std::collections::BTreeSet;

use regex::Regex;

use super::{code, files, text};

const HEADER: &str = "| it depends on | `landfall check` says |";
const UNSEEN: &str = "can't see this";

/// The document's sections with the rows of their tables of dependences: what is depended on, and what is said of it.
fn dependences() -> Vec<(String, Vec<[String; 2]>)> {
    let document = text("docs/guarantees.md");
    let sections = document.split("\n## ").skip(1);
    let rows = |section: &str| {
        let table = section.split(HEADER).nth(1).unwrap_or_default();
        let lines = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with("| "));
        let cells = lines.map(|line| {
            let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
            let [what, says] = cells.as_slice() else {
                panic!("two cells: {line}");
            };
            [what.to_string(), says.to_string()]
        });
        cells.collect()
    };
    sections
        .map(|section| (section.lines().next().unwrap().to_owned(), rows(section)))
        .collect()
}

/// The codes that findings of `check` are made with.
fn codes() -> BTreeSet<String> {
    let made = [
        r#"(?:Finding::(?:problem|warning)|weigh_finding|warn_of_topics)\(\s*"([a-z_]+)""#,
        // a code with what else depends on the case, chosen before the finding is made
        r#"\(\s*"([a-z]+(?:_[a-z]+)+)",\s*"[^"]+ [^"]+""#,
    ]
    .map(|pattern| Regex::new(pattern).unwrap());
    let mut codes = BTreeSet::new();
    for file in files("src/operator/check") {
        if file.ends_with("_tests.rs") {
            continue;
        }
        let code = code(&file);
        let tested = code.split("#[cfg(test)]").next().unwrap();
        for made in &made {
            codes.extend(made.captures_iter(tested).map(|c| c[1].to_owned()));
        }
    }
    codes
}

/// The names in `code` of a cell that look like a finding's code.
fn named_codes(cell: &str) -> Vec<String> {
    let name = Regex::new("`([a-z]+(?:_[a-z]+)*)`").unwrap();
    name.captures_iter(cell).map(|c| c[1].to_owned()).collect()
}

#[test]
fn each_guarantee_says_what_it_depends_on_and_by_which_code_check_warns_or_that_it_cant_be_seen() {
    let codes = codes();
    assert!(codes.len() > 60, "{codes:?}");
    let mut named = BTreeSet::new();
    for (section, rows) in dependences() {
        assert!(!rows.is_empty(), "{section}: on what does it depend?");
        for [what, says] in rows {
            let told = named_codes(&says);
            assert!(
                !told.is_empty() || says.starts_with(UNSEEN),
                "{section}: {what} has no code of a warning, and isn't said to be unseen: {says}"
            );
            for code in told {
                assert!(codes.contains(&code), "{section}: check has no {code}");
                named.insert(code);
            }
        }
    }
    let untold: Vec<&String> = codes.difference(&named).collect();
    assert!(untold.is_empty(), "no guarantee depends on {untold:?}");
}
