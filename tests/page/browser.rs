//! A real browser, without a window.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::support::stack::dev;

/// How somebody looks at the page.
#[derive(Clone, Copy)]
pub struct Look {
    pub name: &'static str,
    pub is_dark: bool,
    /// In pixels.
    pub size: (u32, u32),
}

pub const LOOKS: [Look; 3] = [
    Look {
        name: "light",
        is_dark: false,
        size: (1100, 1100),
    },
    Look {
        name: "dark",
        is_dark: true,
        size: (1100, 1100),
    },
    Look {
        name: "phone",
        is_dark: false,
        size: (500, 1100),
    },
];

/// Runs Chromium on the address, and returns what it prints.
fn browse(look: Look, words: &[&str], address: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let (width, height) = look.size;
    let output = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args(["--disable-dev-shm-usage", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!look.is_dark)
        ))
        .args(words)
        .arg(address)
        .output()
        .expect("chromium is there: dev/prerequisites");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The page as the browser has it.
pub fn dump(address: &str) -> String {
    browse(LOOKS[0], &["--dump-dom"], address)
}

/// What the browser paints, as a picture.
pub fn paint(look: Look, address: &str, file: &Path) {
    browse(
        look,
        &[&format!("--screenshot={}", file.display())],
        address,
    );
}

/// What axe-core objects to. The page allows no script, so a copy of it is judged.
pub fn judge(look: Look, page: &str) -> Vec<String> {
    let axe = dev("axe", &[]);
    let script = format!(
        "<script src=\"file://{}\"></script><script>
         axe.run().then(found => {{
             document.title = 'judged';
             const told = document.createElement('pre');
             told.id = 'told';
             told.textContent = JSON.stringify({{
                 passed: found.passes.map(rule => rule.id),
                 wrong: found.violations.concat(found.incomplete).map(rule => rule.id + ': ' +
                     rule.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')),
             }});
             document.body.append(told);
         }});</script></body>",
        axe.trim()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, page.replace("</body>", &script)).unwrap();
    let address = format!("file://{}", file.display());
    let words = ["--dump-dom", "--virtual-time-budget=20000"];
    let judged = browse(look, &words, &address);
    let told = Regex::new(r#"(?s)<pre id="told">(.*?)</pre>"#).unwrap();
    let told = told.captures(&judged).expect("axe has judged");
    let told: serde_json::Value = serde_json::from_str(&as_text(&told[1])).unwrap();
    let list = |key: &str| -> Vec<String> { serde_json::from_value(told[key].clone()).unwrap() };
    let passed = list("passed");
    for rule in ["color-contrast", "bypass", "html-has-lang", "svg-img-alt"] {
        assert!(passed.iter().any(|id| id == rule), "{rule}: {passed:?}");
    }
    list("wrong")
}

/// A row of a table: its cells by their columns, as somebody reads them.
pub type ReadRow = BTreeMap<String, String>;

/// The rows of a section's tables.
pub fn read_rows(page: &str, section: &str) -> Vec<ReadRow> {
    let find = |pattern: &str| Regex::new(pattern).unwrap();
    let section = find(&format!(r#"(?s)<section id="{section}".*?</section>"#));
    let section = section.find(page).expect("the section is there").as_str();
    let (row, cell) = (
        find(r"(?s)<tr [^>]*>(.*?)</tr>"),
        find(r#"(?s)<t[hd] [^>]*data-column="([^"]*)"[^>]*>(.*?)</t[hd]>"#),
    );
    let rows = row.captures_iter(section).map(|row| {
        let cells = cell.captures_iter(row.get(1).unwrap().as_str());
        cells
            .map(|cell| (cell[1].to_owned(), as_text(&cell[2])))
            .collect::<ReadRow>()
    });
    rows.filter(|row| !row.is_empty()).collect()
}

/// Without plots and elements.
fn as_text(html: &str) -> String {
    let plots = Regex::new(r"(?s)<svg.*?</svg>").unwrap();
    let text = plots.replace_all(html, "").replace("</code>", "\n");
    let text = Regex::new(r"<[^>]*>")
        .unwrap()
        .replace_all(&text, "")
        .into_owned();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
        .trim()
        .to_owned()
}
