//! Samples that would become dead letters, by why: one finding for each cause, whatever the values that it stands in.

use crate::format::change::{Change, Operation};
use crate::operator::check::finding::Finding;
use crate::verdict::Reason;

/// Samples by their causes, in the order in which these were met.
#[derive(Debug)]
pub struct Causes<C, F>(Vec<Alike<C, F>>);

/// Samples with one cause.
#[derive(Debug, PartialEq, Eq)]
pub struct Alike<C, F> {
    /// Why they would be put aside.
    pub cause: C,
    /// The first of them.
    pub first: F,
    /// How many they are.
    pub count: usize,
    /// What they do to their table, where that is known; each kind once.
    pub kinds: Vec<ChangeKind>,
}

impl<C, F> Default for Causes<C, F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: PartialEq, F> Causes<C, F> {
    /// Counts a sample; it is remembered if it is the first with its cause.
    pub fn note_sample(&mut self, cause: C, sample: F, kind: Option<ChangeKind>) {
        let at = match self.0.iter().position(|alike| alike.cause == cause) {
            Some(at) => at,
            None => {
                self.0.push(Alike {
                    cause,
                    first: sample,
                    count: 0,
                    kinds: Vec::new(),
                });
                self.0.len() - 1
            }
        };
        if let Some(alike) = self.0.get_mut(at) {
            alike.count += 1;
            let new = kind.filter(|kind| !alike.kinds.contains(kind));
            alike.kinds.extend(new);
        }
    }

    /// The causes, the first met first.
    pub fn iter(&self) -> impl Iterator<Item = &Alike<C, F>> {
        self.0.iter()
    }

    /// How many samples have any of the causes.
    pub fn count_samples(&self) -> usize {
        self.iter().map(|alike| alike.count).sum()
    }
}

/// What events do to their table: those of one kind go through the same statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A new row, or a snapshot's.
    Insert,
    /// A row that was there before.
    Update,
    /// A row that is gone.
    Delete,
}

impl ChangeKind {
    /// The kind of a change; a truncate is of none.
    pub fn of_change(change: &Change<'_>) -> Option<Self> {
        match change.operation {
            Operation::Create | Operation::Read => Some(ChangeKind::Insert),
            Operation::Update => Some(ChangeKind::Update),
            Operation::Delete | Operation::Tombstone => Some(ChangeKind::Delete),
            Operation::Truncate => None,
        }
    }

    /// What several of them are called.
    pub fn plural(self) -> &'static str {
        match self {
            ChangeKind::Insert => "inserts",
            ChangeKind::Update => "updates",
            ChangeKind::Delete => "deletes",
        }
    }
}

/// What becomes of them, in the words of their letters.
pub fn tell_letter(reason: Reason) -> String {
    let reason = reason.name();
    format!("as it is, `run` puts such an event aside as a dead letter ({reason})")
}

/// One odd record becomes a dead letter; if all are like it, the set-up is wrong.
pub fn weigh_finding(
    code: &'static str,
    found: String,
    remedy: &str,
    is_throughout: bool,
) -> Finding {
    if is_throughout {
        Finding::problem(code, found, remedy)
    } else {
        Finding::warning(code, found, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_one_group_with_its_first_sample_and_the_kinds_of_its_events() {
        let mut causes = Causes::default();
        causes.note_sample("narrow", 3, Some(ChangeKind::Insert));
        causes.note_sample("null", 4, None);
        causes.note_sample("narrow", 5, Some(ChangeKind::Update));
        causes.note_sample("narrow", 6, Some(ChangeKind::Insert));
        let narrow = Alike {
            cause: "narrow",
            first: 3,
            count: 3,
            kinds: vec![ChangeKind::Insert, ChangeKind::Update],
        };
        assert_eq!(causes.iter().next(), Some(&narrow));
        assert_eq!((causes.iter().count(), causes.count_samples()), (2, 4));
    }
}
