//! RESULTS.md and throughput.svg, from whatever figures there are.

mod goals;
mod plot;
mod summary;
mod tables;

use anyhow::{Context as _, Result};

use crate::bench::Bench;
use crate::experiment::Experiment;
use crate::figures;
use crate::machine;

pub use summary::Summary;

/// Writes both, and prints the tables of those in `printed`.
///
/// # Errors
/// If a file can't be read or written.
pub fn render(bench: &Bench, experiments: &[Experiment], printed: &[&Experiment]) -> Result<()> {
    let mut all = Vec::new();
    for experiment in experiments {
        let figures = figures::read(&bench.options.state, experiment.name)?;
        all.push((experiment, Summary::of(&figures)));
    }
    let folder = &bench.options.results;
    std::fs::create_dir_all(folder)?;
    plot::draw(&folder.join("throughput.svg"), &all).context("throughput.svg")?;
    let facts: Vec<String> = machine::facts(bench)?
        .iter()
        .map(|f| format!("- {f}\n"))
        .collect();
    let text = format!(
        "# Results\n\nWritten by `make bench`; [NOTES.md](NOTES.md) says what is measured, and how.\n\n{}{}\n## Goals\n\n{}\n![Throughput](throughput.svg)\n\n{}",
        facts.concat(),
        taken(&all),
        goals::table(&all),
        tables::tables(&all.iter().collect::<Vec<_>>())
    );
    let printed: Vec<_> = all
        .iter()
        .filter(|(e, _)| printed.iter().any(|p| p.name == e.name))
        .collect();
    println!("\n{}", tables::tables(&printed));
    let file = folder.join("RESULTS.md");
    std::fs::write(&file, &text).with_context(|| file.display().to_string())
}

/// When the figures were taken, and of which commits.
fn taken(all: &[(&Experiment, Summary)]) -> String {
    let lines = all
        .iter()
        .filter(|(_, s)| !s.variants.is_empty())
        .map(|(e, s)| {
            format!(
                "{} {} at {}",
                e.name,
                s.days(),
                s.commits
                    .iter()
                    .map(|c| format!("`{c}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        });
    format!("- Taken: {}\n", lines.collect::<Vec<_>>().join("; "))
}
