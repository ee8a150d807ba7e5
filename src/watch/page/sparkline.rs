//! A small plot of the last minutes, drawn by the server: it needs no script.

use maud::{Markup, html};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 24.0;

/// Draws the values, the latest at the right. `what` names them for those who don't see them; values that aren't known leave
/// a gap. Nothing, if there are fewer than two.
pub fn draw_sparkline(what: &str, unit: &str, values: &[Option<f64>]) -> Markup {
    let known = values.iter().flatten();
    let most = known.clone().copied().fold(0.0, f64::max);
    let Some(latest) = known.last().copied().filter(|_| values.len() > 1) else {
        return html! {};
    };
    let label = format!(
        "{what}, the last minutes: now {} {unit}, at most {} {unit}",
        short_number(latest),
        short_number(most)
    );
    html! {
        svg class="plot" role="img" aria-label=(label) viewBox={ "0 -1 " (WIDTH) " " (HEIGHT + 2.0) } preserveAspectRatio="none" {
            title { (label) }
            path d=(path_of(values, most)) {}
        }
    }
}

/// A line through the values, interrupted where there are none.
fn path_of(values: &[Option<f64>], most: f64) -> String {
    let step = WIDTH / (values.len() - 1).max(1) as f64;
    let (mut path, mut is_drawing) = (String::new(), false);
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let part = if most > 0.0 { value / most } else { 0.0 };
        let (x, y) = (at as f64 * step, HEIGHT * (1.0 - part));
        let verb = if is_drawing { 'L' } else { 'M' };
        path += &format!("{verb}{x:.0} {y:.1}");
        is_drawing = true;
    }
    path
}

/// With as many digits as tell something.
pub fn short_number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 10.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_rises_to_its_highest_value_and_says_it_in_words() {
        let plot = draw_sparkline("lag", "s", &[Some(0.0), None, Some(30.0), Some(15.0)]);
        let plot = plot.into_string();
        assert!(plot.contains("M0 24.0M80 0.0L120 12.0"), "{plot}");
        let label = "lag, the last minutes: now 15 s, at most 30 s";
        assert!(plot.contains(&format!("aria-label=\"{label}\"")), "{plot}");
    }

    #[test]
    fn what_is_not_known_yet_is_not_drawn() {
        assert_eq!(draw_sparkline("lag", "s", &[]).into_string(), "");
        assert_eq!(draw_sparkline("lag", "s", &[Some(1.0)]).into_string(), "");
        let flat = draw_sparkline("lag", "s", &[Some(0.0), Some(0.0)]);
        assert!(flat.into_string().contains("M0 24.0L120 24.0"));
    }
}
