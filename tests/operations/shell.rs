//! The shell in which the session takes place: a real one, with real programs on its PATH. The names that
//! stand in the document are this run's own here, and are put back in the answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::PATIENCE;
use crate::support::own_postgres::OwnPostgres;
use crate::support::repository::root;
use crate::support::stack::stack;

pub struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    directory: TempDir,
    pub names: Names,
}

/// What the document calls them, and what they are called here.
pub struct Names(Vec<(&'static str, String)>);

impl Names {
    fn new(postgres: &OwnPostgres) -> Self {
        let nanos = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos();
        let run = format!("{:x}", nanos % 0xffff_ffff_ffff);
        let http = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let server = postgres
            .url()
            .rsplit('@')
            .next()
            .expect("a server")
            .to_owned();
        Self(vec![
            ("127.0.0.1:9092", stack().kafka.clone()),
            ("127.0.0.1:5432", server),
            ("127.0.0.1:9464", http.expect("a free port").to_string()),
            ("shop.public.", format!("shop_{run}.public.")),
            (r"shop\.public\.", format!(r"shop_{run}\.public\.")),
            ("landfall.dlq", format!("landfall_{run}.dlq")),
            (
                "group = \"landfall\"",
                format!("group = \"landfall_{run}\""),
            ),
            ("group landfall;", format!("group landfall_{run};")),
        ])
    }

    pub fn ours(&self, text: &str) -> String {
        let put = |text: String, (theirs, ours): &(&str, String)| text.replace(theirs, ours);
        self.0.iter().fold(text.to_owned(), put)
    }

    fn theirs(&self, text: &str) -> String {
        let put = |text: String, (theirs, ours): &(&str, String)| text.replace(ours, theirs);
        self.0.iter().fold(text.to_owned(), put)
    }
}

impl Shell {
    pub fn start(postgres: &OwnPostgres) -> Self {
        let names = Names::new(postgres);
        let directory = tempfile::tempdir().expect("a directory");
        let bin = directory.path().join("bin");
        std::fs::create_dir(&bin).expect("a directory");
        let link =
            |to: &str, name: &str| std::os::unix::fs::symlink(to, bin.join(name)).expect("a link");
        let dev = root().join("dev");
        link(env!("CARGO_BIN_EXE_landfall"), "landfall");
        link(&dev.join("shop").display().to_string(), "shop");
        // the one thing that isn't what it is called: here it is the test's own server
        let server = format!("{}/postgres", dev.display());
        let own = postgres.path();
        let systemctl = format!(
            "#!/bin/sh\ncase \"$*\" in\n\"stop postgresql\") {server} stop {own} immediate ;;\n\"start postgresql\") {server} start {own} ;;\n*) exit 5 ;;\nesac >/dev/null\n"
        );
        let program = bin.join("systemctl");
        std::fs::write(&program, systemctl).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("it can be run");

        let path = std::env::var("PATH").expect("a PATH");
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(directory.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env(
                "WAREHOUSE",
                names.ours("postgres://postgres@127.0.0.1:5432/warehouse"),
            )
            .env(
                "SHOP_TOPICS",
                names.ours("shop.public.").trim_end_matches('.'),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("bash");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send(line)));
        });
        let mut input = child.stdin.take().expect("piped");
        writeln!(input, "exec 2>&1; set -o pipefail").expect("bash reads");
        Self {
            child,
            input,
            lines,
            directory,
            names,
        }
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.directory.path().join(file), self.names.ours(text)).expect("written");
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(file)).unwrap_or_default()
    }

    /// What it answers, on either output, and its exit code.
    pub fn run(&mut self, command: &str) -> (String, i32) {
        const END: &str = "--- end of the answer ";
        let command = self.names.ours(command);
        writeln!(
            self.input,
            "{{\n{command}\n}} </dev/null\nprintf '\\n{END}%s\\n' $?"
        )
        .expect("bash reads");
        let mut answer = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line
                .unwrap_or_else(|_| panic!("$ {command}\ndoesn't end; so far it said\n{answer}"));
            if let Some(code) = line.strip_prefix(END) {
                return (self.names.theirs(&answer), code.parse().expect("a number"));
            }
            answer += &format!("{line}\n");
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // with the worker, if it still runs
        let group = Pid::from_raw(self.child.id() as i32);
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
