//! Which topics lead to which destination tables, as far as is known. Where a row's changes can come through
//! several partitions, their order is that of the source's log, and positions are asked for; elsewhere a
//! partition's order is all there is to know, and nothing is.
//!
//! Why: `docs/decisions/21`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::RowShape;
use crate::format::change::Fields;
use crate::format::column_name::may_stand_for;
use crate::format::respelled::RespelledColumn;
use crate::format::source_position::SourceId;
use crate::locked::Locked;
use crate::table_name::TableName;

/// A topic, and a destination table that its events lead to.
pub type Feed = (TableName, Arc<str>);

/// Whether changes of one row of a table can come through several topics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merging {
    /// Nobody has looked yet which topics there are.
    #[default]
    Unlearned,
    /// One topic leads to the table.
    One,
    /// One topic leads to it as yet, and others may: another topic's name sounds like it, or the route's pattern
    /// may match more.
    MayCome,
    /// Several do.
    Several,
}

/// What is known of a topic's way to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFacts {
    /// Whether other topics lead to the same table.
    pub merging: Merging,
    /// How many partitions the topic has.
    pub partitions: i32,
    /// The table's key columns that hold differently spelled values equal, if it has any.
    pub respelled: Option<Arc<[RespelledColumn]>>,
    /// A partition of the topic was begun before those that may have earlier changes of its rows.
    pub gave_way: bool,
}

impl FeedFacts {
    /// Whether such keys may be spelled in several ways for one row: its records have several keys then, each of which
    /// may be in another partition. `shape`: which columns the key's fields have.
    pub fn keeps_spelling_of(&self, key: &Fields<'_>, shape: &RowShape) -> bool {
        let Some(columns) = &self.respelled else {
            return false;
        };
        key.iter().enumerate().any(|(at, (name, raw))| {
            let named = shape.column_of(name);
            let is_named = |column: &&RespelledColumn| {
                column.name == named || may_stand_for(named, &column.name)
            };
            let column = columns.iter().find(is_named);
            column.is_some_and(|column| column.is_spelled_freely(|| key.field_of(at, name), raw))
        })
    }
}

/// A topic that leads to a table, and why that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// Its name sounds like it.
    Name,
    /// A route says so, or its events did.
    Certain,
}

/// Shared by the lanes of a worker.
#[derive(Debug, Default)]
pub struct MergedTables {
    /// Grows whenever something new is known, of whatever topic.
    version: AtomicU64,
    has_unlearned: AtomicBool,
    known: Locked<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By table: the topics that lead to it.
    topics: HashMap<TableName, HashMap<Arc<str>, Evidence>>,
    /// By topic: the tables that it leads to.
    tables: HashMap<Arc<str>, HashSet<TableName>>,
    /// Which topics there are has been looked at, so that it can be expected what else leads where.
    is_listed: bool,
    /// The topics that Kafka had when it was asked last.
    there: HashSet<Arc<str>>,
    /// By topic: how many partitions it has.
    partitions: HashMap<Arc<str>, i32>,
    /// By topic: the highest partition because of which Kafka was asked again.
    asked: HashMap<Arc<str>, i32>,
    /// The ways that have been looked at.
    learned: HashSet<Feed>,
    /// Tables that one topic was known to lead to as its rows were landed: without positions.
    unpositioned: HashSet<TableName>,
    sources: HashSet<SourceId>,
    /// By table: its key columns that hold differently spelled values equal.
    respelled: HashMap<TableName, Arc<[RespelledColumn]>>,
    /// Tables of such keys that have got events without a position.
    unplaced: HashSet<TableName>,
    /// Topics of which a partition was begun before those that may have earlier changes of its rows.
    gave_way: HashSet<Arc<str>>,
    unlearned: Unlearned,
    /// What those were told who asked about a way.
    told: HashMap<Feed, FeedFacts>,
    /// By topic: what the version became when what had been told of one of its ways was so no more.
    outdated_at: HashMap<Arc<str>, u64>,
}

