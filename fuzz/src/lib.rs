//! Parsers of what others send, each as a target that takes any bytes: it may refuse them, and must not panic, hang or take
//! memory beyond what they are worth. `make test` gives each of them random inputs for a while, `make fuzz` LLVM's.

mod mutate;
mod targets;

pub use mutate::Inputs;

/// A parser.
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs that it takes, from which others are made.
    pub seeds: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    targets::envelopes::TARGET,
    targets::avro::TARGET,
    targets::registered::JSON_SCHEMA,
    targets::registered::PROTOBUF,
    targets::registry::TARGET,
    targets::connect_schema::TARGET,
    targets::headers::TARGET,
    targets::configuration::TARGET,
    targets::connectors::TARGET,
];

/// The target of this name.
pub fn find_target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
