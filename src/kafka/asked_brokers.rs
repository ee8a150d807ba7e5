//! Which brokers are asked about topics. librdkafka asks the one that it takes for the controller, and nobody else as long as that is
//! away, to which it goes on connecting without any pause. But every broker can tell. They are asked in turn: one that is cut off
//! from the others may tell what was.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::kafka::error::Error;
use crate::locked::Locked;

/// How long a broker may take while there are others to ask,
const PATIENCE: Duration = Duration::from_secs(2);
/// which is done so often.
const MOST_TRIES: usize = 3;
/// When the cluster is asked again which brokers it has.
const LIST_LIFETIME: Duration = Duration::from_secs(60);

/// A cluster's brokers, whose turn it is to be asked first.
#[derive(Default)]
pub(super) struct AskedBrokers(Locked<BrokerList>);

#[derive(Default)]
struct BrokerList {
    ids: VecDeque<i32>,
    /// When the cluster told them, or didn't answer.
    asked_at: Option<Instant>,
    /// Why it didn't.
    failure: Option<String>,
}

impl AskedBrokers {
    /// Asks a broker, and others if it doesn't answer. Each is told how long it may take: the last one `timeout`, the others less.
    /// `list` tells the cluster's brokers.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub(super) fn ask<T>(
        &self,
        timeout: Duration,
        list: impl Fn() -> Result<Vec<i32>, Error>,
        question: impl Fn(i32, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for tried in 1..=MOST_TRIES {
            let (broker, is_last) = self.next_broker(&list)?;
            let is_last = is_last || tried == MOST_TRIES;
            let patience = if is_last { timeout } else { PATIENCE };
            match question(broker, patience) {
                Err(Error::TopicIdsUnanswered) => self.leave_out(broker),
                answer => return answer,
            }
            if is_last {
                break;
            }
        }
        Err(Error::TopicIdsUnanswered)
    }

    /// Whose turn it is, and whether it is the only one.
    fn next_broker(
        &self,
        list: impl Fn() -> Result<Vec<i32>, Error>,
    ) -> Result<(i32, bool), Error> {
        let came_at = Instant::now();
        let mut brokers = self.0.lock();
        if brokers.is_due() && brokers.asked_at.is_none_or(|at| at < came_at) {
            brokers.note_told(list());
        }
        let Some(next) = brokers.ids.pop_front() else {
            let failure = brokers.failure.clone();
            return Err(failure.map_or(Error::TopicIdsUnanswered, Error::NoBrokers));
        };
        brokers.ids.push_back(next);
        Ok((next, brokers.ids.len() == 1))
    }

    /// A broker that doesn't answer isn't asked any more, until the cluster tells its brokers again.
    fn leave_out(&self, broker: i32) {
        self.0.lock().ids.retain(|id| *id != broker);
    }
}

impl BrokerList {
    fn is_due(&self) -> bool {
        let is_old = |at: Instant| at.elapsed() >= LIST_LIFETIME;
        self.ids.is_empty() || self.asked_at.is_none_or(is_old)
    }

    /// Whoever waited meanwhile goes by it, too. Those that are known stay if nobody tells others.
    fn note_told(&mut self, told: Result<Vec<i32>, Error>) {
        self.asked_at = Some(Instant::now());
        match told {
            Ok(ids) => (self.ids, self.failure) = (ids.into(), None),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// What asking comes to where these are away, and who was asked how patiently, in seconds.
    fn ask(
        brokers: &AskedBrokers,
        cluster: &[i32],
        away: &[i32],
    ) -> (Option<i32>, Vec<(i32, u64)>) {
        let asked = RefCell::new(Vec::new());
        let question = |broker, patience: Duration| {
            asked.borrow_mut().push((broker, patience.as_secs()));
            match away.contains(&broker) {
                true => Err(Error::TopicIdsUnanswered),
                false => Ok(broker),
            }
        };
        let answer = brokers.ask(TIMEOUT, || Ok(cluster.to_vec()), question);
        (answer.ok(), asked.take())
    }

    #[test]
    fn brokers_are_asked_in_turn_and_those_that_are_away_are_left_out() {
        let brokers = AskedBrokers::default();
        let ask = |away: &[i32]| ask(&brokers, &[1, 2, 3], away);
        assert_eq!(ask(&[]), (Some(1), vec![(1, 2)]));
        assert_eq!(ask(&[]), (Some(2), vec![(2, 2)]));
        assert_eq!(ask(&[3]), (Some(1), vec![(3, 2), (1, 2)]));
        assert_eq!(ask(&[3]), (Some(2), vec![(2, 2)]));
        // the only one that is left is given time
        assert_eq!(ask(&[1, 3]), (Some(2), vec![(1, 2), (2, 10)]));
        assert_eq!(ask(&[1, 2, 3]), (None, vec![(2, 10)]));
        // then the cluster is asked again who there is
        assert_eq!(ask(&[]), (Some(1), vec![(1, 2)]));
    }

    #[test]
    fn where_all_are_away_the_last_one_that_is_tried_is_given_time() {
        let asked = ask(&AskedBrokers::default(), &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]);
        assert_eq!(asked, (None, vec![(1, 2), (2, 2), (3, 10)]));
    }

    #[test]
    fn what_is_refused_is_an_answer_and_brokers_that_nobody_tells_are_an_error() {
        let brokers = AskedBrokers::default();
        let refuse = |_, _| Err::<(), _>(Error::TopicIdsRefused("no".into()));
        let refused = brokers.ask(TIMEOUT, || Ok(vec![1]), refuse);
        assert!(matches!(refused, Err(Error::TopicIdsRefused(_))));
        let nobody = || Err(Error::TopicIdsUnanswered);
        // it is known still
        assert_eq!(brokers.ask(TIMEOUT, nobody, |it, _| Ok(it)).ok(), Some(1));
        let untold = AskedBrokers::default().ask(TIMEOUT, nobody, |it, _| Ok(it));
        assert!(matches!(untold, Err(Error::NoBrokers(_))));
    }
}
