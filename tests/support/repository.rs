//! The files of the repository, for tests of what they say.

use std::path::PathBuf;

/// Folders whose files aren't ours.
const NOT_OURS: [&str; 4] = [".git", ".stack", "target", "bench/.state"];

/// The folder that holds everything.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a file holds; `file` is a path from the root.
pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Every file below a folder, as paths from the root, in order.
pub fn files(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
            if !path.is_dir() {
                found.push(name.to_owned());
            } else if !NOT_OURS.contains(&name) {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}
