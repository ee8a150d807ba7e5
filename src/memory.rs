//! How long the allocator keeps memory that nobody uses.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};

use libmimalloc_sys::mi_option_set_default;

/// `mi_option_purge_delay` of mimalloc 3, which the crate has no name for.
const PURGE_DELAY_OPTION: c_int = 15;

/// In milliseconds, as it was in mimalloc 2. With a second, its default now, the peak is a quarter higher: what one lane is
/// done with isn't there yet for another. `MIMALLOC_PURGE_DELAY` goes before it.
const PURGE_DELAY: c_long = 10;

/// Has memory that nobody uses given back soon. Called first of all.
pub fn give_back_soon() {
    // SAFETY: it stores a number under a lock of its own, and the option's place is checked by the test below
    unsafe { mi_option_set_default(PURGE_DELAY_OPTION, PURGE_DELAY) };
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn the_option_is_the_one_whose_default_is_a_second() {
        let now = || unsafe { mi_option_get(PURGE_DELAY_OPTION) };
        assert_eq!(now(), 1_000);
        give_back_soon();
        assert_eq!(now(), PURGE_DELAY);
    }
}
