//! Watches the topics that were ours and aren't any more: Kafka gives nothing of a topic that the user may not read, and
//! says nothing of it either. And those that are ours, whether they are the same still.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::kafka::group_consumer::GroupConsumer;
use crate::kafka::incarnations::LastLook;
use crate::kafka::topics::Topics;
use crate::pipeline::ask_kafka::ask_kafka;
use crate::pipeline::leave_pauses::LeavePauses;

/// How often Kafka is asked,
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// and how much less often for each topic, most of which are other members' of the group.
const LOOK_INTERVAL_PER_TOPIC: Duration = Duration::from_millis(10);
/// When it is asked again whether a topic is another one: a broker that lags behind has heard of it by then, or another one answers.
const SECOND_LOOK_INTERVAL: Duration = Duration::from_secs(3);

/// Tells, without end, if Kafka doesn't let us read topics that it let us read before.
pub(super) async fn watch_topics(topics: Topics, consumer: GroupConsumer) {
    let (mut asked_for, mut is_refused) = (0, false);
    loop {
        let more = LOOK_INTERVAL_PER_TOPIC.saturating_mul(asked_for);
        tokio::time::sleep(LOOK_INTERVAL + more).await;
        let group = consumer.group();
        let lost = group.list_lost_topics();
        is_refused |= group.refusals.take_reading_refused();
        // those that are ours can be refused too, and then only the fetching of their records says so, once
        let ours = match is_refused {
            true => group.assignment.list_topics(),
            false => Default::default(),
        };
        asked_for = u32::try_from(lost.len() + ours.len()).unwrap_or(u32::MAX);
        if lost.is_empty() && ours.is_empty() {
            continue;
        }
        let topics = topics.clone();
        let asked = ask_kafka(move || {
            let names: Vec<&str> = ours.iter().map(|name| &**name).collect();
            let unreadable = match names.as_slice() {
                [] => Vec::new(),
                names => topics.find_unreadable(names)?,
            };
            let lost: Vec<&str> = lost.iter().map(|name| &**name).collect();
            Ok((topics.find_hidden(&lost).unwrap_or_default(), unreadable))
        });
        let Ok((hidden, unreadable)) = asked.await else {
            continue;
        };
        is_refused &= !unreadable.is_empty();
        for topic in hidden.iter().chain(&unreadable) {
            group.refusals.tell_unreadable(topic);
        }
    }
}

/// Returns topics of ours that were deleted and created again, with their new ids, once there are any, and two looks agree on that.
/// An id for which the group was left lately isn't believed yet.
pub(super) async fn find_recreated_topic(
    topics: Topics,
    consumer: GroupConsumer,
    pauses: LeavePauses,
) -> Vec<(Arc<str>, Uuid)> {
    let (mut asked_for, mut last) = (0, LastLook::default());
    loop {
        let more = LOOK_INTERVAL_PER_TOPIC.saturating_mul(asked_for);
        let interval = match last.has_others() {
            true => SECOND_LOOK_INTERVAL,
            false => LOOK_INTERVAL,
        };
        tokio::time::sleep(interval + more).await;
        let group = consumer.group();
        let ours = group.incarnations.list_read(group.assignment.list_topics());
        asked_for = u32::try_from(ours.len()).unwrap_or(u32::MAX);
        if ours.is_empty() {
            continue;
        }
        let topics = topics.clone();
        let asked = ask_kafka(move || {
            let names: Vec<&str> = ours.iter().map(|name| &**name).collect();
            topics.ids(&names)
        });
        let Ok(ids) = asked.await else {
            continue;
        };
        let (mut others, now) = (group.incarnations.list_others(&ids), Instant::now());
        others.retain(|topic, id| pauses.may_leave(topic, *id, now));
        let recreated = last.note_next(others);
        if !recreated.is_empty() {
            return recreated;
        }
    }
}
