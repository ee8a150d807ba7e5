//! An event's place in its transaction, which sources send with `provide.transaction.metadata=true`.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

/// Which transaction of its source an event is of, and the how-manieth it is there. Texts of JSON.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct TransactionOrder<'r> {
    /// The source's name for the transaction.
    #[serde(borrow, deserialize_with = "raw_text")]
    pub id: &'r str,
    /// Among all the transaction's events, those of other tables included.
    #[serde(borrow, deserialize_with = "raw_text")]
    pub total_order: &'r str,
}

fn raw_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de str, D::Error> {
    <&RawValue>::deserialize(deserializer).map(RawValue::get)
}

impl<'r> TransactionOrder<'r> {
    /// Reads an envelope's `transaction`. `None` where it tells no order.
    pub fn from_json(transaction: &'r str) -> Option<Self> {
        let order: Self = serde_json::from_str(transaction).ok()?;
        let is_told = |raw: &str| raw != "null" && raw != "\"\"";
        (is_told(order.id) && is_told(order.total_order)).then_some(order)
    }
}
