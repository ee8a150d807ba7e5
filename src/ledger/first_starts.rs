//! Where partitions begin that this destination never had, as `kafka.start` says. It is settled for all topics that are
//! met for the first time in one transaction, as watermarks, before any of them is read: from then on a restart, a
//! rebalance and another process find it there, and nobody decides anew.
//!
//! Why: `docs/decisions/01`.

use std::collections::HashSet;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::config::{StartAt, TopicPattern};
use crate::ledger::resume::LogState;
use crate::postgres::settings::begin_pinned;
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::sql::quote;
use crate::verdict::Failure;

/// The topics that `kafka.start` has nothing to say of.
#[derive(Default)]
pub struct MetTopics {
    /// Those that were read before.
    known: HashSet<String>,
    /// What was asked for before: topics of these that weren't there then were created since.
    asked_for: Vec<TopicPattern>,
    /// The same as it is written; `None`: nothing was settled for the group yet.
    asked_before: Option<Vec<String>>,
    /// Something was settled for the group here, or read.
    is_group_known: bool,
}

/// What is asked for from now on, if nobody has entered anything since it was read what was asked for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFor {
    /// `kafka.topics`.
    pub now: Vec<String>,
    /// What was read; `None`: nothing was there.
    pub before: Option<Vec<String>>,
}

/// A topic that is met for the first time, and where its partitions begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstStart {
    /// The topic's name.
    pub topic: String,
    /// Which topic of this name it is; `None`: the broker doesn't tell.
    pub topic_id: Option<Uuid>,
    /// How many partitions it has: those that come later begin at their beginning.
    pub partitions: i32,
    /// Where these of them begin; all others begin at their beginning.
    pub offsets: Vec<(i32, i64)>,
}

/// What an operator must know and can do when `kafka.start = "group"` finds nothing of topics that have records, at the take-over.
pub fn uncommitted_message(group: &str, topics: &str) -> String {
    format!(
        "the group {group} has committed nothing of {topics}: is it the right one? A connector's is connect-<its name>, and offsets expire once \
         a group has been idle. Set kafka.group to the group that is taken over from; or commit where to begin: kafka-consumer-groups \
         --group {group} --topic … --reset-offsets --to-earliest --execute; or set kafka.start = \"earliest\", to have all topics from their beginning"
    )
}

/// Where a partition begins of a topic that is met for the first time. `None`: at its beginning, wherever that is by then.
/// `is_own`: Landfall itself has committed the group's offset. It says what reached a destination whose bookkeeping is lost or
/// restored by now, and what this one may lack.
pub fn find_first_start(start: StartAt, log: &LogState, is_own: bool) -> Option<i64> {
    match start {
        StartAt::Earliest => None,
        StartAt::Group => log.committed.filter(|_| !is_own),
        StartAt::Latest => Some(log.high),
    }
}

impl MetTopics {
    /// Reads which topics were met before.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn read_met(
        client: &impl UnnamedStatements,
        schema: &str,
        group: &str,
        start: StartAt,
    ) -> Result<Self, Failure> {
        let schema = quote(schema);
        let sql = format!(
            "SELECT topic FROM {schema}.topics UNION SELECT topic FROM {schema}.partitions"
        );
        let rows = client.query_typed(&sql, &[]).await?;
        let mut met = Self {
            known: rows.iter().map(|row| row.get(0)).collect(),
            ..Self::default()
        };
        if start == StartAt::Earliest {
            return Ok(met);
        }
        let sql = format!(
            "SELECT (SELECT topics FROM {schema}.asked_topics WHERE consumer_group = $1), \
             EXISTS (SELECT FROM {schema}.partitions WHERE consumer_group = $1)"
        );
        let row = client
            .query_typed_one(&sql, &[(&group, Type::TEXT)])
            .await?;
        met.asked_before = row.get(0);
        met.is_group_known = met.asked_before.is_some() || row.get(1);
        if start == StartAt::Latest {
            let texts = met.asked_before.iter().flatten();
            let patterns = texts.filter_map(|text| TopicPattern::read(text));
            met.asked_for = patterns.collect();
        }
        Ok(met)
    }

    /// Whether `kafka.start = "group"` takes the group over from another sink now, so that it has committed something of what
    /// is there. What comes later is new at the source, and nobody has read it.
    pub fn is_take_over(&self) -> bool {
        !self.is_group_known
    }

    /// What was asked for when this was read.
    pub fn asked_before(&self) -> Option<&Vec<String>> {
        self.asked_before.as_ref()
    }

    /// How many of the `wanted` topics were read before: `kafka.start` says nothing of them.
    pub fn count_known(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.known.iter().filter(|topic| wanted(topic)).count()
    }

    /// Whether `kafka.start` decides where the topic's partitions begin.
    pub fn is_met_first(&self, topic: &str) -> bool {
        let mut asked_for = self.asked_for.iter();
        !self.known.contains(topic) && !asked_for.any(|pattern| pattern.matches_topic(topic))
    }
}

