//! Files as Kubernetes mounts a Secret, and the Secrets Store CSI driver what it fetches: each is a link to `..data/NAME`,
//! and `..data` a link that is swapped by a rename when anything changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use tempfile::TempDir;

pub struct Mounted {
    root: TempDir,
    files: Vec<(String, Vec<u8>)>,
    turn: usize,
}

impl Mounted {
    pub fn new(files: &[(&str, Vec<u8>)]) -> Self {
        let mut mounted = Self {
            root: tempfile::tempdir().expect("a directory"),
            files: Vec::new(),
            turn: 0,
        };
        for (name, _) in files {
            let link = mounted.root.path().join(name);
            symlink(PathBuf::from("..data").join(name), link).expect("a link");
        }
        mounted.swap(files);
        mounted
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// All files at once, some of them with other contents; the others stay.
    pub fn swap(&mut self, changed: &[(&str, Vec<u8>)]) {
        for (name, contents) in changed {
            self.files.retain(|(known, _)| known != name);
            self.files.push((name.to_string(), contents.clone()));
        }
        let before = self.root.path().join(format!("..{}", self.turn));
        self.turn += 1;
        let now = format!("..{}", self.turn);
        let directory = self.root.path().join(&now);
        fs::create_dir(&directory).expect("a directory");
        for (name, contents) in &self.files {
            fs::write(directory.join(name), contents).expect("written");
        }
        let next = self.root.path().join("..data_tmp");
        symlink(&now, &next).expect("a link");
        fs::rename(&next, self.root.path().join("..data")).expect("swapped");
        let _ = fs::remove_dir_all(before);
    }
}
