//! Partitions that are ours and aren't read, each with the reason and since when. The others go on.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::SystemTime;

use serde::Serialize;

use crate::clock::utc_text;
use crate::record::TopicPartition;
use crate::table_name::TableName;
use crate::verdict::Verdict;
use crate::watch::metrics;

/// Why a partition stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Kafka has deleted what comes next. A person must decide; the text says what.
    Lost(String),
    /// Partitions with these numbers, of the same topic, go first: they may have earlier events of its rows.
    Waits {
        behind: Vec<i32>,
        /// How far they are from where they have to be, together.
        offsets: i64,
        /// For people.
        text: String,
    },
    /// Its next events can't be landed: they are tried again and again, the partition by itself.
    Fails {
        /// What kind of failure they met.
        verdict: Verdict,
        /// The table that they are of, if it is about one.
        table: Option<TableName>,
        /// The tables whose changes they wait for, if they do.
        awaits: BTreeSet<TableName>,
        /// For people; it quotes no value.
        text: String,
        /// The partition has been tried by itself, not only with others that it may stand still for.
        tried_alone: bool,
    },
}

/// A partition's reason, and since when it stands still, be it for another one.
#[derive(Clone, Debug)]
struct Stood {
    standing: Standing,
    since: SystemTime,
    /// It waits for rows that may have come since it was tried last.
    has_hope: bool,
}

/// A partition that stands still, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// Since when, in UTC as RFC 3339 has it.
    pub since: String,
    /// The kind of reason, among [`Standing::REASONS`].
    pub reason: &'static str,
    /// The table that it is about, as `schema.table`, if it is about one.
    pub table: Option<String>,
    /// For people; it quotes no value.
    pub text: String,
    /// Nothing but a person's deed ends it.
    pub needs_person: bool,
}

/// The tables that partitions bring changes of.
#[derive(Default)]
struct Brought {
    tables: BTreeSet<TableName>,
    /// Nothing tells of which tables some of them are.
    may_be_any: bool,
}

/// The partitions that stand still.
#[derive(Default)]
pub(super) struct StandingPartitions(BTreeMap<TopicPartition, Stood>);

impl Standing {
    /// Every reason there is, as the `why` label of [`metrics::STANDING`] has it.
    pub const REASONS: [&'static str; 8] = [
        "lost",
        "waits",
        "systemic",
        "locked",
        "retry",
        "early",
        "unavailable",
        "reject",
    ];

    /// Its name among [`Standing::REASONS`].
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Lost(_) => "lost",
            Standing::Waits { .. } => "waits",
            Standing::Fails { verdict, .. } => verdict.name(),
        }
    }

    /// What a person reads.
    pub fn text(&self) -> &str {
        match self {
            Standing::Lost(text) | Standing::Waits { text, .. } | Standing::Fails { text, .. } => {
                text
            }
        }
    }

    /// The table that it is about, if it is about one.
    fn table(&self) -> Option<&TableName> {
        match self {
            Standing::Fails { table, .. } => table.as_ref(),
            Standing::Lost(_) | Standing::Waits { .. } => None,
        }
    }

    /// Whether its next events wait for rows that others bring.
    fn waits_for_rows(&self) -> bool {
        matches!(self, Standing::Fails { verdict, .. } if *verdict == Verdict::Early)
    }

    fn awaited_tables(&self) -> &BTreeSet<TableName> {
        static NONE: BTreeSet<TableName> = BTreeSet::new();
        match self {
            Standing::Fails { awaits, .. } => awaits,
            Standing::Lost(_) | Standing::Waits { .. } => &NONE,
        }
    }

    /// Whether nothing but a person's deed ends it.
    pub fn needs_person(&self) -> bool {
        match self {
            Standing::Lost(_) => true,
            Standing::Waits { .. } => false,
            Standing::Fails {
                verdict,
                tried_alone,
                ..
            } => *verdict == Verdict::Systemic && *tried_alone,
        }
    }

    /// Whether a person who has read of the one needn't read of the other. How far others are behind changes all
    /// the time.
    fn is_same_news(&self, other: &Self) -> bool {
        match (self, other) {
            (Standing::Fails { .. }, Standing::Fails { .. }) => {
                self.name() == other.name() && self.text() == other.text()
            }
            _ => self.name() == other.name(),
        }
    }
}

impl Stood {
    fn to_stop(&self) -> Stop {
        Stop {
            since: utc_text(self.since),
            reason: self.standing.name(),
            table: self.standing.table().map(TableName::to_string),
            text: self.standing.text().to_owned(),
            needs_person: self.standing.needs_person(),
        }
    }
}

