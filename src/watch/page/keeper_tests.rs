use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Counts how often it was asked, and answers after a while.
struct Slow(Arc<AtomicUsize>, Duration);

impl AskStatus for Slow {
    fn ask(&mut self) -> Pin<Box<dyn Future<Output = Status> + Send + '_>> {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.1).await;
            Status::default()
        })
    }

    fn rest(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

fn keeper(takes: Duration) -> (Arc<StatusKeeper>, Arc<AtomicUsize>) {
    let (keeper, asked) = (Arc::new(StatusKeeper::default()), Arc::default());
    let slow = Slow(Arc::clone(&asked), takes);
    let keeping = keeper.clone();
    tokio::spawn(async move { keeping.keep_asking(slow).await });
    (keeper, asked)
}

#[tokio::test]
async fn many_who_look_have_one_question_asked_and_nobody_has_none() {
    let (keeper, asked) = keeper(Duration::from_millis(10));
    tokio::task::yield_now().await;
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let looks = (0..50).map(|_| keeper.look());
    let answers = futures::future::join_all(looks).await;
    assert!(answers.iter().all(Option::is_some));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn whoever_looks_does_not_wait_for_one_that_does_not_answer() {
    let (keeper, _) = keeper(Duration::from_secs(3_600));
    let since = Instant::now();
    assert!(keeper.look().await.is_none());
    assert!(since.elapsed() < 10 * LOOK_PATIENCE);
}

#[test]
fn what_a_side_that_is_away_said_last_is_kept_with_since_when() {
    let letters = vec![LetterCount {
        table_name: None,
        reason: "value".into(),
        parked: 1,
        parked_keys: 1,
        parked_since: None,
        done_with: 0,
    }];
    let told = Status {
        dead_letters: Some(letters.clone()),
        ..Status::default()
    };
    let first = Kept::after(None, told, SystemTime::now());
    assert_eq!(first.postgres.away_since, None);
    let mut silent = Status::default();
    silent.note_problems(Side::Postgres, ["refused".to_owned()]);
    let second = Kept::after(Some(first.clone()), silent.clone(), SystemTime::now());
    assert_eq!(second.status.dead_letters, Some(letters));
    assert_eq!(second.postgres.answered_at, first.postgres.answered_at);
    assert_eq!(second.kafka.problem, None);
    let since = second.postgres.away_since.clone();
    assert!(since.is_some());
    let third = Kept::after(Some(second), silent, SystemTime::now());
    assert_eq!(third.postgres.away_since, since);
}
