//! `landfall status --watch`: the same again and again, in place on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};

use crate::clock::utc_now;
use crate::config::Config;
use crate::operator::command_error::CommandError;
use crate::operator::status::gather::{Gatherer, PATIENCE};
use crate::operator::status::text::format_status;
use crate::operator::terminal;
use crate::status::Status;

/// However eagerly somebody watches, Kafka and Postgres have other things to do.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Shows it every `interval`, until SIGINT or SIGTERM or until nobody reads it any more.
///
/// # Errors
/// Signals can't be listened for. What Kafka or Postgres don't answer is shown, and ends nothing.
pub async fn watch_status(config: &Config, interval: Duration) -> Result<(), CommandError> {
    let end = end_of_watching().map_err(|error| CommandError::Refused(error.to_string()))?;
    let show = async {
        let mut gatherer = Gatherer::new(config, PATIENCE);
        let mut gathered = gatherer.gather().await;
        while show_screen(&screen_text(&gathered, interval, config.apply.rate)) {
            tokio::time::sleep(interval.max(SHORTEST_INTERVAL)).await;
            gathered = gatherer.gather().await;
        }
    };
    tokio::select! {
        () = show => {}
        () = end => {}
    }
    Ok(())
}

/// The first SIGINT or SIGTERM, as somebody ends it who has seen enough.
fn end_of_watching() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn screen_text(status: &Status, interval: Duration, rate: Option<u32>) -> String {
    let every = humantime::format_duration(interval);
    let mut text = format!("{}, every {every}; Ctrl-C ends it\n\n", utc_now());
    text += &format_status(status, rate);
    for problem in &status.problems {
        text += &format!("landfall: {}\n", terminal::printable(&problem.message));
    }
    text
}

/// Shows the text: in place of the one before on a terminal, as much of it as there is room for, else below it. The answer
/// is whether somebody reads it.
fn show_screen(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    if !out.is_terminal() {
        return writeln!(out, "{text}").and_then(|()| out.flush()).is_ok();
    }
    // without a line at the end, which would scroll
    let height = crossterm::terminal::size().map_or(24, |(_, height)| usize::from(height));
    let lines: Vec<&str> = text.lines().take(height.max(1)).collect();
    let drawn = (|| {
        queue!(out, MoveTo(0, 0))?;
        for (at, line) in lines.iter().enumerate() {
            out.write_all(if at > 0 { b"\r\n" } else { b"" })?;
            out.write_all(line.as_bytes())?;
            queue!(out, Clear(ClearType::UntilNewLine))?;
        }
        queue!(out, Clear(ClearType::FromCursorDown))?;
        out.flush()
    })();
    drawn.is_ok()
}
