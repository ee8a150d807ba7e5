//! Kafka's ids of topics: a topic that is deleted and created again has another id. librdkafka
//! itself goes on reading at the old offset if the new topic is long enough (the FIXME in its
//! `rd_kafka_topic_metadata_update0`), so Landfall asks.
//!
//! rdkafka has no safe call for DescribeTopics yet; this file is the only one with unsafe code.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::bindings as rd;
use rdkafka::client::Client;
use uuid::Uuid;

use crate::config::Config;
use crate::kafka::client::{self, Context};
use crate::record::TopicPartition;

/// What the broker says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicId {
    Known(Uuid),
    /// The broker tells no ids.
    Untold,
    /// There is no such topic now.
    Gone,
}

impl TopicId {
    pub fn known(self) -> Option<Uuid> {
        match self {
            TopicId::Known(id) => Some(id),
            _ => None,
        }
    }
}

/// How long Kafka may take to answer.
const ASK: Duration = Duration::from_secs(10);

/// Asks Kafka about topics, over connections of its own: on the consumer's, a question would queue
/// behind a fetch that waits for records (500 ms). Its calls block their thread.
#[derive(Clone)]
pub struct Topics(Arc<AdminClient<Context>>);

impl Topics {
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(config: &Config) -> Result<Self, String> {
        let admin = client::plain(config).create_with_context(Context);
        Ok(Self(Arc::new(admin.map_err(|e| client::refused(&e))?)))
    }

    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn ids(&self, topics: &[&str]) -> Result<HashMap<String, TopicId>, String> {
        describe(self.0.inner(), topics, ASK)
    }

    /// Every partition of the topics that are `wanted`.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn partitions(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<TopicPartition>, String> {
        let metadata = self.0.inner().fetch_metadata(None, ASK);
        let metadata = metadata.map_err(|e| format!("Kafka can't be asked for its topics: {e}"))?;
        let topics = metadata
            .topics()
            .iter()
            .filter(|topic| wanted(topic.name()));
        let partitions = topics.flat_map(|topic| {
            let name: Arc<str> = topic.name().into();
            let ids = topic.partitions().iter().map(|p| p.id());
            ids.map(move |partition| TopicPartition {
                topic: name.clone(),
                partition,
            })
        });
        Ok(partitions.collect())
    }

    /// The first offset that is still in the log, and the next one to be written.
    ///
    /// # Errors
    /// No broker answered in time, or it refused.
    pub fn log_ends(&self, source: &TopicPartition) -> Result<(i64, i64), String> {
        let ends = self
            .0
            .inner()
            .fetch_watermarks(&source.topic, source.partition, ASK);
        ends.map_err(|e| format!("Kafka can't be asked about {source}: {e}"))
    }
}

/// Asks for the ids of topics. Blocks its thread, `timeout` at most.
///
/// # Errors
/// No broker answered in time, or it refused.
///
/// # Safety of the calls within
/// The handle lives as long as `client` is borrowed. Everything that is created here is destroyed
/// here; what `rd_kafka_event_DescribeTopics_result` and the accessors return belongs to the event
/// and isn't used after it.
fn describe(
    client: &Client<Context>,
    topics: &[&str],
    timeout: Duration,
) -> Result<HashMap<String, TopicId>, String> {
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
            return Err("Kafka did not answer a DescribeTopics request in time".into());
        }
        if rd::rd_kafka_event_error(event.0) != rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return Err(format!(
                "Kafka refused a DescribeTopics request: {}",
                text(rd::rd_kafka_event_error_string(event.0))
            ));
        }
        let result = rd::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err("Kafka answered a DescribeTopics request with something else".into());
        }
        let mut count = 0;
        let found = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        let mut ids = HashMap::new();
        for at in 0..count {
            let description = *found.add(at);
            let name = text(rd::rd_kafka_TopicDescription_name(description));
            ids.insert(
                name.clone(),
                id_of(description).map_err(|e| format!("topic {name}: {e}"))?,
            );
        }
        Ok(ids)
    }
}

unsafe fn id_of(description: *const rd::rd_kafka_TopicDescription_t) -> Result<TopicId, String> {
    use rd::rd_kafka_resp_err_t as code;
    unsafe {
        let error = rd::rd_kafka_TopicDescription_error(description);
        if !error.is_null() {
            match rd::rd_kafka_error_code(error) {
                code::RD_KAFKA_RESP_ERR_NO_ERROR => {}
                code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                | code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC => return Ok(TopicId::Gone),
                _ => return Err(text(rd::rd_kafka_error_string(error))),
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

unsafe fn text(c: *const c_char) -> String {
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
