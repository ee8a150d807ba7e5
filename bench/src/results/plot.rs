//! Bars of throughput: the sinks side by side, workload by workload.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::experiment::{Experiment, JDBC, JDBC_TUNED, LANDFALL};
use crate::results::Summary;
use crate::results::summary::median;
use crate::results::tables::thousands;

const SINKS: [(&str, RGBColor); 3] = [
    (LANDFALL, RGBColor(27, 94, 140)),
    (JDBC, RGBColor(190, 190, 190)),
    (JDBC_TUNED, RGBColor(140, 140, 140)),
];
/// Of a bar; a workload has the width 1.
const BAR: f64 = 0.26;

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
    let area = SVGBackend::new(file, (900, 420)).into_drawing_area();
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
                    thousands(rate),
                    (middle - 0.09, *max + top * 0.045),
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

fn label(text: String, at: (f64, f64), color: &RGBColor) -> Text<'static, (f64, f64), String> {
    Text::new(text, at, ("sans-serif", 12).into_font().color(color))
}
