//! What to set where events don't tell what their values mean, and what the sampled ones come out as then.

use crate::config::SchemalessConfig;
use crate::rows::value::{ValueError, cut_to_micros};

/// What is shown of a value, in characters.
const SHOWN: usize = 40;

/// What a setting makes of the sampled values; nothing of one that it refuses.
type Outcomes = Vec<Option<String>>;

/// The column that a setting is proposed for.
pub struct Proposed {
    /// Its name, with its table's.
    pub column: String,
    /// The scale that decimals in base64 would be assumed to have.
    pub scale: Option<i32>,
}

/// A sentence for the operator. `error` is what was said of a value; `read` gives what those values come out as
/// if `[format.schemaless]` were this.
pub fn propose_setting(
    error: &ValueError,
    schemaless: SchemalessConfig,
    proposed: &Proposed,
    read: impl Fn(SchemalessConfig) -> Outcomes,
) -> String {
    const OTHERWISE: &str = "have the connector send schemas (schemas.enable)";
    let Some(key) = error.missing_key() else {
        return OTHERWISE.to_owned();
    };
    let choices = schemaless.list_choices(key).into_iter();
    // a unit that makes a value finer than what Postgres holds is not the source's
    let is_held = |outcome: &String| cut_to_micros(outcome.as_str().into()).len() == outcome.len();
    let choices = choices.map(|(word, schemaless)| (word, read(schemaless)));
    let choices = choices.map(|(word, outcomes)| {
        let outcomes = outcomes.into_iter();
        let outcomes: Outcomes = outcomes.map(|outcome| outcome.filter(is_held)).collect();
        (word, outcomes)
    });
    let fitting: Vec<(&str, String)> = choices
        .filter(|(_, outcomes)| outcomes.iter().all(Option::is_some))
        .filter_map(|(word, outcomes)| Some((word, outcomes.into_iter().next()??)))
        .collect();
    let name = key.rsplit('.').next().unwrap_or(key);
    let describe = |(word, outcome): &(&str, String)| match proposed.scale {
        Some(scale) if *word == "base64" && name == "decimals" => format!(
            "{} as {word} with the scale {scale} of the column (if the source's is another: scales = {{ \"{}\" = … }})",
            shorten(outcome),
            proposed.column
        ),
        _ => format!("{} as {word}", shorten(outcome)),
    };
    let outcomes: Vec<String> = fitting.iter().map(describe).collect();
    let alone = match name {
        "timestamps" | "times" => format!(
            "; if other columns count otherwise, units = {{ \"{}\" = … }} is for this one",
            proposed.column
        ),
        _ => String::new(),
    };
    match (likely_choice(&fitting), outcomes.as_slice()) {
        (_, []) => format!("no {name} of [format.schemaless] fit all of them: {OTHERWISE}"),
        (Some(word), _) => format!(
            "set {name} = \"{word}\" under [format.schemaless], if that is what the source has: the first comes out as {}{alone}; or {OTHERWISE}",
            outcomes.join(", ")
        ),
        (None, _) => format!(
            "set {name} under [format.schemaless] to what the source sends: the first comes out as {}{alone}; or {OTHERWISE}",
            outcomes.join(", ")
        ),
    }
}

/// The only one, or the only one that doesn't end up beside 1970, as small numbers do.
fn likely_choice<'w>(fitting: &[(&'w str, String)]) -> Option<&'w str> {
    let beside_1970 = |outcome: &str| outcome.starts_with("1970-") || outcome.starts_with("1969-");
    let elsewhere = fitting.iter().filter(|(_, outcome)| !beside_1970(outcome));
    match (fitting, elsewhere.collect::<Vec<_>>().as_slice()) {
        ([(word, _)], _) | (_, [(word, _)]) => Some(word),
        _ => None,
    }
}

fn shorten(outcome: &str) -> String {
    match outcome.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", outcome.get(..end).unwrap_or_default()),
        None => outcome.to_owned(),
    }
}
