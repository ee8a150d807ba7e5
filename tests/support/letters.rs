//! What `landfall.dead_letters` and the dead letter topic hold.

use rdkafka::message::OwnedMessage;

use super::World;

impl World {
    /// A line for each row, oldest first: the key's `id`, reason and state.
    pub async fn letters(&self) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', key::json ->> 'id', reason, state) FROM landfall.dead_letters ORDER BY id";
        let rows = self.db.query(sql, &[]).await.expect("the table is there");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every record of the dead letter topic.
    pub async fn published(&self) -> Vec<OwnedMessage> {
        self.kafka.read_all(&self.dead_letter_topic()).await
    }

    /// A line for each row of `t`: id, version and body.
    pub async fn rows(&self) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', id, version, body) FROM t ORDER BY id";
        let rows = self.db.query(sql, &[]).await.expect("the table is there");
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub async fn sql(&self, sql: &str) {
        self.db
            .batch_execute(sql)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
}