/// Enters where the partitions of topics begin, and what is asked for, all or nothing. Returns the names of those topics that
/// nobody has entered before; `None`: another process has settled starts for the group meanwhile, and nothing is entered, as what
/// was created since then isn't what was there at the first start.
///
/// # Errors
/// As Postgres says.
pub async fn enter_first_starts(
    client: &mut Object,
    schema: &str,
    group: &str,
    starts: &[FirstStart],
    asked_for: Option<&AskedFor>,
) -> Result<Option<HashSet<String>>, Failure> {
    let schema = &quote(schema);
    let tx = begin_pinned(client).await?;
    let entered = enter_topics(&tx, schema, starts).await?;
    for start in starts.iter().filter(|it| entered.contains(&it.topic)) {
        enter_watermarks(&tx, schema, group, start).await?;
    }
    if let Some(asked_for) = asked_for
        && !enter_asked(&tx, schema, group, asked_for).await?
    {
        return Ok(None); // dropped, it is rolled back
    }
    tx.commit().await?;
    Ok(Some(entered))
}

/// Returns whether what was asked for before is still what it was.
async fn enter_asked(
    tx: &Transaction<'_>,
    schema: &str,
    group: &str,
    asked_for: &AskedFor,
) -> Result<bool, Failure> {
    let sql = match asked_for.before {
        None => format!(
            "INSERT INTO {schema}.asked_topics (consumer_group, topics) \
             SELECT $1, $2 WHERE $3::text[] IS NULL ON CONFLICT DO NOTHING"
        ),
        Some(_) => format!(
            "UPDATE {schema}.asked_topics SET topics = $2 WHERE consumer_group = $1 AND topics = $3"
        ),
    };
    let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
        (&group, Type::TEXT),
        (&asked_for.now, Type::TEXT_ARRAY),
        (&asked_for.before, Type::TEXT_ARRAY),
    ];
    Ok(tx.execute_typed(&sql, &parameters).await? > 0)
}

/// Returns the names of those that weren't there.
async fn enter_topics(
    tx: &Transaction<'_>,
    schema: &str,
    starts: &[FirstStart],
) -> Result<HashSet<String>, Failure> {
    // in one order, so that of two processes one waits for the other
    let mut topics: Vec<&FirstStart> = starts.iter().collect();
    topics.sort_unstable_by(|one, other| one.topic.cmp(&other.topic));
    let names: Vec<&str> = topics.iter().map(|it| it.topic.as_str()).collect();
    let ids: Vec<Option<Uuid>> = topics.iter().map(|it| it.topic_id).collect();
    let counts: Vec<i32> = topics.iter().map(|it| it.partitions).collect();
    let sql = format!(
        "INSERT INTO {schema}.topics (topic, topic_id, partition_count) \
         SELECT * FROM unnest($1::text[], $2::uuid[], $3::int[]) ON CONFLICT DO NOTHING RETURNING topic"
    );
    let topics: [(&(dyn ToSql + Sync), Type); 3] = [
        (&names, Type::TEXT_ARRAY),
        (&ids, Type::UUID_ARRAY),
        (&counts, Type::INT4_ARRAY),
    ];
    let rows = tx.query_typed(&sql, &topics).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn enter_watermarks(
    tx: &Transaction<'_>,
    schema: &str,
    group: &str,
    start: &FirstStart,
) -> Result<(), Failure> {
    let (numbers, offsets): (Vec<i32>, Vec<i64>) = start.offsets.iter().copied().unzip();
    let sql = format!(
        "INSERT INTO {schema}.partitions (topic, partition, topic_id, next_offset, batch, consumer_group, full_ids_since, started_at) \
         SELECT $1, number, $2, begins, gen_random_uuid(), $3, 0, begins \
         FROM unnest($4::int[], $5::bigint[]) AS u(number, begins) ON CONFLICT DO NOTHING"
    );
    let watermarks: [(&(dyn ToSql + Sync), Type); 5] = [
        (&start.topic, Type::TEXT),
        (&start.topic_id, Type::UUID),
        (&group, Type::TEXT),
        (&numbers, Type::INT4_ARRAY),
        (&offsets, Type::INT8_ARRAY),
    ];
    tx.execute_typed(&sql, &watermarks).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(committed: Option<i64>) -> LogState {
        LogState {
            topic_id: None,
            low: 3,
            high: 90,
            committed,
        }
    }

    #[test]
    fn a_partition_begins_where_the_configuration_says_and_else_at_its_beginning() {
        let find = |start, committed| find_first_start(start, &log(committed), false);
        assert_eq!(find(StartAt::Earliest, Some(50)), None);
        assert_eq!(find(StartAt::Group, Some(50)), Some(50));
        assert_eq!(find(StartAt::Group, None), None);
        assert_eq!(find(StartAt::Latest, Some(50)), Some(90));
    }

    #[test]
    fn an_offset_that_landfall_has_committed_itself_is_not_where_a_new_destination_begins() {
        let own = |start| find_first_start(start, &log(Some(50)), true);
        assert_eq!(own(StartAt::Group), None);
        assert_eq!(own(StartAt::Latest), Some(90));
    }

    #[test]
    fn a_topic_that_was_read_or_asked_for_before_is_not_met_first() {
        let met = MetTopics {
            known: HashSet::from(["orders".to_owned()]),
            asked_for: vec![TopicPattern::read("^shop[.]").unwrap()],
            ..MetTopics::default()
        };
        assert!(!met.is_met_first("orders") && !met.is_met_first("shop.new"));
        assert!(met.is_met_first("other"));
    }
}
