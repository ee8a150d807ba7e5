//! Completions of shells and pages of the manual, which packages bring along.

use std::process::{Command, Output, Stdio};

fn landfall(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    // neither needs a configuration
    let answer = command
        .args(words)
        .env("LANDFALL_CONFIG", "/nowhere")
        .output();
    answer.expect("landfall starts")
}

fn text_of(words: &[&str]) -> String {
    let answer = landfall(words);
    assert!(answer.status.success(), "{words:?}: {answer:?}");
    String::from_utf8(answer.stdout).expect("UTF-8")
}

/// Whether the program is there and takes the text; nothing is said of a program that isn't there.
fn accepts(program: &str, arguments: &[&str], text: &str) -> Option<Output> {
    use std::io::Write as _;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.ok()?;
    let _ = child.stdin.take()?.write_all(text.as_bytes());
    child.wait_with_output().ok()
}

#[test]
fn completions_know_every_command_and_are_what_their_shells_read() {
    for (shell, only_read) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = text_of(&["completions", shell]);
        for word in [
            "import-connector",
            "until-caught-up",
            "replay",
            "no-way-back",
        ] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        if let Some(read) = accepts(shell, &[only_read], &script) {
            assert!(read.status.success(), "{shell}: {read:?}");
        }
    }
    assert_eq!(landfall(&["completions", "sh"]).status.code(), Some(2));
}

#[test]
fn bash_completes_a_command_and_its_options() {
    let script = text_of(&["completions", "bash"]);
    let complete = |words: &str| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _landfall landfall \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[*]}}\"",
        );
        let answer = accepts("bash", &[], &ask).expect("bash is there");
        String::from_utf8(answer.stdout).expect("UTF-8")
    };
    assert_eq!(complete("landfall sta").trim(), "status");
    assert_eq!(complete("landfall run --until").trim(), "--until-caught-up");
}

#[test]
fn each_command_has_a_page_of_the_manual_with_its_examples_as_they_are_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let into = directory.path().to_str().expect("UTF-8");
    assert!(landfall(&["man", into]).status.success());
    let names = [
        "landfall",
        "landfall-run",
        "landfall-dlq-replay",
        "landfall-migrate",
    ];
    for name in names {
        let page = std::fs::read_to_string(directory.path().join(format!("{name}.1")));
        let page = page.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(page.contains(".SH \"EXAMPLES"), "{name}");
        let arguments = ["-man", "-Tutf8", "-ww", "-z"];
        if let Some(read) = accepts("groff", &arguments, &page) {
            let complaints = String::from_utf8_lossy(&read.stderr);
            assert!(
                read.status.success() && complaints.is_empty(),
                "{name}: {complaints}"
            );
        }
    }
    let main = std::fs::read_to_string(directory.path().join("landfall.1")).unwrap();
    assert_eq!(text_of(&["man"]), main);
    assert!(main.contains("LANDFALL_CONFIG"), "{main}");
}
