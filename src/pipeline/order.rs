//! The order of a key after one of its events was put aside: a later event with the whole row makes
//! the letter obsolete, any other is parked behind it. An event that gives its row another key has two
//! keys: it waits for the letters of both, and its own letter is obsolete only once an event says what
//! became of both. Pure: what is written is decided here, and noted only once it is written.
//!
//! Why: `docs/decisions/11`.

use std::collections::{BTreeSet, HashMap};

use crate::config::LaterEvents;
use crate::letter::KeyHashes;
use crate::pipeline::event_place::EventPlace;

/// The keys that have letters, and what became of those.
pub struct Order {
    later_events: LaterEvents,
    keys: HashMap<i64, Vec<KeyLetter>>,
    parked: BTreeSet<usize>,
    /// How the keys of letters are written, or of what may become one, where that counts.
    spellings: HashMap<LetterOrigin, u64>,
    /// Where the letters' events came, or what may become one, where that counts.
    places: HashMap<LetterOrigin, EventPlace>,
}

/// A letter of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyLetter {
    from: LetterOrigin,
    /// The letter stands under each of them.
    keys: KeyHashes,
    /// The entry of the batch that made it obsolete.
    superseded_by: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LetterOrigin {
    /// `dead_letters.id`: it was there before the batch.
    Row(i64),
    /// An entry of the batch.
    Entry(usize),
}

/// What must be known of an event to tell what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct OrderedEvent {
    /// Its entry in the batch.
    pub entry: usize,
    /// The hash of its key, or of both.
    pub keys: KeyHashes,
    /// Whether it leaves nothing of the row as it was: all its columns, or a delete.
    pub whole: bool,
    /// Of a delete that removes only a row which is spelled as it is: how its key is written. It says nothing of
    /// what becomes of the key's other spellings.
    pub deletes_spelling: Option<u64>,
    /// Its row may come through several partitions, and what it lacks may still come through another one.
    pub by_source: bool,
    /// Which letters of its keys that came before it are obsolete with it, if it goes in.
    pub supersedes: Supersedes,
}

/// Whose letters an event makes obsolete which came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supersedes {
    /// Everybody's: they are earlier changes.
    All,
    /// Those of its own partition, after which it comes there. A letter of another one may be the later change, as the row
    /// may come through several partitions: it stays, and a replay compares them. So may one that lies behind, if a part of the
    /// log is read again.
    OfPartition(EventPlace),
    /// Nobody's: its partition's order isn't that of its row's changes. They stay, and a replay compares them.
    Nothing,
}

/// A decision on a part of the batch, to be noted once it is written.
pub struct Sifted {
    /// Positions in what was given that are to be written.
    pub write: Vec<usize>,
    parked: Vec<usize>,
    keys: HashMap<i64, Vec<KeyLetter>>,
}

impl Order {
    /// No key has a letter yet. `later_events`: what becomes of a key's events after one.
    pub fn new(later_events: LaterEvents) -> Self {
        Self {
            later_events,
            keys: HashMap::new(),
            parked: BTreeSet::new(),
            spellings: HashMap::new(),
            places: HashMap::new(),
        }
    }

    /// Notes where the event of a letter from before the batch came.
    pub fn locate_row(&mut self, id: i64, place: EventPlace) {
        self.places.insert(LetterOrigin::Row(id), place);
    }

    /// Notes where an entry comes.
    pub fn locate_entry(&mut self, entry: usize, place: EventPlace) {
        self.places.insert(LetterOrigin::Entry(entry), place);
    }

    /// Notes how the key of a letter from before the batch is written.
    pub fn spell_row(&mut self, id: i64, spelling: u64) {
        self.spellings.insert(LetterOrigin::Row(id), spelling);
    }

    /// Notes how the key of an entry is written.
    pub fn spell_entry(&mut self, entry: usize, spelling: u64) {
        self.spellings.insert(LetterOrigin::Entry(entry), spelling);
    }

    /// Whether no key has a letter.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A letter from before the batch.
    pub fn add_row(&mut self, keys: KeyHashes, id: i64) {
        self.add_letter(keys, LetterOrigin::Row(id));
    }

    /// An entry of the batch was refused.
    pub fn add_entry(&mut self, keys: KeyHashes, entry: usize) {
        self.add_letter(keys, LetterOrigin::Entry(entry));
    }

    fn add_letter(&mut self, keys: KeyHashes, from: LetterOrigin) {
        let letter = KeyLetter {
            from,
            keys,
            superseded_by: None,
        };
        for key in keys.iter_hashes() {
            self.keys.entry(key).or_default().push(letter);
        }
    }

