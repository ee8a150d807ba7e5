//! Events of a service's own in Protobuf, whose keys are plain text.

use serde_json::json;

use super::{land, read_again, registry, sample_world, send, topic};
use crate::support::Event;
use crate::support::protobuf::{Encoder, row_schema};

const ROWS: &str = "SELECT concat_ws('|', id, version, price, day) FROM prices ORDER BY id";

#[tokio::test]
async fn protobuf_with_keys_of_plain_text_lands_and_a_withdrawn_price_is_gone() {
    let mut world = sample_world("service-protobuf", "pricing").await;
    let encoder = Encoder::register(&registry(), &topic(&world, "pricing.prices"), &row_schema());
    let keyed = |event: Event, id: i64| Event {
        key: Some(id.to_string().into_bytes()),
        ..event
    };
    let price = |id: i64, version: i64| {
        let row = json!({ "id": id, "version": version, "day": { "year": 2024, "month": 10, "day": 4 },
            "price": { "value": [1, 0xf4], "scale": 2 } });
        let event = Event::raw(&json!({ "id": id }).to_string(), &row.to_string());
        keyed(encoder.encode(&event), id)
    };
    let events = [
        price(1, 1),
        price(2, 1),
        price(1, 2),
        keyed(Event::default(), 2),
    ];
    send(&mut world, "pricing.prices", &events).await;
    land(&world).await;
    assert_eq!(world.texts(ROWS).await, ["1|2|5.00|2024-10-04"]);
    read_again(&world, &["prices"]).await;
}
