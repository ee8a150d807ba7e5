//! The document: its configuration, its tables, and the steps of its session.

use regex::Regex;

use crate::support::repository::root;

pub struct Document {
    blocks: Vec<(String, String)>,
    pub steps: Vec<Step>,
}

/// A command with the answer that the document gives to it.
#[derive(Debug, Default)]
pub struct Step {
    pub line: usize,
    pub command: String,
    pub answer: String,
}

impl Document {
    pub fn read(path: &str) -> Self {
        Self::of(&std::fs::read_to_string(root().join(path)).expect("the document is there"))
    }

    fn of(text: &str) -> Self {
        let (mut blocks, mut steps): (Vec<(String, String)>, Vec<Step>) = Default::default();
        let mut open = false;
        for (at, line) in text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                open = !open;
                if open {
                    blocks.push((language.to_owned(), String::new()));
                }
                continue;
            }
            let Some((language, block)) = blocks.last_mut().filter(|_| open) else {
                continue;
            };
            *block += &format!("{line}\n");
            if language != "console" {
                continue;
            }
            match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step {
                    line: at + 1,
                    command: command.to_owned(),
                    answer: String::new(),
                }),
                None => steps.last_mut().expect("a command first").answer += &format!("{line}\n"),
            }
        }
        assert!(!open, "a block that isn't closed");
        let known = ["toml", "sql", "console"];
        let strange = blocks.iter().find(|(l, _)| !known.contains(&&**l));
        assert!(strange.is_none(), "nobody runs this block: {strange:?}");
        Self { blocks, steps }
    }

    /// The one block of that language.
    pub fn block(&self, language: &str) -> &str {
        let mut found = self.blocks.iter().filter(|(l, _)| l == language);
        let (_, text) = found.next().expect("there is one");
        assert!(found.next().is_none(), "two blocks of {language}");
        text
    }
}

impl Step {
    /// Whether it changes nothing, so that it may be run again.
    pub fn only_looks(&self) -> bool {
        let assignment = Regex::new(r"^([A-Z_]+=\S+ )*").expect("a regex");
        let command = assignment.replace(&self.command, "");
        let looks = [
            "landfall status",
            "landfall check",
            "landfall dlq list",
            "landfall dlq show",
            "curl ",
            "grep ",
        ];
        looks.iter().any(|l| command.starts_with(l))
            || (command.starts_with("landfall ") && command.ends_with(" --dry-run"))
            || command.starts_with("psql \"$WAREHOUSE\" -c \"SELECT ")
    }

    /// What is wrong with a real answer. A command that fails says so in its last line.
    pub fn is_wrong(&self, answer: &str, code: i32) -> Option<String> {
        let last = self.answer.lines().last().unwrap_or_default();
        let fails = last.starts_with("landfall: ");
        if (code != 0) != fails {
            return Some(format!("it exits with {code}"));
        }
        let pattern = pattern(&self.answer);
        (!pattern.is_match(&plain(answer))).then(|| "the answer is another one".to_owned())
    }
}

/// Without what is different each time, and without the widths of columns.
fn plain(text: &str) -> String {
    let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a regex");
    let id = Regex::new(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b").expect("a regex");
    let (blanks, rule) = (
        Regex::new(" +").expect("a regex"),
        Regex::new("-{3,}").expect("a regex"),
    );
    let text = time.replace_all(text, "TIME");
    let text = id.replace_all(&text, "ID");
    let text = rule.replace_all(&text, "---");
    let lines = text
        .lines()
        .map(|line| blanks.replace_all(line.trim(), " ").into_owned());
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n") + "\n"
}

/// `…` is anything within a line, or on a line of its own any number of lines.
fn pattern(answer: &str) -> Regex {
    let answer = plain(answer);
    let lines = answer.lines().filter(|line| !line.is_empty());
    let line = |line: &str| match line {
        "…" => "(.+\n)*".to_owned(),
        line => regex::escape(line).replace('…', ".+") + "\n",
    };
    let lines: String = lines.map(line).collect();
    Regex::new(&format!("^{lines}\n*$")).expect("a regex")
}

#[test]
fn times_ids_widths_and_dots_differ_and_nothing_else() {
    let step = |answer: &str| Step {
        answer: answer.to_owned(),
        ..Step::default()
    };
    let shown = step("id  failed\n1   2026-11-21T13:45:48Z  … of 100\n…\nend\n");
    let real = "id failed\n1 2027-01-01T00:00:00Z  93 of 100\nmore\nlines\n\nend\n";
    assert_eq!(shown.is_wrong(real, 0), None);
    assert!(shown.is_wrong(real, 1).is_some());
    assert!(shown.is_wrong(&real.replace("100", "101"), 0).is_some());
    assert!(shown.is_wrong(&format!("{real}more\n"), 0).is_some());
    assert!(step("").is_wrong("something\n", 0).is_some());
    assert_eq!(step("landfall: no\n").is_wrong("landfall: no\n", 1), None);
    assert!(
        step("landfall: no\n")
            .is_wrong("landfall: no\n", 0)
            .is_some()
    );
}
