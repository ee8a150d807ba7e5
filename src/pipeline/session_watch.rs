//! Watches the worker's sessions with Postgres. A statement has its timeouts at the server, and a host that vanishes is
//! noticed by TCP; what neither sees is a server that doesn't do anything any more, or never got what we sent: so every
//! few seconds Postgres is asked what it thinks that our sessions do.
//!
//! Why: `docs/decisions/16`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;

use crate::kafka::group_consumer::GroupConsumer;
use crate::ledger::worker_sessions::WorkerSessions;
use crate::postgres::activity::{Activity, read_activity};
use crate::postgres::connection::connect;
use crate::postgres::sessions::{self, SessionInUse};
use crate::verdict::Failure;
use crate::watch::health::Health;

/// How often Postgres is asked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long it may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// After how long one waits for the other in vain: Postgres for a statement, and we for its answer. Letters are
/// delivered in less, for which a transaction waits.
const SILENCE_LIMIT: Duration = Duration::from_secs(25);

/// After how long a statement isn't one any more that its timeout at the server (5 min) lets run.
const STATEMENT_LIMIT: Duration = Duration::from_secs(330);

/// After how long a statement, or its answer, is told of: batches are made so small that none takes this long. With the looks
/// it is some twelve seconds until people hear of it, and less than twenty if Postgres doesn't answer.
const LATE_AFTER: Duration = Duration::from_secs(8);

/// Watches the sessions of a worker.
pub(super) struct SessionWatch {
    /// Whose sessions are watched.
    pub(super) pool: Pool,
    /// By which Postgres is asked.
    pub(super) questions: Pool,
    pub(super) health: Arc<Health>,
    pub(super) consumer: GroupConsumer,
    pub(super) worker_sessions: WorkerSessions,
}

/// What Postgres says of sessions.
enum Answer {
    Told(Vec<Activity>),
    /// It answers, and doesn't tell.
    Refused,
    None,
}

/// What is to be done about a session.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Fine,
    /// It takes long, and why, for people.
    Late(String),
    /// It will never answer, and why.
    Dead(String),
}

impl SessionWatch {
    /// Watches without end.
    pub(super) async fn watch_sessions(self) {
        let mut in_use_since: HashMap<i32, Instant> = HashMap::new();
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let in_use = sessions::list_in_use(&self.pool);
            let now = Instant::now();
            in_use_since.retain(|id, _| in_use.iter().any(|session| session.process_id == *id));
            for session in &in_use {
                in_use_since.entry(session.process_id).or_insert(now);
            }
            if in_use.is_empty() {
                self.health.note_late(Vec::new());
                continue;
            }
            let ids: Vec<i32> = in_use.iter().map(|session| session.process_id).collect();
            match self.ask_in_time(&ids).await {
                Answer::Told(told) => {
                    self.judge_sessions(&in_use, &in_use_since, Some(&told))
                        .await
                }
                Answer::None => self.judge_sessions(&in_use, &in_use_since, None).await,
                Answer::Refused => {}
            }
        }
    }

    async fn ask_in_time(&self, ids: &[i32]) -> Answer {
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, self.ask_postgres(ids)).await;
        let answer = match asked {
            Ok(Ok(told)) => return Answer::Told(told),
            Ok(Err(failure)) => {
                tracing::debug!(error = %failure, "Postgres can't be asked what sessions do");
                // it answers, if it is for too many connections
                match failure.sqlstate {
                    Some(_) => Answer::Refused,
                    None => Answer::None,
                }
            }
            Err(_) => Answer::None,
        };
        // the session that asked may be frozen itself
        self.questions.retain(|_, _| false);
        answer
    }

    async fn ask_postgres(&self, ids: &[i32]) -> Result<Vec<Activity>, Failure> {
        let client = connect(&self.questions).await?;
        let told = read_activity(&client, ids).await?;
        let waits_for_locks = told.iter().any(|activity| activity.blocked_by.is_some());
        if waits_for_locks {
            let ours = sessions::list_process_ids();
            let held = self.consumer.group().assignment.list_partitions();
            let sessions = &self.worker_sessions;
            match sessions.end_fenced_sessions(&client, &ours, &held).await {
                Ok(ended) if ended.is_empty() => {}
                Ok(ended) => {
                    tracing::warn!(pids = ?ended, "ended sessions of workers whose partitions are ours now: they held the partitions' rows");
                }
                Err(failure) => {
                    tracing::debug!(error = %failure, "can't look for sessions of dead workers");
                }
            }
        }
        Ok(told)
    }

    async fn judge_sessions(
        &self,
        in_use: &[SessionInUse],
        since: &HashMap<i32, Instant>,
        told: Option<&[Activity]>,
    ) {
        let (mut late, now) = (Vec::new(), Instant::now());
        for session in in_use {
            let used_for = since.get(&session.process_id).map(Instant::elapsed);
            let used_for = used_for.unwrap_or_default();
            let activity = told.map(|told| {
                let mut of_session = told.iter();
                of_session.find(|activity| activity.process_id == session.process_id)
            });
            match judge_session(used_for, activity) {
                Finding::Fine => {}
                Finding::Late(why) => {
                    let took = activity
                        .flatten()
                        .map_or(used_for, |activity| activity.since);
                    let text = format!("Postgres takes long, pid {}: {why}", session.process_id);
                    late.push((text, now.checked_sub(took).unwrap_or(now)));
                }
                Finding::Dead(why) => {
                    tracing::warn!(
                        pid = session.process_id,
                        "a session with Postgres is given up: {why}"
                    );
                    sessions::give_up(*session).await;
                }
            }
        }
        for news in self.health.note_late(late) {
            tracing::warn!("{news}");
        }
    }
}

