//! The guarantees, on the real stack. One binary, so that it is linked once.

#![allow(clippy::unwrap_used)]

mod crash;
mod support;
