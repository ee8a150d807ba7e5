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

fn give_up(producer: &LastingProducer) {
    let client = producer.0.client.lock().clone();
    let code = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    // SAFETY: the client lives; the text is copied.
    unsafe {
        rd::rd_kafka_test_fatal_error(client.client().native_ptr(), code, c"no id".as_ptr());
    }
}

async fn send(producer: &LastingProducer) -> KafkaResult<Delivery> {
    let record = FutureRecord::to("letters").payload(&b"letter"[..]);
    producer.send(record, Duration::from_secs(20)).await
}

#[tokio::test]
async fn what_was_given_up_says_why_and_soon_takes_records_again() {
    let producer = producer();
    assert_eq!(send(&producer).await.unwrap().offset, 0);
    for _ in 0..2 {
        give_up(&producer);
        let error = send(&producer).await.unwrap_err();
        let end = RDKafkaErrorCode::ClusterAuthorizationFailed;
        assert_eq!(error.rdkafka_error_code(), Some(end));
        let again = async {
            loop {
                match send(&producer).await {
                    Ok(sent) => return sent,
                    Err(error) => assert_eq!(error.rdkafka_error_code(), Some(end)),
                }
                tokio::task::yield_now().await;
            }
        };
        let sent = tokio::time::timeout(Duration::from_secs(60), again).await;
        assert_eq!(sent.unwrap().offset, 0, "each client has its own cluster");
    }
}