    /// What is to be written of a part, whose events of one key come in arrival order.
    pub fn sift_part(&self, part: impl IntoIterator<Item = OrderedEvent>) -> Sifted {
        let mut sifted = Sifted {
            write: Vec::new(),
            parked: Vec::new(),
            keys: HashMap::new(),
        };
        for (position, event) in part.into_iter().enumerate() {
            let mut meets_letters = false;
            for key in event.keys.iter_hashes() {
                match (sifted.keys.contains_key(&key), self.keys.get(&key)) {
                    (true, _) => meets_letters = true,
                    (false, None) => {}
                    (false, Some(letters)) => {
                        sifted.keys.insert(key, letters.clone());
                        meets_letters = true;
                    }
                }
            }
            if !meets_letters {
                sifted.write.push(position);
            } else if sifted.holds_up(&event, self) {
                sifted.park_event(&event);
            } else {
                sifted.supersede_letters(&event, self);
                sifted.write.push(position);
            }
        }
        sifted
    }

    /// What was decided has been written.
    pub fn note_written(&mut self, sifted: Sifted) {
        self.keys.extend(sifted.keys);
        self.parked.extend(sifted.parked);
    }

    /// Whether a later event of its key has made the entry's letter obsolete.
    pub fn is_superseded(&self, key: i64, entry: usize) -> bool {
        let letters = self.keys.get(&key).into_iter().flatten();
        letters
            .filter(|l| l.from == LetterOrigin::Entry(entry))
            .any(|l| l.superseded_by.is_some())
    }

    /// Takes back that the entries were put aside, for they are tried once more.
    pub fn take_back(&mut self, entries: &BTreeSet<usize>) {
        for letters in self.keys.values_mut() {
            letters.retain(|l| !matches!(l.from, LetterOrigin::Entry(e) if entries.contains(&e)));
        }
        self.keys.retain(|_, letters| !letters.is_empty());
        self.parked.retain(|entry| !entries.contains(entry));
    }

    /// The entries that were put behind a letter.
    pub fn parked_entries(&self) -> &BTreeSet<usize> {
        &self.parked
    }

    /// Rows of `dead_letters` with the entry that made them obsolete.
    pub fn superseded_rows(&self) -> Vec<(i64, usize)> {
        self.find_superseded(|from| match from {
            LetterOrigin::Row(id) => Some(id),
            LetterOrigin::Entry(_) => None,
        })
    }

    /// Entries of the batch with the later one that made their letter obsolete.
    pub fn superseded_entries(&self) -> Vec<(usize, usize)> {
        self.find_superseded(|from| match from {
            LetterOrigin::Entry(entry) => Some(entry),
            LetterOrigin::Row(_) => None,
        })
    }

    fn find_superseded<T: Ord>(
        &self,
        which: impl Fn(LetterOrigin) -> Option<T>,
    ) -> Vec<(T, usize)> {
        let letters = self.keys.values().flatten();
        let mut found: Vec<(T, usize)> = letters
            .filter_map(|l| Some((which(l.from)?, l.superseded_by?)))
            .collect();
        found.sort_unstable();
        found.dedup(); // a letter of two keys stands under both
        found
    }
}

impl Sifted {
    /// Whether the event must wait behind a letter of one of its keys.
    fn holds_up(&self, event: &OrderedEvent, order: &Order) -> bool {
        let spelling = |letter: &KeyLetter| order.spellings.get(&letter.from).copied();
        let supersedes = |letter: &KeyLetter| {
            event.whole
                && order.later_events == LaterEvents::Supersede
                && event.keys.cover_all(letter.keys)
                && (event.deletes_spelling.is_none() || event.deletes_spelling == spelling(letter))
        };
        let lists = event.keys.iter_hashes();
        let letters = lists.filter_map(|key| self.keys.get(&key)).flatten();
        letters
            .filter(|letter| letter.is_open_before(event.entry))
            .any(|letter| !supersedes(letter))
    }

    fn park_event(&mut self, event: &OrderedEvent) {
        self.parked.push(event.entry);
        let letter = KeyLetter {
            from: LetterOrigin::Entry(event.entry),
            keys: event.keys,
            superseded_by: None,
        };
        for key in event.keys.iter_hashes() {
            self.keys.entry(key).or_default().push(letter);
        }
    }

    fn supersede_letters(&mut self, event: &OrderedEvent, order: &Order) {
        let is_met = |letter: &KeyLetter| match event.supersedes {
            Supersedes::All => true,
            Supersedes::OfPartition(own) => {
                let place = order.places.get(&letter.from);
                place.is_some_and(|letter| own.comes_after(*letter))
            }
            Supersedes::Nothing => false,
        };
        for key in event.keys.iter_hashes() {
            let letters = self.keys.get_mut(&key).into_iter().flatten();
            letters
                .filter(|letter| letter.is_open_before(event.entry) && is_met(letter))
                .for_each(|letter| letter.superseded_by = Some(event.entry));
        }
    }
}

impl KeyLetter {
    fn is_open_before(&self, entry: usize) -> bool {
        let before = match self.from {
            LetterOrigin::Row(_) => true,
            LetterOrigin::Entry(own) => own < entry,
        };
        before && self.superseded_by.is_none()
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
