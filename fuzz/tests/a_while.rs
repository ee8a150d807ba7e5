//! Each target for a while, with inputs that are made of its seeds at random. `FUZZ_SECONDS` says for how long,
//! `FUZZ_SEED` plays one again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use landfall_fuzz::{Inputs, TARGETS, Target};

/// What no input of a few kilobytes takes on the slowest machine.
const MOST_TIME: Duration = Duration::from_secs(20);

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn try_for_a_while(target: &Target) {
    let seconds = number_of("FUZZ_SECONDS").unwrap_or(5);
    let by_clock = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs())
    };
    let seed = number_of("FUZZ_SEED").unwrap_or_else(by_clock);
    let mut inputs = Inputs::new(target.seeds, seed);
    let (since, mut count) = (Instant::now(), 0_u64);
    let seeds = target.seeds.iter().map(|seed| seed.as_bytes().to_vec());
    let mut first: Vec<Vec<u8>> = seeds.collect();
    while since.elapsed() < Duration::from_secs(seconds) {
        let input = first.pop().unwrap_or_else(|| inputs.make_input());
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let shown = String::from_utf8_lossy(&input);
        assert!(
            outcome.is_ok(),
            "{}: panics at input {count} of FUZZ_SEED={seed}: {shown:?}",
            target.name
        );
        assert!(
            begun.elapsed() < MOST_TIME,
            "{}: takes for ever at {shown:?}",
            target.name
        );
        count += 1;
    }
    println!(
        "{}: {count} inputs in {seconds} s, FUZZ_SEED={seed}",
        target.name
    );
}

#[test]
fn nothing_that_others_send_makes_a_parser_panic() {
    std::thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(|| try_for_a_while(target));
        }
    });
}

#[test]
fn each_target_has_a_name_of_its_own_and_seeds() {
    for (at, target) in TARGETS.iter().enumerate() {
        assert!(!target.seeds.is_empty(), "{}", target.name);
        let others = TARGETS.iter().skip(at + 1);
        assert!(others.into_iter().all(|other| other.name != target.name));
    }
}
