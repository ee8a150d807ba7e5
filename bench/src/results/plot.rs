//! Bars of throughput: the sinks side by side, workload by workload.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::experiment::{Experiment, FLINK, FLINK_TUNED, JDBC, JDBC_TUNED, LANDFALL};
use crate::results::Summary;
use crate::results::summary::median;
use crate::results::tables::thousands;

const SINKS: [(&str, RGBColor); 5] = [
    (LANDFALL, RGBColor(27, 94, 140)),
    (JDBC, RGBColor(190, 190, 190)),
    (JDBC_TUNED, RGBColor(140, 140, 140)),
    (FLINK, RGBColor(226, 190, 160)),
    (FLINK_TUNED, RGBColor(204, 132, 80)),
];
/// Of a bar; a workload has the width 1.
const BAR: f64 = 0.16;

pub fn draw(file: &Path, all: &[(&Experiment, Summary)]) -> Result<()> {
    let compared: Vec<&(&Experiment, Summary)> = all
        .iter()
        .filter(|(_, s)| {
            s.rate(LANDFALL).is_some() && (s.rate(JDBC).or(s.rate(JDBC_TUNED))).is_some()
        })
        .collect();
    let top = compared
        .iter()
        .flat_map(|(_, s)| s.variants.iter().flat_map(|v| v.rates.last()))
        .fold(1.0, |a: f64, b| a.max(*b));
    let names: Vec<&str> = compared.iter().map(|(e, _)| e.name).collect();
    let area = SVGBackend::new(file, (1200, 420)).into_drawing_area();
    let drawn = || -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .caption(
                "records a second, median of the rounds, with the spread",
                ("sans-serif", 16),
            )
            .x_label_area_size(24)
            .y_label_area_size(70)
            .build_cartesian_2d(0.0..names.len().max(1) as f64, 0.0..top * 1.12)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(WHITE)
            .y_label_formatter(&|y| thousands(*y))
            .draw()?;
        for (sink, (name, color)) in SINKS.iter().enumerate() {
            let offset = 0.1 + sink as f64 * BAR;
            let bars = compared
                .iter()
                .enumerate()
                .filter_map(|(i, (_, s))| Some((i as f64 + offset, s.variant(name)?)));
            for (x, variant) in bars {
                let (Some(rate), Some(min), Some(max)) = (
                    median(&variant.rates),
                    variant.rates.first(),
                    variant.rates.last(),
                ) else {
                    continue;
                };
                let middle = x + BAR / 2.0 - 0.01;
                chart.draw_series([Rectangle::new(
                    [(x, 0.0), (x + BAR - 0.02, rate)],
                    color.filled(),
                )])?;
                chart.draw_series([PathElement::new([(middle, *min), (middle, *max)], BLACK)])?;
                chart.draw_series([label(
                    short(rate),
                    (middle - 0.07, *max + top * 0.045),
                    &BLACK,
                )])?;
            }
            let at = sink as f64 * 0.17 * names.len().max(1) as f64 + 0.1;
            chart.draw_series([label(format!("■  {name}"), (at, top * 1.11), &BLACK)])?;
            chart.draw_series([label("■".to_owned(), (at, top * 1.11), color)])?;
        }
        for (i, name) in names.iter().enumerate() {
            chart.draw_series([label(
                (*name).to_owned(),
                (i as f64 + 0.4, top * -0.015),
                &BLACK,
            )])?;
        }
        area.present()
    };
    drawn().map_err(|error| anyhow!("{error}"))
}

/// As 76k or 4.1k, which is no wider than a bar.
fn short(rate: f64) -> String {
    match rate / 1000.0 {
        few if few < 9.95 => format!("{few:.1}k"),
        many => format!("{many:.0}k"),
    }
}

fn label(text: String, at: (f64, f64), color: &RGBColor) -> Text<'static, (f64, f64), String> {
    Text::new(text, at, ("sans-serif", 12).into_font().color(color))
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_bar_is_labelled_in_three_digits_at_most() {
        assert_eq!(short(4_120.0), "4.1k");
        assert_eq!(short(9_960.0), "10k");
        assert_eq!(short(107_654.0), "108k");
    }
}
