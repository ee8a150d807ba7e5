//! Situations that people met in operating sinks like this one, as they reported them, where no other test has them.

mod brokers;
mod groups;
mod hosts;
mod retention;
mod tables;
