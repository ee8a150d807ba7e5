//! How single values are shown.

use maud::{Markup, html};

use crate::watch::page::sparkline::short_number;

/// A whole number, or a dash where it isn't known.
pub fn whole(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Seconds for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3_600, whole / 86_400);
    match whole {
        0..60 => format!("{} s", short_number(seconds)),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A moment, as RFC 3339 has it.
pub fn moment(at: &str) -> Markup {
    html! { time datetime=(at) { (at.replace('T', " ").trim_end_matches('Z')) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_two_units_that_matter() {
        let told = [0.0, 0.42, 12.4, 59.9, 200.0, 7_500.0, 273_600.0].map(duration);
        let expected = [
            "0 s",
            "0.4 s",
            "12 s",
            "60 s",
            "3 min 20 s",
            "2 h 5 min",
            "3 d 4 h",
        ];
        assert_eq!(told, expected);
    }
}
