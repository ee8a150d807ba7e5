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

/// The fuzzer begins with the files of a folder: the target's seeds are put there, so that it needn't find out what JSON is.
fn write_seeds() {
    let (Some(target), Ok(folder)) = (*TARGET, std::env::var("LANDFALL_FUZZ_SEEDS")) else {
        return;
    };
    for (number, seed) in target.seeds.iter().enumerate() {
        let _ = std::fs::write(format!("{folder}/seed-{number}"), seed);
    }
}

fuzz_target!(init: write_seeds(), |input: &[u8]| {
    if let Some(target) = *TARGET {
        (target.run)(input);
    }
});
