use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::verdict::Verdict;

fn waiting() -> TopicPartition {
    TopicPartition {
        topic: "orders".into(),
        partition: 2,
    }
}

/// Partition 0 at this watermark, which is to be drained to 1,000.
fn at(watermark: i64) -> Undrained {
    Undrained {
        number: 0,
        watermark: Some(watermark),
        needed: 1_000,
    }
}

/// Lets what was begun beside come to its end.
async fn let_others_run() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_asked_about_once_and_drained_where_it_ended_then() {
    let (ends, asked) = (AwaitedEnds::default(), Arc::new(AtomicUsize::new(0)));
    let look = |undrained: &[Undrained]| {
        let asked = asked.clone();
        ends.are_drained(&waiting(), undrained, move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(600))
        })
    };
    assert!(!look(&[at(590)]), "nothing is told yet");
    let_others_run().await;
    assert!(!look(&[at(599)]));
    assert!(look(&[at(600)]));
    // another one isn't drained, or it was to be drained to elsewhere
    assert!(!look(&[
        at(600),
        Undrained {
            number: 1,
            ..at(600)
        }
    ]));
    assert!(!look(&[Undrained {
        needed: 2_000,
        ..at(600)
    }]));
    let_others_run().await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // what goes before the partition is found out anew
    ends.forget_partition(&waiting());
    assert!(!look(&[at(600)]));
}

#[tokio::test]
async fn a_broker_that_hangs_is_asked_one_question_and_waited_for_by_nobody() {
    let (ends, asked) = (AwaitedEnds::default(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..3 {
        let asked = asked.clone();
        let are_drained = ends.are_drained(&waiting(), &[at(600)], move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::pending()
        });
        assert!(!are_drained);
        let_others_run().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_partition_that_goes_on_waiting_is_asked_about_every_thirty_seconds() {
    let now = Instant::now();
    let mut told = ToldEnds {
        next_ask: Some(now),
        lost: HashMap::new(),
    };
    assert!(told.begin_asking(now) && !told.begin_asking(now + ASK_INTERVAL));
    let ends = AwaitedEnds::default();
    ends.0.lock().insert(waiting(), told);
    ends.note_told(&waiting(), HashMap::from([((0, 1_000), 600)]), now);
    let is_due = |seconds| {
        let then = now + Duration::from_secs(seconds);
        let told = ends.0.lock();
        told[&waiting()].next_ask.is_some_and(|next| next <= then)
    };
    assert!(!is_due(29) && is_due(30));
}

#[tokio::test]
async fn what_comes_behind_a_log_that_is_whole_or_untold_is_not_asked_about() {
    let undrained = [0, 1, 2, 3].map(|number| Undrained { number, ..at(0) });
    let find = async |answers: [Option<i64>; 4]| {
        let ask = |other: TopicPartition| {
            let untold = || Failure::of_kafka(Verdict::Unavailable, "no answer");
            std::future::ready(answers[other.partition as usize].ok_or_else(untold))
        };
        let lost = find_lost_ends(&waiting(), &undrained, ask).await;
        let mut lost: Vec<i32> = lost.into_keys().map(|(number, _)| number).collect();
        lost.sort_unstable();
        lost
    };
    assert_eq!(find([Some(5), Some(6), Some(1_000), Some(7)]).await, [0, 1]);
    assert_eq!(find([Some(5), None, Some(7), Some(7)]).await, [0]);
}
