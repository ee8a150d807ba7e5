//! What is seen on a terminal while it runs; elsewhere only the lines that stay.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

pub struct Show {
    bar: ProgressBar,
}

impl Show {
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} [{elapsed}] {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// What is being done.
    pub fn now(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }
}
