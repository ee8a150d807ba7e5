//! Kafka's ids of topics: a topic that is deleted and created again has another id. librdkafka
//! itself goes on reading at the old offset if the new topic is long enough (the FIXME in its
//! `rd_kafka_topic_metadata_update0`), so Landfall asks.
//!
//! rdkafka has no safe call for DescribeTopics yet; so this file and `leader_epochs` have unsafe code.
//!
//! Why: `docs/decisions/02`.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as code;
use rdkafka::client::{Client, ClientContext};
use uuid::Uuid;

use crate::kafka::error::Error;

/// What the broker says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicId {
    /// The topic's id, which no other topic has, nor had.
    Known(Uuid),
    /// The broker tells no ids.
    Untold,
    /// There is no such topic now.
    Gone,
}

impl TopicId {
    /// The id, if the broker told one.
    pub fn known(self) -> Option<Uuid> {
        match self {
            TopicId::Known(id) => Some(id),
            _ => None,
        }
    }
}

/// A topic as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedTopic {
    /// Which topic of this name it is.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// The numbers of those partitions that no broker leads now: nothing of them can be read.
    pub offline: Vec<i32>,
    /// What we may do with it, if that was asked for and is told.
    pub rights: Option<TopicRights>,
}

/// What we may do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicRights {
    pub may_read: bool,
    pub may_write: bool,
}

/// Whether our rights are asked for, which costs the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskRights {
    Yes,
    No,
}

/// Asks a broker for the ids of topics, and how many partitions they have. Blocks its thread, `timeout` at most.
///
/// # Errors
/// The broker didn't answer in time, or it refused.
///
/// # Safety of the calls within
/// The handle lives as long as `client` is borrowed. Everything that is created here is destroyed
/// here; what `rd_kafka_event_DescribeTopics_result` and the accessors return belongs to the event
/// and isn't used after it.
pub(super) fn describe_topics(
    client: &Client<impl ClientContext>,
    topics: &[&str],
    rights: AskRights,
    broker: i32,
    timeout: Duration,
) -> Result<HashMap<String, DescribedTopic>, Error> {
    let client = client.native_ptr();
    let names: Vec<CString> = topics
        .iter()
        .filter_map(|t| CString::new(*t).ok())
        .collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|n| n.as_ptr()).collect();
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    unsafe {
        let queue = Owned(rd::rd_kafka_queue_new(client), rd::rd_kafka_queue_destroy);
        let options = Owned(
            rd::rd_kafka_AdminOptions_new(
                client,
                rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            rd::rd_kafka_AdminOptions_destroy,
        );
        rd::rd_kafka_AdminOptions_set_request_timeout(options.0, millis, std::ptr::null_mut(), 0);
        rd::rd_kafka_AdminOptions_set_broker(options.0, broker, std::ptr::null_mut(), 0);
        if rights == AskRights::Yes {
            let refused = rd::rd_kafka_AdminOptions_set_include_authorized_operations(options.0, 1);
            drop(Owned(refused, rd::rd_kafka_error_destroy));
        }
        let collection = Owned(
            rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            rd::rd_kafka_TopicCollection_destroy,
        );
        rd::rd_kafka_DescribeTopics(client, collection.0, options.0, queue.0);
        let event = Owned(
            rd::rd_kafka_queue_poll(queue.0, millis.saturating_add(1_000)),
            rd::rd_kafka_event_destroy,
        );
        if event.0.is_null() {
            return Err(Error::TopicIdsUnanswered);
        }
        match rd::rd_kafka_event_error(event.0) {
            code::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            code::RD_KAFKA_RESP_ERR__TIMED_OUT
            | code::RD_KAFKA_RESP_ERR__TRANSPORT
            | code::RD_KAFKA_RESP_ERR__DESTROY_BROKER => {
                return Err(Error::TopicIdsUnanswered);
            }
            _ => {
                let refusal = copy_text(rd::rd_kafka_event_error_string(event.0));
                return Err(Error::TopicIdsRefused(refusal));
            }
        }
        let result = rd::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err(Error::TopicIdsMisunderstood);
        }
        read_descriptions(result)
    }
}

