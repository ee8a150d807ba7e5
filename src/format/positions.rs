//! Whether the positions of a partition's events tell them apart.
//!
//! An event is known by its position. Where two different changes of one row have the same, the position
//! says nothing: a third one that equals the first would be taken for it. So what was read at the entry of
//! the source's log that is being read is remembered, and a partition whose events contradict each other is
//! believed no more.
//!
//! Why: `docs/decisions/20`.

/// So many rows of one entry of the log are remembered: more than the rows that fit one, 8 kB in MySQL.
const MOST_ROWS: usize = 1024;

/// So many of them are kept with the watermark.
const MOST_KEPT_ROWS: usize = 64;

/// Why the positions of a partition's events aren't believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Two different changes of one row had the same.
    Shared,
    /// A change had none.
    Missing,
}

impl Doubt {
    /// As `partitions.position_doubt` has it.
    pub fn to_number(doubt: Option<Self>) -> i16 {
        match doubt {
            None => 0,
            Some(Self::Shared) => 1,
            Some(Self::Missing) => 2,
        }
    }

    /// Reads what [`Doubt::to_number`] wrote.
    pub fn from_number(number: i16) -> Option<Self> {
        match number {
            0 => None,
            2 => Some(Self::Missing),
            _ => Some(Self::Shared),
        }
    }

    /// What is wrong, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Shared => "two different changes of one row have one position at the source",
            Self::Missing => "a change has no position at the source",
        }
    }
}

/// A change, by hashes that stay the same for ever.
#[derive(Clone, Copy, Debug)]
pub struct SeenChange {
    /// The entry of the source's log.
    pub entry: u64,
    /// The place within the entry, and the row.
    pub row: u64,
    /// What the event says.
    pub content: u64,
}

/// What was read lately, and whether it is to be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// Once there is a doubt it stays.
    pub doubt: Option<Doubt>,
    /// The entry of the log that was read last.
    entry: u64,
    /// The rows of this entry, the oldest first unless some gave way.
    rows: Vec<u64>,
    /// What the first event of each said.
    contents: Vec<u64>,
    /// Which gives way next.
    oldest: usize,
}

impl Positions {
    /// Takes notice of a change, which may raise a doubt. The same event once more raises none.
    pub fn note_change(&mut self, change: SeenChange) {
        if self.doubt.is_some() {
            return;
        }
        if change.entry != self.entry {
            self.clear_entry();
            self.entry = change.entry;
        }
        match self.rows.iter().position(|row| *row == change.row) {
            None => self.remember_row(change),
            Some(at) if self.contents.get(at) == Some(&change.content) => {}
            Some(_) => self.raise_doubt(Doubt::Shared),
        }
    }

    /// Whether something else was said at the same place, as far as that is remembered.
    pub fn is_contradicted_by(&self, change: &SeenChange) -> bool {
        let at = self.rows.iter().position(|row| *row == change.row);
        let at = at.filter(|_| self.entry == change.entry);
        at.is_some_and(|at| self.contents.get(at) != Some(&change.content))
    }

    /// From here on positions aren't believed.
    pub fn raise_doubt(&mut self, doubt: Doubt) {
        if self.doubt.is_none() {
            *self = Self {
                doubt: Some(doubt),
                ..Self::default()
            };
        }
    }

    fn clear_entry(&mut self) {
        self.rows.clear();
        self.contents.clear();
        self.oldest = 0;
    }

    fn remember_row(&mut self, change: SeenChange) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push(change.row);
            self.contents.push(change.content);
            return;
        }
        let at = self.oldest;
        if let (Some(row), Some(content)) = (self.rows.get_mut(at), self.contents.get_mut(at)) {
            (*row, *content) = (change.row, change.content);
        }
        self.oldest = (at + 1) % MOST_ROWS;
    }

    /// The entry and its latest rows as Postgres stores them: the same 64 bits each, signed.
    pub fn to_bigints(&self) -> Vec<i64> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let (newest, oldest) = (
            self.rows.len() - MOST_KEPT_ROWS.min(self.rows.len()),
            self.oldest,
        );
        let count = self.rows.len();
        let kept = (newest..count).map(|at| (oldest + at) % count);
        let rows = kept.filter_map(|at| Some([*self.rows.get(at)?, *self.contents.get(at)?]));
        let numbers = std::iter::once(self.entry).chain(rows.flatten());
        numbers.map(|number| number as i64).collect()
    }

    /// Reads what [`Positions::to_bigints`] wrote.
    pub fn from_bigints(numbers: &[i64], doubt: Option<Doubt>) -> Self {
        let mut positions = Self {
            doubt,
            ..Self::default()
        };
        if let (Some((entry, rows)), None) = (numbers.split_first(), doubt) {
            positions.entry = *entry as u64;
            for row in rows.chunks_exact(2) {
                positions.rows.extend(row.first().map(|n| *n as u64));
                positions.contents.extend(row.last().map(|n| *n as u64));
            }
        }
        positions
    }
}

#[cfg(test)]
#[path = "positions_tests.rs"]
mod tests;
