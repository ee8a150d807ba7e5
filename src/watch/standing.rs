//! Partitions that are ours and aren't read, each with the reason and since when. The others go on.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

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

impl StandingPartitions {
    /// Returns whether this is news: whether the partition didn't stand still, or for another reason.
    pub(super) fn note(&mut self, source: &TopicPartition, standing: Standing) -> bool {
        let before = self.0.get(source);
        let is_news = before.is_none_or(|before| !before.standing.is_same_news(&standing));
        let since = before.map_or_else(SystemTime::now, |before| before.since);
        self.0.insert(source.clone(), Stood { standing, since });
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

    /// All of them.
    pub(super) fn all(&self) -> BTreeMap<TopicPartition, Standing> {
        let all = self.0.iter();
        all.map(|(source, stood)| (source.clone(), stood.standing.clone()))
            .collect()
    }

    /// A line for people for each.
    pub(super) fn describe_all(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(source, Stood { standing, since })| {
            let since = humantime::format_rfc3339_seconds(*since);
            let (why, text) = (standing.name(), standing.text());
            format!("{source} stands still since {since} ({why}): {text}")
        })
    }

    /// Whether events of one of these tables are what a partition stands still for, and not only waits for others.
    pub(super) fn hold_up_any(&self, tables: &HashSet<&TableName>) -> bool {
        self.0.values().any(|stood| match &stood.standing {
            // two that wait for each other would never give up
            Standing::Fails {
                table: Some(table),
                verdict,
                ..
            } => *verdict != Verdict::Early && tables.contains(table),
            _ => false,
        })
    }

    fn publish_counts(&self) {
        for why in Standing::REASONS {
            let standing = self.0.values().filter(|s| s.standing.name() == why);
            metrics::set_standing_partitions(why, standing.count());
        }
    }
}
