//! Of an error that libraries have wrapped in others: what stands behind it, in words.

use std::error::Error;
use std::iter::successors;

/// What went wrong, without what all of it was about.
pub fn innermost_cause(error: &dyn Error) -> String {
    let causes = causes_below(error);
    causes
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// All of it, from what it was about down to what went wrong.
pub fn all_causes(error: &dyn Error) -> String {
    let causes = causes_below(error).map(ToString::to_string);
    let all: Vec<String> = [error.to_string()].into_iter().chain(causes).collect();
    all.join(": ")
}

fn causes_below(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |cause| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Wrapped(&'static str, #[source] Option<Box<Wrapped>>);

    #[test]
    fn the_innermost_of_several_went_wrong_and_one_alone_did_itself() {
        let alone = Wrapped("no route", None);
        assert_eq!(innermost_cause(&alone), "no route");
        assert_eq!(all_causes(&alone), "no route");
        let inner = Wrapped("can't connect", Some(Box::new(alone)));
        let outer = Wrapped("can't ask", Some(Box::new(inner)));
        assert_eq!(innermost_cause(&outer), "no route");
        assert_eq!(all_causes(&outer), "can't ask: can't connect: no route");
    }
}
