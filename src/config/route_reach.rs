//! Whether a route may lead several topics into one table.

use regex_syntax::hir::{Hir, HirKind};

use super::table_template::TableTemplate;

/// Whether topics that differ may be led to the same table: something in the pattern can vary that the table's
/// name doesn't take up.
pub(super) fn may_merge_topics(pattern: &str, table: &TableTemplate) -> bool {
    let is_taken_up = |capture: &str| table.captures().any(|taken| taken == capture);
    if is_taken_up("0") {
        return false; // the whole name
    }
    // a pattern that this can't read is none that the configuration takes
    regex_syntax::parse(pattern).is_ok_and(|pattern| varies_outside(&pattern, &is_taken_up))
}

/// Whether the pattern matches texts that differ elsewhere than in such captures.
fn varies_outside(pattern: &Hir, is_taken_up: &impl Fn(&str) -> bool) -> bool {
    match pattern.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
        HirKind::Class(_) => true,
        HirKind::Repetition(repetition) => {
            repetition.max != Some(repetition.min) || varies_outside(&repetition.sub, is_taken_up)
        }
        HirKind::Capture(capture) => {
            let named = capture.name.as_deref().is_some_and(is_taken_up);
            let taken_up = named || is_taken_up(&capture.index.to_string());
            !taken_up && varies_outside(&capture.sub, is_taken_up)
        }
        HirKind::Concat(parts) => parts.iter().any(|part| varies_outside(part, is_taken_up)),
        HirKind::Alternation(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn merges(topic: &str, table: &str) -> bool {
        let table = TableTemplate::parse(table, &Regex::new(topic).unwrap()).unwrap();
        may_merge_topics(topic, &table)
    }

    #[test]
    fn a_route_merges_topics_where_its_table_does_not_tell_them_apart() {
        assert!(merges(".*[.]public[.]part_..", "public.part"));
        assert!(merges("orders|lines", "public.all"));
        assert!(merges("shop-(?<shard>[0-9]+)[.](?<t>.+)", "public.${t}"));
        assert!(merges("orders(_old)?", "orders"));
    }

    #[test]
    fn a_route_for_one_topic_and_one_whose_table_names_the_topic_merge_none() {
        assert!(!merges(r"shop[.]public\.orders", "public.orders"));
        assert!(!merges(
            "shop[.](?<schema>[^.]+)[.](?<t>.+)",
            "${schema}.${t}"
        ));
        assert!(!merges("shop[.]([^.]+)[.](?<t>.+)", "$1.${2}") && !merges("a|b", "raw.${0}"));
        assert!(merges("shop[.]([^.]+)[.](.+)", "public.$2"));
    }
}
