//! One target for LLVM's fuzzer, by its name in `LANDFALL_FUZZ_TARGET`. dev/fuzz builds and runs it.

#![no_main]
#![allow(unsafe_code)] // what the fuzzer calls has a name in C

use std::sync::LazyLock;

use landfall_fuzz::{Target, find_target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Option<&'static Target>> = LazyLock::new(|| {
    let name = std::env::var("LANDFALL_FUZZ_TARGET").unwrap_or_default();
    find_target(&name)
});

fuzz_target!(|input: &[u8]| {
    if let Some(target) = *TARGET {
        (target.run)(input);
    }
});