/// What lanes have met that nobody has looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlearned {
    /// Topics and the tables that they lead to.
    pub feeds: BTreeSet<Feed>,
    /// Sources, with their names for people.
    pub sources: HashMap<SourceId, String>,
    /// Tables whose keys may change their spelling, and whose events tell no position.
    pub unplaced: BTreeSet<TableName>,
}

impl Unlearned {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty() && self.sources.is_empty() && self.unplaced.is_empty()
    }
}

impl MergedTables {
    /// What is known changes only when this does.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What is known of a topic's way to a table; it is noted that somebody should look, if nobody has. Until then it is
    /// what the cluster's topics lead to expect, which is what it nearly always comes to.
    pub fn find_facts(&self, table: &TableName, topic: &Arc<str>) -> FeedFacts {
        let mut known = self.known.lock();
        let feed = (table.clone(), topic.clone());
        let facts = known.facts_of(&feed);
        if !known.learned.contains(&feed) {
            known.unlearned.feeds.insert(feed.clone());
            self.has_unlearned.store(true, Ordering::Release);
        }
        known.told.insert(feed, facts.clone());
        facts
    }

    /// Whether anything that was told of one of these topics since the version was `decoded_at`, or before, is so no more.
    pub fn is_outdated<'t>(
        &self,
        decoded_at: u64,
        topics: impl IntoIterator<Item = &'t Arc<str>>,
    ) -> bool {
        if self.version() == decoded_at {
            return false;
        }
        let known = self.known.lock();
        let outdated_at = |topic: &Arc<str>| known.outdated_at.get(topic).copied();
        let mut outdated = topics.into_iter().filter_map(outdated_at);
        outdated.any(|at| at > decoded_at)
    }

    /// Something new is known that may change what was told of the ways that are `concerned`. Returns the version that it
    /// became with that.
    fn note_news(&self, known: &mut Known, concerned: impl Fn(&Feed) -> bool) -> u64 {
        let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
        let mut told = std::mem::take(&mut known.told);
        for (feed, told) in told.iter_mut().filter(|(feed, _)| concerned(feed)) {
            let facts = known.facts_of(feed);
            if *told != facts {
                *told = facts;
                known.outdated_at.insert(feed.1.clone(), version);
            }
        }
        known.told = told;
        version
    }

    /// Notes that a partition of the topic is begun before those that may have earlier changes of its rows: from here on
    /// these are put in order by their source. Returns whether that is news.
    pub fn note_gave_way(&self, topic: &Arc<str>) -> bool {
        let mut known = self.known.lock();
        let is_news = known.gave_way.insert(topic.clone());
        if is_news {
            let version = self.note_news(&mut known, |(_, of)| of == topic);
            known.outdated_at.insert(topic.clone(), version);
        }
        is_news
    }

    /// Whether events of the topic may be of the table, as far as is known: not if they are of another one alone.
    pub fn may_lead_to(&self, topic: &str, table: &TableName) -> bool {
        let only = self.find_only_table(topic);
        only.is_none_or(|only| only == *table)
    }

    /// The table that all events of the topic are of, as far as is known: they may be of any, if there is none.
    pub fn find_only_table(&self, topic: &str) -> Option<TableName> {
        let known = self.known.lock();
        let mut tables = known.tables.get(topic)?.iter();
        match (tables.next(), tables.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    }

    /// Whether Kafka had the topic when it was asked last.
    pub fn is_there(&self, topic: &str) -> bool {
        self.known.lock().there.contains(topic)
    }

    /// Learns which topics Kafka has.
    pub fn note_topics(&self, there: impl Iterator<Item = Arc<str>>) {
        self.known.lock().there = there.collect();
    }

    /// Learns which of a table's key columns hold differently spelled values equal.
    pub fn learn_respelled(&self, table: &TableName, columns: Vec<RespelledColumn>) {
        let mut known = self.known.lock();
        let before = known.respelled.get(table);
        if before.map_or(&[][..], |before| &**before) == columns {
            return;
        }
        if columns.is_empty() {
            known.respelled.remove(table);
        } else {
            known.respelled.insert(table.clone(), columns.into());
        }
        self.note_news(&mut known, |(of, _)| of == table);
    }

    /// Notes that events of a table whose keys may change their spelling tell no position.
    pub fn note_unplaced(&self, table: &TableName) {
        let mut known = self.known.lock();
        if known.unplaced.insert(table.clone()) {
            known.unlearned.unplaced.insert(table.clone());
            self.has_unlearned.store(true, Ordering::Release);
        }
    }

    /// Notes that a record came through a partition of a topic that wasn't known to have it. Kafka is asked once: if
    /// it doesn't know the partition either, the topic was created anew with fewer, and the record is left over.
    pub fn note_grown(&self, table: &TableName, topic: &Arc<str>, partition: i32) {
        let mut known = self.known.lock();
        let asked = known.asked.get(topic);
        if asked.is_some_and(|asked| *asked >= partition) {
            known.partitions.insert(topic.clone(), partition + 1);
        } else {
            known.asked.insert(topic.clone(), partition);
            let feed = (table.clone(), topic.clone());
            known.learned.remove(&feed);
            known.partitions.remove(topic);
            known.unlearned.feeds.insert(feed);
            self.has_unlearned.store(true, Ordering::Release);
        }
        self.note_news(&mut known, |(_, of)| of == topic);
    }

    /// Notes a source that positions came from.
    pub fn note_source(&self, id: SourceId, name: &str) {
        let mut known = self.known.lock();
        if known.sources.insert(id) {
            known.unlearned.sources.insert(id, name.to_owned());
            self.has_unlearned.store(true, Ordering::Release);
        }
    }

    /// What is to be looked at, if there is anything; it stays noted until it is learned.
    pub fn unlearned(&self) -> Option<Unlearned> {
        if !self.has_unlearned.load(Ordering::Acquire) {
            return None;
        }
        let unlearned = self.known.lock().unlearned.clone();
        (!unlearned.is_empty()).then_some(unlearned)
    }

    /// Whether the number of the topic's partitions is known.
    pub fn knows_partitions(&self, topic: &str) -> bool {
        self.known.lock().partitions.contains_key(topic)
    }

    /// Learns how many partitions a topic has, and not which others there are.
    pub fn learn_partitions(&self, topic: &Arc<str>, count: i32) {
        let mut known = self.known.lock();
        known.partitions.insert(topic.clone(), count);
        self.note_news(&mut known, |(_, of)| of == topic);
    }

    /// Learns which topics there are, how many partitions they have, and where they are expected to lead.
    pub fn learn_topics(
        &self,
        partitions: HashMap<Arc<str>, i32>,
        expected: impl Iterator<Item = (Feed, Evidence)>,
    ) {
        let mut known = self.known.lock();
        known.is_listed = true;
        known.there = partitions.keys().cloned().collect();
        known.partitions.extend(partitions);
        for ((table, topic), evidence) in expected {
            known.add_topic(table, topic, evidence);
        }
        self.note_news(&mut known, |_| true);
    }

    /// Learns topics whose events, or whose routes, have led to tables, here or in another process. Returns the
    /// tables that get their rows from several topics only since now, and of which rows may have been landed without
    /// positions.
    pub fn learn_feeds(&self, feeds: impl Iterator<Item = Feed>) -> Vec<TableName> {
        let mut known = self.known.lock();
        let (mut merged, mut news) = (Vec::new(), HashSet::new());
        for (table, topic) in feeds {
            let before = known.count_certain(&table);
            known.add_topic(table.clone(), topic, Evidence::Certain);
            let now = known.count_certain(&table);
            if before != now {
                news.insert(table.clone());
            }
            if now > 1 && known.unpositioned.remove(&table) {
                merged.push(table);
            }
        }
        if !news.is_empty() {
            self.note_news(&mut known, |(table, _)| news.contains(table));
        }
        merged
    }

    /// Notes what has been looked at.
    pub fn note_learned(&self, learned: Unlearned) {
        let mut known = self.known.lock();
        known.unlearned.feeds.retain(|f| !learned.feeds.contains(f));
        known
            .unlearned
            .sources
            .retain(|id, _| !learned.sources.contains_key(id));
        let unplaced = &mut known.unlearned.unplaced;
        unplaced.retain(|table| !learned.unplaced.contains(table));
        for (table, topic) in &learned.feeds {
            if known.merging_of(table, topic) == Merging::One {
                known.unpositioned.insert(table.clone());
            }
            known.learned.insert((table.clone(), topic.clone()));
        }
        let left = !known.unlearned.is_empty();
        self.has_unlearned.store(left, Ordering::Release);
        if !learned.feeds.is_empty() {
            self.note_news(&mut known, |feed| learned.feeds.contains(feed));
        }
    }

    /// The topics that lead to a table, in order; also those that have told nothing as yet, and whose names sound like it.
    pub fn list_likely_topics(&self, table: &TableName) -> Vec<Arc<str>> {
        let known = self.known.lock();
        let is_elsewhere = |topic: &Arc<str>| {
            let tables = known.tables.get(topic).into_iter().flatten();
            let mut evidence = tables.filter_map(|other| known.topics.get(other)?.get(topic));
            evidence.any(|evidence| *evidence == Evidence::Certain)
        };
        let topics = known.topics.get(table).into_iter().flatten();
        let likely = topics
            .filter(|(topic, evidence)| **evidence == Evidence::Certain || !is_elsewhere(topic));
        let mut topics: Vec<Arc<str>> = likely.map(|(topic, _)| topic.clone()).collect();
        topics.sort_unstable();
        topics
    }

    /// The topics that are known to lead to a table, in order, for messages.
    pub fn list_topics(&self, table: &TableName) -> Vec<Arc<str>> {
        let known = self.known.lock();
        let topics = known.topics.get(table).into_iter().flatten();
        let certain = topics.filter(|(_, evidence)| **evidence == Evidence::Certain);
        let mut topics: Vec<Arc<str>> = certain.map(|(topic, _)| topic.clone()).collect();
        topics.sort_unstable();
        topics
    }
}

