//! What the documents promise their readers: pages that are short, links and names that lead somewhere, and
//! a test behind each rule and each decision.

use std::collections::BTreeSet;
use std::path::Path;

use landfall::ledger::resume::ResumeReason;
use landfall::verdict::Verdict;
use landfall::watch::metrics;
use landfall::watch::standing::Standing;
use regex::Regex;

use crate::support::repository::{files, root, text};

const DECISIONS: &str = "docs/decisions";

/// What each decision says, in this order.
const SECTIONS: [&str; 5] = [
    "## The question",
    "## What we do",
    "## What it costs",
    "## What was tried and measured",
    "## Which test holds it",
];

/// A page's length, in lines and words, that a reader takes in at one sitting.
const LIMITS: [(&str, usize, usize); 2] =
    [("README.md", 110, 1_000), ("ARCHITECTURE.md", 120, 900)];

/// The files below a folder whose name ends so.
fn files_ending(below: &str, ending: &str) -> Vec<String> {
    let mut files = files(below);
    files.retain(|file| file.ends_with(ending));
    files
}

/// Every page that is written for people, but for the change log and the results: what these name was there
/// on their day.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> = [
        "README.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "bench/NOTES.md",
    ]
    .map(str::to_owned)
    .into();
    pages.extend(files_ending("docs", ".md"));
    pages.extend(files_ending("deploy", ".md"));
    pages.extend(files_ending("monitoring", ".md"));
    pages
}

/// The pages of decisions, without their index.
fn decisions() -> Vec<String> {
    let mut pages = files_ending(DECISIONS, ".md");
    pages.retain(|page| !page.ends_with("README.md"));
    pages
}

/// The names of all test functions.
fn tests() -> BTreeSet<String> {
    let test =
        Regex::new(r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s+(?:#\[[^\]]*\]\s+)*(?:async )?fn (\w+)")
            .unwrap();
    let sources = ["src", "tests"]
        .map(|below| files_ending(below, ".rs"))
        .concat();
    let mut names = BTreeSet::new();
    for source in sources {
        let source = text(&source);
        names.extend(test.captures_iter(&source).map(|c| c[1].to_owned()));
    }
    assert!(names.len() > 400, "{}", names.len());
    names
}

/// The names in `code` that look like a test's: a sentence.
fn named_tests(page: &str) -> Vec<String> {
    let name = Regex::new(r"`(\w+(?:_\w+){3,})`").unwrap();
    name.captures_iter(page).map(|c| c[1].to_owned()).collect()
}

#[test]
fn the_first_pages_are_short() {
    for (page, lines, words) in LIMITS {
        let text = text(page);
        assert!(text.lines().count() <= lines, "{page}: over {lines} lines");
        let count = text.split_whitespace().count();
        assert!(count <= words, "{page}: {count} words, over {words}");
    }
}

#[test]
fn every_decision_says_what_it_costs_and_names_a_test_that_exists() {
    let tests = tests();
    for page in decisions() {
        let text = text(&page);
        let sections: Vec<&str> = text.lines().filter(|l| l.starts_with("## ")).collect();
        assert_eq!(sections, SECTIONS, "{page}");
        let (_, held) = text.split_once(SECTIONS[4]).unwrap();
        let named = named_tests(held);
        assert!(!named.is_empty(), "{page} names no test");
        for test in named {
            assert!(tests.contains(&test), "{page}: no test {test}");
        }
    }
}

#[test]
fn every_test_that_the_page_on_security_names_exists() {
    let tests = tests();
    let named = named_tests(&text("SECURITY.md"));
    assert!(named.len() > 10, "{named:?}");
    for test in named {
        assert!(tests.contains(&test), "SECURITY.md: no test {test}");
    }
}

#[test]
fn decisions_are_numbered_and_the_index_lists_each_under_its_title() {
    let index = text(&format!("{DECISIONS}/README.md"));
    let pages = decisions();
    let mut numbers = BTreeSet::new();
    for page in &pages {
        let file = page.rsplit('/').next().unwrap();
        let (number, _) = file.split_once('-').unwrap();
        assert!(number.len() == 2 && number.parse::<u8>().is_ok(), "{file}");
        assert!(numbers.insert(number), "{file}: {number} is there twice");
        let page = text(page);
        let title = page.lines().next().unwrap();
        let title = title.strip_prefix(&format!("# {number}. ")).unwrap();
        let line = format!("[{number} {title}]({file})");
        assert!(index.contains(&line), "the index lacks {line}");
    }
    assert_eq!(index.matches("](").count(), pages.len());
}

#[test]
fn every_decision_that_is_cited_is_there() {
    let citation = Regex::new(r"\bdecisions/(\d\d)\b").unwrap();
    let citing = [
        "src",
        "tests",
        "bench",
        "dev",
        "docs",
        "config",
        "migrations",
    ];
    let mut citing = citing.map(files).concat();
    citing.extend(["README.md", "ARCHITECTURE.md", "Cargo.toml"].map(str::to_owned));
    let there = decisions();
    let mut cited = 0;
    for file in citing {
        // images have no text
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for found in citation.captures_iter(&text) {
            let page = format!("{DECISIONS}/{}-", &found[1]);
            let is_there = there.iter().any(|file| file.starts_with(&page));
            assert!(is_there, "{file} cites decision {}", &found[1]);
            cited += 1;
        }
    }
    assert!(cited > 10, "{cited}");
}

#[test]
fn what_must_stay_true_is_ten_rules_each_with_its_decision_and_its_test() {
    let page = text("ARCHITECTURE.md");
    let (_, rules) = page.split_once("## What must stay true\n").unwrap();
    let (rules, _) = rules.split_once("\n## ").unwrap();
    let rule =
        Regex::new(r"(?m)^(\d+)\. \*\*[^*]+\*\* \(`decisions/\d\d`\)\. .+\n +Proof: `(\w+)`\.$")
            .unwrap();
    let tests = tests();
    let mut numbers = Vec::new();
    for found in rule.captures_iter(rules) {
        assert!(tests.contains(&found[2]), "no test {}", &found[2]);
        numbers.push(found[1].to_owned());
    }
    let ten: Vec<String> = (1..=10).map(|n: u8| n.to_string()).collect();
    assert_eq!(numbers, ten);
}

#[test]
fn every_link_and_every_path_in_the_documents_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]+)").unwrap();
    let path = Regex::new(
        r"`((?:src|tests|dev|docs|config|deploy|monitoring|migrations|bench)/[\w./-]*)`",
    )
    .unwrap();
    for page in pages() {
        let text = text(&page);
        let folder = Path::new(&page).parent().unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.contains("://") {
                let there = root().join(folder).join(target).exists();
                assert!(there, "{page}: {target}");
            }
        }
        for found in path.captures_iter(&text) {
            let is_of_a_run = found[1].starts_with("bench/.state");
            let there = is_of_a_run || root().join(&found[1]).exists();
            assert!(there, "{page}: {}", &found[1]);
        }
    }
}

