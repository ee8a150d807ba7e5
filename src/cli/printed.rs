//! What a package brings along beside the program: completions of shells, and pages of the manual. Both are made of the
//! grammar, so that they say what this build understands.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;

const NAME: &str = "landfall";

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Completions {
    /// Whose completions.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Manual {
    /// Write a page for each command into this directory, instead of the main one to standard output.
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

impl Completions {
    /// The shell's script.
    pub fn render(&self) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut script);
        script
    }
}

impl Manual {
    /// The page of the program as a whole.
    ///
    /// # Errors
    /// None, but those of writing.
    pub fn render_main_page() -> io::Result<Vec<u8>> {
        let root = Cli::command().disable_help_subcommand(true);
        render_page(&Man::new(root.clone()), root)
    }

    /// Writes `landfall.1`, `landfall-run.1` and so on.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn write_pages(directory: &Path) -> io::Result<()> {
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build();
        let mut commands = vec![root];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands().cloned());
            let page = Man::new(command.clone());
            let text = render_page(&page, command)?;
            std::fs::write(directory.join(page.get_filename()), text)?;
        }
        Ok(())
    }
}

/// As [`Man::render`] does, but for the examples, whose lines it would join.
fn render_page(page: &Man, command: clap::Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    if let Some(examples) = command.get_after_help() {
        let mut section = Roff::new();
        section
            .control("SH", ["EXAMPLES AND REMARKS"])
            .control("nf", []);
        for line in examples.to_string().lines() {
            section.text([roman(line)]);
        }
        section.control("fi", []).to_writer(&mut text)?;
    }
    if command.get_version().is_some() {
        page.render_version_section(&mut text)?;
    }
    Ok(text)
}
