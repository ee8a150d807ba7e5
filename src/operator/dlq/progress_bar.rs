//! How far a command has come.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of that length, on standard error, and only if that is a terminal.
pub fn new_progress_bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(length);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
