//! The mark beside the offsets that Landfall commits.
//!
//! Other tools may write any bytes there. rdkafka's own accessor panics at those that are no text, so they are looked at as
//! librdkafka has them.

#![allow(unsafe_code)]

use std::slice;

use rdkafka::TopicPartitionList;

/// What Landfall writes beside the offsets that it commits: they say what reached one destination, which may be lost or
/// restored, and so aren't where a destination begins that never had them. Other tools leave it empty or write their own.
pub(super) const COMMIT_MARK: &str = "landfall";

/// Of each element of an answer, in its order, whether it has the mark.
pub(super) fn find_marked(answer: &TopicPartitionList) -> Vec<bool> {
    let list = answer.ptr();
    let is_marked = |at: usize| {
        // SAFETY: the list is borrowed, and has so many elements; one without metadata has no pointer to it
        let bytes = unsafe {
            let element = &*(*list).elems.add(at);
            match element.metadata.is_null() {
                true => &[][..],
                false => {
                    slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size)
                }
            }
        };
        bytes == COMMIT_MARK.as_bytes()
    };
    (0..answer.count()).map(is_marked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_tool_has_written_beside_its_offset_is_not_our_mark_even_if_it_is_no_text() {
        let mut list = TopicPartitionList::new();
        for metadata in ["landfall", "landfall?", ""] {
            list.add_partition("t", 0).set_metadata(metadata);
        }
        list.add_partition("t", 1);
        // SAFETY: the second has nine bytes
        unsafe {
            (*(*list.ptr()).elems.add(1))
                .metadata
                .cast::<u8>()
                .add(8)
                .write(0xff)
        };
        assert_eq!(find_marked(&list), [true, false, false, false]);
    }
}