impl Known {
    fn add_topic(&mut self, table: TableName, topic: Arc<str>, evidence: Evidence) {
        let tables = self.tables.entry(topic.clone()).or_default();
        tables.insert(table.clone());
        let topics = self.topics.entry(table).or_default();
        let known = topics.entry(topic).or_insert(evidence);
        *known = evidence.max(*known);
    }

    fn count_certain(&self, table: &TableName) -> usize {
        let topics = self.topics.get(table).into_iter().flatten();
        topics
            .filter(|(_, evidence)| **evidence == Evidence::Certain)
            .count()
    }

    fn facts_of(&self, feed: &Feed) -> FeedFacts {
        let (table, topic) = feed;
        let partitions = self.partitions.get(topic).copied();
        let is_expected = self.is_listed && partitions.is_some();
        FeedFacts {
            merging: match is_expected || self.learned.contains(feed) {
                true => self.merging_of(table, topic),
                false => Merging::Unlearned,
            },
            partitions: partitions.unwrap_or(0),
            respelled: self.respelled.get(table).cloned(),
            gave_way: self.gave_way.contains(topic),
        }
    }

    fn merging_of(&self, table: &TableName, own: &Arc<str>) -> Merging {
        let topics = self.topics.get(table).into_iter().flatten();
        let others = topics.filter(|(topic, _)| *topic != own);
        match others.map(|(_, evidence)| *evidence).max() {
            None => Merging::One,
            Some(Evidence::Name) => Merging::MayCome,
            Some(Evidence::Certain) => Merging::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::respelled::RespelledValues;

    fn feed(topic: &str) -> Feed {
        (TableName::new("public", "t"), topic.into())
    }

    fn learn(tables: &MergedTables, topic: &str) -> Vec<TableName> {
        let (table, topic) = feed(topic);
        let _ = tables.find_facts(&table, &topic);
        let unlearned = tables.unlearned().unwrap();
        let merged = tables.learn_feeds(unlearned.feeds.iter().cloned());
        tables.note_learned(unlearned);
        merged
    }

    fn merging(tables: &MergedTables, topic: &str) -> Merging {
        let (table, topic) = feed(topic);
        tables.find_facts(&table, &topic).merging
    }

    #[test]
    fn a_table_is_merged_once_a_second_topic_leads_to_it_whoever_has_met_that() {
        let tables = MergedTables::default();
        assert_eq!(merging(&tables, "a"), Merging::Unlearned);
        assert!(learn(&tables, "a").is_empty());
        assert_eq!(merging(&tables, "a"), Merging::One);
        let before = tables.version();
        // another process
        let merged = tables.learn_feeds([feed("b")].into_iter());
        assert_eq!(merged, [feed("b").0], "rows of before have no position");
        assert!(tables.version() > before);
        assert_eq!(merging(&tables, "a"), Merging::Several);
        assert!(tables.learn_feeds([feed("b")].into_iter()).is_empty());
    }

    #[test]
    fn a_topic_whose_name_sounds_like_a_table_is_likely_to_lead_to_it_until_its_events_name_another()
     {
        let tables = MergedTables::default();
        let (table, _) = feed("a");
        let by_name = |topic| (feed(topic), Evidence::Name);
        let partitions = ["a", "b"].map(|topic| (topic.into(), 1)).into();
        tables.learn_topics(partitions, ["a", "b"].map(by_name).into_iter());
        learn(&tables, "a");
        let list = || {
            let topics = tables.list_likely_topics(&table);
            topics.iter().map(|it| it.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(list(), ["a", "b"]);
        let other = TableName::new("public", "other");
        tables.learn_feeds([(other, "b".into())].into_iter());
        assert_eq!(list(), ["a"]);
    }

    #[test]
    fn what_is_learned_of_keys_is_news_once_and_told_with_the_feed() {
        let tables = MergedTables::default();
        learn(&tables, "a");
        let (table, topic) = feed("a");
        let before = tables.version();
        tables.learn_respelled(&table, Vec::new());
        assert_eq!(tables.version(), before, "as nearly all tables");
        let column = RespelledColumn {
            name: "k".to_owned(),
            values: RespelledValues::Kept,
        };
        for version in [before + 1; 2] {
            tables.learn_respelled(&table, vec![column.clone()]);
            assert_eq!(tables.version(), version);
        }
        let respelled = tables.find_facts(&table, &topic).respelled;
        assert_eq!(respelled.as_deref(), Some(&[column][..]));
        tables.learn_respelled(&table, Vec::new());
        assert_eq!(tables.find_facts(&table, &topic).respelled, None);
    }

    #[test]
    fn a_topic_may_bring_a_tables_rows_unless_it_is_known_to_be_of_another_one_alone() {
        let tables = MergedTables::default();
        let (table, other) = (feed("a").0, TableName::new("public", "other"));
        assert!(tables.may_lead_to("a", &other), "nothing is known of it");
        learn(&tables, "a");
        assert!(tables.may_lead_to("a", &table) && !tables.may_lead_to("a", &other));
        tables.learn_feeds([(TableName::new("public", "third"), "a".into())].into_iter());
        assert!(tables.may_lead_to("a", &other), "events of several tables");
    }

    #[test]
    fn a_topic_that_is_gone_is_there_until_kafka_is_asked_again() {
        let tables = MergedTables::default();
        let counts = [("a", 1), ("b", 2)].map(|(topic, count)| (topic.into(), count));
        tables.learn_topics(HashMap::from(counts), std::iter::empty());
        assert!(tables.is_there("a") && tables.is_there("b"));
        let known_at = tables.version();
        tables.note_topics(["b".into()].into_iter());
        assert!(!tables.is_there("a") && tables.is_there("b"));
        assert_eq!(tables.version(), known_at, "nothing is decoded otherwise");
    }

    #[test]
    fn what_is_learned_of_one_topic_outdates_nothing_that_was_decoded_of_another() {
        let tables = MergedTables::default();
        let counts = ["a", "b", "c"].map(|topic| (topic.into(), 1));
        tables.learn_topics(HashMap::from(counts), std::iter::empty());
        let decoded_at = tables.version();
        assert_eq!(merging(&tables, "a"), Merging::One, "as is to be expected");
        let of = |topic: &str| [Arc::<str>::from(topic)];
        let other = TableName::new("public", "other");
        tables.find_facts(&other, &of("c")[0]);
        learn(&tables, "a");
        assert!(tables.version() > decoded_at);
        assert!(!tables.is_outdated(decoded_at, &of("a")));
        // it was expected to be the only one
        learn(&tables, "b");
        assert!(tables.is_outdated(decoded_at, &of("a")));
        assert!(!tables.is_outdated(decoded_at, &of("c")));
        assert!(tables.is_outdated(decoded_at, [&of("c")[0], &of("a")[0]]));
        let decoded_at = tables.version();
        assert!(!tables.is_outdated(decoded_at, &of("a")));
        tables.note_gave_way(&of("c")[0]);
        assert!(tables.is_outdated(decoded_at, &of("c")));
        assert!(!tables.is_outdated(decoded_at, &of("a")));
    }

    #[test]
    fn a_topic_that_only_sounds_like_the_table_is_expected() {
        let tables = MergedTables::default();
        let expected = ["a", "b"].map(|topic| (feed(topic), Evidence::Name));
        tables.learn_topics(HashMap::from([("a".into(), 3)]), expected.into_iter());
        learn(&tables, "a");
        let (table, topic) = feed("a");
        let facts = tables.find_facts(&table, &topic);
        assert_eq!((facts.merging, facts.partitions), (Merging::MayCome, 3));
        learn(&tables, "b");
        assert_eq!(merging(&tables, "a"), Merging::Several);
    }

    #[test]
    fn rows_that_landed_without_positions_are_told_of_though_the_second_topic_is_seen_before_its_events()
     {
        let tables = MergedTables::default();
        let count = |topic: &str| HashMap::from([(topic.into(), 1)]);
        tables.learn_topics(count("a"), [(feed("a"), Evidence::Certain)].into_iter());
        learn(&tables, "a");
        tables.learn_topics(count("b"), [(feed("b"), Evidence::Certain)].into_iter());
        assert_eq!(learn(&tables, "b"), [feed("b").0]);
    }

    #[test]
    fn kafka_is_asked_once_about_a_partition_that_a_topic_does_not_have_any_more() {
        let tables = MergedTables::default();
        let few = || HashMap::from([("a".into(), 1)]);
        tables.learn_topics(few(), std::iter::empty());
        learn(&tables, "a");
        let (table, topic) = feed("a");
        tables.note_grown(&table, &topic, 3);
        assert_eq!(merging(&tables, "a"), Merging::Unlearned);
        tables.learn_topics(few(), std::iter::empty());
        learn(&tables, "a");
        tables.note_grown(&table, &topic, 3);
        let facts = tables.find_facts(&table, &topic);
        assert_eq!((facts.merging, facts.partitions), (Merging::One, 4));
        // one that is really new is asked about
        tables.note_grown(&table, &topic, 4);
        assert_eq!(merging(&tables, "a"), Merging::Unlearned);
    }
}
