//! The shared stack of `dev/stack`. Where it can't be started, tests fail.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::repository::root;

pub struct Stack {
    pub kafka: String,
    /// Without a path.
    pub registry: String,
    /// Without a database.
    pub postgres: String,
}

/// The stack, started if it isn't running.
pub fn stack() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| {
        dev("stack", &["up"]);
        let env = std::fs::read_to_string(root().join(".stack/env"))
            .expect("dev/stack up writes .stack/env");
        let env: HashMap<&str, &str> = env
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let get = |key: &str| {
            env.get(key)
                .unwrap_or_else(|| panic!("{key} is not in .stack/env"))
                .to_string()
        };
        Stack {
            kafka: get("LANDFALL_STACK_KAFKA"),
            registry: get("LANDFALL_STACK_REGISTRY"),
            postgres: get("LANDFALL_STACK_POSTGRES"),
        }
    })
}

/// What `.stack/env` says of the stack, once it is up.
pub fn of_stack(key: &str) -> String {
    stack();
    let lines = std::fs::read_to_string(root().join(".stack/env"));
    let lines = lines.expect("dev/stack up writes .stack/env");
    let mut lines = lines.lines().filter_map(|line| line.split_once('='));
    let found = lines.find(|(name, _)| *name == format!("LANDFALL_STACK_{key}"));
    found.unwrap_or_else(|| panic!("no {key}")).1.to_owned()
}

/// Runs a script of `dev/` and returns what it printed; fails the test if it fails.
pub fn dev(script: &str, arguments: &[&str]) -> String {
    dev_with_input(script, arguments, "")
}

pub fn dev_with_input(script: &str, arguments: &[&str], input: &str) -> String {
    dev_with(script, arguments, input, &[])
}

pub fn dev_with(
    script: &str,
    arguments: &[&str],
    input: &str,
    environment: &[(&str, &str)],
) -> String {
    use std::io::Write as _;
    let path: &Path = &root().join("dev").join(script);
    let mut child = Command::new(path)
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("the script reads its input");
    let output = child.wait_with_output().expect("the script ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "dev/{script} {arguments:?} failed: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
