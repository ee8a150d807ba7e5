//! A world on the locked broker in which everybody has what `deploy/kafka-acls.sh` grants them, and nothing else.

use std::process::Command;

use super::{CA, Locked};
use crate::support::World;
use crate::support::locked_kafka::rights::{Admin, Right};
use crate::support::locked_kafka::{OPERATOR, PASSWORD, READER, USER};
use crate::support::repository::root;
use crate::support::stack::stack;
use crate::support::worker::Worker;

const PLAIN: [(&str, &str); 4] = [
    ("security.protocol", "SASL_SSL"),
    CA,
    ("sasl.mechanism", "PLAIN"),
    ("sasl.password", PASSWORD),
];

/// Who somebody is, and as whom they log in.
const PEOPLE: [(&str, &str); 3] = [
    ("--worker", USER),
    ("--operator", OPERATOR),
    ("--reader", READER),
];

pub struct Granted {
    pub locked: Locked,
}

impl Granted {
    /// Nobody has any right yet.
    pub async fn new(test: &str) -> Self {
        Self {
            locked: Locked::new(test, "LOGIN", &PLAIN).await,
        }
    }

    pub fn world(&self) -> &World {
        &self.locked.world
    }

    pub fn admin(&self) -> Admin {
        self.locked.kafka.admin()
    }

    /// Grants the worker what it needs, as somebody does who has Kafka's tools.
    pub fn grant_with_tools(&self, topics: &[&str]) {
        stack(); // its tools are there
        let tool = format!("{} acls", root().join("dev/kafka").display());
        self.run_script(&[], &PEOPLE[..1], topics, &tool);
    }

    /// Grants everybody what the script says: the tools take seconds for each statement.
    pub fn grant(&self, topics: &[&str]) {
        let printed = self.run_script(&["--dry-run"], &PEOPLE, topics, "kafka-acls");
        let rights = printed.lines().flat_map(Right::of_statement);
        rights.for_each(|right| self.admin().grant(&right));
    }

    fn run_script(
        &self,
        options: &[&str],
        people: &[(&str, &str)],
        topics: &[&str],
        tool: &str,
    ) -> String {
        let mut script = Command::new(root().join("deploy/kafka-acls.sh"));
        script.args(options).args(["--group", self.world().group()]);
        for topic in topics {
            script.args(["--topic", topic]);
        }
        for (option, user) in people {
            script.args([*option, &format!("User:{user}")]);
        }
        let broker = self.locked.kafka.open_address();
        script.args(["--", "--bootstrap-server", &broker]);
        let ran = script.env("KAFKA_ACLS", tool).output().expect("it runs");
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).expect("UTF-8")
    }

    /// The rights that a user has here.
    pub fn rights_of(&self, user: &str) -> Vec<Right> {
        let mut rights = self.admin().rights_of(&format!("User:{user}"));
        rights.retain(|right| right.name.starts_with(&self.world().name));
        rights
    }

    /// That right of the user's.
    pub fn right_of(&self, user: &str, operation: &str, name: &str) -> Right {
        let mut rights = self.rights_of(user).into_iter();
        let found = rights.find(|right| right.operation_name() == operation && right.name == name);
        found.unwrap_or_else(|| panic!("{user} has no {operation} of {name}"))
    }

    pub fn start(&self, user: &str, words: &str) -> Worker {
        let arguments: Vec<&str> = words.split_whitespace().collect();
        let user = ("LANDFALL_KAFKA__PROPERTIES__SASL_USERNAME", user);
        self.locked.start_with(&arguments, &[user])
    }

    /// The exit code, and all that it says, in one line.
    pub async fn ask(&self, user: &str, words: &str) -> (Option<i32>, String) {
        let mut command = self.start(user, words);
        let code = command.wait().await;
        let said = command.log();
        (code, said.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    pub async fn succeeds(&self, user: &str, words: &str) -> String {
        let (code, said) = self.ask(user, words).await;
        assert_eq!(code, Some(0), "{user} {words}: {said}");
        said
    }
}
