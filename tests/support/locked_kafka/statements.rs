//! Rights as `kafka-acls` is told of them.

use super::rights::{Operation, Pattern, Resource, Right};

const OPERATIONS: [(&str, Operation); 5] = [
    ("Read", Operation::RD_KAFKA_ACL_OPERATION_READ),
    ("Write", Operation::RD_KAFKA_ACL_OPERATION_WRITE),
    ("Create", Operation::RD_KAFKA_ACL_OPERATION_CREATE),
    ("Describe", Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE),
    (
        "DescribeConfigs",
        Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
    ),
];

impl Right {
    /// What a statement grants.
    pub fn of_statement(statement: &str) -> Vec<Self> {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let values_of = |option| {
            let pairs = words.windows(2);
            pairs
                .filter(move |pair| pair[0] == option)
                .map(|pair| pair[1])
        };
        let value_of = |option| values_of(option).next();
        let right = |operation: &str| {
            let known = OPERATIONS.iter().find(|(name, _)| *name == operation);
            let (on, name) = match value_of("--topic") {
                Some(name) => (Resource::RD_KAFKA_RESOURCE_TOPIC, name),
                None => (
                    Resource::RD_KAFKA_RESOURCE_GROUP,
                    value_of("--group").expect("a group"),
                ),
            };
            Self {
                principal: value_of("--allow-principal").expect("somebody").to_owned(),
                operation: known.expect(operation).1,
                on,
                pattern: Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                name: name.to_owned(),
            }
        };
        values_of("--operation").map(right).collect()
    }

    /// How `kafka-acls` calls what may be done.
    pub fn operation_name(&self) -> &'static str {
        let mut all = OPERATIONS.iter();
        let found = all.find(|(_, operation)| *operation == self.operation);
        found.expect("a known one").0
    }

    /// The end of the statement that grants it.
    pub fn statement(&self) -> String {
        let on = match self.on {
            Resource::RD_KAFKA_RESOURCE_GROUP => "--group",
            _ => "--topic",
        };
        format!(
            "--add --allow-principal {} --operation {} {on} {}",
            self.principal,
            self.operation_name(),
            self.name
        )
    }
}