impl Brought {
    fn add(
        &mut self,
        source: &TopicPartition,
        standing: &Standing,
        only_table: impl Fn(&str) -> Option<TableName>,
    ) {
        self.tables.extend(standing.table().cloned());
        match only_table(&source.topic) {
            Some(only) => self.tables.extend([only]),
            None => self.may_be_any = true,
        }
    }

    fn has_any(&self, tables: &BTreeSet<TableName>) -> bool {
        let is_brought = |table| self.may_be_any || self.tables.contains(table);
        tables.iter().any(is_brought)
    }
}

impl StandingPartitions {
    /// Returns whether this is news: whether the partition didn't stand still, or for another reason.
    pub(super) fn note(&mut self, source: &TopicPartition, standing: Standing) -> bool {
        let before = self.0.get(source);
        let is_news = before.is_none_or(|before| !before.standing.is_same_news(&standing));
        let since = before.map_or_else(SystemTime::now, |before| before.since);
        let stood = Stood {
            standing,
            since,
            has_hope: false,
        };
        self.0.insert(source.clone(), stood);
        if is_news {
            self.publish_counts();
        }
        is_news
    }

    /// Returns whether the partition stood still.
    pub(super) fn clear(&mut self, source: &TopicPartition) -> bool {
        let stood = self.0.remove(source).is_some();
        if stood {
            self.publish_counts();
        }
        stood
    }

    /// Whether the partition stands still, and not because others go first.
    pub(super) fn stands_for_itself(&self, source: &TopicPartition) -> bool {
        let stood = self.0.get(source);
        stood.is_some_and(|stood| !matches!(stood.standing, Standing::Waits { .. }))
    }

    /// All of them.
    pub(super) fn all(&self) -> BTreeMap<TopicPartition, Standing> {
        let all = self.0.iter();
        all.map(|(source, stood)| (source.clone(), stood.standing.clone()))
            .collect()
    }

    /// All of them, for people.
    pub(super) fn list_stops(&self) -> BTreeMap<TopicPartition, Stop> {
        let all = self.0.iter();
        all.map(|(source, stood)| (source.clone(), stood.to_stop()))
            .collect()
    }

    /// A line for people for each.
    pub(super) fn describe_all(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(
            |(
                source,
                Stood {
                    standing, since, ..
                },
            )| {
                let since = humantime::format_rfc3339_seconds(*since);
                let (why, text) = (standing.name(), standing.text());
                format!("{source} stands still since {since} ({why}): {text}")
            },
        )
    }

    /// What a partition brings is landed from now on: what waits for such rows may be able to go on, once it is tried.
    /// `whatever`: also if it only waited for rows itself. `only_table` says of a topic which table all its events are of.
    pub(super) fn give_hope(
        &mut self,
        source: &TopicPartition,
        whatever: bool,
        only_table: impl Fn(&str) -> Option<TableName>,
    ) {
        let Some(Stood { standing, .. }) = self.0.get(source) else {
            return;
        };
        if standing.waits_for_rows() && !whatever {
            return;
        }
        let mut brought = Brought::default();
        brought.add(source, standing, only_table);
        for stood in self.0.values_mut() {
            stood.has_hope |= brought.has_any(stood.standing.awaited_tables());
        }
    }

    /// Whether partitions other than `own` stand still that may bring changes of one of these tables; `only_table` says of
    /// a topic which table all its events are of. One that waits for such changes itself counts only if that holds of it,
    /// or if it hasn't been tried since they may have come: two that wait for each other would never give up.
    pub(super) fn hold_up_any(
        &self,
        tables: &BTreeSet<TableName>,
        own: &HashSet<TopicPartition>,
        only_table: impl Fn(&str) -> Option<TableName>,
    ) -> bool {
        let (mut brought, mut waiting) = (Brought::default(), Vec::new());
        for (
            source,
            Stood {
                standing, has_hope, ..
            },
        ) in &self.0
        {
            match standing {
                Standing::Waits { .. } => {}
                _ if own.contains(source) => {}
                _ if standing.waits_for_rows() && !has_hope => waiting.push((source, standing)),
                _ => brought.add(source, standing, &only_table),
            }
        }
        loop {
            if brought.has_any(tables) {
                return true;
            }
            let hangs = |(_, standing): &mut (&TopicPartition, &Standing)| {
                brought.has_any(standing.awaited_tables())
            };
            let held: Vec<_> = waiting.extract_if(.., hangs).collect();
            if held.is_empty() {
                return false;
            }
            for (source, standing) in held {
                brought.add(source, standing, &only_table);
            }
        }
    }

