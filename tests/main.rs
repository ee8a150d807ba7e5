//! The guarantees, on the real stack. One binary, so that it is linked once.

#![allow(clippy::unwrap_used)]

mod check;
mod crash;
mod dead_letters;
mod deployment;
mod end_to_end;
mod exactly_once;
mod group;
mod outage;
mod support;
mod topics;
