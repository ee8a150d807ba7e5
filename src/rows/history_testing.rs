//! Ways in which the changes of a row can come, for tests of what is made of them.

use bumpalo::Bump;

use crate::format::debezium::Source;
use crate::format::source_position::{SourcePosition, identify_source};

/// A place in the log of the source of this name.
pub fn place(name: &str, lsn: u32, snapshot: bool) -> SourcePosition<'static> {
    place_at(name, lsn, 1_000 + lsn, snapshot)
}

/// The same, at a time in milliseconds.
pub fn place_at(name: &str, lsn: u32, time: u32, snapshot: bool) -> SourcePosition<'static> {
    let text = format!(r#"{{"name":"{name}","lsn":{lsn},"ts_ms":{time}}}"#);
    let text: &str = text.leak(); // of a test, which ends soon
    let source: Source<'_> = serde_json::from_str(text).unwrap();
    let arena: &Bump = Box::leak(Box::default());
    let (id, _) = identify_source(&source).unwrap();
    SourcePosition::of_event(&source, id, snapshot, arena).unwrap()
}

/// Every way to give `count` events to partitions, `most` at most; which partition has which number is all the same.
pub fn assignments(count: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let mut longer = Vec::new();
        for given in all {
            let used = given.iter().max().map_or(0, |last| last + 1);
            for partition in 0..most.min(used + 1) {
                let mut given = given.clone();
                given.push(partition);
                longer.push(given);
            }
        }
        all = longer;
    }
    all
}

/// Every order in which events can come, each partition's in their own.
pub fn interleavings(partitions: &[usize]) -> Vec<Vec<usize>> {
    fn go_on(partitions: &[usize], come: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if come.len() == partitions.len() {
            all.push(come.clone());
            return;
        }
        let mut tried = Vec::new();
        for (at, partition) in partitions.iter().enumerate() {
            if come.contains(&at) || tried.contains(partition) {
                continue;
            }
            tried.push(*partition); // its first that hasn't come
            come.push(at);
            go_on(partitions, come, all);
            come.pop();
        }
    }
    let mut all = Vec::new();
    go_on(partitions, &mut Vec::new(), &mut all);
    all
}
