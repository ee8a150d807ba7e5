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
        ends.find_awaited(&waiting(), undrained, move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(600))
        })
    };
    assert_eq!(look(&[at(590)]), Some(vec![]), "nothing is told yet");
    let_others_run().await;
    assert_eq!(look(&[at(599)]), Some(vec![0]));
    assert_eq!(look(&[at(600)]), None);
    // another one isn't drained, or it was to be drained to elsewhere
    let other = Undrained {
        number: 1,
        ..at(600)
    };
    assert_eq!(look(&[at(600), other]), Some(vec![]));
    let elsewhere = Undrained {
        needed: 2_000,
        ..at(600)
    };
    assert_eq!(look(&[elsewhere]), Some(vec![]));
    let_others_run().await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // what goes before the partition is found out anew
    ends.forget_partition(&waiting());
    assert_eq!(look(&[at(600)]), Some(vec![]));
}

#[tokio::test]
async fn a_broker_that_hangs_is_asked_one_question_and_waited_for_by_nobody() {
    let (ends, asked) = (AwaitedEnds::default(), Arc::new(AtomicUsize::new(0)));
    for _ in 0..3 {
        let asked = asked.clone();
        let awaited = ends.find_awaited(&waiting(), &[at(600)], move |_| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::pending()
        });
        assert_eq!(awaited, Some(vec![]));
        let_others_run().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_partition_that_goes_on_waiting_is_asked_about_every_thirty_seconds() {
    let now = Instant::now();
    let mut told = ToldEnds {
        next_ask: Some(now),
        asked_up_to: None,
        is_whole: false,
        lost: HashMap::new(),
    };
    let undrained = [at(0)];
    assert!(told.begin_asking(now, &undrained));
    assert!(!told.begin_asking(now + ASK_INTERVAL, &undrained));
    let ends = AwaitedEnds::default();
    ends.0.lock().insert(waiting(), told);
    let answers = Answers {
        lost: HashMap::from([((0, 1_000), 600)]),
        asked_up_to: Some(0),
        is_whole: false,
    };
    ends.note_told(&waiting(), answers, now);
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
        let answers = find_lost_ends(&waiting(), &undrained, ask).await;
        let lost = answers.lost.into_keys().map(|(number, _)| number);
        let mut lost: Vec<i32> = lost.collect();
        lost.sort_unstable();
        (lost, answers.asked_up_to, answers.is_whole)
    };
    let whole = find([Some(5), Some(6), Some(1_000), Some(7)]).await;
    assert_eq!(whole, (vec![0, 1], Some(2), true));
    let untold = find([Some(5), None, Some(7), Some(7)]).await;
    assert_eq!(untold, (vec![0], Some(1), false));
}

#[tokio::test]
async fn once_a_whole_log_is_drained_what_comes_behind_it_is_asked_about_at_once() {
    let ends = AwaitedEnds::default();
    let undrained = [0, 1, 2].map(|number| Undrained { number, ..at(0) });
    let look = |undrained: &[Undrained]| {
        let ask = |other: TopicPartition| {
            let end = if other.partition == 1 { 1_000 } else { 0 };
            std::future::ready(Ok(end))
        };
        ends.find_awaited(&waiting(), undrained, ask)
    };
    look(&undrained);
    let_others_run().await;
    assert_eq!(look(&undrained), Some(vec![1]));
    let behind = [undrained[0], undrained[2]];
    assert_eq!(look(&behind), Some(vec![]));
    let_others_run().await;
    assert_eq!(look(&behind), None);
}
