//! What every part of the bench needs.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cli::Options;
use crate::kafka::Kafka;
use crate::show::Show;
use crate::stack::Stack;

pub struct Bench {
    pub options: Options,
    /// The prefixes of the topics that this run reads.
    pub needed: Vec<&'static str>,
    pub stack: Stack,
    pub kafka: Kafka,
    pub show: Show,
}

impl Bench {
    /// With the stack up.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(options: Options, needed: Vec<&'static str>) -> Result<Self> {
        let show = Show::new();
        show.now("bringing up the stack");
        let stack = Stack::up(options.stack.as_deref(), &options.state)?;
        let kafka = Kafka::new(stack.value("KAFKA")?)?;
        for folder in ["logs", "figures"] {
            std::fs::create_dir_all(options.state.join(folder)).context("the state's folders")?;
        }
        Ok(Self {
            options,
            needed,
            stack,
            kafka,
            show,
        })
    }

    /// Where a program's outputs go.
    pub fn log(&self, program: &str) -> PathBuf {
        self.options
            .state
            .join("logs")
            .join(format!("{program}.log"))
    }
}
