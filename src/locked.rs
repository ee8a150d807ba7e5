//! A value that one thread at a time touches.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value behind a lock. A thread that panics while it holds the lock leaves the value to the others,
/// who go on with the value as it is: whoever started the thread decides what a panic means.
#[derive(Debug, Default)]
pub struct Locked<T>(Mutex<T>);

impl<T> Locked<T> {
    /// The value, which no thread holds yet.
    pub fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits until no other thread holds the value.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
