use std::cell::Cell;

use super::*;
use crate::postgres::connection::build_single;

fn waiting(stop: &CancellationToken, health: &Arc<Health>) -> Waiting {
    let minimal = include_str!("../../config/minimal.toml");
    let quick = "[retry]\ninitial_delay = \"1ms\"\nmax_delay = \"1ms\"\n";
    let config = Config::parse(&format!("{minimal}\n{quick}")).unwrap();
    let pool = build_single(&config).unwrap();
    Waiting::of_schema(stop.clone(), pool, health.clone(), &config)
}

fn away() -> Failure {
    Failure::new(Verdict::Unavailable, "nobody is there")
}

#[tokio::test]
async fn what_fails_is_tried_until_it_succeeds_and_is_a_reason_not_to_be_ready_meanwhile() {
    let (stop, health) = (CancellationToken::new(), Arc::new(Health::default()));
    let waiting = waiting(&stop, &health);
    let attempts = Cell::new(0);
    let answer = waiting.until(|| async {
        attempts.set(attempts.get() + 1);
        if attempts.get() < 3 {
            return Err(away());
        }
        let reasons = health.check_ready().unwrap_err();
        assert!(
            reasons.contains("bookkeeping schema waits (unavailable): nobody is there"),
            "{reasons}"
        );
        Ok("done")
    });
    assert_eq!(answer.await, Some("done"));
    assert_eq!(attempts.get(), 3);
    waiting.tell_going_on();
    let reasons = health.check_ready().unwrap_err();
    assert!(!reasons.contains("waits"), "{reasons}");
}

#[tokio::test]
async fn whoever_is_needed_waits_no_longer() {
    let (stop, health) = (CancellationToken::new(), Arc::new(Health::default()));
    let waiting = waiting(&stop, &health);
    let answer = waiting.until(|| async {
        stop.cancel();
        Err::<(), _>(away())
    });
    // the pause may be over before the stop is looked at, and then it is tried once more
    assert_eq!(answer.await, None);
}
