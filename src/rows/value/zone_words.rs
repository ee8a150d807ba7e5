//! Whether a text that Postgres reads as a date or a time may name a zone, however it is written. In doubt, it may.

/// The names of UTC that Postgres knows too.
const UTC: [&str; 12] = [
    "Z",
    "UTC",
    "GMT",
    "UT",
    "UCT",
    "Zulu",
    "Universal",
    "Etc/UTC",
    "Etc/UCT",
    "Etc/GMT",
    "Etc/Zulu",
    "Etc/Universal",
];

/// What else stands in a date or a time and is no zone.
const NO_ZONE: [&str; 59] = [
    "Jan",
    "January",
    "Feb",
    "February",
    "Mar",
    "March",
    "Apr",
    "April",
    "May",
    "Jun",
    "June",
    "Jul",
    "July",
    "Aug",
    "August",
    "Sep",
    "Sept",
    "September",
    "Oct",
    "October",
    "Nov",
    "November",
    "Dec",
    "December",
    "Mon",
    "Monday",
    "Tue",
    "Tues",
    "Tuesday",
    "Wed",
    "Weds",
    "Wednesday",
    "Thu",
    "Thur",
    "Thurs",
    "Thursday",
    "Fri",
    "Friday",
    "Sat",
    "Saturday",
    "Sun",
    "Sunday",
    "AM",
    "PM",
    "AD",
    "BC",
    "T",
    "J",
    "JD",
    "Julian",
    "AT",
    "ON",
    "now",
    "today",
    "tomorrow",
    "yesterday",
    "epoch",
    "infinity",
    "allballs",
];

/// Whether this is a name of UTC.
pub(super) fn is_utc(word: &str) -> bool {
    UTC.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether there is a word that isn't known to be none, or an offset that isn't zero; and a number, as any date or
/// time has one.
pub(super) fn may_name_zone(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphabetic() && c != '/' && c != '_');
    let mut tokens = text.split_whitespace();
    text.contains(|c: char| c.is_ascii_digit())
        && (words.any(|word| !is_no_zone(word)) || tokens.any(has_offset))
}

/// Slashes stand between the parts of a date, too.
fn is_no_zone(word: &str) -> bool {
    let word = word.trim_matches('/');
    word.is_empty()
        || is_utc(word)
        || word
            .split('/')
            .all(|part| NO_ZONE.iter().any(|known| known.eq_ignore_ascii_case(part)))
}

/// Whether there is a sign with a number behind it that isn't zero, beyond the token's date.
fn has_offset(token: &str) -> bool {
    let behind_date = strip_date(token);
    behind_date.match_indices(['+', '-']).any(|(at, _)| {
        let offset = behind_date.get(at + 1..).unwrap_or_default();
        let is_zero = |c: char| matches!(c, '0' | ':');
        // a sign that stands alone belongs to what follows
        offset.is_empty()
            || offset
                .trim_start_matches(is_zero)
                .starts_with(|c: char| c.is_ascii_digit())
    })
}

/// What follows a date of three parts, as Postgres finds it: `01-Jan-2024`, `1999.12.31`; or the token.
fn strip_date(token: &str) -> &str {
    let part = |text: &str| {
        text.find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len())
    };
    let strip_three = || {
        let (first, rest) = token.split_at(part(token));
        let separator = rest
            .chars()
            .next()
            .filter(|c| matches!(c, '-' | '/' | '.'))?;
        let (second, rest) = rest
            .strip_prefix(separator)
            .map(|rest| rest.split_at(part(rest)))?;
        let rest = rest.strip_prefix(separator)?;
        let third = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let all_there = !first.is_empty() && !second.is_empty() && third > 0;
        all_there.then(|| rest.get(third..).unwrap_or_default())
    };
    strip_three().unwrap_or(token)
}