/// What an answer says of each topic.
unsafe fn read_descriptions(
    result: *const rd::rd_kafka_DescribeTopics_result_t,
) -> Result<HashMap<String, DescribedTopic>, Error> {
    let mut topics = HashMap::new();
    unsafe {
        let mut count = 0;
        let found = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        for at in 0..count {
            let description = *found.add(at);
            let topic = copy_text(rd::rd_kafka_TopicDescription_name(description));
            match id_of(description) {
                Ok(id) => topics.insert(
                    topic,
                    DescribedTopic {
                        id,
                        partitions: count_partitions(description),
                        offline: list_offline(description),
                        rights: read_rights(description),
                    },
                ),
                Err((is_hidden, refusal)) => {
                    return Err(Error::TopicIdRefused {
                        topic,
                        refusal,
                        is_hidden,
                    });
                }
            };
        }
    }
    Ok(topics)
}

/// The id in a topic's description; the error says in the broker's words why there is none, and whether that is as we may not
/// know of the topic.
unsafe fn id_of(
    description: *const rd::rd_kafka_TopicDescription_t,
) -> Result<TopicId, (bool, String)> {
    unsafe {
        let error = rd::rd_kafka_TopicDescription_error(description);
        if !error.is_null() {
            match rd::rd_kafka_error_code(error) {
                code::RD_KAFKA_RESP_ERR_NO_ERROR => {}
                code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC => return Ok(TopicId::Gone),
                refused => {
                    let is_hidden = refused == code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
                    return Err((is_hidden, copy_text(rd::rd_kafka_error_string(error))));
                }
            }
        }
        let id = rd::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return Ok(TopicId::Untold);
        }
        let half = |bits: i64| u64::from_ne_bytes(bits.to_ne_bytes());
        let (high, low) = (
            rd::rd_kafka_Uuid_most_significant_bits(id),
            rd::rd_kafka_Uuid_least_significant_bits(id),
        );
        let id = Uuid::from_u64_pair(half(high), half(low));
        Ok(if id.is_nil() {
            TopicId::Untold
        } else {
            TopicId::Known(id)
        })
    }
}

/// How many partitions a topic's description tells; 0 if it describes none.
unsafe fn count_partitions(description: *const rd::rd_kafka_TopicDescription_t) -> i32 {
    let mut count = 0;
    unsafe { rd::rd_kafka_TopicDescription_partitions(description, &mut count) };
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The partitions in a topic's description that have no leader.
unsafe fn list_offline(description: *const rd::rd_kafka_TopicDescription_t) -> Vec<i32> {
    let mut count = 0;
    unsafe {
        let partitions = rd::rd_kafka_TopicDescription_partitions(description, &mut count);
        let partitions = (0..count).map(|at| *partitions.add(at));
        let offline = partitions.filter(|p| rd::rd_kafka_TopicPartitionInfo_leader(*p).is_null());
        offline
            .map(|p| rd::rd_kafka_TopicPartitionInfo_partition(p))
            .collect()
    }
}

/// `None` where the broker tells no rights.
unsafe fn read_rights(description: *const rd::rd_kafka_TopicDescription_t) -> Option<TopicRights> {
    use rd::rd_kafka_AclOperation_t as operation;
    let mut count = 0;
    unsafe {
        let allowed = rd::rd_kafka_TopicDescription_authorized_operations(description, &mut count);
        if allowed.is_null() {
            return None;
        }
        let may = |wanted| (0..count).any(|at| *allowed.add(at) == wanted);
        Some(TopicRights {
            may_read: may(operation::RD_KAFKA_ACL_OPERATION_READ),
            may_write: may(operation::RD_KAFKA_ACL_OPERATION_WRITE),
        })
    }
}

unsafe fn copy_text(c: *const c_char) -> String {
    if c.is_null() {
        String::new()
    } else {
        unsafe { CStr::from_ptr(c) }.to_string_lossy().into_owned()
    }
}

/// A C object and what destroys it.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            unsafe { (self.1)(self.0) }
        }
    }
}
