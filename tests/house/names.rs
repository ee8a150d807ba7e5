//! What a reader meets in every file: functions that say what they do, that fit on a screen, and public
//! items that are explained. Sizes are read from the text, which rustfmt has laid out.

use regex::Regex;

use super::{code, files};

/// Names that a trait or a convention prescribes: nobody has to guess them.
const PRESCRIBED: &[&str] = &[
    "default", "from", "get", "iter", "len", "main", "new", "next",
];

struct Function {
    place: String,
    name: String,
    lines: usize,
}

/// The files that are no tests.
fn sources() -> impl Iterator<Item = String> {
    let is_test = Regex::new(r"(_tests|/tests|testing)(\.rs|/)").unwrap();
    files("src")
        .into_iter()
        .filter(move |f| !is_test.is_match(f))
}

/// The file's code down to its unit tests.
fn tested_code(file: &str) -> String {
    let code = code(file);
    let end = code.find("#[cfg(test)]\nmod tests {");
    code[..end.unwrap_or(code.len())].to_owned()
}

/// All functions but those that implement a trait, whose names are not ours.
fn functions() -> Vec<Function> {
    let header =
        Regex::new(r"^( *)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?(?:unsafe )?fn (\w+)")
            .unwrap();
    let mut functions = Vec::new();
    for file in sources() {
        let code = tested_code(&file);
        let lines: Vec<&str> = code.lines().collect();
        let mut of_trait = false;
        for (at, line) in lines.iter().enumerate() {
            if line.starts_with("impl") || line.starts_with("unsafe impl") {
                of_trait = line.contains(" for ");
            }
            let Some(found) = header.captures(line) else {
                continue;
            };
            let indent = &found[1];
            if of_trait && !indent.is_empty() {
                continue;
            }
            let end = format!("{indent}}}");
            let body = lines[at..].iter().position(|line| *line == end);
            functions.push(Function {
                place: format!("{file}:{}", at + 1),
                name: found[2].to_owned(),
                lines: body.map_or(1, |length| length + 1),
            });
        }
    }
    functions
}

#[test]
fn most_functions_say_their_deed_in_more_than_a_word() {
    let mut functions = functions();
    functions.retain(|f| !PRESCRIBED.contains(&&*f.name));
    let all = functions.len();
    functions.retain(|f| !f.name.trim_matches('_').contains('_'));
    let percent = 100 * functions.len() / all;
    let names: Vec<String> = functions
        .iter()
        .map(|f| format!("{} {}", f.place, f.name))
        .collect();
    assert!(
        percent <= 35,
        "{percent} % of {all} functions have a name of one word, at most 35 % may:\n{}",
        names.join("\n")
    );
}

#[test]
fn functions_fit_on_a_screen_but_for_a_few() {
    let mut long = functions();
    long.retain(|f| f.lines > 60);
    let places: Vec<String> = long
        .iter()
        .map(|f| format!("{} {}: {} lines", f.place, f.name, f.lines))
        .collect();
    assert!(places.len() <= 5, "{}", places.join("\n"));
}

#[test]
fn nine_of_ten_public_items_are_explained() {
    let item = Regex::new(
        r"^ *pub (?:const |async |unsafe )*(?:fn|struct|enum|trait|type|const|static) (\w+)|^    pub (\w+): ",
    )
    .unwrap();
    let (mut all, mut bare) = (0, Vec::new());
    for file in sources() {
        let text = super::text(&file);
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let lines: Vec<&str> = text[..end].lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(found) = item.captures(line) else {
                continue;
            };
            if found.get(1).is_some_and(|name| name.as_str() == "new") {
                continue; // what it makes is explained
            }
            all += 1;
            let mut above = lines[..at].iter().rev().map(|line| line.trim_start());
            let above = above.find(|line| !line.starts_with("#[") && !line.ends_with(")]"));
            if !above.is_some_and(|line| line.starts_with("///")) {
                bare.push(format!("{file}:{} {}", at + 1, line.trim()));
            }
        }
    }
    assert!(
        bare.len() * 10 <= all,
        "{} of {all} public items have no doc comment:\n{}",
        bare.len(),
        bare.join("\n")
    );
}
