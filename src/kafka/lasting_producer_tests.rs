#![allow(unsafe_code)]

use rdkafka::bindings as rd;

use super::*;
use crate::config::Config;
use crate::kafka::client::client_properties;

/// On a cluster that librdkafka plays.
fn producer() -> LastingProducer {
    let minimal = include_str!("../../config/minimal.toml");
    let mut properties = client_properties(&Config::parse(minimal).unwrap());
    properties
        .set("test.mock.num.brokers", "1")
        .set("enable.idempotence", "true");
    LastingProducer::new(&properties).unwrap()
}

async fn give_up(producer: &LastingProducer) {
    let client = producer.client.lock().await;
    let code = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    // SAFETY: the client lives; the text is copied.
    unsafe {
        rd::rd_kafka_test_fatal_error(client.client().native_ptr(), code, c"no id".as_ptr());
    }
}

#[tokio::test]
async fn what_was_given_up_takes_records_again() {
    let producer = producer();
    for _ in 0..2 {
        let record = FutureRecord::to("letters").payload(&b"letter"[..]);
        let sent = producer.send(record, Duration::from_secs(20)).await;
        assert_eq!(sent.unwrap().offset, 0, "each client has its own cluster");
        give_up(&producer).await;
    }
}

#[tokio::test]
async fn of_a_client_that_is_given_up_it_is_told_why() {
    let producer = producer();
    let client = producer.usable_client().await.unwrap();
    give_up(&producer).await;
    assert_eq!(
        find_end(&client),
        Some(RDKafkaErrorCode::ClusterAuthorizationFailed)
    );
}
