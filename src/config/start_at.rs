//! `kafka.start`: where partitions begin that this destination never had.

/// `kafka.start`. It decides once for a topic, and for the partitions that the topic has then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// At their beginning.
    Earliest,
    /// Where the group would go on; at its beginning, where the group has committed nothing.
    Group,
    /// Behind what is there.
    Latest,
}

pub(super) const STARTS: [(&str, StartAt); 3] = [
    ("earliest", StartAt::Earliest),
    ("group", StartAt::Group),
    ("latest", StartAt::Latest),
];