    fn publish_counts(&self) {
        for why in Standing::REASONS {
            let standing = self.0.values().filter(|s| s.standing.name() == why);
            let since: Vec<SystemTime> = standing.map(|stood| stood.since).collect();
            metrics::set_standing_partitions(why, since.len(), since.into_iter().min());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(topic: &str) -> TopicPartition {
        TopicPartition {
            topic: topic.into(),
            partition: 0,
        }
    }

    fn tables(names: &[&str]) -> BTreeSet<TableName> {
        let tables = names.iter().map(|name| TableName::new("public", *name));
        tables.collect()
    }

    fn stand(all: &mut StandingPartitions, topic: &str, verdict: Verdict, awaits: &[&str]) {
        let fails = Standing::Fails {
            verdict,
            table: None,
            awaits: tables(awaits),
            text: "why".into(),
            tried_alone: true,
        };
        all.note(&source(topic), fails);
    }

    /// Topics are named for the tables that they lead to.
    fn only_table(topic: &str) -> Option<TableName> {
        Some(TableName::new("public", topic))
    }

    fn hold_up(all: &StandingPartitions, own: &str, awaited: &str) -> bool {
        let own = HashSet::from([source(own)]);
        all.hold_up_any(&tables(&[awaited]), &own, only_table)
    }

    #[test]
    fn what_waits_for_what_stands_still_holds_up_what_waits_for_it_in_turn() {
        let mut all = StandingPartitions::default();
        assert!(!hold_up(&all, "child", "parent"));
        stand(&mut all, "grandparent", Verdict::Systemic, &[]);
        stand(&mut all, "parent", Verdict::Early, &["grandparent"]);
        stand(&mut all, "child", Verdict::Early, &["parent"]);
        assert!(hold_up(&all, "grandchild", "child"));
        assert!(hold_up(&all, "child", "parent"), "as it is tried again");
        assert!(!hold_up(&all, "grandchild", "other"));
        all.clear(&source("grandparent"));
        assert!(!hold_up(&all, "grandchild", "child"));
        assert!(!hold_up(&all, "parent", "grandparent"));
    }

    #[test]
    fn what_may_go_on_and_has_not_been_tried_since_holds_up_what_waits_for_it() {
        let mut all = StandingPartitions::default();
        stand(&mut all, "grandparent", Verdict::Systemic, &[]);
        stand(&mut all, "parent", Verdict::Early, &["grandparent"]);
        stand(&mut all, "child", Verdict::Early, &["parent"]);
        all.give_hope(&source("grandparent"), false, only_table);
        all.clear(&source("grandparent"));
        assert!(hold_up(&all, "child", "parent"));
        assert!(hold_up(&all, "grandchild", "child"));
        assert!(!hold_up(&all, "parent", "grandparent"));
        // in vain
        stand(&mut all, "parent", Verdict::Early, &["grandparent"]);
        assert!(!hold_up(&all, "child", "parent"));
        // it goes on, to wait in its lane
        all.give_hope(&source("parent"), false, only_table);
        assert!(!hold_up(&all, "grandchild", "child"));
        // it is landed
        all.give_hope(&source("parent"), true, only_table);
        assert!(hold_up(&all, "grandchild", "child"));
    }

    #[test]
    fn those_that_wait_for_each_other_hold_up_nobody() {
        let mut all = StandingPartitions::default();
        stand(&mut all, "a", Verdict::Early, &["b"]);
        stand(&mut all, "b", Verdict::Early, &["a"]);
        assert!(!hold_up(&all, "a", "b"));
        stand(&mut all, "a", Verdict::Locked, &[]);
        assert!(hold_up(&all, "b", "a"));
        assert!(
            !hold_up(&all, "a", "a"),
            "a partition doesn't hold up itself"
        );
    }

    #[test]
    fn a_partition_of_nobody_knows_which_tables_holds_up_whatever_waits_for_rows() {
        let mut all = StandingPartitions::default();
        stand(&mut all, "mixed", Verdict::Locked, &[]);
        let (own, awaited) = (HashSet::from([source("child")]), tables(&["parent"]));
        assert!(!all.hold_up_any(&awaited, &own, only_table));
        assert!(all.hold_up_any(&awaited, &own, |_| None));
        assert!(!all.hold_up_any(&tables(&[]), &own, |_| None));
    }
}