#[test]
fn every_file_that_the_code_speaks_of_is_there() {
    let path = Regex::new(r"\b(?:src|tests|dev|docs|config|migrations)/[\w./-]*\.\w+").unwrap();
    let mut sources = files_ending("src", ".rs");
    sources.extend(["Cargo.toml", "clippy.toml"].map(str::to_owned));
    for source in sources {
        let text = text(&source);
        let comments = text
            .lines()
            .filter_map(|line| line.find("//").or(line.find('#')).map(|at| &line[at..]));
        for comment in comments {
            for found in path.find_iter(comment) {
                let there = root().join(found.as_str()).exists();
                assert!(there, "{source}: {}", found.as_str());
            }
        }
    }
}

#[test]
fn every_metric_in_the_documents_exists() {
    let metric = Regex::new(r"\blandfall_[a-z_]+").unwrap();
    for page in pages() {
        for found in metric.find_iter(&text(&page)) {
            let name = found.as_str();
            let exists = metrics::ALL.iter().any(|metric| metric.name == name);
            assert!(exists, "{page}: {name}");
        }
    }
}

/// Name, kind and labels of each metric that `docs/metrics.md` explains, in its order.
fn explained_metrics() -> Vec<(String, String, Vec<String>)> {
    let row = Regex::new(r"(?m)^\| `(\w+)` \| (\w+) \|([^|]*)\| .{10,} \|$").unwrap();
    let page = text("docs/metrics.md");
    let rows = row.captures_iter(&page);
    let metrics = rows.map(|found| {
        let labels = found[3]
            .trim()
            .split(", ")
            .map(|label| label.trim_matches('`'));
        let labels = labels.filter(|label| !label.is_empty());
        let labels = labels.map(str::to_owned).collect();
        (found[1].to_owned(), found[2].to_owned(), labels)
    });
    metrics.collect()
}

#[test]
fn every_metric_is_explained_once_with_its_kind_and_its_labels() {
    let mut explained = explained_metrics();
    explained.sort();
    let exported = metrics::ALL.iter().map(|metric| {
        let labels = metric.labels.iter().map(|label| (*label).to_owned());
        let labels = labels.collect::<Vec<_>>();
        (
            metric.name.to_owned(),
            metric.kind.name().to_owned(),
            labels,
        )
    });
    let mut exported: Vec<_> = exported.collect();
    exported.sort();
    assert_eq!(explained, exported);
}

#[test]
fn the_values_of_labels_that_are_few_are_all_explained() {
    let page = text("docs/metrics.md");
    let values = [
        metrics::EventOutcome::ALL.map(|it| it.name()).to_vec(),
        metrics::BatchOutcome::ALL.map(|it| it.name()).to_vec(),
        metrics::Stage::ALL.map(|it| it.name()).to_vec(),
        Verdict::ALL.map(|it| it.name()).to_vec(),
        Standing::REASONS.to_vec(),
        ResumeReason::ALL.map(|it| it.name()).to_vec(),
        vec![metrics::OTHER_TABLES],
    ];
    for value in values.concat() {
        assert!(page.contains(&format!("`{value}`")), "{value}");
    }
}