/// `activity`: `None` if Postgres couldn't be asked, `Some(None)` if it has no such session.
fn judge_session(used_for: Duration, activity: Option<Option<&Activity>>) -> Finding {
    let silent_for = used_for.min(match activity {
        Some(Some(activity)) => activity.since,
        _ => used_for,
    });
    match activity {
        Some(Some(activity)) if activity.is_active => {
            if activity.since > STATEMENT_LIMIT {
                let seconds = activity.since.as_secs();
                Finding::Dead(format!("it has been at one statement for {seconds}s"))
            } else if activity.since > LATE_AFTER {
                let lock = activity.blocked_by.as_ref();
                let lock = lock.map_or(String::new(), |by| format!(", and waits for {by}"));
                Finding::Late(format!("it is at one statement{lock}"))
            } else {
                Finding::Fine
            }
        }
        _ if silent_for <= LATE_AFTER => Finding::Fine,
        _ if silent_for <= SILENCE_LIMIT => Finding::Late(describe_silence(activity).to_owned()),
        _ => Finding::Dead(describe_silence(activity).to_owned()),
    }
}

/// The text is the same for as long as the silence lasts.
fn describe_silence(activity: Option<Option<&Activity>>) -> &'static str {
    match activity {
        Some(Some(_)) => {
            "it waits for a statement, and we for its answer, or for letters that are being delivered"
        }
        Some(None) => "Postgres doesn't have it any more",
        None => "no answer, and Postgres can't be asked why",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(is_active: bool, seconds: u64) -> Activity {
        Activity {
            process_id: 1,
            is_active,
            since: Duration::from_secs(seconds),
            blocked_by: None,
        }
    }

    fn is_late(used_for: u64, activity: Option<Option<&Activity>>) -> bool {
        let finding = judge_session(Duration::from_secs(used_for), activity);
        matches!(finding, Finding::Late(_))
    }

    fn is_dead(used_for: u64, activity: Option<Option<&Activity>>) -> bool {
        let finding = judge_session(Duration::from_secs(used_for), activity);
        matches!(finding, Finding::Dead(_))
    }

    #[test]
    fn a_session_is_given_up_only_where_both_wait() {
        let (working, waiting) = (activity(true, 200), activity(false, 200));
        assert!(!is_dead(200, Some(Some(&working))));
        assert!(is_dead(200, Some(Some(&waiting))));
        // idle for long, and taken out of the pool a moment ago
        assert!(!is_dead(10, Some(Some(&waiting))));
        // taken out again and again
        assert!(!is_dead(200, Some(Some(&activity(false, 3)))));
        assert!(is_dead(400, Some(Some(&activity(true, 400)))));
    }

    #[test]
    fn a_session_that_is_gone_or_that_nobody_tells_of_is_given_up_after_a_while() {
        assert!(!is_dead(20, Some(None)) && !is_dead(20, None));
        assert!(is_dead(30, Some(None)) && is_dead(30, None));
    }

    #[test]
    fn whatever_takes_longer_than_a_batch_may_is_told_before_it_is_given_up() {
        assert!(
            is_late(12, Some(Some(&activity(true, 12))))
                && !is_late(12, Some(Some(&activity(true, 7))))
        );
        let waiting = activity(false, 200);
        for told in [Some(Some(&waiting)), Some(None), None] {
            assert!(is_late(12, told) && !is_late(7, told), "{told:?}");
        }
    }
}
